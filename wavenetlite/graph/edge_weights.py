"""What an operation's weights are: how they lie over bins, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from wavenetlite.support.arrays import Floats


class OverBins(NamedTuple):
    """How an operation reads bins, as an edge says it of frames: the default is each bin by itself."""

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
        Number of the edge.
    weight
        The parameter.
    kernel_size, dilation
        One number an axis: (frames,) or (frames, bins).
    multiply_adds
        Of one output frame, by these weights.
    inner_parameters, inner_multiply_adds
        Of the same kernel if its output were like its input: all parameters, and the work for one frame read.
    """

    edge: int
    weight: Floats
    kernel_size: tuple[int, ...]
    dilation: tuple[int, ...]
    multiply_adds: float
    inner_parameters: int
    inner_multiply_adds: int
