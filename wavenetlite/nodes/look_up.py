"""Functions of single integers, by tables of their 256 values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import HIGHEST, LOWEST, Edge, IntegerCall, KernelCall, Node, Quantization
from wavenetlite.nodes.c_integers import LOOK_UP
from wavenetlite.nodes.integers import Integers
from wavenetlite.nodes.rescaling import requantized
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError

Table = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class LookUp(Integers, Node):
    """``table[q + 128]`` for every integer q."""

    operation: ClassVar[str] = "look_up"

    output: Quantization
    table: npt.NDArray[Any]

    def call(self) -> IntegerCall:
        return IntegerCall(self.channels, "look_up", (4 * self.row_floats,), [self.table, differences(self.table)])

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.call(LOOK_UP, "y", write.row(0), str(self.channels), write.array(self.table))


def differences(table: Table) -> Table:
    """The table in parts of 16 values, each as its difference from the one before; see integers.h."""
    halves = np.asarray(table, np.int8).reshape(2, 8, 16)
    parts: Table = halves.copy()
    parts[:, 1:] ^= halves[:, :-1]
    return parts


def look_up(x: Node, output: Quantization, table: npt.NDArray[Any]) -> Node:
    return LookUp((Edge(x),), x.channels, x.clock, output, table)


def requantize(x: Node, output: Quantization, rounding: str) -> Node:
    """`x` as other integers."""
    given = x.quantization
    if given is None:
        raise ParameterError(f"integers of {output} cannot be made of float32 by requantising: put a Quantize before")
    return x if given == output else look_up(x, output, requantized(rounding, *given, *output))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


TABLE_FUNCTIONS: dict[str, Callable[..., float]] = {
    "elu": lambda x, _: x if x > 0 else math.expm1(x),
    "gelu": lambda x, _: x * 0.5 * math.erfc(-x / math.sqrt(2)),
    "hardsigmoid": lambda x, _: min(max(x + 3, 0), 6) / 6,
    "hardswish": lambda x, _: x * min(max(x + 3, 0), 6) / 6,
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "relu": lambda x, _: max(x, 0.0),
    "sigmoid": lambda x, _: sigmoid(x),
    "silu": lambda x, _: x * sigmoid(x),
    "tanh": lambda x, _: math.tanh(x),
}
"""Of x, and a slope for negative x where there is one."""


def table_of(name: str, given: Quantization, output: Quantization, *, negative_slope: float) -> Table:
    """The values of a function for the integers -128 to 127, rounded to nearest, ties away from zero."""
    function = TABLE_FUNCTIONS[name]
    values = (
        function(given.scale * (q - given.zero_point), negative_slope) / output.scale
        for q in range(LOWEST, HIGHEST + 1)
    )
    return np.array([clamped(math.copysign(math.floor(abs(y) + 0.5), y), output.zero_point) for y in values], np.int8)


def clamped(y: float, zero_point: int) -> int:
    return int(min(max(y + zero_point, LOWEST), HIGHEST))
