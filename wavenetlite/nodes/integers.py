"""Sequences of integers: what all their operations have in common, and the ways in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from wavenetlite.graph import (
    HIGHEST,
    LOWEST,
    Edge,
    IntegerCall,
    KernelCall,
    Node,
    OnnxBuilder,
    Quantization,
    ScriptBuilder,
)
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import LANES
from wavenetlite.nodes.c_integers import DEQUANTIZE, QUANTIZE, limits_of, rule_of
from wavenetlite.nodes.rescaling import RULES
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError


class Exact:
    """Base of operations with integers: they are neither trained nor exported by the means of floats."""

    operation: ClassVar[str]

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        raise ParameterError(f"{self.operation} computes with integers, which cannot be exported to ONNX")

    def script(self, write: ScriptBuilder[Edge]) -> str:
        raise ParameterError(f"{self.operation} computes with integers, which cannot be exported as a script")

    def c(self, write: CStepBuilder, call: Any) -> None:
        """Never that of the operation on floats from which it may be derived."""
        raise ParameterError(f"{type(self).__name__} cannot be exported to C")

    def batch_step(self, context: BatchContext) -> BatchStep[Any]:
        raise ParameterError(
            f"{self.operation} computes with integers, which cannot be trained: train the network of floats"
        )


class Integers(Exact):
    """Base of operations from integers to integers: these are as `output` says."""

    output: Quantization
    reads_integers: ClassVar[bool] = True

    @property
    def quantization(self) -> Quantization:
        return self.output


def row_sizes(
    output: Quantization, rounding: str = RULES[0], low: int = LOWEST, high: int = HIGHEST
) -> tuple[int, ...]:
    """The first sizes of kernels: rule, zero point, limits."""
    return (RULES.index(rounding), output.zero_point, low, high)


def lanes(value: float | np.float32) -> np.ndarray:
    """A number in all lanes of a vector."""
    return np.full(LANES, value, np.float32)


@dataclass(frozen=True, eq=False)
class Quantize(Integers, Node):
    """Float32 rounded to integers."""

    operation: ClassVar[str] = "quantize"
    reads_integers: ClassVar[bool] = False

    output: Quantization
    rounding: str

    def call(self) -> IntegerCall:
        scale = np.float32(self.output.scale)
        by = np.float32(1) / scale if self.rounding == "single" else scale
        sizes = row_sizes(self.output, self.rounding)
        return IntegerCall(self.channels, "quantize", sizes, [lanes(by)], reads_unpadded=True)

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        by = write.number(call.arrays[0][0])
        given = [str(self.channels), by, *limits_of(call, zero_in_them=False)]
        write.call(QUANTIZE[rule_of(call)], "y", write.row(0), *given)


@dataclass(frozen=True, eq=False)
class Dequantize(Exact, Node):
    """Integers as float32."""

    operation: ClassVar[str] = "dequantize"
    reads_integers: ClassVar[bool] = True

    def call(self) -> IntegerCall:
        given = given_to(self)
        return IntegerCall(self.channels, "dequantize", (given.zero_point,), [lanes(given.scale)])

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        given = [str(self.channels), str(call.sizes[0]), write.number(call.arrays[0][0])]
        write.call(DEQUANTIZE, "y", write.row(0), *given)


def given_to(node: Node, index: int = 0) -> Quantization:
    """The integers that a node reads."""
    given = node.edges[index].node.quantization
    assert given is not None
    return given


def quantize(x: Node, output: Quantization, rounding: str) -> Node:
    return Quantize((Edge(x),), x.channels, x.clock, output, rounding)


def dequantize(x: Node) -> Node:
    return Dequantize((Edge(x),), x.channels, x.clock)


def as_quantized(x: Node, expected: Quantization) -> Node:
    """`x`, if it has these integers."""
    given = x.quantization
    if given is None:
        raise ParameterError(f"a layer of integers of {expected} is given float32: put a Quantize before it")
    if given != expected:
        raise ParameterError(f"a layer of integers of {expected} is given integers of {given}; they must be equal: set "
                             "its scale and zero point, or put a Requantize before it")  # fmt: skip
    return x
