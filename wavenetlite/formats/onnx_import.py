"""ONNX graphs as networks of ours: every node is a layer, and every tensor a sequence of frames.

A tensor of an ONNX graph holds a whole signal; ours come frame by frame. So for each tensor there is a `Signal`: the
sequence of ours that it is, which of its axes is what, and what is still to happen at its ends. Zeros that a Pad puts
before a signal wait there for the convolution that reads them, and become its padding; what a Slice cuts off waits
until somebody needs the frames in their places. That is how padding becomes state, and symmetric padding latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_activations import Unfinished, finish
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder
from wavenetlite.formats.onnx_cache import (
    Cache,
    caches,
    check_blocks,
    last_frames,
    leave_elements,
    signals_too,
    unknown_sizes,
)
from wavenetlite.formats.onnx_constants import FOLDED, fold, part_of_shape
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.onnx_joins import Stack, leave_stack
from wavenetlite.formats.onnx_layer_norms import with_layer_norms
from wavenetlite.formats.onnx_noise import Drawn, draw, read_drawn
from wavenetlite.formats.onnx_operators import OPERATORS
from wavenetlite.formats.onnx_reflection import Reflected, read_reflected
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ONE, TIME, Axes, Elements, Signal
from wavenetlite.formats.onnx_skips import MOST_STRETCHES, MisalignedError, check_stretched
from wavenetlite.formats.onnx_window import Window, read_window
from wavenetlite.nn.graph import Graph
from wavenetlite.nn.pointwise import Activation
from wavenetlite.support.errors import ModelFileError, ParameterError

LAYOUTS: dict[int, list[Axes]] = {
    2: [(TIME, CHANNELS), (CHANNELS, TIME)],
    3: [(BATCH, CHANNELS, TIME), (BATCH, TIME, CHANNELS), (TIME, BATCH, CHANNELS)],
    4: [(BATCH, CHANNELS, ONE, TIME), (BATCH, ONE, CHANNELS, TIME), (BATCH, ONE, TIME, CHANNELS),
        (BATCH, CHANNELS, TIME, ONE)],
}  # fmt: skip
"""What the axes of an input may be, by their number; the first that the graph makes sense with is taken."""

MOST_NODES = 5_000
MOST_CACHES = 256
MOST_VISITS = 4 * MOST_NODES
"""Of nodes, while it is tried which input is the signal, what its axes are, and where more zeros are wanted."""


def network(file: OnnxGraph, layout: str | None = None) -> Graph:
    """The network of a graph.

    Parameters
    ----------
    file
        As `onnx_file.read` gives it.
    layout
        Axes of the input, such as "batch, channels, time"; None: the first that makes sense.
    """
    if file.metadata.get("delay", "0") != "0" or file.metadata.get("cache_initial", "zeros") != "zeros":
        raise ModelFileError("its metadata say that its first frames are to be dropped, or that its cache does not "
                             "begin with zeros: it can be read only if it is of ours and unchanged")  # fmt: skip
    if not file.inputs or not file.outputs:
        raise ModelFileError("its graph has no input or no output")
    if len(file.nodes) > MOST_NODES:
        raise ModelFileError(f"its graph has {len(file.nodes)} nodes; it must have at most {MOST_NODES}")
    file = with_layer_norms(file)
    inputs, outputs = ", ".join(file.inputs), ", ".join(file.outputs)
    if len(file.inputs) > MOST_CACHES:
        raise ModelFileError(f"its graph has {len(file.inputs)} inputs; it must have at most {MOST_CACHES}")
    if len(file.inputs) != len(file.outputs):
        raise ModelFileError(f"its graph has {counted('input', file.inputs)} ({inputs}) and "
                             f"{counted('output', file.outputs)} ({outputs}); it must have one of each, or for every "
                             "further input, a cache, an output with its next value")  # fmt: skip
    best: Importer | None = None
    reasons: list[str] = []
    visits = 0
    for name, sizes in file.inputs.items():
        if reason := unknown_sizes(file.inputs, name):
            reasons.append(reason)
            continue
        for axes in layouts_of(sizes, layout):
            if visits > MOST_VISITS:
                break
            importer = Importer(file, name, axes, sizes)
            if importer.run():
                return importer.network()
            visits += importer.visits
            if best is None or importer.done > best.done:
                best = importer
    if best is None and reasons:
        raise ModelFileError(f"its graph has the inputs {inputs}; of caches {reasons[0]}")
    if best is None:
        name, sizes = next(iter(file.inputs.items()))
        raise ModelFileError(f"input {name!r} has the shape {list(sizes)}; it must be (batch, channels, time), with "
                             "a number of channels")  # fmt: skip
    if len(file.inputs) > 1:
        raise ModelFileError(f"its graph has the inputs {inputs} and the outputs {outputs}, with {best.input!r} as the "
                             f"signal and the others as caches: {best.problem}")  # fmt: skip
    raise ModelFileError(best.problem)


def counted(what: str, names: Sequence[str] | dict[str, Any]) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"


def layouts_of(sizes: Sequence[int | str], layout: str | None) -> list[Axes]:
    """What the axes of an input may be."""
    if layout is None:
        return [axes for axes in LAYOUTS.get(len(sizes), []) if makes_sense(axes, sizes)]
    axes = tuple(layout.replace(",", " ").split())
    if sorted({*axes} - {BATCH, ONE}) != sorted((CHANNELS, TIME)) or len(axes) != len(sizes):
        raise ParameterError(f"layout={layout!r} must name the {len(sizes)} axes of the input: batch, channels, "
                             "time, or 1")  # fmt: skip
    return [axes] if makes_sense(axes, sizes) else []


def makes_sense(axes: Axes, sizes: Sequence[int | str]) -> bool:
    """Whether the sizes of an input may be those of such axes: the channels are known, and ones are ones."""
    return all(
        isinstance(size, int) if axis == CHANNELS else size == 1 if axis == ONE else True
        for axis, size in zip(axes, sizes, strict=True)
    )


class Importer:
    """Goes through the nodes of a graph and notes a layer for each."""

    net: OnnxGraphBuilder
    standard = "ONNX"
    """What says what nodes are, for messages."""

    def __init__(self, file: Any, name: str, axes: Axes, sizes: Sequence[int | str]) -> None:
        self.file = file
        self.input = name
        self.about_input = name, axes, sizes
        self.caches = caches(file.inputs, name)
        self.stretched: dict[str, int] = {}
        self.output = ""
        self.done = self.visits = 0
        self.problem = ""

    def run(self) -> bool:
        """Whether every node could be taken; else `problem` says which could not, and why."""
        for _ in range(MOST_STRETCHES):
            wanted = self.go_through()
            self.visits += self.done + 1
            if wanted is None or self.visits > MOST_VISITS:
                break
            self.stretched[wanted.convolution] = self.stretched.get(wanted.convolution, 0) + wanted.frames
        return not self.problem

    def go_through(self) -> MisalignedError | None:
        """Take every node; what would help where one could not be taken, if something may."""
        self.done, self.problem = 0, ""
        place = "its graph"
        try:
            self.begin()
            cache = self.net.cache
            for node in self.file.nodes:
                place = node.place
                for name, value in zip(node.outputs, self.outputs_of(node), strict=False):
                    self.net.set_value(name, value if cache is None else cache.as_elements(value))
                self.done += 1
            place = "its outputs" if self.caches else f"output {self.file.outputs[0]!r}"
            self.output = self.finish()
        except MisalignedError as wanted:
            self.problem = f"{place}: {wanted}"
            return wanted
        except (UnsupportedError, ParameterError, ModelFileError) as error:
            self.problem = f"{place}: {error}"
        except Exception as error:  # a node that is no node of ONNX: it has no second input, its axes are no integers
            self.problem = f"{place}: is not as {self.standard} has it ({type(error).__name__}: {error})"
        return None

    def begin(self) -> None:
        """Begin with an empty network."""
        cache = Cache(self.caches) if self.caches else None
        self.net = OnnxGraphBuilder(self.file, *self.about_input, self.stretched, cache)
        self.net.values.update(self.caches)

    def outputs_of(self, node: OnnxNode) -> Sequence[Any]:
        return outputs_of(self.net, node)

    def finish(self) -> str:
        """The name of the output, which must be the last entry."""
        values = {name: self.net.values.get(name) for name in self.file.outputs}
        name = self.net.cache.output(values) if self.caches else self.file.outputs[0]
        output = values[name]
        if isinstance(output, Elements):
            output = output.signal
        if not isinstance(output, Signal):
            raise UnsupportedError("does not depend on the input")
        output = self.net.settled(output)
        if not self.net.entries or self.net.entries[-1][0] != output.name:
            output = self.net.layer("output", Activation("identity"), output)
        check_stretched(output.node, self.net.joins, self.net.fewer)
        if self.caches:
            check_blocks(self.net, output.node)
        return output.name

    def network(self) -> Graph:
        return self.net.network(self.output)


def outputs_of(net: OnnxGraphBuilder, node: OnnxNode) -> Sequence[Any]:
    """What a node makes of its inputs: signals, or constants."""
    inputs = [net.value(name) for name in node.inputs]
    if any(isinstance(value, Unfinished) for value in inputs):
        return [finish(net, node, inputs)]
    if node.kind == "RandomNormal":
        return [draw(net, node, node.attributes.get("shape") or ())]
    if node.kind == "RandomNormalLike" and not isinstance(inputs[0], Signal):
        return [draw(net, node, np.shape(inputs[0]))]
    if any(isinstance(value, Drawn) for value in inputs):
        return [read_drawn(net, node, inputs)]
    if inputs and isinstance(inputs[0], Reflected):
        return [read_reflected(net, node, inputs)]
    if inputs and isinstance(inputs[0], Window):
        return [read_window(net, node, inputs)]
    if inputs and isinstance(inputs[0], Stack):
        return [leave_stack(net, node, inputs)]
    if any(isinstance(value, Elements) for value in inputs):
        left = leave_elements(net, node, inputs)
        if left is not None:
            return left
    signals = [value for value in inputs if isinstance(value, Signal)]
    if signals and node.kind == "Shape":
        return [part_of_shape(node, net.shape(signals[0]))]
    if not signals:
        if node.kind not in FOLDED:
            raise UnsupportedError("is not known, and computes with constants")
        made = fold(node, inputs)
        net.spend(sum(np.size(value) for value in made))
        return made
    if node.kind not in OPERATORS:
        raise UnsupportedError(f"{node.kind} has no counterpart here")
    if node.kind == "Slice" and net.cache is not None and (last := last_frames(net, node, inputs)) is not None:
        too = signals_too(net, node, inputs)
        return [Elements(last.numbers, too[0] if too else None)]
    made = OPERATORS[node.kind](net, node, inputs)
    return made if isinstance(made, list) else [made]
