"""The inverse short-time Fourier transform, which traces of PyTorch have; ONNX has no such operator."""

from __future__ import annotations

from typing import Any

from wavenetlite.formats import layers
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, check_channels, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import Signal, floats
from wavenetlite.nn.spectrum import InverseSTFT


def inverse_stft(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Of real parts and imaginary parts, bins on the channels' axis; the window is the second input."""
    signal, window = net.settled(signal_in(inputs)), floats(inputs[1])
    check_channels(signal, 1)
    layer = InverseSTFT(len(window), node.attributes["hop_length"], padding=node.attributes["padding"])
    return net.layer(name_for(node, 1), layers.with_weights(layer, window=window), signal)
