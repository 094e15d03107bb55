"""Clocks: when the frames of a sequence exist.

Clocks are what streaming with padding, strides and branches comes down to. Frame ``n`` of a sequence depends on the
input frames from ``n * rate + oldest`` to ``n * rate + newest``, so it exists as soon as ``n * rate + newest + 1``
input frames have come. In causal time it stands at input frame ``n * rate + start``: branches are aligned on that, so
that a branch which starts later ("valid" padding) makes its neighbours drop their first frames. What lies before
frame 0 is zeros; in a prewarmed network it is what endless zeros at the input make of every sequence.

A rate below 1 is that of a sequence which has been upsampled: its frames come several at a time, and stand between
those of the input. So rates and times are fractions there, and ``n * rate + newest`` is rounded down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Clock:
    """When the frames of a sequence exist, counted in frames of the network's input.

    Where frames come several at a time, some come earlier than ``n * rate + newest`` says, by `slack` at most.
    """

    rate: int | Fraction = 1
    start: int | Fraction = 0
    oldest: float | Fraction = 0
    newest: int | Fraction = 0
    slack: int | Fraction = 0

    @property
    def receptive_field(self) -> float:
        """Input frames that a frame depends on, from the oldest to the newest; where there are phases, at most."""
        return math.inf if self.oldest == -math.inf else math.floor(self.newest - self.oldest) + 1

    @property
    def latency(self) -> int:
        """Input frames after its own that a frame waits for, at most."""
        return math.ceil(self.newest)

    def same_pace(self, other: Clock) -> bool:
        """Whether every frame of the two comes at the same time; less slack than a frame leaves no choice of it."""
        known = max(self.slack, other.slack) < 1
        return known and (self.rate, self.start, self.newest) == (other.rate, other.start, other.newest)


def tidy(time: float | Fraction) -> Any:
    """A fraction as an integer where it is one."""
    return int(time) if isinstance(time, Fraction) and time.denominator == 1 else time
