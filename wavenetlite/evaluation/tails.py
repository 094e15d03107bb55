"""How seldom high scores are in recordings without a word: the tail of their distribution, from their peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavenetlite.support.arrays import Doubles


@dataclass(frozen=True)
class Tail:
    """Peaks above `start`, so many an hour, whose excess falls off exponentially.

    Attributes
    ----------
    start
        Log-odds of a smoothed probability.
    per_hour
        Peaks above it.
    scale
        Mean excess, log-odds.

    Notes
    -----
    The excesses over a high level of most distributions are nearly exponential, as Pickands shows ("Statistical
    inference using extreme order statistics", 1975), and their mean is Hill's estimate in log-odds.
    """

    start: float
    per_hour: float
    scale: float

    def at(self, rate: float) -> float:
        """The log-odds above which there are so many peaks an hour."""
        return self.start + self.scale * float(np.log(max(self.per_hour, 1e-9) / rate))

    def rate(self, threshold: float) -> float:
        """Peaks an hour above a threshold in 0..1; at most `per_hour`."""
        excess = float(log_odds(np.array(threshold))) - self.start
        return self.per_hour * float(np.exp(-max(excess, 0.0) / self.scale))


def smoothed(probabilities: Doubles, frames: int) -> Doubles:
    """The mean of the last `frames` along the last axis; fewer at the start count as zeros before."""
    before = np.zeros((*probabilities.shape[:-1], frames))
    summed = np.cumsum(np.concatenate([before, probabilities], axis=-1), axis=-1)
    made: Doubles = (summed[..., frames:] - summed[..., :-frames]) / frames
    return made


def peaks(scores: Doubles, apart: int, least: float = -np.inf) -> Doubles:
    """The scores, from `least` on, at which a detector with such a threshold would report an event, each once.

    A peak is the highest of the frames nearer than `apart`, the detector's refractory time. As a run of frames above a
    threshold is one event however long it lasts, two peaks have a frame between them that is lower than both: a plateau
    of equal scores is one peak, and so is a slope. Equal scores with lower ones between them, as networks of integers
    have many, are a peak whenever `apart` frames have passed since the last.
    """
    if not len(scores):
        return np.zeros(0)
    around = np.pad(scores, apart - 1, constant_values=-np.inf)
    highest = np.lib.stride_tricks.sliding_window_view(around, 2 * apart - 1).max(axis=1)
    found = np.flatnonzero((scores >= least) & (scores == highest))
    kept: list[int] = []
    for plateau in np.split(found, np.flatnonzero(np.diff(found) > 1) + 1) if len(found) else []:
        at = int(max(plateau[0], kept[-1] + apart)) if kept else int(plateau[0])
        if at > plateau[-1]:
            continue
        if kept and scores[kept[-1] : at].min() >= min(scores[kept[-1]], scores[at]):  # of the same run
            kept[-1] = max(kept[-1], at, key=scores.__getitem__)
        else:
            kept.append(at)
    made: Doubles = scores[kept]
    return made


def log_odds(p: Doubles) -> Doubles:
    """The logarithm of the odds of probabilities."""
    inside = np.clip(p, 1e-9, 1 - 1e-9)
    odds: Doubles = np.log(inside) - np.log1p(-inside)
    return odds


def odds_to_probability(odds: float) -> float:
    """The probability of these log-odds."""
    return float(1 / (1 + np.exp(-odds)))
