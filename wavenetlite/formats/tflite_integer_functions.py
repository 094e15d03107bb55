"""Activations, sums, products and joins of TFLite on 8-bit integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.formats import tflite_hard_swish
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, Signal
from wavenetlite.formats.tflite_builder import TfliteBuilder
from wavenetlite.formats.tflite_file import Tensor
from wavenetlite.formats.tflite_integers import (
    LIMITS,
    between,
    dequantised,
    from_to,
    given_to,
    limits,
    output_of,
    quantised,
    quantization,
)
from wavenetlite.formats.tflite_operators import OPERATORS
from wavenetlite.graph import HIGHEST, LOWEST
from wavenetlite.nn.integer import (
    IntegerAdd,
    IntegerConcat,
    IntegerConv1d,
    IntegerLookup,
    IntegerMultiply,
)
from wavenetlite.nodes.rescaling import requantized

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
