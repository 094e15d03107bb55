"""What the operators of a TFLite graph are made into layers with: the network so far, and the file's tensors.

Tensors are signals as those of ONNX graphs are (`onnx_signal`), with the axes in TFLite's order: channels last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, signal_in
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ROWS, TIME, Axes, Signal
from wavenetlite.formats.reading import shown
from wavenetlite.formats.sizes import SIGNAL_LENGTH, Size
from wavenetlite.formats.tflite_file import ACTIVATIONS, Graph, Tensor
from wavenetlite.nn.integer import IntegerConv1d, Rounding
from wavenetlite.nn.pointwise import Activation

CLAMPS = {"RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0), "RELU_0_TO_1": (0.0, 1.0)}


class TfliteBuilder(OnnxGraphBuilder):
    """The network that a graph becomes.

    Parameters
    ----------
    file
        The graph.
    name, axes, sizes
        Of its input.
    stretched
        See `OnnxGraphBuilder`.
    block
        Frames of the input at each call, of a graph that keeps state in variables; None: it is for whole signals.
    rounding
        Of layers of integers.
    """

    def __init__(
        self, file: Graph, name: str, axes: Axes, sizes: Sequence[int | str], stretched: Mapping[str, int],
        block: int | None, rounding: Rounding,
    ) -> None:  # fmt: skip
        self.about: dict[str, Tensor] = file.tensors
        self.block, self.rounding = block, rounding
        constants = {one.name: one.data for one in file.tensors.values() if one.data is not None}
        super().__init__(OnnxGraph(file.nodes, constants, {}, file.outputs, 13), name, axes, sizes, stretched)

    def value(self, name: str) -> Any:
        if name not in self.values:
            raise UnsupportedError(f"reads {shown(name)} of {self.about[name].type}, which is neither given by an "
                                   "operator before it nor a constant of numbers that can be read")  # fmt: skip
        return self.values[name]

    @property
    def signal_length(self) -> int | Size:
        if self.block is None:
            return super().signal_length
        return Size(SIGNAL_LENGTH.values // self.block * self.block)

    @property
    def calls(self) -> Any:
        """Calls in which the signal is given."""
        return self.signal_length // (self.block or 1)

    def not_in_blocks(self, what: str) -> None:
        if self.block is not None:
            raise UnsupportedError(f"{what} at every call, not around the whole signal")

    def one_hot(self, signal: Signal, cut: int, pads: tuple[int, int], stride: int = 1) -> Signal:
        """A convolution that takes frames as they are."""
        given = signal.node.quantization
        if given is None:
            return super().one_hot(signal, cut, pads, stride)
        self.spend(signal.channels * cut)
        weight = np.zeros((signal.channels, 1, cut + 1), np.int8)
        weight[:, :, 0] = 1
        layer = IntegerConv1d(
            signal.channels, signal.channels, cut + 1, groups=signal.channels, stride=stride, padding=pads,
            input_scale=given.scale, input_zero_point=given.zero_point, output_scale=given.scale,
            output_zero_point=given.zero_point, rounding=self.rounding,
        )  # fmt: skip
        ones, zeros = np.ones(signal.channels, np.float32), np.zeros(signal.channels, np.int32)
        layer.load_state_dict({"weight": weight, "weight_scale": ones, "bias": zeros})
        return self.layer(f"{signal.name}_frames", layer, signal)

    def sizes_in_file(self, tensor: str, axes: Axes, signal: Signal) -> list[Any]:
        """Sizes of a tensor as the file gives them, where it does: those of a block, or of a signal of some length."""
        shape = self.about[tensor].shape
        return [shape[at] if axis in (TIME, ROWS) and at < len(shape) and shape[at] >= 0 else self.size(signal, axis)
                for at, axis in enumerate(axes)]  # fmt: skip

    def frames_per_call(self, signal: Signal) -> int:
        """New frames of a tensor at each call of a graph that keeps state."""
        new = (self.block or 0) / signal.node.clock.rate
        if new != int(new) or not new:
            raise UnsupportedError(f"gives {new} frames at each call; it must be a whole number")
        return int(new)


def fused(net: TfliteBuilder, node: OnnxNode, signal: Signal) -> Signal:
    """The activation that an operator has as an option."""
    number = node.attributes.get("activation", 0)
    if number not in ACTIVATIONS:
        raise UnsupportedError(f"has the fused activation {number}, which has no counterpart here")
    return activated(net, f"{signal.name}_activation", ACTIVATIONS[number], signal) if number else signal


def activated(net: TfliteBuilder, name: str, kind: str, signal: Signal) -> Signal:
    """One of the activations that may be fused."""
    low, high = CLAMPS.get(kind, (0.0, 0.0))
    layer = Activation("hardtanh", min_val=low, max_val=high) if kind in CLAMPS else Activation(kind.lower())
    if kind not in CLAMPS or low <= 0 <= high:  # zeros stay zeros, before padding as after
        return net.layer(name, layer, signal).pending_as(signal)
    return net.frame_by_frame(name, layer, signal)


def channels_first(signal: Signal) -> Signal:
    """The same tensor as ONNX has it."""
    if len(signal.axes) < 3 or signal.axes[-1] != CHANNELS or signal.axes[0] != BATCH:
        raise UnsupportedError(f"its input has the axes ({', '.join(signal.axes)}); it must be (batch, 1, time, "
                               "channels) or (batch, time, 1, channels)")  # fmt: skip
    return replace(signal, axes=(BATCH, CHANNELS, *signal.axes[1:-1]))


def channels_last(signal: Signal) -> Signal:
    return replace(signal, axes=(signal.axes[0], *signal.axes[2:], CHANNELS))


def integers_in(value: Any) -> list[Any]:
    """A constant's numbers, or sizes that are not known, in a row."""
    if isinstance(value, Signal) or value is None:
        raise UnsupportedError("has a signal, or nothing, where it must have a constant")
    return list(np.asarray(value).reshape(-1).tolist())


def only_signal(inputs: list[Any]) -> Signal:
    """The first input, and no other may be a signal."""
    if any(isinstance(one, Signal) for one in inputs[1:]):
        raise UnsupportedError("has a signal where it must have a constant")
    return signal_in(inputs)
