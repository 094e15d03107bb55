"""The channels of several sequences side by side."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import MOST_CHANNELS, Edge, Node, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of all edges one after the other, or those of each of `bins` bins."""

    bins: int


def concat(*nodes: Node, bins: int = 1) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return Concat(edges, channels, clock_after(edges), bins) if len(nodes) > 1 else nodes[0]
