"""Concatenations and slices of the channels of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, IntegerCall, KernelCall, Node, Quantization
from wavenetlite.nodes.concat import Concat, concat_edges
from wavenetlite.nodes.integers import Integers
from wavenetlite.nodes.slice import Slice
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class IntegerConcat(Integers, Concat):
    """The concatenated channels of all edges, which have the same scale and zero point."""

    operation: ClassVar[str] = "integer_concat"

    output: Quantization

    @property
    def parts(self) -> tuple[Node, ...]:
        return ()

    def call(self) -> IntegerCall:
        channels = (edge.node.channels for edge in self.edges)
        return IntegerCall(self.channels, "integer_concat", (4 * self.row_floats, 0, *channels))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        first = 0
        for index, edge in enumerate(self.edges):
            write.line(f"memcpy(y + {first}, {write.row(index)}, {edge.node.channels});")
            first += edge.node.channels


@dataclass(frozen=True, eq=False)
class IntegerSlice(Integers, Slice):
    """`channels` channels of a sequence, from channel `first` on."""

    operation: ClassVar[str] = "integer_slice"

    output: Quantization

    def call(self) -> IntegerCall:
        return IntegerCall(self.channels, "integer_concat", (4 * self.row_floats, self.first, self.channels))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.line(f"memcpy(y, {write.row(0)} + {self.first}, {self.channels});")


def concat(*nodes: Node, bins: int = 1) -> Node:
    """The channels of floats or of equal integers side by side."""
    if len(nodes) == 1:
        return nodes[0]
    edges, channels, clock = concat_edges(nodes, bins)
    given = nodes[0].quantization
    if given is None or any(node.quantization is None for node in nodes):
        return Concat(edges, channels, clock, bins)
    if any(node.quantization != given for node in nodes):
        kinds = "; ".join(str(node.quantization) for node in nodes)
        raise ParameterError(f"branches of integers have {kinds}; they must be equal: use IntegerConcat")
    if bins > 1:
        raise ParameterError(f"bins={bins} must be 1 with branches of integers")
    return IntegerConcat(edges, channels, clock, 1, given)


def take(node: Node, first: int, channels: int) -> Node:
    """Channels [first, first + channels) of a sequence of floats or integers."""
    if not 0 <= first < first + channels <= node.channels:
        raise ParameterError(f"channels {first} to {first + channels} must be within its {node.channels} channels")
    if channels == node.channels:
        return node
    if node.quantization is None:
        return Slice((Edge(node),), channels, node.clock, first)
    return IntegerSlice((Edge(node),), channels, node.clock, first, node.quantization)
