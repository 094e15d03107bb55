"""Random numbers in ONNX graphs: noise that a signal is multiplied by, or that is added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_arithmetic import arithmetic
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for
from wavenetlite.formats.onnx_file import FLOATS, OnnxNode
from wavenetlite.formats.onnx_signal import Signal
from wavenetlite.nn.noise import Noise


@dataclass(frozen=True)
class Drawn:
    """Noise of (batch, channels, time) that no signal has read yet."""

    channels: int
    seed: int


def draw(net: OnnxGraphBuilder, node: OnnxNode, shape: Sequence[int]) -> Drawn:
    """RandomNormal, and RandomNormalLike of what does not depend on the signal.

    Without a seed in the file they are numbered, as those of PyTorch's traces are: each is another noise.
    """
    options = node.attributes
    if len(shape) != 3 or options.get("mean", 0.0) != 0 or options.get("scale", 1.0) != 1:
        raise UnsupportedError(f"makes random numbers of shape {list(shape)}; it must be (batch, channels, time), with "
                               "mean 0 and scale 1")  # fmt: skip
    seed = options.get("seed", float(net.drawn))
    net.drawn += 1
    return Drawn(int(shape[1]), int(abs(np.float64(seed))))


def draw_like(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Drawn:
    """RandomNormalLike."""
    return draw(net, node, (1, inputs[0].channels, 1))


def read_drawn(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Drawn:
    """A product or a sum of a signal and noise, which is then as long as the signal."""
    drawn: Drawn = next(one for one in inputs if isinstance(one, Drawn))
    if node.kind == "Identity" or (node.kind == "Cast" and node.attributes.get("to") in FLOATS):
        return drawn
    signals = [one for one in inputs if isinstance(one, Signal)]
    if node.kind not in ("Mul", "Add") or len(signals) != 1 or len(inputs) != 2:
        raise UnsupportedError("reads random numbers; they can only be multiplied by a signal or added to it")
    signal = net.settled(signals[0])
    net.not_in_blocks("draws random numbers")

    noise = net.layer(f"{name_for(node)}_noise", Noise(drawn.channels, seed=drawn.seed), signal)
    return arithmetic(net, node, [noise, signal])
