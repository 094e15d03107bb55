"""Thresholds for so many false alarms an hour, where there are fewer hours to measure them on than one would wish."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.tails import Tail, log_odds, odds_to_probability, peaks, smoothed
from wavenetlite.recipes.wake.network import HOP_S, STRIDE
from wavenetlite.support.arrays import Doubles

WINDOW = 5
"""Probabilities that are averaged, 30 ms each: ESPHome's `sliding_window_size`."""
STEP_MS = 1000 * STRIDE * HOP_S
REFRACTORY_MS = 1000.0
TAIL = 48
"""Peaks by which the tail of the scores is described: by a dozen, a threshold chosen on half of some hours had twice
the alarms that were wanted in the other half."""
LEAST, MOST = 0.05, 0.97
"""Of a threshold: above it, 8 bits do not tell probabilities apart."""


def detector(thresholds: dict[str, float]) -> Detector:
    """The decision of ESPHome: the mean of the last five probabilities is above the threshold."""
    return Detector(max(thresholds.values()), smoothing_ms=WINDOW * STEP_MS, min_duration_ms=0.0,
                    refractory_ms=REFRACTORY_MS, thresholds=thresholds)  # fmt: skip


def tail_of(probabilities: Sequence[Doubles], hours: float) -> Tail:
    """The tail of smoothed probabilities of some recordings without the word, by their highest peaks."""
    apart = math.ceil(REFRACTORY_MS / STEP_MS)  # as the detector rounds
    found = [peaks(log_odds(smoothed(one, WINDOW)), apart) for one in probabilities]
    highest = np.sort(np.concatenate([np.zeros(0), *found]))[::-1][:TAIL]
    if not len(highest) or hours <= 0:
        return Tail(0.0, 1.0, 1.0)
    start = float(highest[-1])
    return Tail(start, len(highest) / hours, max(float((highest - start).mean()), 0.05))


@dataclass(frozen=True)
class Tails:
    """Of several kinds of recordings: a threshold is to hold in each, and not only in all of them together.

    Where actors talk, many times as many alarms occur as where numbers are read.
    """

    kinds: tuple[Tail, ...]

    def of_one_scale(self) -> Tails:
        """With the mean scale for all: a few peaks tell well how many there are, but hardly how fast they get rarer."""
        scale = float(np.mean([one.scale for one in self.kinds]))
        return Tails(tuple(replace(one, scale=scale) for one in self.kinds))

    def at(self, rate: float) -> float:
        """The log-odds above which there are at most so many peaks an hour in every kind."""
        return max(one.at(rate) for one in self.kinds)

    def rate(self, threshold: float) -> float:
        """Peaks an hour above a threshold in 0..1, in the kind that has most."""
        return max(one.rate(threshold) for one in self.kinds)


def threshold_for(tail: Tail | Tails, rate: float, *, limited: bool = True) -> float:
    """The threshold for so many false alarms an hour; `limited` to what 8 bits tell apart."""
    least, most = (LEAST, MOST) if limited else (1e-6, 1 - 1e-6)
    return float(np.clip(odds_to_probability(tail.at(rate)), least, most))
