"""Networks of 8-bit integers as TFLite files that are called block by block, as microWakeWord's are.

Each sequence that is read beyond its newest frames has a variable with the frames before the call, at the start zeros.
Only operators that ESPHome registers for such models are written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.formats.tflite_integers import LIMITS, between
from wavenetlite.formats.tflite_writer import TfliteWriter
from wavenetlite.graph import HIGHEST, LOWEST, Edge, Node, Quantization, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.nodes.rescaling import RULES, requantized
from wavenetlite.support.errors import ParameterError

VALID = 1
PROBABILITY = Quantization(1 / 256, -128)
FUSED = {"": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}


def network_bytes(network: Module, frames: int | None) -> bytes:
    """A file that computes what the network does, with `frames` of the input at each call; None: as few as it can."""
    output = network.graph()
    order = topological_order(output)
    least = math.lcm(*(Fraction(node.clock.rate).numerator for node in order))
    frames = least if frames is None else frames
    if frames % least:
        raise ParameterError(f"frames={frames} must be a multiple of {least}, the network's frame period")
    return Exporter(frames).file(order, output)


class Exporter:
    """Writes one node after the other."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.write = TfliteWriter()
        self.values: dict[Node, int] = {}
        self.before: dict[tuple[Node, int], int] = {}
        self.states: list[tuple[str, tuple[int, ...], Quantization]] = []
        self.input = -1

    def file(self, order: list[Node], output: Node) -> bytes:
        self.write.operator("CALL_ONCE", [], [], subgraph=1)
        for node in order:
            if node.signal == "x":
                continue
            if node.operation not in WRITERS:
                raise ParameterError(refusal(node))
            if node.operation == "dequantize" and node is not output:
                raise ParameterError("a TFLite file of integers cannot hold floats between layers of integers")
            self.values[node] = WRITERS[node.operation](self, node)
        result = self.result(output)
        self.write.ends([self.input], [result])
        self.initial_states()
        # Without the names of inputs and outputs, the C library of older TensorFlow Lites makes no interpreter.
        named = {"inputs": [{"name": "input", "tensor": self.input}], "outputs": [{"name": "output", "tensor": result}]}
        signature = {**named, "key": "serving_default", "subgraph": 0}
        return self.write.bytes(signatures=[signature])

    # Tensors

    def new_frames(self, node: Node) -> int:
        """Frames of a node at each call."""
        return int(self.frames / Fraction(node.clock.rate))

    def tensor(self, node: Node, frames: int | None = None) -> int:
        frames = self.new_frames(node) if frames is None else frames
        return self.integers((1, frames, 1, node.channels), quantization_of(node))

    def integers(self, shape: tuple[int, ...], given: Quantization) -> int:
        return self.write.tensor(shape, "int8", scale=given.scale, zero_point=given.zero_point)

    def ints(self, *numbers: int) -> int:
        return self.write.constant(np.array(numbers, np.int32))

    def result(self, output: Node) -> int:
        """The output: probabilities as unsigned bytes, as microWakeWord has them, else signed ones."""
        if output.operation != "dequantize":
            raise ParameterError("a TFLite file of integers needs a network that ends in a Dequantize")
        node = output.edges[0].node
        given, frames = quantization_of(node), self.new_frames(node)
        shape = (1, node.channels) if frames == 1 else (1, frames, node.channels)
        flat = self.write.operator("RESHAPE", [self.values[node], self.ints(*shape)], [self.integers(shape, given)])
        if given != PROBABILITY:
            return flat
        return self.write.operator("QUANTIZE", [flat], [self.write.tensor(shape, "uint8", scale=given.scale)])

    # State

    def with_history(self, edge: Edge) -> tuple[int, int]:
        """What an edge reads: a tensor with the frames before the call, and how many they are."""
        node, before = edge.node, -edge.shift
        reach = (edge.taps - 1) * edge.spacing
        if not max(0, reach + 1 - edge.stride) <= before <= reach:
            raise ParameterError("a TFLite file that is called block by block needs layers that neither wait for later "
                                 'frames nor leave out the first ones: padding="causal", and no delays between '
                                 "branches")  # fmt: skip
        if not before:
            return self.values[node], 0
        if (node, before) not in self.before:
            self.before[node, before] = self.kept(node, before)
        return self.before[node, before], before

    def kept(self, node: Node, before: int) -> int:
        """The frames of before the call and of the call; the last ones are kept in a variable."""
        shape, name = (1, before, 1, node.channels), f"state_{len(self.states)}"
        given, write = quantization_of(node), self.write
        self.states.append((name, shape, given))
        handle = write.operator("VAR_HANDLE", [], [write.tensor((), "resource")], name=name)
        held = write.operator("READ_VARIABLE", [handle], [self.integers(shape, given)])
        whole = self.tensor(node, before + self.new_frames(node))
        write.operator("CONCATENATION", [held, self.values[node]], [whole], axis=1)
        numbers = [self.ints(0, -before, 0, 0), self.ints(0, 0, 0, 0), self.ints(1, 1, 1, 1)]
        last = write.operator("STRIDED_SLICE", [whole, *numbers], [self.integers(shape, given)], begin_mask=13,
                              end_mask=15)  # fmt: skip
        write.operator("ASSIGN_VARIABLE", [handle, last], [])
        return whole

    def initial_states(self) -> None:
        """The graph that sets all variables to zeros."""
        write = self.write
        write.graph()
        for name, shape, given in self.states:
            handle = write.operator("VAR_HANDLE", [], [write.tensor((), "resource")], name=name)
            zeros = write.constant(np.full(shape, given.zero_point, np.int8), scale=given.scale,
                                   zero_point=given.zero_point)  # fmt: skip
            write.operator("ASSIGN_VARIABLE", [handle, zeros], [])


def refusal(node: Node) -> str:
    """Why a node cannot be written, and what to do."""
    if node.reads_integers or node.operation == "conv2d":  # of which the integers could not be written either
        remedy = "; C can (a path that ends in .h)"
    else:
        remedy = ": quantise the network, and leave out what stays in floats"
    return f"a TFLite file of integers cannot hold the operation {node.operation}{remedy}"


def quantization_of(node: Node) -> Quantization:
    if node.quantization is None:
        raise ParameterError("a TFLite file of integers cannot hold floats: the network must begin with a Quantize "
                             "and end with a Dequantize")  # fmt: skip
    return node.quantization


def fused(low: int, high: int, output: Quantization) -> int:
    """The activation that clamps so."""
    for kind, number in FUSED.items():
        limits = between(*LIMITS[kind], output) if kind else {"low": LOWEST, "high": HIGHEST}
        if limits == {"low": low, "high": high}:
            return number
    raise ParameterError(f"low={low} and high={high} are those of no activation of TFLite (ReLU, ReLU6)")


# One function for each operation


def quantize(to: Exporter, node: Node) -> int:
    source = node.edges[0].node
    if source.signal != "x" or to.input >= 0:
        raise ParameterError("a TFLite file of integers needs a network that begins with one Quantize")
    given, frames = quantization_of(node), to.new_frames(node)
    to.input = to.integers((1, frames, node.channels), given)
    return to.write.operator("RESHAPE", [to.input, to.ints(1, frames, 1, node.channels)], [to.tensor(node)])


def dequantize(to: Exporter, node: Node) -> int:
    return to.values[node.edges[0].node]


def conv(to: Exporter, node: Any) -> int:
    edge: Edge = node.edges[0]
    source, _ = to.with_history(edge)
    weight, depthwise = np.asarray(node.weights[0]), node.groups[0] == edge.node.channels > 1
    if depthwise:
        weight = weight.transpose(1, 2, 0)[:, :, None]
    else:
        weight = dense(weight, node.groups[0]).transpose(0, 2, 1)[:, :, None]
    scale = quantization_of(edge.node).scale * node.weight_scale
    inputs = [source, to.write.constant(np.ascontiguousarray(weight), scale=node.weight_scale, axis=3 * depthwise),
              to.write.constant(np.asarray(node.biases[0], np.int32), scale=scale)]  # fmt: skip
    options: dict[str, Any] = {"multiplier": node.channels // edge.node.channels} if depthwise else {}
    return to.write.operator(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, [to.tensor(node)], padding=VALID, stride_w=1,
        stride_h=edge.stride, dilation_h=edge.spacing, dilation_w=1, activation=fused(node.low, node.high, node.output),
        **options,
    )  # fmt: skip


def dense(weight: np.ndarray, groups: int) -> np.ndarray:
    """Weights of groups as those of all channels: zeros between groups."""
    out, per_group, kernel_size = weight.shape
    made = np.zeros((out, per_group * groups, kernel_size), weight.dtype)
    for group in range(groups):
        rows = slice(group * out // groups, (group + 1) * out // groups)
        made[rows, group * per_group : (group + 1) * per_group] = weight[rows]
    return made


def look_up(to: Exporter, node: Any) -> int:
    """LOGISTIC, or QUANTIZE to another scale."""
    source, output = node.edges[0].node, quantization_of(node)
    given = quantization_of(source)
    sigmoid = nodes.table_of("sigmoid", given, output, negative_slope=0.0)
    if output == PROBABILITY and np.array_equal(node.table, sigmoid):
        return to.write.operator("LOGISTIC", [to.values[source]], [to.tensor(node)])
    if any(np.array_equal(node.table, requantized(rule, *given, *output)) for rule in RULES):
        return to.write.operator("QUANTIZE", [to.values[source]], [to.tensor(node)])
    raise ParameterError("a TFLite file for microcontrollers has no operator for this activation; of lookups it has "
                         "the sigmoid with output_scale=1/256 and output_zero_point=-128, and Requantize")  # fmt: skip


def binary(to: Exporter, node: Any) -> int:
    sources = [to.with_history(edge)[0] for edge in node.edges]
    kind = "ADD" if node.kind == "add" else "MUL"
    return to.write.operator(kind, sources, [to.tensor(node)], activation=fused(node.low, node.high, node.output))


def concat(to: Exporter, node: Node) -> int:
    sources = [to.with_history(edge)[0] for edge in node.edges]
    return to.write.operator("CONCATENATION", sources, [to.tensor(node)], axis=3)


def take(to: Exporter, node: Any) -> int:
    source, end = to.values[node.edges[0].node], node.first + node.channels
    numbers = [to.ints(0, 0, 0, node.first), to.ints(0, 0, 0, end), to.ints(1, 1, 1, 1)]
    return to.write.operator("STRIDED_SLICE", [source, *numbers], [to.tensor(node)], begin_mask=7, end_mask=7)


def pool(to: Exporter, node: Any) -> int:
    edge: Edge = node.edges[0]
    source, _ = to.with_history(edge)
    kind = "MAX_POOL_2D" if node.kind == "max" else "AVERAGE_POOL_2D"
    return to.write.operator(kind, [source], [to.tensor(node)], padding=VALID, stride_w=1, stride_h=edge.stride,
                             width=1, height=edge.taps, activation=fused(node.low, node.high, node.output))  # fmt: skip


WRITERS: dict[str, Callable[[Exporter, Any], int]] = {
    "dequantize": dequantize,
    "integer_binary": binary,
    "integer_concat": concat,
    "integer_conv": conv,
    "integer_pool": pool,
    "integer_slice": take,
    "look_up": look_up,
    "quantize": quantize,
}
"""By operation: ``function(exporter, node)`` writes it and gives the number of its tensor."""
