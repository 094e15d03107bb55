"""The units of a network that are computed in integers, each with what follows it directly, and what stays in float32."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Node, topological_order
from wavenetlite.nn.module import Module, Trace
from wavenetlite.support.errors import ParameterError

INTEGER = (nodes.Conv, nodes.Norm, nodes.Activate, nodes.Gate, nodes.Sum, nodes.Product, nodes.Concat, nodes.Slice)
"""Operations that have a form in integers."""

FOLLOWERS = (nodes.Norm, nodes.Activate)


@dataclass(eq=False)
class Unit:
    """Successive nodes that become one layer; `node` makes its frames, and has all those in `followers` before it.

    A unit in float32 is a `module` of the network, which reads `reads`.
    """

    first: Node
    followers: list[Node] = field(default_factory=list)
    module: Module | None = None
    reads: Node | None = None

    @property
    def node(self) -> Node:
        return self.followers[-1] if self.followers else self.first


def units_of(output: Node, trace: Trace) -> list[Unit]:
    """The units of a network in the order in which they run."""
    order = [node for node in topological_order(output) if not node.signal]
    kept = kept_modules(order, trace)
    inside = {node for unit in kept.values() for node in between(unit.reads, unit.node) if node is not unit.node}
    readers = Counter(edge.node for node in order for edge in node.edges)
    units: list[Unit] = []
    done: set[Node] = set(inside)
    for node in order:
        if node in done:
            continue
        unit = kept.get(node) or Unit(node)
        if unit.module is None:
            extend(unit, order, readers, output)
        done.update((unit.first, *unit.followers))
        units.append(unit)
    return units


def is_integer(node: Node) -> bool:
    """Whether the operation can be computed in integers."""
    if isinstance(node, nodes.Norm):
        return node.bins == 1
    if isinstance(node, nodes.Concat):
        return node.bins == 1
    if isinstance(node, nodes.Activate):
        return not node.function.over_channels and node.slopes is None
    return isinstance(node, INTEGER)


def kept_modules(order: list[Node], trace: Trace) -> dict[Node, Unit]:
    """For each node that has no form in integers, the smallest module that computes it."""
    kept: dict[Node, Unit] = {}
    covered: set[Node] = set()
    for node in order:
        if is_integer(node) or node in covered:
            continue
        candidates = [(between(x, out), module, x, out) for module, x, out in trace]
        around = [one for one in candidates if node in one[0]]
        if not around:
            raise ParameterError(f"the network has a {node.operation!r} outside of any layer, which cannot be kept in "
                                 "float32")  # fmt: skip
        inside, module, x, out = min(around, key=lambda one: len(one[0]))
        covered.update(inside)
        kept[out] = Unit(out, module=module, reads=x)
    return kept


def between(first: Node | None, last: Node) -> set[Node]:
    """`last` and the nodes that it depends on, without `first` and what that depends on."""
    found: set[Node] = set()
    waiting = [last]
    while waiting:
        node = waiting.pop()
        if node is not first and node not in found and not node.signal:
            found.add(node)
            waiting += [edge.node for edge in node.edges]
    return found


def extend(unit: Unit, order: list[Node], readers: Counter[Node], output: Node) -> None:
    """Take in what follows and is read by nobody else: batch normalisation, and clamping."""
    while unit.node is not output and readers[unit.node] == 1:
        user = next(node for node in order if any(edge.node is unit.node for edge in node.edges))
        if not follows(unit, user):
            return
        unit.followers.append(user)


def follows(unit: Unit, user: Node) -> bool:
    """Whether an operation can be computed as a part of the unit before it."""
    clamped = any(isinstance(node, nodes.Activate) for node in (unit.first, *unit.followers))
    if clamped or not isinstance(user, FOLLOWERS) or not is_integer(user):
        return False
    if isinstance(user, nodes.Norm):
        return isinstance(unit.first, nodes.Conv | nodes.Norm) and has_one_sum(unit.first)
    return isinstance(unit.first, nodes.Conv | nodes.Norm | nodes.Sum) and clamp_of(user) is not None


def has_one_sum(node: Node) -> bool:
    return len(node.edges) == 1


def clamp_of(node: Node) -> tuple[float, float] | None:
    """Bounds of an activation that only clamps."""
    if not isinstance(node, nodes.Activate):
        return None
    if node.name == "relu":
        return 0.0, math.inf
    if node.name == "hardtanh":
        low, high = (float(np.float32(bound)) for bound in node.parameters)
        return (low, high) if low <= 0.0 <= high else None
    return None
