"""Networks of arbitrary topology, and slices of channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, MOST_UPSAMPLING, Node, RateError
from wavenetlite.nn.integer import IntegerJoin
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import torch
from wavenetlite.support.checks import count, integer, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

INPUT, CONDITIONING = "x", "c"
JOINS: dict[str, Callable[..., Node]] = {"add": nodes.add, "multiply": nodes.multiply, "concat": nodes.concat}
"""Operations that combine several sequences."""

MOST_NODES = 10_000


class Graph(Module):
    """A network of named nodes: layers that read an earlier node, and sums, products and concatenations of several.

    Parameters
    ----------
    in_channels
        Channels of the network's input, which is named "x".
    nodes
        A list of ``[name, layer, inputs]``: `layer` is a module, which reads one node, or "add", "multiply" (two nodes)
        or "concat" of several, or such an operation on integers (`IntegerAdd` and others); `inputs` are the names of
        earlier nodes. A layer with conditioning may read two: the second is its conditioning, else the network's is.
        The last node is the output. Names consist of letters, digits, ".", "_" and "-", and prefix the names of the
        layers' parameters, as in PyTorch.
    condition_channels, condition_period
        Channels of the conditioning that nodes can read, which is named "c", and input frames per frame of it.
        0 channels: only layers with conditioning of their own read it. Period 1: theirs.
    seed
        Seed of the initial weights.

    Notes
    -----
    Different latencies of a node's inputs are aligned, as in `Add`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.nn.Graph(1, [
    ...     ["conv", wl.nn.Conv1d(1, 2, 3), ["x"]],
    ...     ["gate", wl.nn.Activation("sigmoid"), ["conv"]],
    ...     ["gated", "multiply", ["conv", "gate"]],
    ...     ["all", "concat", ["gated", "x"]],
    ... ])
    >>> model(np.zeros((5, 1), np.float32)).shape, list(model.state_dict())
    ((5, 3), ['conv.weight', 'conv.bias'])
    """

    terse: ClassVar[bool] = True

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        nodes: Sequence[Sequence[Any]],
        *,
        condition_channels: int = 0,
        condition_period: int = 1,
        seed: int = 0,
    ) -> None:
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        self.condition_channels = count("condition_channels", condition_channels)
        self.period = positive_int("condition_period", condition_period, MOST_UPSAMPLING)
        self.seed = count("seed", seed)
        if not isinstance(nodes, list | tuple) or not 1 <= len(nodes) <= MOST_NODES:
            raise ParameterError(f"nodes must be a list of 1 to {MOST_NODES} entries [name, layer, inputs]")
        self.nodes: list[list[Any]] = []
        channels = {INPUT: self.in_channels}
        if self.condition_channels:
            channels[CONDITIONING] = self.condition_channels
        for index, node in enumerate(nodes):
            name, layer, inputs = checked_node(index, node, channels)
            channels[name] = channels_after(name, layer, [channels[one] for one in inputs])
            self.nodes.append([name, layer, inputs])
        self.out_channels = channels[self.nodes[-1][0]]
        self.check_conditioning()
        holders = sorted(f"{name}." for name in self.children())
        for name, after in pairwise(holders):
            if after.startswith(name):
                raise ParameterError(f"nodes {name[:-1]!r}, {after[:-1]!r}: a name must not be a prefix of another")

    def check_conditioning(self) -> None:
        """Raise if conditioning is declared that no node reads, or that comes at another rate than a layer's."""
        own = [one for one in self.nodes if len(one[2]) == 1 and needs_condition(one[1])]
        declared = {"condition_channels": self.condition_channels, "condition_period": self.period - 1}
        if not own and not any(CONDITIONING in inputs for _, _, inputs in self.nodes):
            for name, value in declared.items():
                if value:
                    raise ParameterError(f"{name}={getattr(self, name)} but no node reads conditioning; let one read"
                                         f" {CONDITIONING!r}, or leave {name} out")  # fmt: skip
        for name, layer, _ in own if self.period > 1 else ():
            if layer.condition_period not in (1, self.period):
                raise ParameterError(f"condition_period={self.period} but node {name!r} needs {layer.condition_period};"
                                     f" it must be {layer.condition_period}")  # fmt: skip

    def children(self) -> dict[str, Module]:
        return {name: layer for name, layer, _ in self.nodes if isinstance(layer, Module)}

    @property
    def condition_channels_needed(self) -> int:
        return max([self.condition_channels, *(layer.condition_channels_needed for layer in self.conditioned_layers)])

    @property
    def condition_period(self) -> int:
        return max([self.period, *(layer.condition_period for layer in self.conditioned_layers)])

    @property
    def conditioned_layers(self) -> list[Module]:
        """Layers that read the network's own conditioning."""
        return [layer for _, layer, inputs in self.nodes if isinstance(layer, Module) and len(inputs) == 1]

    def build(self, x: Node, c: Node | None) -> Node:
        return self.sequences(x, c)[self.nodes[-1][0]]

    def sequences(self, x: Node, c: Node | None) -> dict[str, Node]:
        """What each of the named nodes gives."""
        made = {INPUT: x}
        if self.condition_channels:
            made[CONDITIONING] = self.checked_condition(c, self.condition_channels)
        for name, layer, inputs in self.nodes:
            read = [made[one] for one in inputs]
            try:
                if isinstance(layer, IntegerJoin):
                    made[name] = layer.join(read)
                elif isinstance(layer, Module):
                    made[name] = layer.connect(read[0], read[1] if len(read) == 2 else c)
                else:
                    made[name] = JOINS[layer](*read)
            except ParameterError as error:
                why = told_rate(c, self.condition_period) if isinstance(error, RateError) else ""
                raise ParameterError(f"node {name!r}: {error}{why}") from None
        return made

    def torch_forward(self, twin: Any, x: Any) -> Any:
        made = {INPUT: x}
        joins: dict[str, Callable[..., Any]] = {
            "add": sum,
            "multiply": lambda read: read[0] * read[1],
            "concat": lambda read: torch().cat(read, dim=2),
        }
        for name, layer, inputs in self.nodes:
            read = [made[one] for one in inputs]
            made[name] = joins[layer](read) if isinstance(layer, str) else twin.get_submodule(name)(read[0])
        return made[self.nodes[-1][0]]


def checked_node(index: int, node: Any, known: dict[str, int]) -> tuple[str, Module | str, list[str]]:
    """Name, layer and inputs of an entry."""
    if not isinstance(node, list | tuple) or len(node) != 3:
        raise ArrayTypeError(f"nodes[{index}] is a {type(node).__name__}; it must be [name, layer, inputs]")
    name, layer, inputs = node
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", name, re.ASCII):
        raise ParameterError(f"nodes[{index}] has the name {name!r}; it must consist of letters, digits, '.', '_', '-'")
    if name in known:
        raise ParameterError(f"nodes[{index}] has the name {name!r} of another node")
    if not isinstance(layer, Module):
        one_of(f"layer of node {name!r}", layer, tuple(JOINS))
    if not isinstance(inputs, list | tuple) or not all(isinstance(one, str) and one in known for one in inputs):
        raise ParameterError(f"node {name!r} reads {inputs!r}; it must be a list of names of earlier nodes")
    if isinstance(layer, IntegerJoin):
        least = most = len(layer.joined_channels)
    elif isinstance(layer, Module):
        least, most = 1, 2 if layer.condition_channels_needed else 1
    else:
        least, most = (2, 2) if layer == "multiply" else (1, MOST_NODES)
    if not least <= len(inputs) <= most:
        wanted = least if least == most else "1 or 2" if most == 2 else "1 or more"
        raise ParameterError(f"node {name!r} reads {len(inputs)} nodes; it must be {wanted}")
    return name, layer, list(inputs)


def needs_condition(layer: Module | str) -> bool:
    return isinstance(layer, Module) and layer.condition_channels_needed > 0


def told_rate(c: Node | None, period: int) -> str:
    """Where rates do not fit, that of the conditioning may be the reason."""
    frames = "each frame" if period == 1 else f"every {period} frames"
    return "" if c is None else f"; the conditioning has one frame for {frames} of x (condition_period={period})"


def channels_after(name: str, layer: Module | str, given: list[int]) -> int:
    """Output channels of a node, from those of its inputs."""
    if layer == "concat":
        return sum(given)
    if isinstance(layer, IntegerJoin):
        if layer.joined_channels != tuple(given):
            raise ParameterError(f"node {name!r} reads {given} channels; they must be {list(layer.joined_channels)}")
        return layer.out_channels
    if not isinstance(layer, Module):
        if len(set(given)) > 1:
            raise ParameterError(f"node {name!r} reads {given} channels; they must be equal")
        return given[0]
    if layer.in_width not in (None, given[0]):
        raise ParameterError(f"node {name!r} has in_channels={layer.in_width} but is given {given[0]} channels")
    return layer.out_width if layer.out_width is not None else layer.graph(given[0]).channels


class Slice(Module):
    """A slice of the channels.

    Parameters
    ----------
    first
        Index of the first channel.
    channels
        Number of channels.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Slice(1, 2)(np.array([[1, 2, 3, 4]], np.float32)).tolist()
    [[2.0, 3.0]]
    """

    out_channels: int

    def __init__(self, first: int, channels: int) -> None:
        if not 0 <= integer("first", first) < MOST_CHANNELS:
            raise ParameterError(f"first={first} must be from 0 to {MOST_CHANNELS - 1}")
        self.first = int(first)
        self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.take(x, self.first, self.channels)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return x[:, :, self.first : self.first + self.channels]
