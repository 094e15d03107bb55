"""Sums and products of two sequences of integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, IntegerCall, KernelCall, Node, Quantization, aligned, clock_after
from wavenetlite.kernels import LANES
from wavenetlite.nodes.c_integers import INTEGER_ADD, INTEGER_MULTIPLY, c_tables, limits_of, rule_of
from wavenetlite.nodes.integers import Integers, given_to, row_sizes
from wavenetlite.nodes.rescaling import add_constants, rescaling_tables
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class IntegerBinary(Integers, Node):
    """The sum or the product of the real numbers that two sequences stand for, as integers of `output`."""

    operation: ClassVar[str] = "integer_binary"

    output: Quantization
    kind: str  # "add" or "multiply"
    low: int
    high: int
    rounding: str

    def call(self) -> IntegerCall:
        sizes = row_sizes(self.output, self.rounding, self.low, self.high)
        first, second = given_to(self, 0), given_to(self, 1)
        zero_points = first.zero_point, second.zero_point
        if self.kind == "add":
            rule, *constants = add_constants(self.rounding, (first.scale, second.scale), zero_points, self.output.scale)
            return IntegerCall(self.channels, "integer_add", (rule, *sizes[1:], *constants))
        tables = rescaling_tables(self.rounding, first.scale, second.scale, self.output.scale, LANES)
        return IntegerCall(self.channels, "integer_multiply", (*sizes, *zero_points), list(tables))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        rows, more = [write.row(0), write.row(1), str(self.channels)], [str(size) for size in call.sizes[4:]]
        if self.kind == "add":
            limits = limits_of(call, zero_in_them=True)
            write.call(INTEGER_ADD[rule_of(call)], "y", *rows, *more, *limits)
        else:
            limits = limits_of(call, zero_in_them=False)
            write.call(
                INTEGER_MULTIPLY[rule_of(call)],
                "y",
                *rows,
                *more,
                c_tables(write, [array[:1] for array in call.arrays], rule_of(call)),
                *limits,
            )


def combine_integers(
    kind: str, given: Sequence[Node], output: Quantization, low: int, high: int, rounding: str
) -> Node:
    """The sum or product of two sequences."""
    channels = [node.channels for node in given]
    if len(set(channels)) > 1:
        raise ParameterError(f"branches have {channels} channels; they must be equal")
    edges = aligned([Edge(node) for node in given])
    return IntegerBinary(edges, channels[0], clock_after(edges), output, kind, low, high, rounding)
