"""Sums, products and matrices of ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, check_channels, name_for, per_channel, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import Signal, floats, scalar
from wavenetlite.formats.onnx_snake import snake


def negate(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    return net.affine(node, signal, np.full(signal.channels, -1, np.float32), None)


def power(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = net.settled(signal_in(inputs))
    if scalar(inputs[1]) != 2:
        raise UnsupportedError("raises to a power that is not 2")
    return net.joined(node, "multiply", [signal, signal])


def arithmetic(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Add, Sub, Mul, Div and Sum."""
    signals = [value for value in inputs if isinstance(value, Signal)]
    constants = [value for value in inputs if not isinstance(value, Signal)]
    if len(signals) == len(inputs):
        if node.kind == "Div":
            raise UnsupportedError("divides a signal by a signal")
        if node.kind == "Sub":
            signals[1] = negate(net, node, [signals[1]])
        found = snake(net, name_for(node), signals) if node.kind == "Add" else None
        if found is not None:
            return found
        return net.joined(node, "multiply" if node.kind == "Mul" else "add", net.alike(signals))
    if len(inputs) != 2:
        raise UnsupportedError("adds constants and several signals")
    signal = signals[0]
    value = per_channel(signal, constants[0])
    first = isinstance(inputs[0], Signal)
    if node.kind == "Add":
        return net.affine(node, signal, None, value)
    if node.kind == "Sub":
        return net.affine(node, signal, None if first else -np.ones_like(value), -value if first else value)
    if node.kind == "Div" and not first:
        raise UnsupportedError("divides a constant by a signal")
    if node.kind == "Div" and not value.all():
        raise UnsupportedError("divides by zero")
    return net.affine(node, signal, np.reciprocal(value) if node.kind == "Div" else value, None)


def linear(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """MatMul and Gemm, with the weights on either side."""
    options = node.attributes
    if isinstance(inputs[0], Signal) and isinstance(inputs[1], Signal):
        raise UnsupportedError("multiplies a signal by a signal")
    left = isinstance(inputs[0], Signal)
    signal, weight = (inputs[0], floats(inputs[1])) if left else (inputs[1], floats(inputs[0]))
    if weight.ndim != 2:
        raise UnsupportedError(f"has weights of shape {weight.shape}; they must be a matrix")
    if options.get("transB" if left else "transA", 0):
        weight = weight.T
    transposed = bool(options.get("transA" if left else "transB", 0))
    weight = weight.T if left else weight  # (out, in)
    if transposed and len(signal.axes) != 2:
        raise UnsupportedError("transposes a tensor of more than two axes")
    axes = signal.axes[::-1] if transposed else signal.axes
    check_channels(replace(signal, axes=axes), -1 if left else -2)
    bias = node.given(inputs, 2)
    if bias is not None:
        out = replace(signal, axes=axes, node=replace(signal.node, channels=len(weight)))
        bias = per_channel(out, bias) * np.float32(options.get("beta", 1.0))
    layer = layers.linear(weight * np.float32(options.get("alpha", 1.0)), bias)
    return replace(net.frame_by_frame(name_for(node, 1 if left else 0), layer, signal), axes=axes)
