"""The maximum or mean of a few frames of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import IntegerCall, KernelCall, Node, Quantization
from wavenetlite.nodes.c_integers import INTEGER_POOL, limits_of
from wavenetlite.nodes.integers import Integers, row_sizes
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
