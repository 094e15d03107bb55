"""The sum of sequences."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Edge, Node, OnnxBuilder, ScriptBuilder, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The frames of all edges added, first to last."""

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return write.op("Add" if len(self.edges) == 2 else "Sum", [write.row(edge) for edge in self.edges])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"sum({write.shortest([write.row(edge) for edge in self.edges])})"


def add(*nodes: Node) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    if len({node.channels for node in nodes}) > 1:
        raise ParameterError(
            f"branches have {[node.channels for node in nodes]} channels; they must be equal to be added"
        )
    return Sum(edges, nodes[0].channels, clock_after(edges)) if len(nodes) > 1 else nodes[0]
