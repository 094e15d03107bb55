"""ONNX graphs as networks of ours: every node is a layer, and every tensor a sequence of frames.

A tensor of an ONNX graph holds a whole signal; ours come frame by frame. So for each tensor there is a `Signal`: the
sequence of ours that it is, which of its axes is what, and what is still to happen at its ends. Zeros that a Pad puts
before a signal wait there for the convolution that reads them, and become its padding; what a Slice cuts off waits
until somebody needs the frames in their places. That is how padding becomes state, and symmetric padding latency.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from wavenetlite import graph, nn, nodes
from wavenetlite.formats.onnx_constants import FOLDED, Symbol, fold, integers
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.onnx_signal import (
    BATCH,
    CHAINS,
    CHANNELS,
    ONE,
    TIME,
    Axes,
    Signal,
    Stack,
    Unfinished,
    UnsupportedError,
    beginnings,
    check_over_time,
    floats,
    from_end,
    from_start,
    pads_named,
    reaches_end,
    scalar,
    scales_by,
    zero_stays,
)
from wavenetlite.graph import Node
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError

LAYOUTS: dict[int, list[Axes]] = {
    2: [(TIME, CHANNELS), (CHANNELS, TIME)],
    3: [(BATCH, CHANNELS, TIME), (BATCH, TIME, CHANNELS)],
    4: [(BATCH, CHANNELS, ONE, TIME), (BATCH, ONE, CHANNELS, TIME), (BATCH, ONE, TIME, CHANNELS),
        (BATCH, CHANNELS, TIME, ONE)],
}  # fmt: skip
"""What the axes of an input may be, by their number; the first that the graph makes sense with is taken."""

MOST_NODES = 5_000
SPARE_VALUES = 2**21
"""Weights, and values computed of constants, that may be made besides a few times those that the file holds."""


def network(file: OnnxGraph, layout: str | None = None) -> nn.Graph:
    """The network of a graph.

    Parameters
    ----------
    file
        As `onnx_file.read` gives it.
    layout
        Axes of the input, such as "batch, channels, time"; None: the first that makes sense.
    """
    if len(file.inputs) != 1:
        raise ModelFileError(f"its graph has {len(file.inputs)} inputs ({', '.join(file.inputs)}); it must have one")
    if len(file.outputs) != 1:
        raise ModelFileError(f"its graph has {len(file.outputs)} outputs ({', '.join(file.outputs)}); it must have one")
    if len(file.nodes) > MOST_NODES:
        raise ModelFileError(f"its graph has {len(file.nodes)} nodes; it must have at most {MOST_NODES}")
    ((name, sizes),) = file.inputs.items()
    if layout is not None:
        layouts = [tuple(layout.replace(",", " ").split())]
        if sorted({*layouts[0]} - {BATCH, ONE}) != sorted((CHANNELS, TIME)) or len(layouts[0]) != len(sizes):
            raise ParameterError(f"layout={layout!r} must name the {len(sizes)} axes of the input: batch, channels, "
                                 "time, or 1")  # fmt: skip
    else:
        layouts = [axes for axes in LAYOUTS.get(len(sizes), []) if makes_sense(axes, sizes)]
    best: Importer | None = None
    for axes in layouts:
        importer = Importer(file, name, axes, sizes)
        if importer.run():
            return importer.network()
        if best is None or importer.done > best.done:
            best = importer
    if best is None:
        raise ModelFileError(f"input {name!r} has the shape {list(sizes)}; it must be (batch, channels, time), with "
                             "a number of channels")  # fmt: skip
    raise ModelFileError(best.problem)


def makes_sense(axes: Axes, sizes: Sequence[int | str]) -> bool:
    """Whether the sizes of an input may be those of such axes: the channels are known, and ones are ones."""
    return all(
        isinstance(size, int) if axis == CHANNELS else size == 1 if axis == ONE else True
        for axis, size in zip(axes, sizes, strict=True)
    )


class Importer:
    """Goes through the nodes of a graph and notes a layer for each."""

    def __init__(self, file: OnnxGraph, name: str, axes: Axes, sizes: Sequence[int | str]) -> None:
        size_of = dict(zip(axes, sizes, strict=True))
        self.file = file
        self.in_channels = int(size_of[CHANNELS])
        frames = size_of[TIME]
        self.frames = frames if isinstance(frames, int) else None
        self.batch = size_of.get(BATCH, 1)
        self.entries: list[list[Any]] = []
        self.taken: set[str] = {"x"}
        self.begun_names: Counter[str] = Counter()
        self.same_names: Counter[str] = Counter()
        self.values: dict[str, Any] = dict(file.constants)
        self.values[""] = None
        x = nodes.Input((), self.in_channels, graph.Clock(), "x")
        self.nodes: dict[str, Node] = {"x": x}
        self.tensors: dict[str, list[str]] = {"x": [name]}  # those that a layer's output is, under any name
        held = sum(value.size for value in file.constants.values())
        self.room = SPARE_VALUES + 8 * held
        self.readers = Counter(one for node in file.nodes for one in node.inputs) + Counter(file.outputs)
        self.done = 0
        self.problem = ""
        self.values[name] = Signal("x", x, axes)

    def run(self) -> bool:
        """Whether every node could be taken; else `problem` says which could not, and why."""
        place = "its graph"
        try:
            for node in self.file.nodes:
                place = node.place
                outputs = self.outputs_of(node)
                for name, value in zip(node.outputs, outputs, strict=False):
                    self.values[name] = value
                    if isinstance(value, Signal):
                        self.tensors.setdefault(value.name, []).append(name)
                self.done += 1
            place = f"output {self.file.outputs[0]!r}"
            self.finish()
        except (UnsupportedError, ParameterError, ModelFileError) as error:
            self.problem = f"{place}: {error}"
        except Exception as error:  # a node that is no node of ONNX: it has no second input, its axes are no integers
            self.problem = f"{place}: is not as ONNX has it ({type(error).__name__}: {error})"
        return not self.problem

    def network(self) -> nn.Graph:
        """Of the layers that the output depends on."""
        needed = {self.entries[-1][0]}
        for name, _, inputs in reversed(self.entries):
            needed.update(inputs if name in needed else [])
        return nn.Graph(self.in_channels, [entry for entry in self.entries if entry[0] in needed])

    def finish(self) -> None:
        """The output must be the last entry."""
        output = self.values.get(self.file.outputs[0])
        if not isinstance(output, Signal):
            raise UnsupportedError("does not depend on the input")
        output = self.settled(output)
        if not self.entries or self.entries[-1][0] != output.name:
            self.layer("output", nn.Activation("identity"), output)

    def outputs_of(self, node: OnnxNode) -> Sequence[Any]:
        inputs = [self.value(name) for name in node.inputs]
        if any(isinstance(value, Unfinished) for value in inputs):
            return [self.continued(node, inputs)]
        if inputs and isinstance(inputs[0], Stack):
            return [self.added_up(node, inputs)]
        signals = [value for value in inputs if isinstance(value, Signal)]
        if not signals or node.kind == "Shape":
            if node.kind == "Shape" and signals:
                inputs = [self.shape(signals[0])]
            if node.kind not in FOLDED:
                raise UnsupportedError("is not known, and computes with constants")
            made = fold(node, inputs)
            self.spend(sum(np.size(value) for value in made))
            return made
        method = OPERATIONS.get(node.kind)
        if method is None:
            raise UnsupportedError(f"{node.kind} has no counterpart here")
        made = method(self, node, inputs)
        return made if isinstance(made, list) else [made]

    def value(self, name: str) -> Any:
        if name not in self.values:
            raise UnsupportedError(f"reads {name!r}, which no node before it gives")
        return self.values[name]

    def shape(self, signal: Signal) -> np.ndarray:
        """Sizes of a tensor, where they are dynamic as symbols."""
        sizes = {BATCH: self.batch if isinstance(self.batch, int) else Symbol("batch"), CHANNELS: signal.channels,
                 TIME: self.length(signal), ONE: 1}  # fmt: skip
        return np.array([sizes[axis] for axis in signal.axes], object)

    def length(self, signal: Signal) -> int | Symbol | None:
        """Frames of a tensor."""
        clock, more = signal.node.clock, signal.lead + signal.tail + signal.excess
        if self.frames is not None:
            return math.ceil((self.frames - Fraction(clock.start)) / Fraction(clock.rate)) + more
        return Symbol("time", more - int(clock.start)) if clock.rate == 1 else None

    def spend(self, values: int) -> None:
        """Take room for values that the file does not hold."""
        self.room -= values
        if self.room < 0:
            raise UnsupportedError("asks for many times the values that the file holds")

    # Layers

    def layer(self, name: str, layer: Module | str, *inputs: Signal, **weights: np.ndarray | None) -> Signal:
        """Note a layer; the signal that it gives is settled, and has the axes of its first input."""
        if isinstance(layer, Module):
            given = {key: value for key, value in weights.items() if value is not None}
            self.spend(sum(value.size for value in given.values()))
            layer.load_state_dict({key: np.ascontiguousarray(value, np.float32) for key, value in given.items()})
            node = layer.connect(inputs[0].node)
        else:
            node = nn.graph.JOINS[layer](*(one.node for one in inputs))
        name = self.unused(name)
        self.entries.append([name, layer, [one.name for one in inputs]])
        self.nodes[name] = node
        return Signal(name, node, inputs[0].axes)

    def unused(self, wanted: str) -> str:
        """A name for a layer, after the ONNX node's or its weight's."""
        parts = ["".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in part)
                 for part in wanted.replace("/", ".").split(".") if part]  # fmt: skip
        base = ".".join(parts)[-80:].strip(".") or "layer"
        if not self.taken.isdisjoint(beginnings(base)):
            base = base.replace(".", "_")
        name = base
        while name in self.taken or self.begun_names[name]:
            self.same_names[base] += 1
            name = f"{base}_{self.same_names[base] + 1}"
        self.taken.add(name)
        self.begun_names.update(beginnings(name))
        return name

    def settled(self, signal: Signal) -> Signal:
        """The same tensor with nothing pending: frames that are left out or moved are so by a convolution."""
        if signal.settled:
            return signal
        if signal.excess:
            raise UnsupportedError(f"reads {signal.excess} frames beyond the end of the signal, which padding made")
        cut = max(0, -signal.tail)
        if signal.tail > 0 or signal.lead > cut:
            raise UnsupportedError("reads zeros that were put around the signal; only a convolution can")
        return self.one_hot(signal, cut, (signal.lead, 0))

    def one_hot(self, signal: Signal, cut: int, pads: tuple[int, int], stride: int = 1) -> Signal:
        """A convolution that takes frames as they are."""
        channels = signal.channels
        self.spend(channels * cut)
        weight = np.zeros((channels, 1, cut + 1), np.float32)
        weight[:, :, 0] = 1
        conv = nn.Conv1d(channels, channels, cut + 1, padding=pads, groups=channels, stride=stride, bias=False)
        return self.layer(f"{signal.name}_frames", conv, signal, weight=weight)

    def frame_by_frame(self, name: str, layer: Module, signal: Signal, **weights: np.ndarray | None) -> Signal:
        """A layer that takes each frame by itself: what is to be cut off can be so after it."""
        if signal.lead > 0 or signal.tail > 0:
            signal = self.settled(signal)
        made = self.layer(name, layer, signal, **weights)
        return replace(made, lead=signal.lead, tail=signal.tail, excess=signal.excess)

    def affine(self, node: OnnxNode, signal: Signal, scale: Floats | None, offset: Floats | None) -> Signal:
        """``scale * x + offset``, channel by channel."""
        if scale is None and offset is not None and (folded := self.with_bias(node, signal, offset)) is not None:
            return folded
        channels = signal.channels
        weight = np.ones(channels, np.float32) if scale is None else scale
        conv = nn.Conv1d(channels, channels, 1, groups=channels, bias=offset is not None)
        return self.frame_by_frame(named(node), conv, signal, weight=weight.reshape(-1, 1, 1), bias=offset)

    def with_bias(self, node: OnnxNode, signal: Signal, bias: Floats) -> Signal | None:
        """The layer before with that bias, if it has none and nobody else reads it; it is called as its bias is."""
        if not self.entries or self.entries[-1][0] != signal.name or self.readers_of(signal) != 1:
            return None
        name, layer, (source,) = self.entries[-1]
        if not isinstance(layer, nn.Conv1d | nn.Linear) or layer.bias or signal.lead > 0 or signal.tail > 0:
            return None
        options = layer.options() | {"bias": True}
        again = type(layer)(**options)
        weight = layer.parameter("weight")
        del self.entries[-1]
        self.taken.discard(name)
        self.begun_names.subtract(beginnings(name))
        name = next((one[: -len(".bias")] for one in node.inputs if one.endswith(".bias")), name)
        made = self.layer(name, again, Signal(source, self.nodes[source], signal.axes), weight=weight, bias=bias)
        return replace(signal, name=made.name, node=made.node)

    def readers_of(self, signal: Signal) -> int:
        """How many nodes read a layer's output, under any of its tensors' names."""
        return sum(self.readers[name] for name in self.tensors.get(signal.name, []))

    def aligned(self, signals: list[Signal]) -> tuple[list[Signal], int, int]:
        """Signals whose frames stand side by side in the tensors, and what is pending of their sum: tail and excess."""
        check_over_time(signals)
        if len({(one.time, one.tail, one.excess, one.node.clock.rate) for one in signals}) > 1:
            signals = [self.settled(one) for one in signals]
        if len({one.time for one in signals}) > 1:
            begins = ", ".join(str(one.time) for one in signals)
            raise UnsupportedError(f"its inputs begin at frames {begins} of the signal, which do not fit together")
        return signals, signals[0].tail, signals[0].excess

    def joined(self, node: OnnxNode, kind: str, signals: list[Signal]) -> Signal:
        """A sum, product or concatenation."""
        longest = max(signals, key=lambda one: len(one.axes))
        signals, tail, excess = self.aligned(signals)
        zeros = min(max(one.lead, 0) for one in signals)
        if tail > 0 or zeros > 0:
            signals = [self.settled(one) for one in signals]
        made = self.layer(named(node), kind, *signals)
        clock = made.node.clock
        lead = Fraction(clock.start - signals[0].time) / Fraction(clock.rate)
        return replace(made, axes=longest.axes, lead=int(lead), tail=tail, excess=excess)

    # Operations

    def keep(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = inputs[0]
        if not isinstance(signal, Signal):
            raise UnsupportedError("its data is no signal")
        return signal

    def activation(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal, options = self.keep(node, inputs), node.attributes
        name = node.kind.lower()
        parameters: dict[str, Any] = {}
        if node.kind == "LeakyRelu":
            name, parameters = "leaky_relu", {"negative_slope": options.get("alpha", 0.01)}
        elif node.kind == "Elu":
            parameters = {"alpha": options.get("alpha", 1.0)}
        elif node.kind == "Gelu":
            parameters = {"approximate": options.get("approximate", "none")}
        elif node.kind == "Softmax":
            self.need_channels(signal, options.get("axis", -1 if self.file.opset >= 13 else 1))
        layer = nn.Activation(name, **parameters)
        if not zero_stays(name):
            return self.frame_by_frame(named(node), layer, signal)
        made = self.layer(named(node), layer, signal)
        return replace(made, lead=signal.lead, tail=signal.tail, excess=signal.excess)

    def need_channels(self, signal: Signal, axis: int) -> None:
        if signal.axis(axis) != CHANNELS:
            raise UnsupportedError(f"goes over the axis {signal.axis(axis)}; it must go over the channels")

    def prelu(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        slopes = self.per_channel(signal, inputs[1])
        channels = 1 if (slopes == slopes[0]).all() else signal.channels
        prelu = nn.Activation("prelu", channels=channels)
        return self.frame_by_frame(named(node, 1), prelu, signal, weight=slopes[:channels])

    def clip(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        given = [None if value is None else float(scalar(value)) for value in [*inputs[1:], None, None][:2]]
        low = node.attributes.get("min") if given[0] is None else given[0]
        high = node.attributes.get("max") if given[1] is None else given[1]
        most = float(np.finfo(np.float32).max)
        low, high = (-most if low is None else max(low, -most)), (most if high is None else min(high, most))
        if low == 0 and high == most:
            return self.frame_by_frame(named(node), nn.Activation("relu"), signal)
        return self.frame_by_frame(named(node), nn.Activation("hardtanh", min_val=low, max_val=high), signal)

    def hard_sigmoid(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        signal = self.keep(node, inputs)
        scale, offset = (np.full(signal.channels, value, np.float32) for value in (alpha, beta))
        moved = self.affine(node, signal, scale, offset)
        return self.frame_by_frame(named(node), nn.Activation("hardtanh", min_val=0.0, max_val=1.0), moved)

    def selu(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        alpha = node.attributes.get("alpha", 1.67326319217681884765625)
        gamma = node.attributes.get("gamma", 1.05070102214813232421875)
        made = self.layer(named(node), nn.Activation("elu", alpha=alpha), self.settled(self.keep(node, inputs)))
        return self.affine(node, made, np.full(made.channels, gamma, np.float32), None)

    def negate(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        return self.affine(node, signal, np.full(signal.channels, -1, np.float32), None)

    def power(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.settled(self.keep(node, inputs))
        if scalar(inputs[1]) != 2:
            raise UnsupportedError("raises to a power that is not 2")
        return self.joined(node, "multiply", [signal, signal])

    def arithmetic(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """Add, Sub, Mul, Div and Sum."""
        signals = [value for value in inputs if isinstance(value, Signal)]
        constants = [value for value in inputs if not isinstance(value, Signal)]
        if len(signals) == len(inputs):
            if node.kind == "Div":
                raise UnsupportedError("divides a signal by a signal")
            if node.kind == "Sub":
                signals[1] = self.negate(node, [signals[1]])
            return self.joined(node, "multiply" if node.kind == "Mul" else "add", self.alike(signals))
        if len(inputs) != 2:
            raise UnsupportedError("adds constants and several signals")
        signal = signals[0]
        value = self.per_channel(signal, constants[0])
        first = isinstance(inputs[0], Signal)
        if node.kind == "Add":
            return self.affine(node, signal, None, value)
        if node.kind == "Sub":
            return self.affine(node, signal, None if first else -np.ones_like(value), -value if first else value)
        if node.kind == "Div" and not first:
            raise UnsupportedError("divides a constant by a signal")
        if node.kind == "Div" and not value.all():
            raise UnsupportedError("divides by zero")
        return self.affine(node, signal, np.reciprocal(value) if node.kind == "Div" else value, None)

    def alike(self, signals: list[Signal]) -> list[Signal]:
        """Signals of equal channels; a single channel is for all."""
        check_over_time(signals)
        most = max(one.channels for one in signals)
        kept = {tuple(axis for axis in one.axes if axis not in (ONE, BATCH)) for one in signals}
        if len(kept) > 1:
            raise UnsupportedError(f"its inputs have axes {' and '.join(map(str, sorted(kept)))}")
        return [one if one.channels == most or one.channels != 1 else self.layer(
            f"{one.name}_wide", nn.Linear(1, most, bias=False), self.settled(one),
            weight=np.ones((most, 1), np.float32)) for one in signals]  # fmt: skip

    def per_channel(self, signal: Signal, value: Any) -> Floats:
        """A constant that is added or multiplied to a signal, as one value a channel."""
        array = floats(value)
        if array.ndim > len(signal.axes):
            raise UnsupportedError(f"has a constant of shape {array.shape} for a tensor of {len(signal.axes)} axes")
        array = array.reshape((1,) * (len(signal.axes) - array.ndim) + array.shape)
        if any(size != 1 and axis != CHANNELS for size, axis in zip(array.shape, signal.axes, strict=True)):
            raise UnsupportedError(f"has a constant of shape {array.shape}, which is not the same for all frames")
        if array.size not in (1, signal.channels):
            raise UnsupportedError(f"has a constant of {array.size} values for {signal.channels} channels")
        return np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (signal.channels,)))

    def conv(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        weight, bias = floats(inputs[1]), floats(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else None
        weight, (stride, dilation, (left, right)) = self.over_time(node, signal, weight)
        groups = node.attributes.get("group", 1)
        reach = (weight.shape[2] - 1) * dilation
        if signal.excess or (signal.tail < 0):
            signal = self.settled(signal)
        before, after = left + signal.lead, right + signal.tail
        if before > reach:
            raise UnsupportedError(f"has {before} frames of padding before the signal; its kernel reaches over {reach}")
        excess = max(0, before + after - reach)
        if excess and stride > 1:
            raise UnsupportedError(
                f"has {excess} frames of padding more than its kernel reaches over, and stride={stride}"
            )
        conv = nn.Conv1d(
            weight.shape[1] * groups, weight.shape[0], weight.shape[2], stride=stride, dilation=dilation, groups=groups,
            padding=pads_named(before, after - excess, reach, stride), bias=bias is not None,
        )  # fmt: skip
        return replace(self.layer(named(node, 1), conv, signal, weight=weight, bias=bias), excess=excess)

    def over_time(
        self, node: OnnxNode, signal: Signal, weight: Floats
    ) -> tuple[Floats, tuple[int, int, tuple[int, int]]]:
        """Weight (out, in, kernel), stride, dilation and padding of a convolution over time; other axes are ones."""
        axes = signal.axes[2:]
        if len(signal.axes) < 3 or signal.axes[1] != CHANNELS or axes.count(TIME) != 1 or weight.ndim != 2 + len(axes):
            raise UnsupportedError(
                f"its input has the axes ({', '.join(signal.axes)}); it must be (batch, channels, time)"
            )
        along = axes.index(TIME)
        count = len(axes)
        strides = list(node.attributes.get("strides") or [1] * count)
        dilations = list(node.attributes.get("dilations") or [1] * count)
        pads = self.pads(node, weight.shape[2:], strides, dilations)
        if min(len(strides), len(dilations)) < count or min(strides + dilations) < 1:
            raise UnsupportedError(f"has strides {strides} and dilations {dilations}")
        for axis in range(count):
            if axis != along and (weight.shape[2 + axis] != 1 or pads[axis] or pads[axis + count]):
                raise UnsupportedError(f"has a kernel of shape {weight.shape[2:]}: over an axis that is not time")
        flat = weight.reshape(weight.shape[0], weight.shape[1], -1)
        return flat, (strides[along], dilations[along], (pads[along], pads[along + count]))

    def pads(self, node: OnnxNode, kernel: Sequence[int], strides: list[int], dilations: list[int]) -> list[int]:
        """Zeros before each axis, then after each."""
        kind = node.attributes.get("auto_pad", "NOTSET")
        count = len(kernel)
        pads = list(node.attributes.get("pads") or [0] * 2 * count)
        if kind in ("SAME_UPPER", "SAME_LOWER"):
            if max(strides) > 1:
                raise UnsupportedError(f"has auto_pad={kind} with strides {strides}: its padding depends on the length")
            total = [(k - 1) * d for k, d in zip(kernel, dilations, strict=False)]
            less, more = [n // 2 for n in total], [n - n // 2 for n in total]
            return less + more if kind == "SAME_UPPER" else more + less
        if kind not in ("NOTSET", "VALID", "") or len(pads) != 2 * count or min(pads) < 0:
            raise UnsupportedError(f"has auto_pad={kind!r}, pads={pads}")
        return [0] * 2 * count if kind == "VALID" else pads

    def conv_transpose(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.settled(self.keep(node, inputs))
        weight, bias = floats(inputs[1]), floats(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else None
        if node.attributes.get("output_shape"):
            raise UnsupportedError("has an output_shape: its padding depends on the length")
        weight, (stride, dilation, (left, right)) = self.over_time(node, signal, weight)
        more = sum(node.attributes.get("output_padding") or [0])
        groups = node.attributes.get("group", 1)
        overhang = (weight.shape[2] - 1) * dilation + 1 - stride
        cut = max(0, (overhang + 1) // 2)
        beyond = overhang + more - left - right  # frames more than stride for each
        same = left == cut and left > 0
        if not same and beyond + left < 0:
            raise UnsupportedError(f"has a kernel and padding that leave {-beyond} frames less than {stride} for each")
        up = nn.ConvTranspose1d(
            weight.shape[0], weight.shape[1] * groups, weight.shape[2], stride=stride, dilation=dilation, groups=groups,
            padding="same" if same else "causal", bias=bias is not None,
        )  # fmt: skip
        made = self.layer(named(node, 1), up, signal, weight=weight, bias=bias)
        lead = 0 if same else -left
        rest = beyond - lead
        return replace(made, lead=lead, tail=min(rest, 0), excess=max(rest, 0))

    def linear(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """MatMul and Gemm, with the weights on either side."""
        options = node.attributes
        if isinstance(inputs[0], Signal) and isinstance(inputs[1], Signal):
            raise UnsupportedError("multiplies a signal by a signal")
        left = isinstance(inputs[0], Signal)
        signal, weight = (inputs[0], floats(inputs[1])) if left else (inputs[1], floats(inputs[0]))
        if weight.ndim != 2:
            raise UnsupportedError(f"has weights of shape {weight.shape}; they must be a matrix")
        if options.get("transB" if left else "transA", 0):
            weight = weight.T
        turned = bool(options.get("transA" if left else "transB", 0))
        weight = weight.T if left else weight  # (out, in)
        if turned and len(signal.axes) != 2:
            raise UnsupportedError("turns round a tensor of more than two axes")
        axes = signal.axes[::-1] if turned else signal.axes
        self.need_channels(replace(signal, axes=axes), -1 if left else -2)
        bias = None
        if len(inputs) > 2 and inputs[2] is not None:
            out = replace(signal, axes=axes, node=replace(signal.node, channels=len(weight)))
            bias = self.per_channel(out, inputs[2]) * np.float32(options.get("beta", 1.0))
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        weight = weight * np.float32(options.get("alpha", 1.0))
        made = self.frame_by_frame(named(node, 1 if left else 0), linear, signal, weight=weight, bias=bias)
        return replace(made, axes=axes)

    def batch_norm(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        if node.attributes.get("training_mode", 0):
            raise UnsupportedError("is in training mode")
        self.need_channels(signal, 1 if len(signal.axes) > 1 else 0)
        weight, bias, mean, variance = (floats(value) for value in inputs[1:5])
        norm = nn.BatchNorm(signal.channels, eps=node.attributes.get("epsilon", 1e-5))
        statistics = {"running_mean": mean, "running_var": variance}
        return self.frame_by_frame(named(node, 1), norm, signal, weight=weight, bias=bias, **statistics)

    def layer_norm(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal, axis = self.settled(self.keep(node, inputs)), node.attributes.get("axis", -1)
        self.need_channels(signal, axis)
        if axis not in (-1, len(signal.axes) - 1):
            raise UnsupportedError(f"goes over the axes from {axis} on; it must go over the last one")
        norm = nn.Activation("layer_norm", eps=node.attributes.get("epsilon", 1e-5))
        weight = floats(inputs[1])
        bias = floats(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else np.zeros_like(weight)
        made = self.layer(named(node, 1), norm, signal)
        return made if (weight == 1).all() and not bias.any() else self.affine(node, made, weight, bias)

    def concat(self, node: OnnxNode, inputs: list[Any]) -> Signal | Stack:
        signals = [value for value in inputs if isinstance(value, Signal)]
        axis = signals[0].axis(node.attributes.get("axis", 0))
        if axis == CHANNELS and len(signals) == len(inputs):
            return self.joined(node, "concat", signals)
        if axis == ONE and len(signals) == len(inputs):
            return Stack(signals, node.attributes.get("axis", 0) % len(signals[0].axes))
        if axis != TIME or len(signals) != 1:
            raise UnsupportedError(f"joins over the axis {axis}; it must join channels, or put zeros around a signal")
        at = inputs.index(signals[0])
        number = node.attributes.get("axis", 0)
        zeros = [floats(value) for value in inputs if not isinstance(value, Signal)]
        if any(value.any() or value.ndim != len(signals[0].axes) for value in zeros):
            raise UnsupportedError("puts a constant that is not zero around a signal")
        sizes = [value.shape[number] for value in zeros]
        return self.padded(signals[0], sum(sizes[:at]), sum(sizes[at:]))

    def added_up(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """Sum or mean over the axis of a stack."""
        signals, axis = inputs[0].signals, inputs[0].axis
        given = inputs[1] if len(inputs) > 1 and inputs[1] is not None else node.attributes.get("axes")
        numbers = [] if given is None else [number % len(signals[0].axes) for number in integers(given)]
        if node.kind not in ("ReduceSum", "ReduceMean") or numbers != [axis]:
            raise UnsupportedError("reads tensors on a new axis; they can only be added up over it")
        total = self.joined(node, "add", self.alike(signals))
        if node.kind == "ReduceMean":
            total = self.affine(node, total, np.full(total.channels, 1 / len(signals), np.float32), None)
        kept = node.attributes.get("keepdims", 1)
        return total if kept else replace(total, axes=total.axes[:axis] + total.axes[axis + 1 :])

    def pad(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal, options = self.keep(node, inputs), node.attributes
        if options.get("mode", "constant") not in ("constant", ""):
            raise UnsupportedError(f"has mode={options['mode']!r}; it must be 'constant' with zeros")
        value = scalar(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else options.get("value", 0.0)
        pads = integers(inputs[1]) if len(inputs) > 1 else list(options.get("pads") or options.get("paddings") or [])
        numbers = integers(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else list(range(len(signal.axes)))
        if len(pads) != 2 * len(numbers):
            raise UnsupportedError(f"has {len(pads)} pads for {len(numbers)} axes")
        for number, before, after in zip(numbers, pads, pads[len(numbers) :], strict=False):
            if not before and not after:
                continue
            if signal.axis(number) != TIME or value:
                raise UnsupportedError(f"puts {value or 'zeros'} around the axis {signal.axis(number)}; it "
                                  "must put zeros around time")  # fmt: skip
            signal = self.padded(signal, before, after)
        return signal

    def padded(self, signal: Signal, before: int, after: int) -> Signal:
        """Zeros around a signal; negative: frames are cut off."""
        if (after > 0 and signal.excess) or (before > 0 > signal.lead) or (after > 0 > signal.tail):
            signal = self.settled(signal)
        cut = min(signal.excess, max(0, -after))
        return replace(signal, lead=signal.lead + before, excess=signal.excess - cut, tail=signal.tail + after + cut)

    def slice(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal, options = self.keep(node, inputs), node.attributes
        given = inputs[1:]
        starts, ends = (given if len(given) > 1 else [options.get("starts"), options.get("ends")])[:2]
        if starts is None or ends is None:
            raise UnsupportedError("has no starts and ends")
        numbers = given[2] if len(given) > 2 else options.get("axes")
        numbers = list(range(len(starts))) if numbers is None else integers(numbers)
        steps = integers(given[3]) if len(given) > 3 and given[3] is not None else [1] * len(numbers)
        for number, start, end, step in zip(numbers, starts, ends, steps, strict=True):
            signal = self.sliced(node, signal, number, start, end, step)
        return signal

    def sliced(self, node: OnnxNode, signal: Signal, number: int, start: Any, end: Any, step: int) -> Signal:
        axis = signal.axis(number)
        size = {CHANNELS: signal.channels, ONE: 1, TIME: self.length(signal) if axis == TIME else None,
                BATCH: Symbol("batch")}[axis]  # fmt: skip
        if axis == TIME and start == -1 and step == 1 and reaches_end(end, size):
            return replace(self.settled(signal), axes=tuple(ONE if one == TIME else one for one in signal.axes))
        start, left_out = from_start(start, size), from_end(end, size)
        if start is None or left_out is None or step < 1:
            raise UnsupportedError(f"takes frames whose place depends on the length of the signal (step {step})")
        if axis == CHANNELS:
            if step != 1:
                raise UnsupportedError(f"takes every {step}th channel")
            part = nn.Slice(start, signal.channels - left_out - start)
            return self.frame_by_frame(named(node), part, signal) if start or left_out else signal
        if axis == TIME:
            signal = self.padded(signal, -start, -left_out)
            return signal if step == 1 else self.one_hot(self.settled(signal), 0, (0, 0), step)
        if start or left_out or step != 1:
            raise UnsupportedError(f"takes a part of the axis {axis}")
        return signal

    def split(self, node: OnnxNode, inputs: list[Any]) -> list[Signal]:
        signal = self.keep(node, inputs)
        self.need_channels(signal, node.attributes.get("axis", 0))
        given = inputs[1] if len(inputs) > 1 and inputs[1] is not None else node.attributes.get("split")
        count = len(node.outputs)
        each = -(-signal.channels // max(count, 1))
        sizes = [min(each, signal.channels - each * i) for i in range(count)] if given is None else integers(given)
        if sum(sizes) != signal.channels or len(sizes) != count or min(sizes) < 1:
            raise UnsupportedError(f"splits {signal.channels} channels into {sizes}")
        firsts = [sum(sizes[:index]) for index in range(count)]
        parts = [nn.Slice(first, size) for first, size in zip(firsts, sizes, strict=True)]
        return [
            self.frame_by_frame(name or named(node), part, signal)
            for name, part in zip(node.outputs, parts, strict=True)
        ]

    def gather(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal, number = self.keep(node, inputs), node.attributes.get("axis", 0)
        axis, index = signal.axis(number), np.asarray(inputs[1])
        length = self.length(signal)
        last = [-1, length - 1] if isinstance(length, int) else [-1]
        if index.size != 1 or index not in {TIME: last, ONE: [0, -1]}.get(axis, []):
            raise UnsupportedError(f"takes places {index.tolist()!s:.60} of the axis {axis}; it must be the last frame")
        axes = list(signal.axes)
        number %= len(axes)
        axes[number : number + 1] = [ONE] * index.ndim
        return replace(self.settled(signal), axes=tuple(axes))

    def transpose(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        order = node.attributes.get("perm") or list(range(len(signal.axes)))[::-1]
        if sorted(order) != list(range(len(signal.axes))):
            raise UnsupportedError(f"has perm={order} for {len(signal.axes)} axes")
        return replace(signal, axes=tuple(signal.axes[number] for number in order))

    def squeeze(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        given = inputs[1] if len(inputs) > 1 else node.attributes.get("axes")
        if given is None:
            numbers = [i for i, axis in enumerate(signal.axes) if axis == ONE or (axis == BATCH and self.batch == 1)]
        else:
            numbers = [number % len(signal.axes) for number in integers(given)]
        for number in numbers:
            axis = signal.axis(number)
            if axis not in (ONE, BATCH) and not (axis == CHANNELS and signal.channels == 1):
                raise UnsupportedError(f"takes away the axis {axis}")
        return replace(signal, axes=tuple(axis for i, axis in enumerate(signal.axes) if i not in numbers))

    def unsqueeze(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        signal = self.keep(node, inputs)
        given = integers(inputs[1] if len(inputs) > 1 else node.attributes.get("axes"))
        axes, rank = list(signal.axes), len(signal.axes) + len(given)
        for number in sorted(one % rank for one in given):
            axes.insert(number, CHANNELS if CHANNELS not in signal.axes else ONE)
        return replace(signal, axes=tuple(axes))

    def reshape(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """Only ones may come and go."""
        signal = self.keep(node, inputs)
        if node.kind == "Flatten":
            number = node.attributes.get("axis", 1) % (len(signal.axes) + 1)
            kept = [[a for a in part if a != ONE] for part in (signal.axes[:number], signal.axes[number:])]
            for part in kept:
                if len(part) > 1:
                    raise UnsupportedError(f"makes one axis of {' and '.join(part)}")
            return replace(signal, axes=tuple(part[0] if part else ONE for part in kept))
        sizes = list(self.shape(signal))
        wanted = [sizes[i] if isinstance(one, int | np.integer) and one == 0 and i < len(sizes) else one
                  for i, one in enumerate(np.asarray(inputs[1], object).tolist())]  # fmt: skip
        left = [(axis, size) for axis, size in zip(signal.axes, sizes, strict=True)
                if axis != ONE and not (axis == CHANNELS and size == 1)]  # fmt: skip
        axes: list[str] = []
        for one in wanted:
            if left and (one == left[0][1] or (one == -1) or (left[0][0] == BATCH and one == 1)):
                axes.append(left.pop(0)[0])
            elif one == 1 or one == -1:
                axes.append(ONE)
            else:
                raise UnsupportedError(f"gives the shape {wanted} to axes ({', '.join(signal.axes)})")
        if [axis for axis, _ in left] not in ([], [BATCH]):
            raise UnsupportedError(f"gives the shape {wanted} to axes ({', '.join(signal.axes)})")
        if CHANNELS not in axes and signal.channels == 1 and ONE in axes:
            axes[axes.index(ONE)] = CHANNELS
        return replace(signal, axes=tuple(axes))

    def pool(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """A mean or maximum over time, which here is that of the signal so far."""
        signal, options = self.settled(self.keep(node, inputs)), node.attributes
        kind: Literal["max", "mean"] = "max" if "Max" in node.kind else "mean"
        if node.kind.startswith("Global"):
            numbers, keep = list(range(2, len(signal.axes))), True
        else:
            given = inputs[1] if len(inputs) > 1 and inputs[1] is not None else options.get("axes")
            numbers = list(range(len(signal.axes))) if given is None else integers(given)
            keep = bool(options.get("keepdims", 1))
        over = {signal.axis(number) for number in numbers}
        if over - {TIME, ONE}:
            raise UnsupportedError(f"goes over the axes {', '.join(sorted(over))}; it must go over time")
        made = self.layer(named(node), nn.CumulativePool(kind), signal) if TIME in over else signal
        gone = {number % len(signal.axes) for number in numbers}
        axes = [ONE if i in gone else axis for i, axis in enumerate(signal.axes) if keep or i not in gone]
        return replace(made, axes=tuple(axes))

    def average_pool(self, node: OnnxNode, inputs: list[Any]) -> Signal:
        """A convolution with equal weights."""
        signal = self.keep(node, inputs)
        kernel = node.attributes.get("kernel_shape") or []
        padded = any(node.attributes.get("pads") or []) or node.attributes.get("ceil_mode", 0)
        if padded and not node.attributes.get("count_include_pad", 0):
            raise UnsupportedError("leaves padding out of its means")
        self.spend(signal.channels * math.prod(kernel))
        weight = np.full((signal.channels, 1, *kernel), 1 / max(1, math.prod(kernel)), np.float32)
        attributes = {**node.attributes, "group": signal.channels}
        return self.conv(replace(node, attributes=attributes), [signal, weight])

    def begun(self, node: OnnxNode, inputs: list[Any]) -> Unfinished:
        """Abs, of softsign, or Erf, of a GELU."""
        signal = self.settled(self.keep(node, inputs))
        if node.kind == "Abs":
            return Unfinished("Abs", signal)
        layer, source = next(((layer, read) for name, layer, read in self.entries if name == signal.name), ("", [""]))
        if not isinstance(layer, nn.Conv1d) or not scales_by(layer, math.sqrt(0.5)):
            raise UnsupportedError("is not that of a GELU")
        return Unfinished("Erf", replace(signal, name=source[0], node=self.nodes[source[0]]))

    def continued(self, node: OnnxNode, inputs: list[Any]) -> Any:
        """The next step of an activation that is written as several nodes."""
        unfinished = next(value for value in inputs if isinstance(value, Unfinished))
        others = [value for value in inputs if value is not unfinished]
        kind, signal = unfinished.kind, unfinished.signal
        if node.kind in ("Cast", "Identity") and not others:
            return unfinished
        if len(others) == 1 and isinstance(others[0], Signal) and others[0].node is signal.node:
            if (node.kind, kind) == ("Div", "1 + |x|") and inputs[1] is unfinished:
                return self.layer(named(node), nn.Activation("softsign"), signal)
            if (node.kind, kind) == ("Mul", "1 + erf(x / sqrt 2)"):
                return Unfinished("x (1 + erf(x / sqrt 2))", signal)
        if len(others) == 1 and isinstance(others[0], np.ndarray) and node.kind in ("Add", "Mul"):
            sign = "+" if node.kind == "Add" else "*"
            after = CHAINS.get((f"{kind} {sign} c", scalar(others[0])))
            if after == "gelu":
                return self.layer(named(node), nn.Activation("gelu"), signal)
            if after is not None:
                return Unfinished(after, signal)
        raise UnsupportedError(
            f"reads {kind} of a signal, and is no part of a softsign or GELU as exporters write them"
        )


OPERATIONS: dict[str, Callable[[Importer, OnnxNode, list[Any]], Any]] = {
    **dict.fromkeys(("Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "Gelu", "Softsign", "HardSwish", "Softmax"),
                    Importer.activation),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "Contiguous"), Importer.keep),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum"), Importer.arithmetic),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"), Importer.pool),
    **dict.fromkeys(("MatMul", "Gemm"), Importer.linear),
    **dict.fromkeys(("Reshape", "Flatten"), Importer.reshape),
    "PRelu": Importer.prelu, "Clip": Importer.clip, "HardSigmoid": Importer.hard_sigmoid, "Selu": Importer.selu,
    "Neg": Importer.negate, "Pow": Importer.power, "Conv": Importer.conv, "ConvTranspose": Importer.conv_transpose,
    "LayerNormalization": Importer.layer_norm, "BatchNormalization": Importer.batch_norm,
    "Concat": Importer.concat, "Pad": Importer.pad,
    "Slice": Importer.slice, "Split": Importer.split, "Gather": Importer.gather, "Transpose": Importer.transpose,
    "Squeeze": Importer.squeeze, "Unsqueeze": Importer.unsqueeze, "AveragePool": Importer.average_pool,
    "Abs": Importer.begun, "Erf": Importer.begun,
}  # fmt: skip


def named(node: OnnxNode, weight: int | None = None) -> str:
    """What to call the layer of a node: as its weight is called, else as the node, else by its kind."""
    if weight is not None and weight < len(node.inputs):
        name = node.inputs[weight]
        if name.rpartition(".")[2] in ("weight", "bias"):
            return name.rpartition(".")[0]
    return node.outputs[0] if node.outputs and node.outputs[0] else node.kind
