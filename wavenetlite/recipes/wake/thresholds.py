"""Thresholds for so many false alarms an hour, where there are fewer hours to measure them on than one would wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.alarms import log_odds
from wavenetlite.recipes.wake.network import HOP_S, STRIDE
from wavenetlite.support.arrays import Doubles

WINDOW = 5
"""Probabilities that are averaged, 30 ms each: ESPHome's `sliding_window_size`."""
STEP_MS = 1000 * STRIDE * HOP_S
REFRACTORY_MS = 1000.0
TAIL = 12
"""Peaks by which the tail of the scores is described."""
LEAST, MOST = 0.05, 0.97
"""Of a threshold: above it, 8 bits do not tell probabilities apart."""


@dataclass(frozen=True)
class Tail:
    """How seldom high scores are: peaks above `start`, so many an hour, whose excess falls off exponentially.

    Attributes
    ----------
    start
        Log-odds of a smoothed probability.
    per_hour
        Peaks above it.
    scale
        Mean excess, log-odds.
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


def detector(thresholds: dict[str, float]) -> Detector:
    """The decision of ESPHome: the mean of the last five probabilities is above the threshold."""
    return Detector(max(thresholds.values()), smoothing_ms=WINDOW * STEP_MS, min_duration_ms=0.0,
                    refractory_ms=REFRACTORY_MS, thresholds=thresholds)  # fmt: skip


def smoothed(probabilities: Doubles) -> Doubles:
    """The mean of the last five along the last axis; fewer at the start count as zeros before."""
    summed = np.cumsum(np.concatenate([np.zeros((*probabilities.shape[:-1], WINDOW)), probabilities], axis=-1), axis=-1)
    made: Doubles = (summed[..., WINDOW:] - summed[..., :-WINDOW]) / WINDOW
    return made


def peaks(scores: Doubles, apart: int) -> Doubles:
    """The highest values of a signal, descending; within `apart` of a higher one there is none."""
    left = scores.astype(np.float64).copy()
    found: list[float] = []
    while len(found) < 4 * TAIL and left.size and np.isfinite(highest := float(left.max())):
        at = int(left.argmax())
        found.append(highest)
        left[max(0, at - apart) : at + apart + 1] = -np.inf
    return np.array(found)


def tail_of(probabilities: Sequence[Doubles], hours: float) -> Tail:
    """The tail of smoothed probabilities of some recordings without the word.

    Notes
    -----
    The excesses over a high level of most distributions are nearly exponential, as Pickands shows ("Statistical
    inference using extreme order statistics", 1975), and their mean is Hill's estimate in log-odds.
    """
    apart = round(REFRACTORY_MS / STEP_MS)
    odds = [log_odds(smoothed(one)) for one in probabilities]
    highest = np.sort(np.concatenate([np.zeros(0), *(peaks(one, apart) for one in odds)]))[::-1]
    if not len(highest) or hours <= 0:
        return Tail(0.0, 1.0, 1.0)
    count = min(TAIL, len(highest))
    start = float(highest[count - 1])
    return Tail(start, count / hours, max(float((highest[:count] - start).mean()), 0.05))


def threshold_for(tail: Tail, rate: float, *, limited: bool = True) -> float:
    """The threshold for so many false alarms an hour; `limited` to what 8 bits tell apart."""
    least, most = (LEAST, MOST) if limited else (1e-6, 1 - 1e-6)
    return float(np.clip(1 / (1 + np.exp(-tail.at(rate))), least, most))
