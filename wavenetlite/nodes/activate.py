"""Functions of single elements, or of single frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.graph import Edge, Node
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Activate(Node):
    """An element-wise function (softmax: a function of one frame), named as in wavenetlite.kernels.ACTIVATIONS."""

    name: str
    parameters: tuple[float, ...] = ()
    slopes: Floats | None = None


def activate(node: Node, name: str, parameters: Sequence[float] = (), slopes: Floats | None = None) -> Node:
    if name == "identity":
        return node
    return Activate((Edge(node),), node.channels, node.clock, name, tuple(parameters), slopes)
