"""Convolutions, matrices, pools and means of TFLite on 8-bit integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from wavenetlite.formats import onnx_convolutions
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import check_channels, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import ONE, TIME, Signal
from wavenetlite.formats.onnx_window import Window
from wavenetlite.formats.tflite_builder import TfliteBuilder, channels_first, channels_last, integers_in
from wavenetlite.formats.tflite_convolutions import pool_window, rows, window_options
from wavenetlite.formats.tflite_integers import (
    from_to,
    given_to,
    limits,
    output_of,
)
from wavenetlite.nn.integer import (
    IntegerAvgPool1d,
    IntegerConv1d,
    IntegerCumulativePool,
    IntegerMaxPool1d,
)
from wavenetlite.nn.module import Module


def conv_2d(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, weight = signal_in(inputs), weights(net, node, inputs, 0)
    if weight.ndim != 4 or not weight.shape[3] or signal.channels % weight.shape[3]:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    return convolved(net, node, signal, weight.transpose(0, 3, 1, 2), bias_of(net, node, inputs, len(weight)))


def depthwise_conv_2d(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, weight = signal_in(inputs), weights(net, node, inputs, 3)
    if weight.ndim != 4 or weight.shape[0] != 1 or weight.shape[3] % signal.channels:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    bias = bias_of(net, node, inputs, weight.shape[3])
    return convolved(net, node, signal, weight.transpose(3, 0, 1, 2), bias)


def convolved(net: TfliteBuilder, node: OnnxNode, signal: Signal, weight: np.ndarray, bias: np.ndarray) -> Signal:
    """A convolution with weights (out, in / groups, height, width)."""
    options = window_options(net, node, signal, weight.shape[2:]) | {"group": signal.channels // weight.shape[1]}
    node = replace(node, attributes=node.attributes | options)
    flat, window = onnx_convolutions.over_time(node, channels_first(signal), weight)
    made = onnx_convolutions.convolved(net, node, channels_first(signal), flat.shape[2], window,
                                       integer_conv(net, node, signal, flat, bias, window[:2]))  # fmt: skip
    return channels_last(made)


def integer_conv(
    net: TfliteBuilder, node: OnnxNode, signal: Signal, weight: np.ndarray, bias: np.ndarray, window: tuple[int, int]
) -> Callable[[tuple[int, int]], Module]:
    """What makes the layer, when its padding is known; weights are (out, in / groups, frames)."""
    out, per_group, kernel_size = weight.shape
    output = output_of(net, node)
    net.spend(weight.size)
    scale = net.about[node.inputs[1]].scale

    def make(padding: tuple[int, int]) -> Module:
        layer = IntegerConv1d(
            signal.channels, out, kernel_size, stride=window[0], dilation=window[1],
            groups=signal.channels // per_group, padding=padding, rounding=net.rounding,
            **from_to(given_to(signal), output), **limits(node, output),
        )  # fmt: skip
        layer.load_state_dict({"weight": np.ascontiguousarray(weight), "bias": bias,
                               "weight_scale": np.ascontiguousarray(np.broadcast_to(scale, (out,)))})  # fmt: skip
        return layer

    return make


def weights(net: TfliteBuilder, node: OnnxNode, inputs: list[Any], axis: int) -> np.ndarray:
    """Weights of int8, symmetric, with one scale or one for each output."""
    tensor, weight = net.about[node.inputs[1]], inputs[1]
    if not isinstance(weight, np.ndarray) or weight.dtype != np.int8 or not tensor.quantised:
        raise UnsupportedError(f"has weights of {tensor.type} beside a signal of integers; they must be int8")
    if tensor.zero_point.any() or (len(tensor.scale) > 1 and tensor.axis != axis):
        raise UnsupportedError("has weights with zero points, or scales along another axis than that of the outputs")
    return weight


def bias_of(net: TfliteBuilder, node: OnnxNode, inputs: list[Any], out: int) -> np.ndarray:
    """The bias in int32, whose scale is that of input and weights; zeros where there is none."""
    if len(inputs) < 3 or inputs[2] is None:
        return np.zeros(out, np.int32)
    bias, tensor = inputs[2], net.about[node.inputs[2]]
    if not isinstance(bias, np.ndarray) or bias.dtype != np.int32 or bias.shape != (out,) or tensor.zero_point.any():
        raise UnsupportedError(f"has a bias of {tensor.type}, shape {np.shape(bias)}; it must be {out} int32 without "
                               "zero points")  # fmt: skip
    return bias


def fully_connected(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    if node.attributes.get("weights_format", 0):
        raise UnsupportedError("has shuffled weights")
    weight = weights(net, node, inputs, 0)
    value = inputs[0]
    signal = value.signal if isinstance(value, Window) else signal_in(inputs)
    bias = bias_of(net, node, inputs, len(weight))
    if isinstance(value, Window):
        return value.convolved(net, name_for(node), weight, lambda kernel, stride, padding: integer_conv(
            net, node, signal, kernel, bias, (stride, 1))(padding))  # fmt: skip
    if weight.ndim != 2 or weight.shape[1] != signal.channels:
        raise UnsupportedError(f"has weights of shape {weight.shape} for {signal.channels} channels")
    check_channels(signal, -1)
    layer = integer_conv(net, node, signal, weight[:, :, None], bias, (1, 1))((0, 0))
    made = net.frame_by_frame(name_for(node), layer, signal)
    return made if node.attributes["keep_dims"] else rows(made)


def pool(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """MAX_POOL_2D and AVERAGE_POOL_2D."""
    signal = signal_in(inputs)
    kernel, options = pool_window(net, node, signal)
    given, output = given_to(signal), output_of(net, node)
    if given != output:
        raise UnsupportedError(f"gives integers of {output}; they must be as its input's, of {given}")
    node = replace(node, attributes=node.attributes | options | {"group": signal.channels})
    empty = np.empty((signal.channels, 1, *kernel), np.bool_)
    flat, window = onnx_convolutions.over_time(node, channels_first(signal), empty)
    pool_of = IntegerMaxPool1d if node.kind == "MAX_POOL_2D" else IntegerAvgPool1d

    def make(padding: tuple[int, int]) -> Module:
        bounds = limits(node, output)
        return pool_of(signal.channels, flat.shape[2], stride=window[0], padding=padding, scale=given.scale,
                       zero_point=given.zero_point, low=bounds["low"], high=bounds["high"])  # fmt: skip

    made = onnx_convolutions.convolved(net, node, channels_first(signal), flat.shape[2], window, make)
    return channels_last(made)


def reduce(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """MEAN and REDUCE_MAX over time: of the signal so far; of a call's frames, the mean of all of them."""
    signal, numbers = signal_in(inputs), [int(one) for one in integers_in(inputs[1])]
    over = {signal.axis(number) for number in numbers}
    if TIME not in over or over - {TIME, ONE}:
        raise UnsupportedError(f"goes over the axes {', '.join(sorted(over))}; with integers it must go over time")
    gone = {one % len(signal.axes) for one in numbers}
    if net.block is not None:
        made = mean_of_call(net, node, signal)
        gone.remove(signal.axes.index(TIME))
    else:
        kind: Literal["max", "mean"] = "mean" if node.kind == "MEAN" else "max"
        layer = IntegerCumulativePool(signal.channels, kind, **from_to(given_to(signal), output_of(net, node)),
                                      rounding=net.rounding)  # fmt: skip
        made = net.layer(name_for(node), layer, net.settled(signal))
    keep = bool(node.attributes["keep_dims"])
    axes = [ONE if at in gone else axis for at, axis in enumerate(signal.axes) if keep or at not in gone]
    return replace(made, axes=tuple(axes))


def mean_of_call(net: TfliteBuilder, node: OnnxNode, signal: Signal) -> Signal:
    """The mean of a call's frames, as a convolution with equal weights."""
    if node.kind != "MEAN":
        raise UnsupportedError("takes the maximum of a call's frames otherwise than by MAX_POOL_2D")
    frames = net.about[node.inputs[0]].static_shape[signal.axes.index(TIME)]
    if signal.tail > 0 or signal.excess or not 0 <= signal.lead < frames:
        signal = net.settled(signal)
    net.spend(signal.channels * frames)
    layer = IntegerConv1d(
        signal.channels, signal.channels, frames, groups=signal.channels, padding=(signal.lead, 0),
        stride=net.frames_per_call(signal), rounding=net.rounding, **from_to(given_to(signal), output_of(net, node)),
    )  # fmt: skip
    layer.load_state_dict({
        "weight": np.ones((signal.channels, 1, frames), np.int8), "bias": np.zeros(signal.channels, np.int32),
        "weight_scale": np.full(signal.channels, 1 / frames, np.float32),
    })  # fmt: skip
    return net.layer(name_for(node), layer, signal)
