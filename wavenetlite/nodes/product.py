"""The product of two sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, KernelCall, Node, aligned, clock_after
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Product(Node):
    """The frames of two edges multiplied, element by element."""

    operation: ClassVar[str] = "product"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "product")


def multiply(a: Node, b: Node) -> Node:
    if a.channels != b.channels:
        raise ParameterError(f"branches have {[a.channels, b.channels]} channels; they must be equal to be multiplied")
    edges = aligned([Edge(a), Edge(b)])
    return Product(edges, a.channels, clock_after(edges))
