"""TFLite graphs as networks of ours: as ONNX graphs are (`onnx_import`), with operators of their own.

A graph that keeps state in variables is one for blocks of a signal. What it keeps are the last frames of what a
convolution reads; so it is read as a graph for the whole signal, with zeros before it. That every tensor of a call has
the frames that it must have then is checked operator by operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats import tflite_elu, tflite_norms
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_activations import Unfinished, finish
from wavenetlite.formats.onnx_constants import plain
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_import import Importer, counted
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ONE, TIME, Axes, Signal
from wavenetlite.formats.onnx_window import Window
from wavenetlite.formats.tflite_arithmetic import ARITHMETIC
from wavenetlite.formats.tflite_axes import Repeated
from wavenetlite.formats.tflite_blocks import Blocked, batch_to_space, defer
from wavenetlite.formats.tflite_builder import TfliteBuilder
from wavenetlite.formats.tflite_constants import FOLDED, fold
from wavenetlite.formats.tflite_elu import Curve
from wavenetlite.formats.tflite_file import Graph, Tensor, TfliteFile
from wavenetlite.formats.tflite_integer_operators import INTEGER_OPERATORS
from wavenetlite.formats.tflite_integers import dequantised, quantised, quantization
from wavenetlite.formats.tflite_norms import Statistic
from wavenetlite.formats.tflite_operators import OPERATORS, Operator
from wavenetlite.formats.tflite_states import Handle, State, Variables
from wavenetlite.graph import MOST_CHANNELS
from wavenetlite.nn.graph import Graph as Network
from wavenetlite.nn.integer import Rounding
from wavenetlite.support.errors import ModelFileError

LAYOUTS: dict[int, list[Axes]] = {
    2: [(BATCH, CHANNELS), (TIME, CHANNELS)],
    3: [(BATCH, TIME, CHANNELS)],
    4: [(BATCH, TIME, ONE, CHANNELS), (BATCH, ONE, TIME, CHANNELS)],
}
"""What the axes of an input may be, by their number."""


def network(file: TfliteFile, graph: Graph, frames: int | None, rounding: Rounding) -> Network:
    """The network of a file.

    Parameters
    ----------
    file, graph
        As `tflite_file.read` gives it, and which of its graphs.
    frames
        Length of the signals, where the file does not give it, or another.
    rounding
        Of layers of integers.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or "" in (*graph.inputs, *graph.outputs):
        raise ModelFileError(f"its graph has {counted('input', graph.inputs)} ({', '.join(graph.inputs)}) and "
                             f"{counted('output', graph.outputs)} ({', '.join(graph.outputs)}); it must have one of "
                             "each")  # fmt: skip
    variables = Variables(file, graph)
    tensor = graph.tensors[graph.inputs[0]]
    best: TfliteImporter | None = None
    for axes in LAYOUTS.get(len(tensor.shape), []):
        sizes = input_sizes(tensor, axes, frames, bool(variables.initial))
        if sizes is not None:
            importer = TfliteImporter(graph, tensor.name, axes, sizes, variables, rounding)
            if importer.run():
                return importer.network()
            if best is None or importer.done > best.done:
                best = importer
    if best is None:
        raise ModelFileError(f"input {tensor.name!r} has the shape {list(tensor.shape)}; it must be (batch, time, "
                             f"channels), or have an axis of one more, with 1 to {MOST_CHANNELS} channels")  # fmt: skip
    raise ModelFileError(best.problem)


def input_sizes(tensor: Tensor, axes: Axes, frames: int | None, calls: bool) -> list[int | str] | None:
    """Sizes of an input with such axes, or names where they are not known; None: it cannot have such axes."""
    sizes: list[int | str] = []
    for axis, size in zip(axes, tensor.shape, strict=True):
        if axis == TIME and calls:
            sizes.append("time")
        elif axis == TIME and frames is not None:
            sizes.append(frames)
        elif (axis == ONE and size != 1) or (axis == CHANNELS and not 1 <= size <= MOST_CHANNELS) or size == 0:
            return None
        else:
            sizes.append(size if size >= 0 else axis)
    return sizes


class TfliteImporter(Importer):
    """Goes through the operators of a graph and notes layers for each."""

    net: TfliteBuilder
    standard = "TFLite"

    def __init__(
        self, file: Graph, name: str, axes: Axes, sizes: Sequence[int | str], variables: Variables, rounding: Rounding
    ) -> None:
        self.file: Graph = file
        self.input = name
        self.about_input = name, axes, sizes
        self.caches = {}
        self.stretched = {}
        self.output = ""
        self.done = self.visits = 0
        self.problem = ""
        self.variables, self.rounding = variables, rounding
        shape = file.tensors[name].static_shape
        self.block = shape[axes.index(TIME)] if variables.initial and TIME in axes else None

    def begin(self) -> None:
        self.net = TfliteBuilder(self.file, *self.about_input, self.stretched, self.block, self.rounding)
        self.variables.begin()
        tensor = self.file.tensors[self.input]
        if tensor.type != "float32":
            signal = self.net.values[self.input]
            self.net.values[self.input] = quantised(self.net, "quantised", signal, quantization(tensor))

    def finish(self) -> str:
        """The name of the output, in floats."""
        self.variables.finish()
        name = self.file.outputs[0]
        output = self.net.values.get(name)
        if isinstance(output, Signal):
            self.net.values[name] = dequantised(self.net, f"{output.name}_floats", output)
        return super().finish()

    def outputs_of(self, node: OnnxNode) -> Sequence[Any]:
        made = self.made(node)
        values = made if isinstance(made, list) else [made]
        for name, value in zip(node.outputs, values, strict=False):
            if self.block is not None and isinstance(value, Signal):
                check_frames(self.net, name, value)
        return values

    def made(self, node: OnnxNode) -> Any:
        """What an operator makes of its inputs: signals, or constants."""
        net = self.net
        inputs = [net.value(name) for name in node.inputs]
        if node.kind in self.variables.operators:
            return self.variables.operators[node.kind](net, node, inputs)
        if any(isinstance(value, State | Handle) for value in inputs):
            return self.variables.read(net, node, inputs)
        if any(isinstance(value, Blocked) for value in inputs):
            return batch_to_space(net, inputs, run) if node.kind == "BATCH_TO_SPACE_ND" else defer(node, inputs)
        return run(net, node, inputs)


def run(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Any:
    """What an operator makes of signals and constants."""
    check_readers(node, inputs)
    if node.kind == "SHAPE" and isinstance(inputs[0], Signal):
        return plain(net.shape(inputs[0]))
    if reads_integers(inputs) or makes_integers(net, node, inputs):
        return row_of(INTEGER_OPERATORS, node, "with integers")(net, node, inputs)
    inputs = [meant(net, name, value) for name, value in zip(node.inputs, inputs, strict=True)]
    if any(isinstance(value, Statistic) for value in inputs):
        return tflite_norms.go_on(net, node, inputs)
    if any(isinstance(value, Curve) for value in inputs):
        return tflite_elu.go_on(net, node, inputs)
    if any(isinstance(value, Unfinished) for value in inputs):
        return finish(net, replace(node, kind=ARITHMETIC.get(node.kind, node.kind)), inputs)
    if all(isinstance(value, np.ndarray | None) for value in inputs):
        return folded(net, node, inputs)
    if tflite_norms.begins(node, inputs):
        return tflite_norms.begin(net, node, inputs)
    return row_of(OPERATORS, node, "here")(net, node, inputs)


READERS = {
    Window: ("the channels of all frames in a row; only a matrix can", ("FULLY_CONNECTED",)),
    Repeated: ("frames on an axis of their own; only RESHAPE can", ("RESHAPE",)),
}
"""Values that are no signals yet, and who may read them."""


def check_readers(node: OnnxNode, inputs: list[Any]) -> None:
    for value in inputs:
        what, kinds = READERS.get(type(value), ("", (node.kind,)))
        if node.kind not in kinds or (what and value is not inputs[0]):
            raise UnsupportedError(f"reads {what}")


def row_of(operators: dict[str, Operator], node: OnnxNode, where: str) -> Operator:
    if node.kind not in operators:
        raise UnsupportedError(f"{node.kind} has no counterpart {where}")
    return operators[node.kind]


def reads_integers(inputs: list[Any]) -> bool:
    """Whether an operator reads a signal of integers."""
    signals = [value.signal if isinstance(value, Window | Repeated) else value for value in inputs]
    return any(isinstance(one, Signal) and one.node.quantization is not None for one in signals)


def makes_integers(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> bool:
    """Whether an operator makes a signal of integers of floats: only one may."""
    if not any(isinstance(value, Signal) for value in inputs):
        return False
    kinds = {net.about[name].type for name in node.outputs if name} - {"int32", "int64"}
    if kinds & {"int8", "uint8", "int16"} and node.kind != "QUANTIZE":
        raise UnsupportedError(f"makes {' and '.join(sorted(kinds))} of floats")
    return node.kind == "QUANTIZE"


def meant(net: TfliteBuilder, name: str, value: Any) -> Any:
    """A value; of a quantised constant, the numbers that are meant."""
    tensor = net.about.get(name)
    if tensor is not None and isinstance(value, np.ndarray) and value is tensor.data and tensor.quantised:
        net.spend(value.size)
        return tensor.dequantised()
    return value


def folded(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> list[np.ndarray]:
    """What an operator makes of constants."""
    if node.kind not in FOLDED:
        raise UnsupportedError("has no counterpart here, and computes with constants" if node.inputs else
                               "has no counterpart here, and reads nothing")  # fmt: skip
    net.spend(sum(np.size(value) for value in inputs))
    made = fold(node, inputs, [net.about[name] for name in node.outputs if name])
    net.spend(sum(np.size(value) for value in made))
    return made


def check_frames(net: TfliteBuilder, name: str, signal: Signal) -> None:
    """Refuse a call whose tensor is not a part of the whole signal's, which begins where the one before ends."""
    if TIME not in signal.axes:
        return
    frames = net.about[name].static_shape[signal.axes.index(TIME)]
    new = net.frames_per_call(signal)
    if net.length(signal) != net.calls * new + frames - new:
        raise UnsupportedError(f"gives {frames} frames at each call, which are no part of what it gives of the whole "
                               "signal")  # fmt: skip
