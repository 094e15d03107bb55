"""The product of two sequences."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Edge, Node, OnnxBuilder, ScriptBuilder, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Product(Node):
    """The frames of two edges multiplied, element by element."""

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return write.op("Mul", [write.row(edge) for edge in self.edges])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"math.prod({write.shortest([write.row(edge) for edge in self.edges])})"


def multiply(a: Node, b: Node) -> Node:
    if a.channels != b.channels:
        raise ParameterError(f"branches have {[a.channels, b.channels]} channels; they must be equal to be multiplied")
    edges = aligned([Edge(a), Edge(b)])
    return Product(edges, a.channels, clock_after(edges))
