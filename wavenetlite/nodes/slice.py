"""Some of the channels of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, KernelCall, Node
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """`channels` channels of a sequence, from channel `first` on."""

    operation: ClassVar[str] = "slice"

    first: int

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "concat", sizes=(1, self.first, self.channels))


def take(node: Node, first: int, channels: int) -> Node:
    """Channels [first, first + channels) of a sequence."""
    if not 0 <= first < first + channels <= node.channels:
        raise ParameterError(f"channels {first} to {first + channels} must lie within the {node.channels} there are")
    return Slice((Edge(node),), channels, node.clock, first) if channels < node.channels else node
