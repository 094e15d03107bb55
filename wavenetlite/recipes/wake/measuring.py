"""What a wake word is worth: found in scenes, false alarms in recordings without it, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.evaluation.det import ALL, Curve, Outcome, curves, outcomes
from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording
from wavenetlite.evaluation.tails import log_odds, smoothed
from wavenetlite.recipes.wake.network import HOP_S, STRIDE
from wavenetlite.recipes.wake.reels import Reels
from wavenetlite.recipes.wake.scenes import Scenes
from wavenetlite.recipes.wake.thresholds import WINDOW, Tails, tail_of
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.threads import in_threads

FRAME_RATE = 1 / (STRIDE * HOP_S)
FIRST_S = 0.05
"""End of the audio of the first probability."""


@dataclass(frozen=True)
class Scored:
    """Probabilities of all labels: in scenes of each phrase, and in recordings without any.

    Attributes
    ----------
    scenes
        Of each phrase, (scenes, steps, labels).
    said
        The scenes.
    background
        Of each kind, (recordings, steps, labels).
    hours
        Of each kind of background.
    """

    scenes: list[Floats]
    said: list[Scenes]
    background: list[Floats]
    hours: list[float]

    def tails(self, word: int) -> Tails:
        """How seldom high scores of a word are in each kind of background."""
        kinds = (tail_of([one[:, word].astype(np.float64) for one in some], hours)
                 for some, hours in zip(self.background, self.hours, strict=True))  # fmt: skip
        return Tails(tuple(kinds)).of_one_scale()


def score(clf: AudioClassifier, scenes: Sequence[Scenes], background: Sequence[Reels], threads: int) -> Scored:
    """The probabilities that a classifier gives."""
    said, elsewhere = ([probabilities(clf, one.frames, threads) for one in some] for some in (scenes, background))
    return Scored(said, list(scenes), elsewhere, [one.hours for one in background])


def probabilities(clf: AudioClassifier, frames: np.ndarray, threads: int) -> Floats:
    """Of windows or reels, (n, frames, 40) -> (n, steps, labels)."""

    def one(index: int) -> Floats:
        logits = clf.model(frames[index].astype(np.float32)).astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        p: Floats = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
        return p

    made = list(in_threads(one, range(len(frames)), threads, together=16))
    return np.stack(made) if made else np.zeros((0, 0, len(clf.labels)), np.float32)


def scene_recordings(scores: Scored, phrases: Sequence[str]) -> list[ScoredRecording]:
    """The scenes, as `wavenetlite.evaluation.det` takes them."""
    made = []
    for phrase, frames, said in zip(phrases, scores.scenes, scores.said, strict=True):
        for index, p in enumerate(frames):
            end, length = float(said.ends_s[index]), float(said.lengths_s[index])
            event = ReferenceEvent(phrase, max(0.0, end - length), end)
            made.append(ScoredRecording(f"{phrase} {index}", p, times(len(p)), times(len(p))[-1], (event,)))
    return made


def background_recordings(scores: Scored) -> list[ScoredRecording]:
    """The background, in the same form."""
    return [ScoredRecording(f"background {index}", p, times(len(p)), times(len(p))[-1])
            for index, p in enumerate(p for kind in scores.background for p in kind)]  # fmt: skip


def times(steps: int) -> Doubles:
    made: Doubles = FIRST_S + np.arange(steps) / FRAME_RATE
    return made


@dataclass(frozen=True)
class Findings:
    """How well a classifier detects each phrase.

    Attributes
    ----------
    outcomes, curves
        By phrase: with its threshold, and over all thresholds. A phrase is found in a scene or not; alarms are those
        in the background that was kept back.
    tails
        How seldom high scores are there.
    peaks
        Of each phrase: see `peaks_of`.
    rate
        False alarms an hour that were wanted.
    made_of
        How much was trained on, by kind.
    """

    outcomes: dict[str, Outcome]
    curves: dict[str, Curve]
    tails: dict[str, Tails]
    peaks: dict[str, tuple[Doubles, Doubles]]
    rate: float
    made_of: dict[str, float]

    def json(self, phrase: str, threshold: float) -> dict[str, Any]:
        """What a file says of a phrase."""
        one = self.outcomes[phrase]
        return {
            "threshold": threshold, "scenes": one.words, "found": one.found, "false_alarms": one.alarms,
            "background_hours": round(float(one.hours), 3), "wanted_false_alarms_per_hour": self.rate,
            "estimated_false_alarms_per_hour": round(self.tails[phrase].rate(threshold), 4),
            "median_delay_s": finite(one.delay_s(0.5)), "delay_of_95_percent_s": finite(one.delay_s(0.95)),
        }  # fmt: skip

    def live(self) -> dict[str, Any]:
        """What `listen` tells at its start, of all phrases together."""
        every = self.outcomes[ALL]
        made: dict[str, Any] = {
            "false_alarms": every.alarms, "hours": round(float(every.hours), 3),
            "false_alarms_per_hour": round(every.false_alarms_per_hour, 2), "background": "kept back from the training",
            "recall": round(1 - every.false_rejects, 4), "words": every.words,
        }  # fmt: skip
        if every.found:
            made["delay_median_s"], made["delay_p95_s"] = (round(every.delay_s(q), 3) for q in (0.5, 0.95))
        return made


def finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def findings(
    scores: Scored, phrases: Sequence[str], clf: AudioClassifier, rate: float, made_of: dict[str, float]
) -> Findings:
    """The findings on a classifier, whose detector has a threshold for each phrase."""
    scenes, elsewhere = (ConcatenatedScores(some, clf.labels, FRAME_RATE)
                         for some in (scene_recordings(scores, phrases), background_recordings(scores)))  # fmt: skip
    unsaid = [label for label in clf.labels if label not in phrases]
    lines: dict[str, Curve] = {}
    for phrase in phrases:
        alone = clf.detector.replace(threshold=clf.detector.thresholds[phrase], thresholds={})
        others = [label for label in clf.labels if label != phrase]
        found, heard = (curves(some, alone, [phrase], others, together=False)[phrase] for some in (scenes, elsewhere))
        points = tuple(map(joined_outcome, found.outcomes, heard.outcomes))
        lines[phrase] = Curve(phrase, found.thresholds, points)
    found_all, heard_all = (outcomes(some, clf.detector, list(phrases), unsaid) for some in (scenes, elsewhere))
    return Findings(
        {label: joined_outcome(found_all[label], heard_all[label]) for label in found_all}, lines,
        {phrase: scores.tails(word) for word, phrase in enumerate(phrases)},
        {phrase: peaks_of(scores, word) for word, phrase in enumerate(phrases)}, rate, made_of,
    )  # fmt: skip


def joined_outcome(scenes: Outcome, background: Outcome) -> Outcome:
    """What was found in scenes, and the false alarms in the background: talk in scenes is trained on, and may alarm."""
    return Outcome(scenes.words, scenes.found, background.alarms, 0, background.hours, scenes.delays_s)


def peaks_of(scores: Scored, word: int) -> tuple[Doubles, Doubles]:
    """The highest smoothed log-odds of a word in each scene of it, and in every second of the background."""
    said = log_odds(smoothed(scores.scenes[word][..., word].astype(np.float64), WINDOW))
    background = np.concatenate(scores.background)
    elsewhere = log_odds(smoothed(background[..., word].astype(np.float64), WINDOW))
    second = round(FRAME_RATE)
    whole = elsewhere[:, : elsewhere.shape[1] // second * second]
    return said.max(axis=1, initial=-20.0), whole.reshape(-1, second).max(axis=1, initial=-20.0)
