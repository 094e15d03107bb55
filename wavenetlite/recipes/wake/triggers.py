"""What a wake word still mistakes for its phrase: near misses by their text, moments of the background by their file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.recipes.wake.material import Heard
from wavenetlite.recipes.wake.network import features
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.recipes.wake.thresholds import smoothed
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


class Candidates(Sequence[tuple[str, Floats]]):
    """What was trained on as near misses and sentences, by text, and the background that was kept back, by file."""

    def __init__(self, heard: Heard) -> None:
        near = list(zip(heard.near_texts, heard.near_misses, strict=True))[:MOST_NEAR]
        self.known, self.background = near, heard.kept_background

    def __len__(self) -> int:
        return len(self.known) + len(self.background)

    def __getitem__(self, index: Any) -> Any:
        if index < len(self.known):
            return self.known[index]
        number = index - len(self.known)
        place = getattr(self.background, "place", None)
        return place(number) if place else f"sentence {number + 1}", self.background[number]


@dataclass(frozen=True)
class Listener:
    """Feeds recordings to a classifier, each in faint noise, as a microphone would."""

    clf: AudioClassifier
    threads: int

    def highest(self, recordings: Sequence[tuple[str, Floats]]) -> list[tuple[str, Floats]]:
        """The name of each and the highest smoothed probability of every label in it."""
        return list(in_threads(self.one, recordings, self.threads, together=8, name="triggers"))

    def one(self, recording: tuple[str, Floats]) -> tuple[str, Floats]:
        name, y = recording
        rng = np.random.default_rng(len(y))
        around = np.concatenate([np.zeros(round(BEFORE_S * SR)), y, np.zeros(round(AFTER_S * SR))])
        noisy = (around + FAINT * rng.standard_normal(len(around))).astype(np.float32)
        logits = self.clf.model(features()(np.clip(noisy, -1, 1))).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = smoothed((odds / odds.sum(axis=1, keepdims=True)).T)
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
