"""What a wake word still mistakes for its phrase: near misses by their text, background by its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.evaluation.tails import smoothed
from wavenetlite.recipes.wake.material import Heard
from wavenetlite.recipes.wake.network import features
from wavenetlite.recipes.wake.recordings import Joined, Pieces
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.recipes.wake.thresholds import WINDOW
from wavenetlite.support.arrays import Floats
from wavenetlite.support.threads import in_threads

BEFORE_S, AFTER_S = 1.0, 0.5
FAINT = 1e-3
MOST_NEAR = 400
MOST = 8


class Trigger(NamedTuple):
    """The highest score of a word in something that is not its phrase."""

    phrase: str
    what: str
    score: float


@dataclass(frozen=True)
class Candidates:
    """What was trained on as near misses, by text, and the background that was kept back, by file."""

    heard: Heard

    def __len__(self) -> int:
        return self.near + sum(map(len, self.heard.kept_background))

    @property
    def near(self) -> int:
        return min(MOST_NEAR, len(self.heard.near_misses))

    def take(self, index: int) -> tuple[str, Floats]:
        """The name of one, and the recording."""
        if index < self.near:
            return self.heard.near_texts[index], self.heard.near_misses[index]
        background, number = Joined(self.heard.kept_background).place(index - self.near)
        place = background.place(number) if isinstance(background, Pieces) else f"sentence {number + 1}"
        return place, background[number]


@dataclass(frozen=True)
class Listener:
    """Feeds recordings to a classifier, each in faint noise, as a microphone would."""

    clf: AudioClassifier
    threads: int

    def highest(self, candidates: Candidates) -> list[tuple[str, Floats]]:
        """The name of each and the highest smoothed probability of every label in it."""

        def one(index: int) -> tuple[str, Floats]:
            return self.scores(*candidates.take(index))

        return list(in_threads(one, range(len(candidates)), self.threads, together=8, name="triggers"))

    def scores(self, name: str, y: Floats) -> tuple[str, Floats]:
        rng = np.random.default_rng(len(y))
        around = np.concatenate([np.zeros(round(BEFORE_S * SR)), y, np.zeros(round(AFTER_S * SR))])
        noisy = (around + FAINT * rng.standard_normal(len(around))).astype(np.float32)
        logits = self.clf.model(features()(np.clip(noisy, -1, 1))).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = smoothed((odds / odds.sum(axis=1, keepdims=True)).T, WINDOW)
        return name, p.max(axis=1).astype(np.float32)


def worst(heard: Iterable[tuple[str, Floats]], phrases: Sequence[str]) -> list[Trigger]:
    """For each phrase the few with the highest scores, each text once."""
    made: list[Trigger] = []
    heard = list(heard)
    for word, phrase in enumerate(phrases):
        best: dict[str, float] = {}
        for name, scores in heard:
            best[name] = max(best.get(name, 0.0), float(scores[word]))
        ranked = sorted(best.items(), key=lambda one: (-one[1], one[0]))[:MOST]
        made += [Trigger(phrase, name, score) for name, score in ranked]
    return made
