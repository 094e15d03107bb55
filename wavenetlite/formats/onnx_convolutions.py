"""Convolutions of ONNX, and means over a few frames, which are convolutions too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, TIME, Signal, floats, optional_floats
from wavenetlite.nn.max_pool import MaxPool2d
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Upsample

Window = tuple[int, int, tuple[int, int]]
"""Stride, dilation, and the zeros before and after the signal."""


def conv(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, bias = signal_in(inputs), optional_floats(node.given(inputs, 2))
    weight, window = over_time(node, signal, floats(inputs[1]))
    stride, dilation, _ = window

    def make(padding: tuple[int, int]) -> Module:
        return layers.conv1d(weight, bias, groups=node.attributes.get("group", 1), stride=stride, dilation=dilation,
                             padding=padding)  # fmt: skip

    return convolved(net, node, signal, weight.shape[2], window, make)


def convolved(
    net: OnnxGraphBuilder, node: OnnxNode, signal: Signal, kernel_size: int, window: Window,
    make: Callable[[tuple[int, int]], Module],
) -> Signal:  # fmt: skip
    """A layer that reads a window of frames; ``make(padding)`` makes it."""
    stride, dilation, (left, right) = window
    reach = (kernel_size - 1) * dilation
    if left or right:
        net.not_in_blocks("puts zeros around the signal")
    if (
        signal.excess or signal.tail < 0 or (left and signal.lead < 0)
    ):  # zeros stand before what is left, not before all
        signal = net.settled(signal)
    before, after = left + signal.lead, right + signal.tail
    if before > reach:
        raise UnsupportedError(f"has {before} frames of padding before the signal; its kernel reaches over {reach}")
    excess = max(0, before + after - reach)
    if excess and stride > 1:
        raise UnsupportedError(f"has {excess} frames of padding more than its kernel reaches over, and stride={stride}")
    more = net.stretched.get(node.outputs[0], 0)
    made = net.layer(name_for(node, 1), make((before, after - excess + more)), signal)
    net.convolutions[made.name] = node.outputs[0]
    if more:
        net.fewer[made.node] = more
    return replace(made, excess=excess)


def over_time(node: OnnxNode, signal: Signal, weight: np.ndarray) -> tuple[np.ndarray, Window]:
    """Weight (out, in, kernel), stride, dilation and padding of a convolution over time; other axes are ones."""
    axes = signal.axes[2:]
    if len(signal.axes) < 3 or signal.axes[1] != CHANNELS or axes.count(TIME) != 1 or weight.ndim != 2 + len(axes):
        raise UnsupportedError(f"its input has the axes ({', '.join(signal.axes)}); it must be (batch, channels, time)")
    along = axes.index(TIME)
    count = len(axes)
    strides = list(node.attributes.get("strides") or [1] * count)
    dilations = list(node.attributes.get("dilations") or [1] * count)
    pads = padding(node, weight.shape[2:], strides, dilations)
    if min(len(strides), len(dilations)) < count or min(strides + dilations) < 1:
        raise UnsupportedError(f"has strides {strides} and dilations {dilations}")
    for axis in range(count):
        if axis != along and (weight.shape[2 + axis] != 1 or pads[axis] or pads[axis + count]):
            raise UnsupportedError(f"has a kernel of shape {weight.shape[2:]}: over an axis that is not time")
    flat = weight.reshape(weight.shape[0], weight.shape[1], -1)
    return flat, (strides[along], dilations[along], (pads[along], pads[along + count]))


def padding(node: OnnxNode, kernel: Sequence[int], strides: list[int], dilations: list[int]) -> list[int]:
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


def conv_transpose(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, bias = net.settled(signal_in(inputs)), optional_floats(node.given(inputs, 2))
    if node.attributes.get("output_shape"):
        raise UnsupportedError("has an output_shape: its padding depends on the length")
    weight, (stride, dilation, (left, right)) = over_time(node, signal, floats(inputs[1]))
    more = sum(node.attributes.get("output_padding") or [0])
    overhang = (weight.shape[2] - 1) * dilation + 1 - stride
    cut = max(0, (overhang + 1) // 2)
    beyond = overhang + more - left - right  # frames more than stride for each
    if overhang > 0:
        net.not_in_blocks("adds what overhangs to the frames")
    same = left == cut and left > 0
    if not same and beyond + left < 0:
        raise UnsupportedError(f"has a kernel and padding that leave {-beyond} frames less than {stride} for each")
    up = layers.conv_transpose1d(weight, bias, groups=node.attributes.get("group", 1), stride=stride,
                                 dilation=dilation, padding="same" if same else "causal")  # fmt: skip
    lead = 0 if same else -left
    rest = beyond - lead
    return replace(net.layer(name_for(node, 1), up, signal), lead=lead, tail=min(rest, 0), excess=max(rest, 0))


def average_pool(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """A convolution with equal weights."""
    signal = signal_in(inputs)
    kernel = node.attributes.get("kernel_shape") or []
    count = len(kernel)
    strides, dilations = (list(node.attributes.get(name) or [1] * count) for name in ("strides", "dilations"))
    if node.attributes.get("ceil_mode", 0) and max(strides, default=1) > 1:
        raise UnsupportedError("has ceil_mode=1 with strides: whether its last mean is of fewer frames depends on the "
                               "length")  # fmt: skip
    if not node.attributes.get("count_include_pad", 0) and any(padding(node, kernel, strides, dilations)):
        raise UnsupportedError("leaves padding out of its means; count_include_pad must be 1")
    net.spend(signal.channels * math.prod(kernel))
    weight = np.full((signal.channels, 1, *kernel), 1 / max(1, math.prod(kernel)), np.float32)
    attributes = {**node.attributes, "group": signal.channels}
    return conv(net, replace(node, attributes=attributes), [signal, weight])


def max_pool(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """The largest of a few frames, of which none may be padding."""
    signal = net.settled(signal_in(inputs))
    kernel = list(node.attributes.get("kernel_shape") or [])
    if not kernel or min(kernel) < 1 or any(node.outputs[1:]):
        raise UnsupportedError(f"has kernel_shape={kernel} and {len(node.outputs)} outputs; it must give maxima only")
    flat, (stride, dilation, pads) = over_time(node, signal, np.broadcast_to(np.float32(1), (1, 1, *kernel)))
    if any(pads) or dilation != 1:
        raise UnsupportedError(f"has pads={list(pads)} and dilation={dilation}; it must have none")
    if node.attributes.get("ceil_mode", 0) and stride > 1:
        raise UnsupportedError("has ceil_mode=1 with strides: whether its last maximum is of fewer frames depends on "
                               "the length")  # fmt: skip
    pool = MaxPool2d(signal.channels, (flat.shape[2], 1), bins=1, stride=(stride, 1))
    return net.layer(name_for(node), pool, signal)


REPEATED = {("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"), ("asymmetric", "floor")}
"""Of Resize, the coordinates and roundings with which a whole factor repeats every frame."""


def upsample(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Upsample and Resize: frames are repeated."""
    signal, options = net.settled(signal_in(inputs)), node.attributes
    scales = node.given(inputs, 1 if node.kind == "Upsample" else 2, "scales")
    if scales is None or np.size(scales) != len(signal.axes):
        raise UnsupportedError("has no scale for each axis; it must have scales, not sizes")
    found = [float(one) for one in np.asarray(scales).reshape(-1)]
    factor = found[signal.axes.index(TIME)] if signal.over_time else 1.0
    if any(one != 1 for one, axis in zip(found, signal.axes, strict=True) if axis != TIME) or factor not in range(
        1, 65_537
    ):
        raise UnsupportedError(f"has scales {found}; over time it must be a whole number, over other axes 1")
    way = (
        options.get("coordinate_transformation_mode", "half_pixel"),
        options.get("nearest_mode", "round_prefer_floor"),
    )
    if options.get("mode", "nearest") != "nearest" or (node.kind == "Resize" and way not in REPEATED):
        raise UnsupportedError(
            f"has mode={options.get('mode', 'nearest')!r}, {way[0]}, {way[1]}; it must repeat frames"
        )
    return net.layer(name_for(node), Upsample(int(factor)), signal) if factor > 1 else signal
