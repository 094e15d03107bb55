"""Snake activations, which exporters write as a product, a sine, its square, a product and a sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder
from wavenetlite.formats.onnx_signal import Signal
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.pointwise import Activation, Snake
from wavenetlite.support.arrays import Floats


def snake(net: OnnxGraphBuilder, name: str, signals: list[Signal]) -> Signal | None:
    """The sum of two signals as a Snake, if one of them is the scaled square of a sine of the other."""
    for x, wave in (signals, signals[::-1]) if len(signals) == 2 else ():
        found = factors(net, x.name, wave.name)
        if found is None or (x.lead, x.tail, x.excess) != (wave.lead, wave.tail, wave.excess):
            continue
        alpha, scale = (np.broadcast_to(one, x.channels).astype(np.float64) for one in found)
        if (scale == 0).any():
            continue
        layer = Snake(x.channels, beta=True)
        layers.with_weights(layer, alpha=alpha, beta=1 / scale - 1e-9)
        return net.layer(name, layer, x).pending_as(x)
    return None


def factors(net: OnnxGraphBuilder, source: str, wave: str) -> tuple[Floats, Floats] | None:
    """What `source` is multiplied by before the sine, and the square after it, channel by channel."""
    made = {name: (layer, inputs) for name, layer, inputs in net.entries}
    after, square = scaled(made, wave)
    layer, inputs = made.get(square, (None, [""]))
    if layer != "multiply" or inputs[0] != inputs[1]:
        return None
    layer, (turned, *_) = made.get(inputs[0], (None, [""]))
    if not isinstance(layer, Activation) or layer.name != "sin":
        return None
    before, origin = scaled(made, turned)
    return (before, after) if origin == source else None


def scaled(made: dict[str, tuple[Any, list[str]]], name: str) -> tuple[Floats, str]:
    """The factors of a layer that only multiplies every channel, and what it reads; else 1, and the name itself."""
    layer, inputs = made.get(name, (None, []))
    if isinstance(layer, Conv1d):
        alone = layer.groups == layer.in_channels == layer.out_channels and not layer.bias
        if alone and (layer.kernel_size, layer.stride, layer.pads) == (1, 1, (0, 0)):
            return layer.parameter("weight").reshape(-1), inputs[0]
    return np.ones(1, np.float32), name
