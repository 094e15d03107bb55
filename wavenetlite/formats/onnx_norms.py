"""Normalisations of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, check_channels, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import Signal, floats, optional_floats


def batch_norm(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    if node.attributes.get("training_mode", 0) or any(node.outputs[1:]):
        raise UnsupportedError("is in training mode")
    check_channels(signal, 1 if len(signal.axes) > 1 else 0)
    eps = node.attributes.get("epsilon", 1e-5)
    norm = layers.batch_norm(*(floats(value) for value in inputs[1:5]), eps=eps)
    return net.frame_by_frame(name_for(node, 1), norm, signal)


def layer_norm(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, axis = net.settled(signal_in(inputs)), node.attributes.get("axis", -1)
    check_channels(signal, axis)
    if axis not in (-1, len(signal.axes) - 1):
        raise UnsupportedError(f"goes over the axes from {axis} on; it must go over the last one")
    eps = node.attributes.get("epsilon", 1e-5)
    norm = layers.layer_norm(signal.channels, floats(inputs[1]), optional_floats(node.given(inputs, 2)), eps=eps)
    return net.layer(name_for(node, 1), norm, signal)


def group_norm(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Of single frames: over a signal it also averages over time."""
    signal = net.settled(signal_in(inputs))
    if signal.over_time or node.kind != "GroupNormalization":
        raise UnsupportedError("averages over all frames of a signal, which a stream has not; it can be read only "
                               "where the signal is one frame")  # fmt: skip
    check_channels(signal, 1)
    groups, eps = node.attributes["num_groups"], node.attributes.get("epsilon", 1e-5)
    weight, bias = (np.repeat(one, signal.channels // len(one)) for one in map(floats, inputs[1:3]))  # or by groups
    return net.layer(name_for(node), layers.group_norm(groups, signal.channels, weight, bias, eps=eps), signal)
