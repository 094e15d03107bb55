"""Tensors with the channels of all frames in a row, which a matrix reads: a convolution over these frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ROWS, TIME, Signal, floats
from wavenetlite.nn.module import Module

MakeLayer = Callable[[np.ndarray, int, tuple[int, int]], Module]


@dataclass(frozen=True)
class Window:
    """A tensor with `frames` frames, the channels of which are put in a row; only a matrix can read it."""

    signal: Signal
    frames: int

    def convolved(self, net: OnnxGraphBuilder, name: str, weight: np.ndarray, make: MakeLayer) -> Signal:
        """A matrix as a convolution that reads all frames; ``make(kernel, stride, padding)`` makes it."""
        channels = self.signal.channels
        if weight.ndim != 2 or weight.shape[1] != self.frames * channels:
            raise UnsupportedError(
                f"has weights of shape {weight.shape} for {self.frames} frames of {channels} channels"
            )
        kernel = np.ascontiguousarray(weight.reshape(-1, self.frames, channels).transpose(0, 2, 1))
        signal = self.signal
        if signal.tail > 0 or signal.excess or signal.lead < 0 or signal.lead >= self.frames:
            signal = net.settled(signal)
        stride = 1 if net.block is None else net.frames_per_call(signal)
        made = net.layer(name, make(kernel, stride, (signal.lead, 0)), signal)
        return replace(made, axes=(BATCH if net.block is None else ROWS, CHANNELS), tail=signal.tail)


def window_of(net: OnnxGraphBuilder, signal: Signal) -> Window | None:
    """The frames of a signal of known length in a row, where its axes are batch, time and channels."""
    length = net.length(signal)
    if signal.axes != (BATCH, TIME, CHANNELS) or not isinstance(length, int) or length < 2:
        return None
    return Window(signal, length)


def read_window(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Any:
    """What a node makes of such a tensor: a matrix reads it."""
    window, options = inputs[0], node.attributes
    if node.kind in ("Identity", "Dropout"):
        return window
    if node.kind not in ("Gemm", "MatMul") or options.get("transA", 0) or len(inputs) < 2:
        raise UnsupportedError("reads the channels of all frames in a row; only a matrix can")
    weight = floats(inputs[1])
    if weight.ndim != 2:
        raise UnsupportedError(f"has weights of shape {weight.shape}; they must be a matrix")
    weight = (weight if options.get("transB", 0) else weight.T) * np.float32(options.get("alpha", 1.0))
    given = node.given(inputs, 2)
    if given is not None and floats(given).size not in (1, len(weight)):
        raise UnsupportedError(f"has {floats(given).size} biases for {len(weight)} channels")
    bias = None if given is None else np.ascontiguousarray(np.broadcast_to(
        floats(given).reshape(-1) * np.float32(options.get("beta", 1.0)), (len(weight),)))  # fmt: skip
    return window.convolved(net, name_for(node, 1), weight, lambda kernel, stride, padding: (
        layers.conv1d(kernel, bias, stride=stride, padding=padding)))  # fmt: skip
