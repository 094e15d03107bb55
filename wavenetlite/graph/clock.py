"""Clocks: when the frames of a sequence exist.

Clocks are what streaming with padding, strides and branches comes down to. Frame ``n`` of a sequence depends on the
input frames from ``n * rate + oldest`` to ``n * rate + newest``, so it exists as soon as ``n * rate + newest + 1``
input frames have arrived. Its causal time is input frame ``n * rate + start``: branches are aligned on that, so that a
branch which starts later ("valid" padding) makes the others drop their first frames. Zeros precede frame 0; in a
prewarmed network, the steady state of endless zeros at the input does.

A rate below 1 belongs to an upsampled sequence: its frames come several at a time and lie between those of the input.
So rates and times are fractions there, and ``n * rate + newest`` is rounded down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Clock:
    """When the frames of a sequence exist, in frames of the network's input.

    If frames come several at a time, some come earlier than ``n * rate + newest``, by at most `slack`.
    """

    rate: int | Fraction = 1
    start: int | Fraction = 0
    oldest: float | Fraction = 0
    newest: int | Fraction = 0
    slack: int | Fraction = 0

    @property
    def receptive_field(self) -> float:
        """Input frames that a frame depends on, from the oldest to the newest; with phases, the maximum."""
        return math.inf if self.oldest == -math.inf else math.floor(self.newest - self.oldest) + 1

    @property
    def latency(self) -> int:
        """Most input frames after its own that a frame waits for."""
        return math.ceil(self.newest)

    def same_pace(self, other: Clock) -> bool:
        """Whether the frames of both exist at the same times, which is certain only with less than a frame of slack."""
        known = max(self.slack, other.slack) < 1
        return known and (self.rate, self.start, self.newest) == (other.rate, other.start, other.newest)


def tidy(time: float | Fraction) -> Any:
    """Convert an integral fraction to an integer."""
    return int(time) if isinstance(time, Fraction) and time.denominator == 1 else time
