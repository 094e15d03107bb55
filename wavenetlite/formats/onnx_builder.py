"""What the nodes of an ONNX graph are made into layers with: the network so far, and what is pending of each signal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.graph_builder import GraphBuilder, frames_made
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.onnx_signal import (
    BATCH,
    CHANNELS,
    ONE,
    ROWS,
    TIME,
    Axes,
    Elements,
    Signal,
    check_over_time,
    floats,
)
from wavenetlite.formats.onnx_skips import MisalignedError, stretch
from wavenetlite.formats.sizes import BATCH_SIZE, Size
from wavenetlite.graph import Node
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import ConvTranspose1d, Fold
from wavenetlite.nn.graph import INPUT
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats


class OnnxGraphBuilder(GraphBuilder):
    """The network that a graph becomes, and the values of the graph's tensors: signals and constants, by name."""

    block: int | None = None
    """Frames of the input at each call, where the file is called block by block and keeps its state."""
    drawn: int = 0
    """Random numbers that nodes have made so far."""

    def __init__(
        self,
        file: OnnxGraph,
        name: str,
        axes: Axes,
        sizes: Sequence[int | str],
        stretched: Mapping[str, int],
        cache: Any = None,
    ) -> None:
        size_of = dict(zip(axes, sizes, strict=True))
        frames = size_of[TIME]
        held = sum(value.size for value in file.constants.values())
        super().__init__(int(size_of[CHANNELS]), held, frames if isinstance(frames, int) else None)
        self.opset = file.opset
        self.batch = size_of.get(BATCH, 1)
        self.values: dict[str, Any] = {**file.constants, "": None, name: Signal(INPUT, self.nodes[INPUT], axes)}
        self.tensors: dict[str, list[str]] = {INPUT: [name]}  # those that a layer's output is, under any name
        self.cache = cache  # of a streaming graph: an onnx_cache.Cache
        self.stretched = stretched  # zeros that convolutions have at the end beside those of the file
        self.convolutions: dict[str, str] = {}  # by the names of our layers: the outputs of the nodes of the file
        self.fewer: dict[Node, int] = {}
        self.joins: list[list[tuple[Node, int]]] = []
        self.readers = Counter(one for node in file.nodes for one in node.inputs) + Counter(file.outputs)

    # Values

    def value(self, name: str) -> Any:
        if name not in self.values:
            raise UnsupportedError(f"reads {name!r}, which no node before it gives")
        return self.values[name]

    def set_value(self, name: str, value: Any) -> None:
        self.values[name] = value
        value = value.signal if isinstance(value, Elements) else value
        if isinstance(value, Signal):
            self.tensors.setdefault(value.name, []).append(name)

    def shape(self, signal: Signal) -> np.ndarray:
        """Sizes of a tensor."""
        sizes = np.empty(len(signal.axes), object)
        sizes[:] = [self.size(signal, axis) for axis in signal.axes]
        return sizes

    def size(self, signal: Signal, axis: str) -> int | Size:
        """That of one of a tensor's axes."""
        if axis == ROWS:
            return self.size(signal, BATCH) * self.length(signal)
        if axis == BATCH:
            return self.batch if isinstance(self.batch, int) else BATCH_SIZE
        return self.length(signal) if axis == TIME else signal.channels if axis == CHANNELS else 1

    def length(self, signal: Signal) -> int | Size:
        """Frames of a tensor."""
        frames: int | Size = self.frames_of(signal.node) + signal.more
        return frames

    def frames_of(self, node: Node) -> Any:
        """Frames of a node's sequence in the file, when the input has ended."""
        return frames_made(node, self.lengths, self.signal_length, self.fewer)

    def frames_per_call(self, signal: Signal) -> int:
        """New frames of a tensor at each call of a graph that keeps state."""
        raise UnsupportedError("is not called block by block")

    def not_in_blocks(self, what: str) -> None:
        """Refuse in a streaming graph what makes something else of blocks than of the whole signal."""
        if self.cache is not None:
            raise UnsupportedError(f"{what} for every block, not for the whole signal")

    def readers_of(self, signal: Signal) -> int:
        """How many nodes read a layer's output, under any of its tensors' names."""
        return sum(self.readers[name] for name in self.tensors.get(signal.name, []))

    # Layers

    def layer(self, name: str, layer: Module | str, *inputs: Signal) -> Signal:
        """Note a layer; the signal that it gives is settled, and has the axes of its first input."""
        name = self.add(name, layer, *(one.name for one in inputs))
        return Signal(name, self.nodes[name], inputs[0].axes)

    def frame_by_frame(self, name: str, layer: Module, signal: Signal) -> Signal:
        """A layer that takes each frame by itself: what is to be cut off can be so after it."""
        if signal.lead > 0 or signal.tail > 0:
            signal = self.settled(signal)
        return self.layer(name, layer, signal).pending_as(signal)

    def affine(self, node: OnnxNode, signal: Signal, scale: Floats | None, offset: Floats | None) -> Signal:
        """``scale * x + offset``, channel by channel."""
        if scale is None and offset is not None and (folded := self.with_bias(node, signal, offset)) is not None:
            return folded
        weight = np.ones(signal.channels, np.float32) if scale is None else scale
        conv = layers.conv1d(weight.reshape(-1, 1, 1), offset, groups=signal.channels)
        return self.frame_by_frame(name_for(node), conv, signal)

    def with_bias(self, node: OnnxNode, signal: Signal, bias: Floats) -> Signal | None:
        """The layer before with that bias, if it has none and nobody else reads it; it is called as its bias is."""
        if not self.entries or self.entries[-1][0] != signal.name or self.readers_of(signal) != 1:
            return None
        layer = self.entries[-1][1]
        if not isinstance(layer, Conv1d | Linear) or layer.bias or signal.lead > 0 or signal.tail > 0:
            return None
        options = layer.options() | {"bias": True}
        again = layers.with_weights(type(layer)(**options), weight=layer.parameter("weight"), bias=bias)
        name, _, sources = self.remove_last()
        name = self.add(next((one[: -len(".bias")] for one in node.inputs if one.endswith(".bias")), name),
                        again, *sources)  # fmt: skip
        if signal.name in self.convolutions:
            self.convolutions[name] = self.convolutions.pop(signal.name)
            self.fewer[self.nodes[name]] = self.fewer.pop(signal.node, 0)
        return replace(signal, name=name, node=self.nodes[name])

    # Pending frames

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
        self.spend(signal.channels * cut)
        weight = np.zeros((signal.channels, 1, cut + 1), np.float32)
        weight[:, :, 0] = 1
        conv = layers.conv1d(weight, groups=signal.channels, stride=stride, padding=pads)
        return self.layer(f"{signal.name}_frames", conv, signal)

    def padded(self, signal: Signal, before: int, after: int) -> Signal:
        """Zeros around a signal; negative: frames are cut off."""
        if (after > 0 and signal.excess) or (before > 0 > signal.lead) or (after > 0 > signal.tail):
            signal = self.settled(signal)
        cut = min(signal.excess, max(0, -after))
        return self.with_moved_padding(
            replace(signal, lead=signal.lead + before, excess=signal.excess - cut, tail=signal.tail + after + cut)
        )

    def with_moved_padding(self, signal: Signal) -> Signal:
        """Zeros of a convolution that were too many at both ends, of whose frames some are cut off at the start."""
        layer = next((layer for name, layer, _ in self.entries if name == signal.name), None)
        if isinstance(layer, ConvTranspose1d):
            return self.cut_at_both_ends(signal, layer)
        moved = min(-signal.lead, signal.excess)
        if moved <= 0 or not isinstance(layer, Conv1d) or layer.stride != 1:
            return signal
        before, after = layer.pads
        if before < moved:
            return signal
        bias = layer.parameter("bias") if layer.bias else None
        again = layers.conv1d(layer.parameter("weight"), bias, groups=layer.groups, dilation=layer.dilation,
                              padding=(before - moved, after + moved))  # fmt: skip
        source = next(inputs for name, _, inputs in self.entries if name == signal.name)
        name = self.add(signal.name, again, *source)
        return replace(signal, name=name, node=self.nodes[name], lead=signal.lead + moved, excess=signal.excess - moved)

    def cut_at_both_ends(self, signal: Signal, layer: ConvTranspose1d) -> Signal:
        """What a transposed convolution gives without the half of what overhangs at its start."""
        cut = Fold(layer.kernel_size, layer.stride, layer.dilation).cut
        if layer.padding != "causal" or -signal.lead != cut or signal.excess < cut or not cut:
            return signal
        bias = layer.parameter("bias") if layer.bias else None
        again = layers.conv_transpose1d(layer.parameter("weight"), bias, groups=layer.groups, stride=layer.stride,
                                        dilation=layer.dilation, padding="same")  # fmt: skip
        source = next(inputs for name, _, inputs in self.entries if name == signal.name)
        name = self.add(signal.name, again, *source)
        return replace(signal, name=name, node=self.nodes[name], lead=0, excess=signal.excess - cut)

    # Several signals

    def joined(self, node: OnnxNode, kind: Module | str, signals: list[Signal]) -> Signal:
        """A sum, product or concatenation."""
        longest = max(signals, key=lambda one: len(one.axes))
        signals, tail, excess = self.aligned(signals)
        zeros = min(max(one.lead, 0) for one in signals)
        if tail > 0 or zeros > 0:
            signals, tail, excess = [self.settled(one) for one in signals], 0, 0
        made = self.layer(name_for(node), kind, *signals)
        clock = made.node.clock
        lead = Fraction(clock.start - signals[0].time) / Fraction(clock.rate)
        return replace(made, axes=longest.axes, lead=int(lead), tail=tail, excess=excess)

    def aligned(self, signals: list[Signal]) -> tuple[list[Signal], int, int]:
        """Signals whose frames stand side by side in the tensors, and what is pending of their sum: tail and excess."""
        check_over_time(signals)
        if len({(one.time, one.tail, one.excess, one.node.clock.rate) for one in signals}) > 1:
            signals = [self.settled(one) for one in signals]
        if len({one.time for one in signals}) > 1:
            self.refuse_times(signals)
        self.joins.append([(one.node, one.more) for one in signals])
        return signals, signals[0].tail, signals[0].excess

    def refuse_times(self, signals: list[Signal]) -> None:
        """Raise, for signals that begin at different times: with a way out, where there may be one."""
        begins = ", ".join(str(one.time) for one in signals)
        reason = f"its inputs begin at frames {begins} of the signal, which do not fit together"
        late = max(signals, key=lambda one: one.time)
        by = late.time - min(one.time for one in signals)
        known = {name: self.stretched.get(output, 0) for name, output in self.convolutions.items()}
        found = stretch(self.entries, self.nodes, late.name, by, known)
        if found is None:
            raise UnsupportedError(reason)
        raise MisalignedError(reason, self.convolutions[found[0]], found[1])

    def alike(self, signals: list[Signal]) -> list[Signal]:
        """Signals of equal channels; a single channel is for all."""
        check_over_time(signals)
        most = max(one.channels for one in signals)
        kept = {tuple(axis for axis in one.axes if axis not in (ONE, BATCH)) for one in signals}
        if len(kept) > 1:
            raise UnsupportedError(f"its inputs have axes {' and '.join(map(str, sorted(kept)))}")
        return [one if one.channels == most or one.channels != 1 else self.layer(
            f"{one.name}_wide", layers.linear(np.ones((most, 1), np.float32)), self.settled(one))
            for one in signals]  # fmt: skip


def signal_in(inputs: list[Any]) -> Signal:
    """The first input, which must be a signal."""
    if not isinstance(inputs[0], Signal):
        raise UnsupportedError("its data is no signal")
    return inputs[0]


def check_channels(signal: Signal, axis: int) -> None:
    if signal.axis(axis) != CHANNELS:
        raise UnsupportedError(f"goes over the axis {signal.axis(axis)}; it must go over the channels")


def per_channel(signal: Signal, value: Any) -> Floats:
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


def name_for(node: OnnxNode, weight: int | None = None) -> str:
    """What to call the layer of a node: as its weight is called, else as the node, else by its kind."""
    if weight is not None and weight < len(node.inputs):
        name = node.inputs[weight]
        if name.rpartition(".")[2] in ("weight", "bias"):
            return name.rpartition(".")[0]
    return node.outputs[0] if node.outputs and node.outputs[0] else node.kind
