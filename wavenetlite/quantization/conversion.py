"""From a network to one that computes with integers of 8 bits."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import HIGHEST, LOWEST, Node, Quantization, clock_after
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.graph import INPUT, Graph, Slice
from wavenetlite.nn.integer import (
    Dequantize,
    IntegerAdd,
    IntegerBinary,
    IntegerConcat,
    IntegerConv1d,
    IntegerConv2d,
    IntegerLookup,
    IntegerMultiply,
    Quantize,
    Rounding,
)
from wavenetlite.nn.module import Module, recorded
from wavenetlite.nn.pointwise import Activation
from wavenetlite.quantization.calibration import Calibration, rounded
from wavenetlite.quantization.units import Unit, units_of
from wavenetlite.quantization.weights import integer_parameters
from wavenetlite.support.arrays import Doubles

TANH, SIGMOID = Quantization(1 / 128, 0), Quantization(1 / 256, LOWEST)
"""Outputs of these functions, as TensorFlow Lite wants them."""

ALL = np.arange(LOWEST, HIGHEST + 1)

NAMED = {"sigmoid": SIGMOID, "tanh": TANH, "silu": None, "gelu": None, "hardswish": None}
"""Functions whose table an `IntegerLookup` makes itself, and the integers of their outputs where they are fixed."""


@dataclass(frozen=True)
class Layer:
    """A layer of the new network that makes the frames of a node of the old one."""

    name: str
    node: Node
    integers: Quantization | None


class Conversion:
    """The conversion of a network.

    Attributes
    ----------
    network
        The network that computes with integers.
    layers
        Its layers that have a counterpart in the old one, in order.
    """

    def __init__(
        self, model: Module, channels: int, calibration: Calibration, rounding: Rounding, kept: Sequence[Module]
    ) -> None:
        self.calibration, self.rounding = calibration, rounding
        output, trace = recorded(model, channels)
        self.modules = {out: module for module, x, out in reversed(trace) if any(edge.node is x for edge in out.edges)}
        self.paths = {id(module): path.rstrip(".") for path, module in model.modules()}
        self.entries: list[list[Any]] = []
        self.layers: list[Layer] = []
        self.integers: dict[Node, tuple[str, Quantization]] = {}
        self.reals: dict[Node, str] = {}
        self.taken = {INPUT}
        for unit in units_of(output, trace, list(kept)):
            self.convert(unit)
        if self.real(output) == INPUT:
            self.add("output", Activation("identity"), INPUT)
        self.network = Graph(channels, self.entries)

    def add(self, name: str, layer: Module, *inputs: str) -> str:
        """Note a layer of the new network; its name, which may get a number."""
        number, wanted = 1, name or "network"
        while any(f"{taken}.".startswith(f"{name}.") or name.startswith(f"{taken}.") for taken in self.taken):
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        self.entries.append([name, layer, list(inputs)])
        return name

    def name_of(self, node: Node) -> str:
        """The path of the layer that made a node in the old network, or the name of its operation."""
        module = self.modules.get(node)
        return (self.paths.get(id(module), "") or node.operation) if module else node.operation

    # Sequences

    def real(self, node: Node) -> str:
        """The name of the layer that makes a node's frames in float32."""
        if node.signal:
            return INPUT
        if node not in self.reals:
            name, given = self.integers[node]
            self.reals[node] = self.add(f"{name}_float", Dequantize(node.channels, *given), name)
        return self.reals[node]

    def integer(self, node: Node) -> tuple[str, Quantization]:
        """The name of the layer that makes a node's frames in integers, and what these stand for."""
        if node not in self.integers:
            name, wanted = self.real(node), self.calibration.of(node)
            layer = Quantize(node.channels, *wanted, rounding=self.rounding)
            self.integers[node] = self.add(f"{'input' if name == INPUT else name}_int8", layer, name), wanted
        return self.integers[node]

    def note(self, node: Node, name: str, integers: Quantization | None) -> None:
        if integers is None:
            self.reals[node] = name
        else:
            self.integers[node] = name, integers
        self.layers.append(Layer(name, node, integers))

    # Units

    def convert(self, unit: Unit) -> None:
        if unit.module is not None:
            assert unit.reads is not None
            self.keep(unit.node, unit.module, unit.reads)
        elif isinstance(unit.first, nodes.Activate | nodes.Norm) and unit.first.edges[0].node in self.reals:
            for node in (unit.first, *unit.followers):
                self.keep(node, self.modules[node], node.edges[0].node)
        else:
            self.note(unit.node, *CONVERSIONS[type(unit.first)](self, unit))

    def keep(self, node: Node, module: Module, reads: Node) -> None:
        """A layer that stays in float32."""
        name = self.add(self.paths.get(id(module)) or node.operation, copy.deepcopy(module), self.real(reads))
        self.note(node, name, None)

    def convolution(self, unit: Unit) -> tuple[str, Quantization]:
        """A convolution, or batch normalisation without one."""
        source, name = unit.first, self.name_of(unit.first)
        if not isinstance(source, nodes.Conv) or len(source.edges) == 1:
            return self.one_convolution(name, unit)
        parts = [one_edge(source, index) for index in range(len(source.edges))]
        made = [self.one_convolution(name, Unit(part)) for part in parts]
        sums: list[Node] = [first_edges(source, count) for count in range(2, len(parts))]
        return self.chain(IntegerAdd, "sum", made, [*sums, unit.node], unit.clamp)

    def one_convolution(self, name: str, unit: Unit) -> tuple[str, Quantization]:
        source, edge = unit.first, unit.first.edges[0]
        weight, bias, groups = folded(unit)
        read, given = self.integer(edge.node)
        wanted = self.calibration.of(unit.node)
        before = -edge.shift
        layer = IntegerConv1d(
            edge.node.channels, source.channels, edge.taps, stride=edge.stride, dilation=edge.spacing, groups=groups,
            padding=(before, (edge.taps - 1) * edge.spacing - before - edge.end_reach),
            **self.rescaling(given, wanted, unit.clamp),
        )  # fmt: skip
        layer.load_state_dict(integer_parameters(weight, bias, given.scale))
        return self.add(name, layer, read), wanted

    def convolution_over_bins(self, unit: Unit) -> tuple[str, Quantization]:
        module = self.modules[unit.first]
        assert isinstance(module, Conv2d)
        weight, bias, _ = folded(unit)
        read, given = self.integer(unit.first.edges[0].node)
        wanted = self.calibration.of(unit.node)
        options = {name: value for name, value in module.options().items() if name != "bias"}
        layer = IntegerConv2d(**options, **self.rescaling(given, wanted, unit.clamp))
        layer.load_state_dict(integer_parameters(weight, bias, given.scale))
        return self.add(self.name_of(unit.first), layer, read), wanted

    def rescaling(self, given: Quantization, wanted: Quantization, clamp: tuple[float, float]) -> dict[str, Any]:
        """Options of a convolution with these inputs and outputs."""
        low, high = limits(clamp, wanted)
        return {
            "input_scale": given.scale, "input_zero_point": given.zero_point, "output_scale": wanted.scale,
            "output_zero_point": wanted.zero_point, "low": low, "high": high, "rounding": self.rounding,
        }  # fmt: skip

    def chain(
        self,
        kind: type[IntegerBinary],
        name: str,
        made: list[tuple[str, Quantization]],
        results: list[Node],
        clamp: tuple[float, float],
    ) -> tuple[str, Quantization]:
        """Join the sequences one after the other; `results` are the nodes whose frames that gives."""
        so_far = made[0]
        for result, other in zip(results, made[1:], strict=True):
            wanted = self.calibration.of(result)
            low, high = limits(clamp if result is results[-1] else (-math.inf, math.inf), wanted)
            layer = kind(
                result.channels, input_scales=[so_far[1].scale, other[1].scale],
                input_zero_points=[so_far[1].zero_point, other[1].zero_point], output_scale=wanted.scale,
                output_zero_point=wanted.zero_point, low=low, high=high, rounding=self.rounding,
            )  # fmt: skip
            so_far = self.add(name, layer, so_far[0], other[0]), wanted
        return so_far

    def sum(self, unit: Unit) -> tuple[str, Quantization]:
        node = unit.first
        made = [self.integer(edge.node) for edge in node.edges]
        sums = [replace(node, edges=node.edges[:count]) for count in range(2, len(made))]
        return self.chain(IntegerAdd, "sum", made, [*sums, unit.node], unit.clamp)

    def product(self, unit: Unit) -> tuple[str, Quantization]:
        made = [self.integer(edge.node) for edge in unit.first.edges]
        return self.chain(IntegerMultiply, "product", made, [unit.node], unit.clamp)

    def concatenation(self, unit: Unit) -> tuple[str, Quantization]:
        node, wanted = unit.node, self.calibration.of(unit.node)
        made = [self.integer(edge.node) for edge in node.edges]
        layer = IntegerConcat(
            [edge.node.channels for edge in node.edges], input_scales=[given.scale for _, given in made],
            input_zero_points=[given.zero_point for _, given in made], output_scale=wanted.scale,
            output_zero_point=wanted.zero_point, rounding=self.rounding,
        )  # fmt: skip
        return self.add("concat", layer, *(name for name, _ in made)), wanted

    def slice(self, unit: Unit) -> tuple[str, Quantization]:
        node = unit.node
        assert isinstance(node, nodes.Slice)
        name, given = self.integer(node.edges[0].node)
        return self.add(self.name_of(node), Slice(node.first, node.channels), name), given

    def activation(self, unit: Unit) -> tuple[str, Quantization]:
        node = unit.node
        assert isinstance(node, nodes.Activate)
        read, given = self.integer(node.edges[0].node)
        wanted = NAMED.get(node.name) or self.calibration.of(node)
        layer = self.lookup(node.channels, node.name, given, wanted, self.modules[node])
        return self.add(self.name_of(node), layer, read), wanted

    def gate(self, unit: Unit) -> tuple[str, Quantization]:
        """tanh of the first half of the channels times sigmoid of the second."""
        node, name = unit.node, self.name_of(unit.node)
        read, given = self.integer(node.edges[0].node)
        halves = []
        for first, function, wanted in ((0, "tanh", TANH), (node.channels, "sigmoid", SIGMOID)):
            half = self.add(f"{name}_half", Slice(first, node.channels), read)
            layer = self.lookup(node.channels, function, given, wanted)
            halves.append((self.add(f"{name}_{function}", layer, half), wanted))
        return self.chain(IntegerMultiply, f"{name}_product", halves, [node], unit.clamp)

    def lookup(
        self, channels: int, function: str, given: Quantization, wanted: Quantization, module: Module | None = None
    ) -> IntegerLookup:
        """A table of a function; `module` computes it, where `IntegerLookup` does not know it."""
        named = function if function in NAMED else "table"
        layer = IntegerLookup(
            channels, named, input_scale=given.scale, input_zero_point=given.zero_point, output_scale=wanted.scale,
            output_zero_point=wanted.zero_point,
        )  # fmt: skip
        if named == "table":
            assert module is not None
            values = module(((ALL - given.zero_point) * given.scale).astype(np.float32).reshape(-1, 1))
            real = rounded(values.ravel().astype(np.float64), wanted)
            layer.load_state_dict({"table": (np.rint(real / wanted.scale) + wanted.zero_point).astype(np.int8)})
        return layer


CONVERSIONS: dict[type[Node], Callable[[Conversion, Unit], tuple[str, Quantization]]] = {
    nodes.Conv: Conversion.convolution,
    nodes.Conv2d: Conversion.convolution_over_bins,
    nodes.Norm: Conversion.convolution,
    nodes.Sum: Conversion.sum,
    nodes.Product: Conversion.product,
    nodes.Concat: Conversion.concatenation,
    nodes.Slice: Conversion.slice,
    nodes.Activate: Conversion.activation,
    nodes.Gate: Conversion.gate,
}
"""By the first node of a unit."""


def folded(unit: Unit) -> tuple[Doubles, Doubles, int]:
    """Weights (out, in / groups, ...), biases and groups of a unit's convolution with all its normalisation."""
    source = unit.first
    if isinstance(source, nodes.Norm):
        weight = np.tile(source.scale, source.bins).reshape(-1, 1, 1)
        bias, groups = np.tile(source.offset, source.bins), source.channels
    elif isinstance(source, nodes.Conv2d):
        weight, groups = source.arranged(source.weight).astype(np.float64), source.groups
        bias = np.zeros(len(weight)) if source.bias is None else source.bias.astype(np.float64)
    else:
        assert isinstance(source, nodes.Conv)
        weight, groups = source.weights[0].astype(np.float64), source.groups[0]
        bias = np.zeros(source.channels) if source.bias is None else source.bias.astype(np.float64)
    for norm in unit.norms:
        scale, offset = (np.tile(one, len(weight) // one.size) for one in (norm.scale, norm.offset))
        weight, bias = weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), bias * scale + offset
    return weight, bias, groups


def limits(clamp: tuple[float, float], integers: Quantization) -> tuple[int, int]:
    """The bounds of a clamp as integers."""
    low, high = (np.clip(bound / integers.scale + integers.zero_point, LOWEST, HIGHEST) for bound in clamp)
    return int(np.rint(low)), int(np.rint(high))


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
