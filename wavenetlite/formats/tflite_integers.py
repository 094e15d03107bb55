"""Operators of TFLite on 8-bit integers, as layers that compute with integers.

Whether an operator computes with integers is told by its signals. A byte of ours is a signed one: a tensor of unsigned
bytes has the same scale, and a zero point that is 128 less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from wavenetlite.formats import onnx_convolutions, tflite_hard_swish
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import check_channels, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, ONE, TIME, Signal
from wavenetlite.formats.tflite_axes import Window
from wavenetlite.formats.tflite_builder import TfliteBuilder, channels_first, channels_last, integers_in
from wavenetlite.formats.tflite_convolutions import pool_kernel, rows, window_options
from wavenetlite.formats.tflite_file import ACTIVATIONS, Tensor
from wavenetlite.formats.tflite_operators import OPERATORS, Operator
from wavenetlite.graph import HIGHEST, LOWEST, Quantization
from wavenetlite.nn.integer import (
    Dequantize,
    IntegerAdd,
    IntegerAvgPool1d,
    IntegerConcat,
    IntegerConv1d,
    IntegerCumulativePool,
    IntegerLookup,
    IntegerMaxPool1d,
    IntegerMultiply,
    Quantize,
    Requantize,
)
from wavenetlite.nn.module import Module
from wavenetlite.nodes.rescaling import requantized

BYTES = {"int8": 0, "uint8": 128}
"""Types of activations, and how far their zero points are from ours."""
LIMITS = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
"""By activation: the least and the largest number that it gives."""


def quantization(tensor: Tensor) -> Quantization:
    """What the integers of a tensor stand for."""
    if tensor.type not in BYTES or len(tensor.scale) != 1:
        raise UnsupportedError(f"gives {tensor.type}{' with several scales' if len(tensor.scale) > 1 else ''}; a "
                               "sequence of integers must be int8 or uint8, with one scale")  # fmt: skip
    return Quantization(float(tensor.scale[0]), int(tensor.zero_point[0]) - BYTES[tensor.type])


def given_to(signal: Signal) -> Quantization:
    """The integers of a signal."""
    if signal.node.quantization is None:
        raise UnsupportedError("reads floats beside integers")
    return signal.node.quantization


def output_of(net: TfliteBuilder, node: OnnxNode) -> Quantization:
    return quantization(net.about[node.outputs[0]])


def from_to(given: Quantization, output: Quantization) -> dict[str, Any]:
    """Scales and zero points of a layer."""
    return {"input_scale": given.scale, "input_zero_point": given.zero_point, "output_scale": output.scale,
            "output_zero_point": output.zero_point}  # fmt: skip


def limits(node: OnnxNode, output: Quantization) -> dict[str, int]:
    """The least and the largest integer, by the activation that an operator has as an option."""
    number = node.attributes.get("activation", 0)
    kind = ACTIVATIONS.get(number)
    if kind is None or (kind and kind not in LIMITS):
        raise UnsupportedError(f"has the fused activation {kind or number}, which no layer of integers has")
    return between(*LIMITS[kind], output) if kind else {"low": LOWEST, "high": HIGHEST}


def between(least: float, most: float | None, output: Quantization) -> dict[str, int]:
    return {
        "low": clamped(least, output),
        "high": HIGHEST if most is None else clamped(most, output),
    }


def clamped(value: float, output: Quantization) -> int:
    """The integer that stands for a number: rounded to nearest, ties away from zero."""
    steps = np.float32(value) / np.float32(output.scale)
    nearest = output.zero_point + int(np.copysign(np.floor(np.abs(steps) + 0.5), steps))
    return min(max(nearest, LOWEST), HIGHEST)


# Convolutions and matrices


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
    kernel = pool_kernel(node)
    options = window_options(net, node, signal, kernel)
    if any(options["pads"]):
        raise UnsupportedError("has padding=SAME: what it gives at the ends is of fewer frames")
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


# In and out


def quantize(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """QUANTIZE: of floats, or of integers into others."""
    signal, output = signal_in(inputs), output_of(net, node)
    return quantised(net, name_for(node), signal, output)


def quantised(net: TfliteBuilder, name: str, signal: Signal, output: Quantization) -> Signal:
    given = signal.node.quantization
    if given == output:
        return signal
    if given is None:
        layer: Module = Quantize(signal.channels, *output, rounding=net.rounding)
    else:
        layer = Requantize(signal.channels, **from_to(given, output), rounding=net.rounding)
    return net.layer(name, layer, signal).pending_as(signal)


def dequantize(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return dequantised(net, name_for(node), signal_in(inputs))


def dequantised(net: TfliteBuilder, name: str, signal: Signal) -> Signal:
    """The floats that a signal's integers stand for; of floats, the signal itself."""
    given = signal.node.quantization
    if given is None:
        return signal
    return net.layer(name, Dequantize(signal.channels, *given), signal).pending_as(signal)


# Element by element

LOOKUPS = {"LOGISTIC": "sigmoid", "TANH": "tanh", "ELU": "elu", "GELU": "gelu"}


def look_up(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """An activation, by a table of its values."""
    signal = signal_in(inputs)
    if node.attributes.get("approximate"):
        raise UnsupportedError("is approximate, which no layer of integers is")
    layer = IntegerLookup(signal.channels, LOOKUPS[node.kind], **from_to(given_to(signal), output_of(net, node)))
    return net.frame_by_frame(name_for(node), layer, signal)


def table_of(net: TfliteBuilder, node: OnnxNode, signal: Signal, table: np.ndarray) -> Signal:
    layer = IntegerLookup(signal.channels, **from_to(given_to(signal), output_of(net, node)))
    layer.load_state_dict({"table": table})
    return net.frame_by_frame(name_for(node), layer, signal)


def clamp(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """RELU and the like, by themselves: rescaled and clamped."""
    signal, output = signal_in(inputs), output_of(net, node)
    bounds = between(*LIMITS[node.kind], output)
    table = requantized("double", *given_to(signal), *output).clip(bounds["low"], bounds["high"])
    return table_of(net, node, signal, table)


def hard_swish(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    table = tflite_hard_swish.table(given_to(signal), output_of(net, node))
    return table_of(net, node, signal, table)


def leaky_relu(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Two factors, each by the rule of rescaling."""
    signal, output = signal_in(inputs), output_of(net, node)
    given, slope = given_to(signal), np.float32(node.attributes["alpha"])
    above = requantized(net.rounding, *given, *output)
    scale = float(np.float32(given.scale) * abs(slope))
    below = requantized(net.rounding, scale, given.zero_point, *output) if scale else above * 0 + output.zero_point
    if slope < 0:
        raise UnsupportedError(f"has alpha={slope}; with integers it must not be below 0")
    return table_of(net, node, signal, np.where(np.arange(LOWEST, HIGHEST + 1) >= given.zero_point, above, below))


BINARY = {"ADD": IntegerAdd, "MUL": IntegerMultiply}


def arithmetic(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """ADD and MUL of two signals, or of a signal and constants."""
    signals = [value for value in inputs if isinstance(value, Signal)]
    if len(signals) == 1:
        at = 0 if isinstance(inputs[0], Signal) else 1
        signal = net.settled(signals[0])
        other = constant(net, node, signal, inputs[1 - at], net.about[node.inputs[1 - at]])
        signals = [signal, other] if at == 0 else [other, signal]
    if len({one.channels for one in signals}) > 1:
        raise UnsupportedError(f"has signals of {' and '.join(str(one.channels) for one in signals)} channels")
    given, output = [given_to(one) for one in signals], output_of(net, node)
    layer = BINARY[node.kind](
        signals[0].channels, input_scales=[one.scale for one in given], output_scale=output.scale,
        input_zero_points=[one.zero_point for one in given], output_zero_point=output.zero_point,
        rounding=net.rounding, **limits(node, output),
    )  # fmt: skip
    return net.joined(node, layer, signals)


def constant(net: TfliteBuilder, node: OnnxNode, signal: Signal, values: Any, tensor: Tensor) -> Signal:
    """A constant as a sequence: a convolution of the signal with weights of zero, whose bias it is."""
    output = quantization(tensor)
    steps = np.asarray(values).astype(np.int32) - int(tensor.zero_point[0])
    steps = steps.reshape((1,) * (len(signal.axes) - steps.ndim) + steps.shape)
    places = zip(steps.shape, signal.axes, strict=True)
    if any(size != (signal.channels if axis == CHANNELS else 1) and size != 1 for size, axis in places):
        raise UnsupportedError(f"has a constant of shape {np.shape(values)}, which is not the same for all frames")
    given = given_to(signal)
    layer = IntegerConv1d(signal.channels, signal.channels, 1, groups=signal.channels, rounding=net.rounding,
                          **from_to(given, output))  # fmt: skip
    layer.load_state_dict({
        "weight": np.zeros((signal.channels, 1, 1), np.int8),
        "weight_scale": np.full(signal.channels, output.scale / given.scale, np.float32),
        "bias": np.ascontiguousarray(np.broadcast_to(steps.reshape(-1), (signal.channels,))),
    })  # fmt: skip
    return net.layer(f"{name_for(node)}_constant", layer, signal)


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


def softmax(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """In floats, rounded to the integers of the output."""
    floats = dequantised(net, f"{name_for(node)}_floats", net.settled(signal_in(inputs)))
    made = OPERATORS["SOFTMAX"](net, node, [floats])
    return quantised(net, f"{name_for(node)}_integers", made, output_of(net, node))


def concatenation(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signals = [value for value in inputs if isinstance(value, Signal)]
    if len(signals) < len(inputs) or {one.axis(node.attributes["axis"]) for one in signals} != {CHANNELS}:
        raise UnsupportedError("joins something else than the channels of signals")
    if node.attributes.get("activation", 0):
        raise UnsupportedError("has a fused activation, which no concatenation of integers has")
    given, output = [given_to(one) for one in signals], output_of(net, node)
    layer = IntegerConcat(
        [one.channels for one in signals], input_scales=[one.scale for one in given], output_scale=output.scale,
        input_zero_points=[one.zero_point for one in given], output_zero_point=output.zero_point,
        rounding=net.rounding,
    )  # fmt: skip
    return net.joined(node, layer, signals)


MOVES = (
    "EXPAND_DIMS", "GATHER", "PAD", "PADV2", "RESHAPE", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT", "SPLIT_V", "SQUEEZE",
    "STRIDED_SLICE", "TRANSPOSE",
)  # fmt: skip
"""Operators that only move numbers: they are the same for integers and floats."""

INTEGER_OPERATORS: dict[str, Operator] = {
    **{kind: OPERATORS[kind] for kind in MOVES},
    **dict.fromkeys(BINARY, arithmetic),
    **dict.fromkeys(LIMITS, clamp),
    **dict.fromkeys(LOOKUPS, look_up),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), pool),
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "MEAN": reduce,
    "REDUCE_MAX": reduce,
    "SOFTMAX": softmax,
    "QUANTIZE": quantize,
}
"""By operator: what it makes of signals of integers."""
