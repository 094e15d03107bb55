"""The maximum or mean of a few frames of integers, or of all so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import IntegerCall, Node, Quantization
from wavenetlite.kernels import padded
from wavenetlite.nodes.integers import Integers, given_to, lanes, row_sizes
from wavenetlite.nodes.rescaling import checked_ratio, multiplier


@dataclass(frozen=True, eq=False)
class IntegerPool(Integers, Node):
    """The maximum, or the mean rounded to nearest, of the taps; of the same scale and zero point."""

    operation: ClassVar[str] = "integer_pool"

    output: Quantization
    kind: str  # "max" or "mean"
    low: int
    high: int

    def call(self) -> IntegerCall:
        return IntegerCall(self.channels, f"integer_{self.kind}", row_sizes(self.output, low=self.low, high=self.high))


@dataclass(frozen=True, eq=False)
class IntegerCumulativePool(Integers, Node):
    """The maximum or mean of all frames so far."""

    operation: ClassVar[str] = "integer_cumulative_pool"
    endless: ClassVar[bool] = True

    output: Quantization
    kind: str  # "max" or "mean"
    rounding: str

    @property
    def unsettled(self) -> str:
        return "must not contain a pool over all frames"

    def call(self) -> IntegerCall:
        given = given_to(self)
        ratio = given.scale / self.output.scale
        checked_ratio(ratio)
        sizes = (4 * self.row_floats, padded(self.channels), given.zero_point, *multiplier(ratio))
        return IntegerCall(
            self.channels,
            f"integer_running_{self.kind}",
            (*row_sizes(self.output, self.rounding), *sizes),
            [lanes(np.float32(given.scale) / np.float32(self.output.scale))],
            state=(self.channels, 1),
            state_bytes=8,
        )
