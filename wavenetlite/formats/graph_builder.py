"""A `Graph` that grows layer by layer while a foreign graph is read."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from wavenetlite import graph, nodes
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.sizes import SIGNAL_LENGTH, Size, least, most
from wavenetlite.graph import Node
from wavenetlite.nn.graph import INPUT, JOINS, MOST_NODES, Graph
from wavenetlite.nn.integer import IntegerJoin
from wavenetlite.nn.module import Module

NOTHING: Mapping[Node, int] = {}

SPARE_VALUES = 2**21
"""Values that may be made besides a few times those that the file holds: a layer may be called many times."""


class GraphBuilder:
    """Notes layers, and sums, products and concatenations, under names that a `Graph` can have.

    Parameters
    ----------
    channels
        Of the network's input, whose name is "x".
    held
        Values that the file holds. A network may have a few times as many, and some more.
    frames
        Of the signals that the network is for, where they are known.
    """

    def __init__(self, channels: int, held: int, frames: int | None) -> None:
        self.channels, self.frames = channels, frames
        self.entries: list[list[Any]] = []
        self.nodes: dict[str, Node] = {INPUT: nodes.Input((), channels, graph.Clock(), INPUT)}
        self.room = SPARE_VALUES + 8 * held
        self.begun: Counter[str] = Counter()
        self.same: Counter[str] = Counter()
        self.lengths: dict[Node, Any] = {}

    def add(self, name: str, layer: Module | str, *inputs: str) -> str:
        """Note a layer, or a way to join several inputs; its name, which may differ from the one that is wished for."""
        read = [self.nodes[one] for one in inputs]
        if isinstance(layer, Module):
            self.spend(sum(math.prod(shape) for shape in layer.all_parameter_shapes().values()))
            node = layer.join(read) if isinstance(layer, IntegerJoin) else layer.connect(read[0])
        else:
            node = JOINS[layer](*read)
        if len(self.entries) == MOST_NODES:
            raise UnsupportedError(f"it would be one of more than {MOST_NODES} layers")
        name = self.unused(name)
        self.entries.append([name, layer, list(inputs)])
        self.nodes[name] = node
        return name

    def remove_last(self) -> list[Any]:
        """Forget the last entry, which nothing may have read; it is returned."""
        entry = self.entries.pop()
        del self.nodes[entry[0]]
        self.begun.subtract(beginnings(entry[0]))
        return entry

    def spend(self, values: int) -> None:
        """Take room for values that the file does not hold."""
        self.room -= values
        if self.room < 0:
            raise UnsupportedError("asks for many times the values that the file holds")

    def unused(self, wanted: str) -> str:
        """A name for a layer: letters, digits, "_" and "-", and dots between parts; none begins another up to a dot."""
        parts = ["".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in part)
                 for part in wanted.replace("/", ".").split(".") if part]  # fmt: skip
        base = ".".join(parts)[-80:].strip(".") or "layer"
        if not self.nodes.keys().isdisjoint(beginnings(base)):
            base = base.replace(".", "_")
        name = base
        while name in self.nodes or self.begun[name]:
            self.same[base] += 1
            name = f"{base}_{self.same[base] + 1}"
        self.begun.update(beginnings(name))
        return name

    def frames_of(self, node: Node) -> Any:
        """Frames of a node's sequence when the input has ended."""
        return frames_made(node, self.lengths, self.signal_length)

    @property
    def signal_length(self) -> int | Size:
        return SIGNAL_LENGTH if self.frames is None else self.frames

    def needed(self, output: str) -> list[list[Any]]:
        """The entries that the output depends on."""
        names = {output}
        for name, _, inputs in reversed(self.entries):
            names.update(inputs if name in names else [])
        return [entry for entry in self.entries if entry[0] in names]

    def network(self, output: str) -> Graph:
        return Graph(self.channels, self.needed(output))


def frames_made(
    node: Node, known: dict[Node, Any], signal_length: int | Size, fewer: Mapping[Node, int] = NOTHING
) -> Any:
    """Frames of a node's sequence when its input has ended; those of all nodes before it are noted in `known`.

    `fewer` are frames at the end of what a node reads with which it does without any output.
    """
    waiting = [node]
    while waiting:
        now = waiting[-1]
        missing = [edge.node for edge in now.edges if edge.node not in known]
        waiting += missing
        if not missing:
            waiting.pop()
            each = [(known[edge.node] - 1 - edge.end_reach - fewer.get(now, 0)) // edge.stride + 1
                    for edge in now.edges]  # fmt: skip
            known[now] = most(0, functools.reduce(least, each)) * now.phases if each else signal_length
    return known[node]


def beginnings(name: str) -> list[str]:
    """What stands before each dot of a name."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
