"""The sum of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, KernelCall, Node, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The frames of all edges added, first to last."""

    operation: ClassVar[str] = "sum"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "sum")

    def addend(self, to: Node) -> Edge | None:
        if len(self.edges) != 2:
            return None
        own, other = self.edges if self.edges[0].node is to else reversed(self.edges)
        return other if own.shift == 0 else None


def add(*nodes: Node) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    if len({node.channels for node in nodes}) > 1:
        raise ParameterError(
            f"branches have {[node.channels for node in nodes]} channels; they must be equal to be added"
        )
    return Sum(edges, nodes[0].channels, clock_after(edges)) if len(nodes) > 1 else nodes[0]
