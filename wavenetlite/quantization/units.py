"""The units of a network: what is computed in integers, each with what follows it, and what stays in float32."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import LOWEST, Node, Quantization, topological_order
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.module import Module, Trace, Traced
from wavenetlite.support.errors import ParameterError

ROUNDED = (nodes.Concat, nodes.Activate, nodes.CumulativePool)
CLAMPING = (nodes.Conv, nodes.Conv2d, nodes.Norm, nodes.Sum, nodes.Product)
"""Operations whose integer layers clamp what they give; and others that give integers of their own scale."""


Kept = tuple[Module, tuple[Node, ...]]
"""A module that stays in float32, and what it reads: the signal, and its conditioning if it has one."""


@dataclass(eq=False)
class Unit:
    """Successive nodes that become one layer. One that stays in float32 is the sum of the modules `kept`."""

    first: Node
    followers: list[Node] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The last of the nodes, which makes the layer's frames."""
        return self.followers[-1] if self.followers else self.first

    @property
    def norms(self) -> list[nodes.Norm]:
        return [node for node in self.followers if isinstance(node, nodes.Norm)]

    @property
    def clamp(self) -> tuple[float, float]:
        """Bounds of the frames' values."""
        bounds = [clamp_of(node) for node in self.followers]
        return next((one for one in bounds if one is not None), (-math.inf, math.inf))


def units_of(output: Node, trace: Trace, chosen: list[Module]) -> Iterator[Unit]:
    """The units of a network in the order in which they run; the `chosen` modules stay in float32."""
    order = [node for node in topological_order(output) if not node.signal]
    kept, covered = kept_modules(order, trace, chosen)
    readers = Counter(edge.node for node in order for edge in node.edges)
    done = covered - set(kept)
    for node in order:
        if node in done:
            continue
        unit = kept.get(node) or Unit(node)
        if not unit.kept:
            extend(unit, order, readers, covered, output)
        done.update((unit.first, *unit.followers))
        yield unit


def is_integer(node: Node) -> bool:
    """Whether the operation has a form in integers."""
    if isinstance(node, nodes.Concat):
        return node.bins == 1
    if isinstance(node, nodes.Conv2d):
        return node.phases == 1 and not node.is_transposed
    if isinstance(node, nodes.Activate):
        return not node.function.over_channels and node.slopes is None
    if isinstance(node, nodes.Product):
        return {edge.node.channels for edge in node.edges} == {node.channels}
    return isinstance(node, nodes.Conv | nodes.CumulativePool | nodes.Gate | nodes.Norm | nodes.Sum | nodes.Slice)


class Extent(NamedTuple):
    """A module's use, and the operations inside it."""

    use: Traced
    inside: set[Node]

    @classmethod
    def of(cls, use: Traced) -> Extent:
        """Of a convolution that is added to others in one operation this is the whole of it."""
        read = {edge.node for edge in use.out.edges} if is_sum_of_convolutions(use) else {use.x, use.c}
        return cls(use, between(read, use.out))


def kept_modules(order: list[Node], trace: Trace, chosen: list[Module]) -> tuple[dict[Node, Unit], set[Node]]:
    """The modules that stay in float32, by the node that makes their frames, and all nodes inside them.

    These are the chosen ones, and for each node without a form in integers the smallest that computes it.
    """
    extents = [Extent.of(use) for use in trace]
    wanted = [extent for module in chosen for extent in extents_of(module, extents)]
    covered = {node for extent in wanted for node in extent.inside}
    for node in order:
        if not is_integer(node) and node not in covered:
            around = [extent for extent in extents if node in extent.inside]
            if not around:
                raise ParameterError(f"the network has a {node.operation} that is not a layer's own; it cannot be "
                                     "kept in float32")  # fmt: skip
            wanted.append(min(around, key=lambda extent: len(extent.inside)))
            covered.update(wanted[-1].inside)
    outer = [one.use for one in wanted if not any(one.inside < other.inside for other in wanted)]
    return {use.out: Unit(use.out, kept=kept_of(use, trace)) for use in outer}, covered


def extents_of(module: Module, extents: list[Extent]) -> list[Extent]:
    """The uses of a module; or of its children if it gives several sequences, as a block with skips does."""
    own = [extent for extent in extents if extent.use.module is module]
    if own:
        return own
    return [extent for child in module.children().values() for extent in extents_of(child, extents)]


def kept_of(use: Traced, trace: Trace) -> list[Kept]:
    """The module of a use; and those with which it is added up in one operation."""
    if not is_sum_of_convolutions(use):
        return [(use.module, (use.x,) if use.c is None else (use.x, use.c))]
    return [(other.module, (other.x,)) for other in trace if other.out is use.out and is_sum_of_convolutions(other)]


def is_sum_of_convolutions(use: Traced) -> bool:
    """Whether the module's convolution and others are one operation."""
    return isinstance(use.module, Conv1d) and isinstance(use.out, nodes.Conv) and len(use.out.edges) > 1


def between(read: Collection[Node | None], last: Node) -> set[Node]:
    """`last` and the nodes that it depends on, without those that are `read` and what they depend on."""
    found: set[Node] = set()
    waiting = [last]
    while waiting:
        node = waiting.pop()
        if node not in read and node not in found and not node.signal:
            found.add(node)
            waiting += [edge.node for edge in node.edges]
    return found


def extend(unit: Unit, order: list[Node], readers: Counter[Node], covered: set[Node], output: Node) -> None:
    """Take in what follows and is the only reader: batch normalisation, then clamping, then rounding."""
    while unit.node is not output and readers[unit.node] == 1:
        user = next(node for node in order if any(edge.node is unit.node for edge in node.edges))
        if user in covered or not follows(unit, user):
            return
        unit.followers.append(user)


def follows(unit: Unit, user: Node) -> bool:
    """Whether an operation can be computed as a part of the unit before it."""
    if is_rounding(user):
        return isinstance(unit.first, (*CLAMPING, *ROUNDED)) and not is_rounding(unit.node)
    if clamp_of(unit.node) is not None or is_rounding(unit.node) or not is_integer(user):
        return False
    if isinstance(user, nodes.Norm):
        if isinstance(unit.first, nodes.Conv2d):
            return unit.first.bins == user.bins
        return isinstance(unit.first, nodes.Conv | nodes.Norm) and len(unit.first.edges) == 1
    return isinstance(unit.first, CLAMPING) and clamp_of(user) is not None


def is_rounding(node: Node) -> bool:
    """Whether it rounds to what integers stand for, for training."""
    return isinstance(node, nodes.Activate) and node.name == "fake_quantize"


def rounding_of(node: Node) -> Quantization | None:
    """The integers of such a node."""
    if not isinstance(node, nodes.Activate) or not is_rounding(node):
        return None
    scale, _, low, _ = node.parameters
    return Quantization(scale, LOWEST - round(low))


def clamp_of(node: Node) -> tuple[float, float] | None:
    """Bounds of an activation that only clamps, to a range that holds zero."""
    if not isinstance(node, nodes.Activate):
        return None
    if node.name == "relu":
        return 0.0, math.inf
    if node.name == "hardtanh":
        low, high = (float(np.float32(bound)) for bound in node.parameters)
        return (low, high) if low <= 0.0 <= high else None
    return None
