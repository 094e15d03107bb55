"""Variables of TFLite graphs that are called again and again: the last frames of what a convolution reads.

A call puts what a variable holds before the new frames, and assigns the last of them to it. That is a signal with
frames of zeros before it; here it is found that nothing else is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import TIME, Signal
from wavenetlite.formats.reading import shown
from wavenetlite.formats.tflite_axes import check_masks
from wavenetlite.formats.tflite_builder import TfliteBuilder, integers_in
from wavenetlite.formats.tflite_file import Graph, Tensor, TfliteFile
from wavenetlite.support.errors import ModelFileError


@dataclass(frozen=True)
class Handle:
    """A variable, by its name."""

    name: str


@dataclass(frozen=True)
class State:
    """What a variable held before the call, without the `first` frames of it."""

    name: str
    tensor: Tensor
    first: int = 0


class Variables:
    """The variables of a graph: what they hold before the first call, and what is done with them.

    Parameters
    ----------
    file, graph
        The graph, and the file that has the graph by which its variables are set.
    """

    def __init__(self, file: TfliteFile, graph: Graph) -> None:
        self.initial: dict[str, Tensor] = {}
        setters = [node for node in graph.nodes if node.kind == "CALL_ONCE"]
        for node in setters:
            self.initial |= assigned(file.graph(node.attributes["subgraph"]))
        self.operators: dict[str, Callable[[TfliteBuilder, OnnxNode, list[Any]], Any]] = {
            "CALL_ONCE": lambda net, node, inputs: [], "VAR_HANDLE": self.handle, "READ_VARIABLE": self.value,
            "ASSIGN_VARIABLE": self.assign,
        }  # fmt: skip

    def begin(self) -> None:
        """Begin a walk through the graph."""
        self.joined: dict[str, tuple[Signal, int, int]] = {}
        self.set: set[str] = set()

    def handle(self, net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Handle:
        name = node.attributes["name"]
        if name not in self.initial:
            raise UnsupportedError(f"is the variable {shown(name)}, which is never set before the first call")
        return Handle(name)

    def value(self, net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> State:
        name = self.named(inputs)
        if name in self.set:
            raise UnsupportedError(f"reads the variable {shown(name)} after it is assigned")
        return State(name, self.initial[name])

    def named(self, inputs: list[Any]) -> str:
        if not inputs or not isinstance(inputs[0], Handle):
            raise UnsupportedError("reads no variable")
        return inputs[0].name

    def read(self, net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Any:
        """What an operator makes of a variable's value: without its first frames, or before a signal."""
        if node.kind == "STRIDED_SLICE" and isinstance(inputs[0], State):
            return without_first(node, inputs)
        if node.kind == "CONCATENATION" and len(inputs) == 2 and isinstance(inputs[0], State):
            return self.before(net, node, inputs)
        raise UnsupportedError("reads a variable otherwise than as the frames before a signal")

    def before(self, net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
        """Frames that a variable holds before a signal: zeros, at the start."""
        state, signal = inputs[0], signal_in(inputs[1:])
        axis = node.attributes["axis"]
        if signal.axis(axis) != TIME or node.attributes.get("activation", 0):
            raise UnsupportedError("puts a variable before something else than the frames of a signal")
        if state.name in self.joined:
            raise UnsupportedError(f"reads the variable {shown(state.name)} a second time")
        if not is_zero(state.tensor, net.about[node.inputs[0]]):
            raise UnsupportedError(f"reads the variable {shown(state.name)}, which does not begin with zeros")
        frames = state.tensor.static_shape[axis % len(signal.axes)]
        made = net.padded(signal, frames - state.first, 0)
        self.joined[state.name] = made, frames, state.first
        return made

    def assign(self, net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> list[Any]:
        """Check that what is assigned are the frames that the next call must begin with."""
        name = self.named(inputs)
        if name not in self.joined or name in self.set:
            raise UnsupportedError(f"assigns to the variable {shown(name)}, which is not read before, or again")
        whole, frames, first = self.joined[name]
        value = signal_in(inputs[1:])
        held = net.about[node.inputs[1]].static_shape[value.axes.index(TIME)] if TIME in value.axes else -1
        left = whole.lead - value.lead
        if value.name != whole.name or (value.tail, value.excess) != (whole.tail, whole.excess) or held != frames or (
            left + first != net.frames_per_call(whole)):  # fmt: skip
            raise UnsupportedError(f"assigns something else to the variable {shown(name)} than the last frames of what "
                                   "it was put before")  # fmt: skip
        self.set.add(name)
        return []

    def finish(self) -> None:
        """Refuse variables that were read and not assigned."""
        for name in self.joined:
            if name not in self.set:
                raise UnsupportedError(f"does not assign to the variable {shown(name)} after each call")


def without_first(node: OnnxNode, inputs: list[Any]) -> State:
    """A variable's value without its first frames."""
    options = node.attributes
    state: State = inputs[0]
    check_masks(options)
    begins, ends, steps = (integers_in(value) for value in inputs[1:4])
    shape = state.tensor.static_shape
    for number, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        first = 0 if options["begin_mask"] >> number & 1 else begin if begin >= 0 else begin + shape[number]
        last = shape[number] if options["end_mask"] >> number & 1 else end if end > 0 else end + shape[number]
        if step != 1 or last < shape[number] or options["shrink_mask"] or (number != 1 and first):
            raise UnsupportedError("takes a part of a variable that is not its last frames")
        state = replace(state, first=state.first + first) if number == 1 else state
    return state


def is_zero(tensor: Tensor, read_as: Tensor) -> bool:
    """Whether a constant stands for zeros, where the graph that reads it says what its integers stand for."""
    point = int(read_as.zero_point[0]) if read_as.quantised else 0
    return tensor.data is not None and bool((tensor.data == point).all())


def assigned(graph: Graph) -> dict[str, Tensor]:
    """What the graph that sets variables sets them to."""
    names: dict[str, str] = {}
    found: dict[str, Tensor] = {}
    for node in graph.nodes:
        if node.kind == "VAR_HANDLE" and node.outputs:
            names[node.outputs[0]] = str(node.attributes["name"])
        elif node.kind == "ASSIGN_VARIABLE" and len(node.inputs) == 2 and node.inputs[0] in names:
            found[names[node.inputs[0]]] = graph.tensors[node.inputs[1]]
        else:
            raise ModelFileError(f"{node.place} is in the graph that sets variables; it can only assign constants")
    return found
