"""The weights of an operation: their geometry over bins, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from wavenetlite.support.arrays import Floats


class OverBins(NamedTuple):
    """How an operation reads bins, as an edge does for frames; the default reads each bin independently."""

    taps: int = 1
    spacing: int = 1
    stride: int | Fraction = 1
    shift: int = 0


@dataclass(frozen=True, eq=False)
class EdgeWeights:
    """The weights by which an operation reads one of its edges.

    Attributes
    ----------
    edge
        Index of the edge.
    weight
        The parameter.
    kernel_size, dilation
        One number per axis: (frames,) or (frames, bins).
    multiply_adds
        Per output frame, of these weights.
    inner_parameters, inner_multiply_adds
        Of the same kernel if it kept the number of channels: all parameters, and the multiply-adds per input frame.
    """

    edge: int
    weight: Floats
    kernel_size: tuple[int, ...]
    dilation: tuple[int, ...]
    multiply_adds: float
    inner_parameters: int
    inner_multiply_adds: int
