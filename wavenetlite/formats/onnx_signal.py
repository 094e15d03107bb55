"""A tensor of an ONNX graph as a sequence of frames, and what is said of its frames in the terms of ONNX."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite.formats import sizes
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.sizes import Size
from wavenetlite.graph import Node
from wavenetlite.support.arrays import Floats

Axes = tuple[str, ...]

BATCH, CHANNELS, TIME, ONE = "batch", "channels", "time", "1"
ROWS = "batch and time"
"""One axis of the frames of all signals, as some programs reshape before a matrix."""

TO_THE_END = 2**31 - 1


@dataclass(frozen=True)
class Signal:
    """A tensor over time. `node` is the sequence whose frames are its frames, but for what is pending at its ends.

    Attributes
    ----------
    name
        In the network that is made.
    node
        What the engine makes of it: channels and clock.
    axes
        Of the tensor; without "time", it holds the newest frame.
    lead, tail
        Frames of zeros to come before and after; negative: frames to be left out.
    excess
        Frames after the signal's end that a convolution padded too far would give; to be cut off.
    """

    name: str
    node: Node
    axes: Axes
    lead: int = 0
    tail: int = 0
    excess: int = 0

    @property
    def channels(self) -> int:
        return self.node.channels

    @property
    def settled(self) -> bool:
        return self.lead == self.tail == self.excess == 0

    @property
    def more(self) -> int:
        """Frames of the tensor beside those of its node."""
        return self.lead + self.tail + self.excess

    @property
    def over_time(self) -> bool:
        return TIME in self.axes or ROWS in self.axes

    @property
    def time(self) -> Fraction:
        """Causal time of the tensor's frame 0."""
        return Fraction(self.node.clock.start) - self.lead * Fraction(self.node.clock.rate)

    def pending_as(self, other: Signal) -> Signal:
        """The same sequence with what is pending of another."""
        return replace(self, lead=other.lead, tail=other.tail, excess=other.excess)

    def axis(self, axis: int) -> str:
        """What the axis of that number is."""
        if not -len(self.axes) <= axis < len(self.axes):
            raise UnsupportedError(f"axis={axis} of a tensor with {len(self.axes)} axes")
        return self.axes[axis]


@dataclass(frozen=True)
class Elements:
    """A part of a cache, or of its next value, as the numbers of its elements; see `onnx_cache`.

    `signal` is what else the same tensor may be read as.
    """

    numbers: np.ndarray
    signal: Signal | None = None


def check_over_time(signals: list[Signal]) -> None:
    if len({one.over_time for one in signals}) > 1:
        raise UnsupportedError("brings the whole signal's mean or last frame back to every frame: it needs all of it")


def reaches_end(end: Any, size: Any) -> bool:
    return place(end, size) is size or place(end, size) == size


def place(index: Any, size: Any) -> Any:
    """Where a slice of an axis of that size begins or ends; negative indices count from the end."""
    if not isinstance(index, Size) and abs(index) >= TO_THE_END:
        return size if index > 0 else 0
    negative = (index.values < 0).all() if isinstance(index, Size) else index < 0
    return sizes.most(0, sizes.least(index + size if negative else index, size))


def left_out(start: Any, end: Any, size: Any) -> tuple[int, int]:
    """How many a slice leaves out before and after."""
    before, after = place(start, size), size - place(end, size)
    if isinstance(before, Size) or isinstance(after, Size):
        raise UnsupportedError("takes frames whose place depends on the length of the signal")
    return int(before), int(after)


def floats(value: Any) -> Floats:
    """A constant as float32."""
    if isinstance(value, Signal) or value is None:
        raise UnsupportedError("has a signal, or nothing, where it must have a constant")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise UnsupportedError(f"has a constant of type {array.dtype}; it must be numbers")
    with np.errstate(over="ignore"):
        made = array.astype(np.float32)
    if not np.isfinite(made).all():
        raise UnsupportedError("has a constant with infinities or NaN, or beyond float32")
    return made


def optional_floats(value: Any) -> Floats | None:
    return None if value is None else floats(value)


def scalar(value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise UnsupportedError("has something else where it must have one number")
    return float(array.reshape(-1)[0])
