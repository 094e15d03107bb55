"""The channels of several sequences side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import MOST_CHANNELS, Edge, KernelCall, Node, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of all edges one after the other, or those of each of `bins` bins."""

    operation: ClassVar[str] = "concat"

    bins: int

    def call(self) -> KernelCall:
        channels = [edge.node.channels // self.bins for edge in self.edges]
        return KernelCall(self.channels, "concat", sizes=(self.bins, 0, *channels))

    @property
    def parts(self) -> tuple[Node, ...]:
        at_once = all(edge.shift == 0 and edge.node.clock == self.clock for edge in self.edges)
        return tuple(edge.node for edge in self.edges) if self.bins == 1 and at_once else ()


def concat(*nodes: Node, bins: int = 1) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return Concat(edges, channels, clock_after(edges), bins) if len(nodes) > 1 else nodes[0]
