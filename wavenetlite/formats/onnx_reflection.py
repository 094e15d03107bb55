"""Signals that are reflected at their start, as EnCodec pads them: a convolution must follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for
from wavenetlite.formats.onnx_constants import integers, part_of_shape
from wavenetlite.formats.onnx_convolutions import over_time
from wavenetlite.formats.onnx_file import FLOATS, OnnxNode
from wavenetlite.formats.onnx_signal import TIME, Signal, floats, left_out, optional_floats


@dataclass(frozen=True)
class Reflected:
    """A signal with `frames` of its frames before it, in reverse."""

    signal: Signal
    frames: int


def reflected(net: OnnxGraphBuilder, signal: Signal, pads: list[int]) -> Signal | Reflected:
    count = len(signal.axes)
    along = signal.axes.index(TIME) if TIME in signal.axes else -1
    others = [value for place, value in enumerate(pads) if place % count != along]
    if len(pads) != 2 * count or along < 0 or any(others):
        raise UnsupportedError(f"has mode='reflect' and pads={pads}; they must be around time")
    before, after = pads[along], pads[along + count]
    if after:
        raise UnsupportedError(f"reflects {after} frames of the signal at its end, which a stream does not know "
                               "before; only its start can be reflected (a causal model)")  # fmt: skip
    net.not_in_blocks("reflects the signal")
    return Reflected(net.settled(signal), before) if before else signal


def read_reflected(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Any:
    """A convolution of a reflected signal; or the signal as it is, or its shape."""
    value = inputs[0]
    if node.kind == "Shape":
        return part_of_shape(node, shape_of(net, value))
    if node.kind == "Identity" or (node.kind == "Cast" and node.attributes.get("to") in FLOATS):
        return value
    if node.kind == "Slice" and takes_all(net, inputs):
        return value
    if node.kind != "Conv":
        raise UnsupportedError("reads a signal that is reflected at its start; only a convolution can")
    weight, bias = floats(inputs[1]), optional_floats(node.given(inputs, 2))
    flat, (stride, dilation, pads) = over_time(node, value.signal, weight)
    conv = layers.reflected_conv1d(flat, bias, value.frames, stride=stride, pads=pads, dilation=dilation,
                                   groups=node.attributes.get("group", 1))  # fmt: skip
    return net.layer(name_for(node, 1), conv, value.signal)


def shape_of(net: OnnxGraphBuilder, value: Reflected) -> np.ndarray:
    sizes = net.shape(value.signal)
    sizes[value.signal.axes.index(TIME)] += value.frames
    return sizes


def takes_all(net: OnnxGraphBuilder, inputs: list[Any]) -> bool:
    """Whether a slice leaves nothing out."""
    value, starts, ends, axes = inputs[0], *(np.asarray(one).reshape(-1) for one in inputs[1:4])
    sizes = shape_of(net, value)
    steps = integers(inputs[4]) if len(inputs) > 4 else [1]
    found = [left_out(start, end, sizes[axis]) for start, end, axis in zip(starts, ends, axes, strict=True)]
    return set(found) == {(0, 0)} and set(steps) == {1}
