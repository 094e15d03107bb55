"""From a network to one that computes with integers of 8 bits, or is trained for it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import LOWEST, Node, Quantization, clock_after
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.graph import CONDITIONING, INPUT, Graph, Slice
from wavenetlite.nn.module import Module, recorded
from wavenetlite.nn.output import Output
from wavenetlite.nn.pointwise import Activation
from wavenetlite.quantization.calibration import Calibration
from wavenetlite.quantization.emitters import Clamp, Convolution, Emitter, Steps
from wavenetlite.quantization.units import Kept, Unit, is_rounding, rounding_of, units_of
from wavenetlite.support.arrays import Doubles

TANH, SIGMOID = Quantization(1 / 128, 0), Quantization(1 / 256, LOWEST)
"""Outputs of these functions, as TensorFlow Lite wants them."""

FIXED = {"tanh": TANH, "sigmoid": SIGMOID}
FREE = (-math.inf, math.inf)

ENTRANCES = {INPUT: "input", CONDITIONING: "condition"}
"""What the network's signals are called in the names of the layers that round them."""

Made = tuple[str, Quantization]
"""The name of a layer that makes a sequence, and the integers of that."""


@dataclass(frozen=True)
class Layer:
    """A layer of the new network that makes the frames of a node of the old one."""

    name: str
    node: Node
    integers: Quantization | None


class Parts(NamedTuple):
    """Of an operation that adds up: the convolutions of single edges, and the sums of the first of them."""

    single: Sequence[nodes.Conv]
    sums: Sequence[Node]


class Conversion:
    """The conversion of a network.

    Attributes
    ----------
    network
        The new network.
    layers
        Its layers that have a counterpart in the old one, in order.
    """

    def __init__(
        self, model: Module, channels: int, calibration: Calibration, emitter: Emitter, kept: Sequence[Module]
    ) -> None:
        self.calibration, self.emitter = calibration, emitter
        output, trace = recorded(model, channels)
        self.modules: dict[tuple[Node, Node], Module] = {}
        for module, x, out, _ in trace:
            if any(edge.node is x for edge in out.edges):
                self.modules.setdefault((x, out), module)
        self.paths = {id(module): path.rstrip(".") for path, module in model.modules()}
        self.entries: list[list[Any]] = []
        self.layers: list[Layer] = []
        self.integers: dict[Node, Made] = {}
        self.reals: dict[Node, str] = {}
        self.taken = {INPUT, CONDITIONING}
        units = list(units_of(output, trace, list(kept)))
        self.parts = {unit.first: parts_of(unit.first) for unit in units if not unit.kept and len(unit.first.edges) > 1}
        calibration.measure(self.measured(units))
        for unit in units:
            self.convert(unit)
        if model.declared_output is not None:
            self.add("output", Output(model.declared_output), self.real(output))
        elif self.real(output) == INPUT:
            self.add("output", Activation("identity"), INPUT)
        needed = model.condition_channels_needed
        period = model.condition_period if needed else 1
        self.network = Graph(channels, self.entries, condition_channels=needed, condition_period=period)

    def add(self, name: str, layer: Module | str, *inputs: str) -> str:
        """Note a layer of the new network; its name, which may get a number."""
        if any(name.startswith(f"{taken}.") for taken in self.taken):
            name = name.replace(".", "_")  # below another's path, no number at its end would make it free
        number, wanted = 1, name
        while any(f"{taken}.".startswith(f"{name}.") or name.startswith(f"{taken}.") for taken in self.taken):
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        self.entries.append([name, layer, list(inputs)])
        return name

    def add_all(self, name: str, steps: Steps, *inputs: str) -> str:
        """Note successive layers, the first of which reads the inputs; the name of the last."""
        made = self.add(name, steps[0], *inputs)
        for step in steps[1:]:
            made = self.add(f"{name}_{type(step).__name__}", step, made)
        return made

    def layer_of(self, node: Node) -> Module:
        """The layer that made a node in the old network, or one for a function that the network itself applies."""
        module = self.modules.get((node.edges[0].node, node))
        if module is None:
            assert isinstance(node, nodes.Activate) and not node.parameters
            return Activation(node.name)
        return module

    def name_of(self, node: Node, index: int = 0) -> str:
        """The path of the layer that made a node of what it reads by this edge, or the name of its operation."""
        module = self.modules.get((node.edges[index].node, node))
        return (self.paths.get(id(module), "") or node.operation) if module else node.operation

    # Sequences

    def real(self, node: Node) -> str:
        """The name of the layer that makes a node's frames in float32."""
        if node.signal:
            return node.signal
        if node not in self.reals:
            name, given = self.integers[node]
            layer = self.emitter.leave(node.channels, given)
            self.reals[node] = name if layer is None else self.add(f"{name}_float", layer, name)
        return self.reals[node]

    def integer(self, node: Node) -> Made:
        """The name of the layer that makes a node's frames in integers, and what these stand for."""
        if node not in self.integers:
            name, wanted = self.real(node), self.calibration.of(node)
            layer = self.emitter.enter(node.channels, wanted)
            self.integers[node] = self.add(f"{ENTRANCES.get(name, name)}_int8", layer, name), wanted
        return self.integers[node]

    def measured(self, units: Sequence[Unit]) -> Iterator[Node]:
        """The sequences whose range is needed."""
        for unit in units:
            if not unit.kept:
                single, sums = self.parts.get(unit.first, ([], []))
                read = (edge.node for edge in unit.first.edges if edge.node.signal)
                yield from (node for node in (*read, *single, *sums, unit.node) if rounding_of(node) is None)

    # Units

    def convert(self, unit: Unit) -> None:
        if unit.kept:
            self.keep(unit.node, unit.kept)
        elif self.stays_real(unit.first):
            for node in (unit.first, *unit.followers):
                self.keep(node, [(self.layer_of(node), (node.edges[0].node,))])
        else:
            name, integers = CONVERSIONS[type(unit.first)](self, unit)
            self.integers[unit.node] = name, integers
            self.layers.append(Layer(name, unit.node, integers))

    def stays_real(self, node: Node) -> bool:
        """Whether it is an element-wise operation on a sequence that there is in float32 only."""
        if not isinstance(node, nodes.Activate | nodes.Norm) or is_rounding(node):
            return False
        read = node.edges[0].node
        return read in self.reals and read not in self.integers

    def keep(self, node: Node, kept: Sequence[Kept]) -> None:
        """Layers that stay in float32, and their sum."""
        made = []
        for module, reads in kept:
            name = self.paths.get(id(module)) or node.operation
            made.append(self.add(name, copy.deepcopy(module), *(self.real(one) for one in reads)))
        self.reals[node] = made[0] if len(made) == 1 else self.add("sum", "add", *made)
        self.layers.append(Layer(self.reals[node], node, None))

    def convolution(self, unit: Unit) -> Made:
        """A convolution, or batch normalisation without one; of a sum of convolutions each becomes a layer."""
        source = unit.first
        if source not in self.parts:
            return self.one_convolution(unit)
        single, sums = self.parts[source]
        made = [self.one_convolution(Unit(part), self.name_of(source, i)) for i, part in enumerate(single)]
        return self.chain("add", "sum", made, [*sums, unit.node], unit.clamp)

    def one_convolution(self, unit: Unit, name: str | None = None) -> Made:
        source = unit.first
        read, given = self.integer(source.edges[0].node)
        wanted = self.calibration.of(unit.node)
        kind: type[Conv1d] | type[Conv2d] = Conv1d
        if isinstance(source, nodes.Conv2d):
            module = self.layer_of(source)
            assert isinstance(module, Conv2d)
            kind, options = Conv2d, {name: value for name, value in module.options().items() if name != "bias"}
        else:
            options = options_of(source)
        weight, bias = folded(unit)
        steps = self.emitter.convolution(Convolution(kind, options, weight, bias), given, wanted, unit.clamp)
        return self.add_all(name or self.name_of(source), steps, read), wanted

    def chain(self, kind: str, name: str, made: list[Made], results: list[Node], clamp: Clamp) -> Made:
        """Join the sequences one after the other; `results` are the nodes whose frames that gives."""
        so_far = made[0]
        for result, other in zip(results, made[1:], strict=True):
            wanted = self.calibration.of(result)
            limits = clamp if result is results[-1] else FREE
            channels = [result.channels] * 2
            steps = self.emitter.join(kind, channels, [so_far[1], other[1]], wanted, limits)
            so_far = self.add_all(name, steps, so_far[0], other[0]), wanted
        return so_far

    def sum(self, unit: Unit) -> Made:
        node = unit.first
        made = [self.integer(edge.node) for edge in node.edges]
        return self.chain("add", "sum", made, [*self.parts[node].sums, unit.node], unit.clamp)

    def product(self, unit: Unit) -> Made:
        made = [self.integer(edge.node) for edge in unit.first.edges]
        return self.chain("multiply", "product", made, [unit.node], unit.clamp)

    def concatenation(self, unit: Unit) -> Made:
        wanted = self.calibration.of(unit.node)
        made = [self.integer(edge.node) for edge in unit.first.edges]
        channels = [edge.node.channels for edge in unit.first.edges]
        steps = self.emitter.join("concat", channels, [given for _, given in made], wanted, FREE)
        return self.add_all("concat", steps, *(name for name, _ in made)), wanted

    def pool(self, unit: Unit) -> Made:
        """A pool over all frames; the maximum keeps the integers that it is given."""
        node = unit.first
        assert isinstance(node, nodes.CumulativePool)
        read, given = self.integer(node.edges[0].node)
        wanted = given if node.kind == "max" else self.calibration.of(unit.node)
        steps = self.emitter.pool(node.channels, self.layer_of(node), given, wanted)
        return self.add_all(self.name_of(node), steps, read), wanted

    def slice(self, unit: Unit) -> Made:
        node = unit.first
        assert isinstance(node, nodes.Slice)
        name, given = self.integer(node.edges[0].node)
        return self.add(self.name_of(node), Slice(node.first, node.channels), name), given

    def activation(self, unit: Unit) -> Made:
        node = unit.first
        assert isinstance(node, nodes.Activate)
        if is_rounding(node):
            return self.entrance(node)
        read, given = self.integer(node.edges[0].node)
        wanted = FIXED.get(node.name) or self.calibration.of(unit.node)
        steps = self.emitter.function(node.channels, self.layer_of(node), given, wanted)
        return self.add_all(self.name_of(node), steps, read), wanted

    def entrance(self, node: Node) -> Made:
        """A rounding of a sequence in float32."""
        wanted = self.calibration.of(node)
        layer = self.emitter.enter(node.channels, wanted)
        return self.add(self.name_of(node), layer, self.real(node.edges[0].node)), wanted

    def gate(self, unit: Unit) -> Made:
        """tanh of the first half of the channels times sigmoid of the second."""
        node, name = unit.first, self.name_of(unit.first)
        read, given = self.integer(node.edges[0].node)
        halves = []
        for first, (function, wanted) in zip((0, node.channels), FIXED.items(), strict=True):
            half = self.add(f"{name}_half", Slice(first, node.channels), read)
            steps = self.emitter.function(node.channels, Activation(function), given, wanted)
            halves.append((self.add_all(f"{name}_{function}", steps, half), wanted))
        return self.chain("multiply", f"{name}_product", halves, [unit.node], FREE)


CONVERSIONS: dict[type[Node], Callable[[Conversion, Unit], Made]] = {
    nodes.Conv: Conversion.convolution,
    nodes.FakeQuantizedConv: Conversion.convolution,
    nodes.Conv2d: Conversion.one_convolution,
    nodes.FakeQuantizedConv2d: Conversion.one_convolution,
    nodes.CumulativePool: Conversion.pool,
    nodes.Norm: Conversion.convolution,
    nodes.Sum: Conversion.sum,
    nodes.Product: Conversion.product,
    nodes.Concat: Conversion.concatenation,
    nodes.Slice: Conversion.slice,
    nodes.Activate: Conversion.activation,
    nodes.Gate: Conversion.gate,
}
"""By the first node of a unit."""


def options_of(source: Node) -> dict[str, Any]:
    """Options of the `Conv1d` that computes a node with one edge."""
    edge = source.edges[0]
    before = -edge.shift
    return {
        "in_channels": edge.node.channels, "out_channels": source.channels, "kernel_size": edge.taps,
        "stride": edge.stride, "dilation": edge.spacing,
        "padding": (before, (edge.taps - 1) * edge.spacing - before - edge.end_reach),
        "groups": source.groups[0] if isinstance(source, nodes.Conv) else source.channels,
    }  # fmt: skip


def folded(unit: Unit) -> tuple[Doubles, Doubles]:
    """Weights (out, in / groups, ...) and biases of a unit's convolution with all its normalisation, float64."""
    source = unit.first
    if isinstance(source, nodes.Norm):
        weight, bias = (np.tile(one, source.bins) for one in (source.scale, source.offset))
        weight = weight.reshape(-1, 1, 1)
    else:
        assert isinstance(source, nodes.Conv | nodes.Conv2d)
        given = source.arranged(source.weight) if isinstance(source, nodes.Conv2d) else source.weights[0]
        weight = given.astype(np.float64)
        bias = np.zeros(len(weight)) if source.bias is None else source.bias.astype(np.float64)
    for norm in unit.norms:
        scale, offset = (np.tile(one, len(weight) // one.size) for one in (norm.scale, norm.offset))
        weight, bias = weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), bias * scale + offset
    return weight, bias


def parts_of(node: Node) -> Parts:
    """Of a sum, and of a sum of convolutions."""
    counts = range(2, len(node.edges))
    if isinstance(node, nodes.Conv):
        return Parts([one_edge(node, index) for index in range(len(node.edges))],
                     [first_edges(node, count) for count in counts])  # fmt: skip
    return Parts([], [replace(node, edges=node.edges[:count]) for count in counts])


def one_edge(node: nodes.Conv, index: int) -> nodes.Conv:
    """One of the convolutions that a node adds."""
    edge = node.edges[index]
    return replace(
        node, edges=(edge,), clock=clock_after([edge]), weights=(node.weights[index],), groups=(node.groups[index],),
        biases=(node.biases[index],),
    )  # fmt: skip


def first_edges(node: nodes.Conv, count: int) -> nodes.Conv:
    """The sum of the first of the convolutions."""
    return replace(
        node, edges=node.edges[:count], weights=node.weights[:count], groups=node.groups[:count],
        biases=node.biases[:count],
    )  # fmt: skip
