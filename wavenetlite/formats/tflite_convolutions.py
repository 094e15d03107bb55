"""Convolutions, matrices and pools of TFLite."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers, onnx_arithmetic, onnx_convolutions
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import check_channels, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ROWS, TIME, Signal, floats, optional_floats
from wavenetlite.formats.onnx_window import Window
from wavenetlite.formats.sizes import Size, most
from wavenetlite.formats.tflite_builder import TfliteBuilder, channels_first, channels_last, fused, only_signal
from wavenetlite.formats.tflite_file import PADDINGS


def conv_2d(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = only_signal(inputs)
    weight = floats(inputs[1])
    if weight.ndim != 4 or not weight.shape[3] or signal.channels % weight.shape[3]:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    return convolved(net, node, signal, weight.transpose(0, 3, 1, 2), inputs)


def depthwise_conv_2d(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = only_signal(inputs)
    weight = floats(inputs[1])
    if weight.ndim != 4 or weight.shape[0] != 1 or weight.shape[3] % signal.channels:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    return convolved(net, node, signal, weight.transpose(3, 0, 1, 2), inputs)


def convolved(net: TfliteBuilder, node: OnnxNode, signal: Signal, weight: np.ndarray, inputs: list[Any]) -> Signal:
    """A convolution with weights (out, in / groups, height, width)."""
    options = window_options(net, node, signal, weight.shape[2:]) | {"group": signal.channels // weight.shape[1]}
    values = [channels_first(signal), np.ascontiguousarray(weight), optional_floats(inputs[2]) if inputs[2:] else None]
    made = onnx_convolutions.conv(net, replace(node, attributes=options), values)
    return fused(net, node, channels_last(made))


def window_options(net: TfliteBuilder, node: OnnxNode, signal: Signal, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Strides, dilations and padding over height and width, as ONNX has them."""
    options = node.attributes
    axes = channels_first(signal).axes[2:]
    if len(axes) != 2:
        raise UnsupportedError(f"its input has the axes ({', '.join(signal.axes)}); it must have four")
    strides = [options["stride_h"], options["stride_w"]]
    dilations = [options.get("dilation_h", 1), options.get("dilation_w", 1)]
    dilations[axes.index(TIME) if TIME in axes else 0] *= options.get("block", 1)
    if min(*strides, *dilations, *kernel) < 1:
        raise UnsupportedError(f"has strides {strides}, dilations {dilations} and a kernel of {list(kernel)}")
    kind = PADDINGS.get(options["padding"])
    if kind is None:
        raise UnsupportedError(f"has padding={options['padding']}; it must be SAME or VALID")
    if kind == "SAME" and "block" in options and max(kernel) > 1:
        raise UnsupportedError("has padding=SAME, in blocks of frames")
    sides = [(0, 0) if kind == "VALID" else same_padding(net.size(signal, axis), (size - 1) * dilation + 1, stride)
             for axis, size, dilation, stride in zip(axes, kernel, dilations, strides, strict=True)]  # fmt: skip
    return {"strides": strides, "dilations": dilations, "pads": [side[0] for side in sides] + [
        side[1] for side in sides]}  # fmt: skip


def same_padding(length: int | Size, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after: so many that there is an output for every `stride` frames, the odd one after."""
    outputs = -(-length // stride)
    total = kernel - 1 if stride == 1 else most(0, (outputs - 1) * stride + kernel - length)
    if isinstance(total, Size):
        raise UnsupportedError("has padding=SAME with strides, which begins elsewhere for other lengths of the signal; "
                               "the file does not give one: pass frames=...")  # fmt: skip
    return int(total) // 2, int(total) - int(total) // 2


def fully_connected(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    if node.attributes.get("weights_format", 0):
        raise UnsupportedError("has shuffled weights")
    weight, bias = floats(inputs[1]), optional_floats(inputs[2]) if inputs[2:] else None
    if isinstance(inputs[0], Window):
        return fused(net, node, inputs[0].convolved(net, name_for(node), weight, lambda kernel, stride, padding: (
            layers.conv1d(kernel, bias, stride=stride, padding=padding))))  # fmt: skip
    signal = only_signal(inputs)
    if weight.ndim != 2 or weight.shape[1] != signal.channels:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    check_channels(signal, -1)
    made = net.frame_by_frame(name_for(node), layers.linear(weight, bias), signal)
    return fused(net, node, made if node.attributes["keep_dims"] else rows(made))


def rows(signal: Signal) -> Signal:
    """With one axis of all frames, as a matrix has it that does not keep its input's axes."""
    kept = [axis for axis in signal.axes if axis in (BATCH, TIME, ROWS)]
    first = ROWS if len(kept) > 1 else kept[0] if kept else BATCH
    return replace(signal, axes=(first, CHANNELS))


def batch_matmul(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return onnx_arithmetic.linear(net, replace(node, kind="MatMul", attributes={}), inputs)


def average_pool(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """A convolution with equal weights; with SAME, zeros around the signal are left out of the mean."""
    signal = signal_in(inputs)
    kernel, options = pool_window(net, node, signal)
    net.spend(signal.channels * math.prod(kernel))
    weight = np.full((signal.channels, 1, *kernel), 1 / math.prod(kernel), np.float32)
    options |= {"group": signal.channels}
    made = onnx_convolutions.conv(net, replace(node, attributes=options), [channels_first(signal), weight])
    return fused(net, node, channels_last(made))


def pool_window(net: TfliteBuilder, node: OnnxNode, signal: Signal) -> tuple[tuple[int, int], dict[str, Any]]:
    """The kernel of a pool, and the options of its window."""
    kernel = node.attributes["height"], node.attributes["width"]
    if not all(1 <= size <= 2**16 for size in kernel):
        raise UnsupportedError(f"has a window of {kernel}")
    options = window_options(net, node, signal, kernel)
    if any(options["pads"]):
        raise UnsupportedError("has padding=SAME: what it gives at the ends is of fewer frames")
    return kernel, options


def max_pool(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """The largest of a few frames."""
    signal = signal_in(inputs)
    kernel, options = pool_window(net, node, signal)
    options |= {"kernel_shape": kernel}
    made = onnx_convolutions.max_pool(net, replace(node, attributes=options), [channels_first(signal)])
    return fused(net, node, channels_last(made))
