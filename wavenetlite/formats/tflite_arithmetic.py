"""Sums, products, activations and means of TFLite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers, onnx_activations, onnx_arithmetic, onnx_joins
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, TIME, Signal
from wavenetlite.formats.tflite_builder import TfliteBuilder, activated, fused, integers_in, only_signal

ARITHMETIC = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "ADD_N": "Sum"}
ACTIVATIONS = {
    "RELU": "Relu", "TANH": "Tanh", "LOGISTIC": "Sigmoid", "ELU": "Elu", "HARD_SWISH": "HardSwish",
    "LEAKY_RELU": "LeakyRelu", "GELU": "Gelu", "SOFTMAX": "Softmax",
}  # fmt: skip
"""By operator: its name in ONNX."""


def arithmetic(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    made = onnx_arithmetic.arithmetic(net, replace(node, kind=ARITHMETIC[node.kind], attributes={}), inputs)
    return fused(net, node, made)


def activation(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    options: dict[str, Any] = {}
    if node.kind == "LEAKY_RELU":
        options = {"alpha": node.attributes["alpha"]}
    elif node.kind == "GELU":
        options = {"approximate": "tanh" if node.attributes["approximate"] else "none"}
    elif node.kind == "SOFTMAX" and node.attributes["beta"] != 1:
        raise UnsupportedError(f"has beta={node.attributes['beta']}; it must be 1")
    return onnx_activations.activation(net, replace(node, kind=ACTIVATIONS[node.kind], attributes=options), inputs)


def clamp(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """RELU6 and the like."""
    return activated(net, name_for(node), node.kind, only_signal(inputs))


def begin_softsign(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> onnx_activations.Unfinished:
    """ABS, of ``x / (1 + |x|)``."""
    return onnx_activations.begin(net, replace(node, kind="Abs"), inputs)


def prelu(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return onnx_activations.prelu(net, node, inputs)


def negative(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return onnx_arithmetic.negate(net, node, inputs)


def square(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = net.settled(only_signal(inputs))
    return net.joined(node, "multiply", [signal, signal])


def bound(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """MAXIMUM and MINIMUM of a signal and a number."""
    signals = [one for one in inputs if isinstance(one, Signal)]
    constants = [np.asarray(one) for one in inputs if not isinstance(one, Signal)]
    if len(signals) != 1 or len(constants) != 1 or constants[0].size != 1:
        raise UnsupportedError("compares a signal with something else than one number")
    least = constants[0].reshape(-1)[0] if node.kind == "MAXIMUM" else None
    most = constants[0].reshape(-1)[0] if node.kind == "MINIMUM" else None
    return onnx_activations.clip(net, replace(node, attributes={"min": least, "max": most}), signals)


def concatenation(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    made = onnx_joins.concat(net, node, inputs)
    if not isinstance(made, Signal):
        raise UnsupportedError("joins over an axis of one; it must join channels, or put zeros around a signal")
    return fused(net, node, made)


def reduce(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """MEAN and REDUCE_MAX over time, which here are those of the signal so far; of a call's frames, of all of them."""
    signal, keep = only_signal(inputs), int(node.attributes["keep_dims"])
    numbers = integers_in(inputs[1])
    if CHANNELS in {signal.axis(one) for one in numbers}:
        raise UnsupportedError("goes over the channels, and is no part of a layer normalisation as Keras writes it")
    if net.block is not None and TIME in {signal.axis(one) for one in numbers}:
        return mean_of_call(net, node, signal, numbers)
    kind = "ReduceMean" if node.kind == "MEAN" else "ReduceMax"
    options = {"axes": numbers, "keepdims": keep}
    return onnx_joins.pool(net, replace(node, kind=kind, attributes=options), [signal])


def mean_of_call(net: TfliteBuilder, node: OnnxNode, signal: Signal, numbers: list[Any]) -> Signal:
    """The mean of a call's frames, as a convolution with equal weights."""
    if node.kind != "MEAN":
        raise UnsupportedError("takes the maximum of a call's frames, for which there is no layer of floats here")
    frames = net.about[node.inputs[0]].static_shape[signal.axes.index(TIME)]
    if signal.tail > 0 or signal.excess or not 0 <= signal.lead < frames:
        signal = net.settled(signal)
    net.spend(signal.channels * frames)
    weight = np.full((signal.channels, 1, frames), 1 / frames, np.float32)
    conv = layers.conv1d(weight, groups=signal.channels, stride=net.frames_per_call(signal), padding=(signal.lead, 0))
    made = net.layer(name_for(node), conv, signal)
    if node.attributes["keep_dims"]:
        return made
    gone = {one % len(signal.axes) for one in numbers} - {signal.axes.index(TIME)}
    return replace(made, axes=tuple(axis for at, axis in enumerate(signal.axes) if at not in gone))


def identity(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return signal_in(inputs)
