"""The maximum or mean of a few frames of integers, or of all so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import IntegerCall, KernelCall, Node, Quantization
from wavenetlite.kernels import padded
from wavenetlite.nodes.c_integers import INTEGER_POOL, RUNNING_MAX, RUNNING_MEAN, limits_of, rule_of
from wavenetlite.nodes.integers import Integers, given_to, lanes, row_sizes
from wavenetlite.nodes.rescaling import checked_ratio, multiplier
from wavenetlite.support.c_builder import CStepBuilder


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

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        given = [write.rows(), str(self.edges[0].taps), str(self.channels)]
        write.call(INTEGER_POOL[self.kind], "y", *given, *limits_of(call, zero_in_them=True)[1:])


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

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        given, frames = ["y", write.row(0), str(self.channels)], write.kept("int64_t", 1)
        if self.kind == "max":
            write.call(RUNNING_MAX, *given, write.kept("int32_t", self.channels), frames)
            return
        zero, factor, shift = (str(size) for size in call.sizes[-3:])
        scale = [write.number(call.arrays[0][0])] if rule_of(call) == "single" else [factor, shift]
        limits = limits_of(call, zero_in_them=rule_of(call) == "double")
        total = write.kept("int64_t", self.channels)
        write.call(RUNNING_MEAN[rule_of(call)], *given, total, frames, zero, *scale, *limits)
