"""Activations of ONNX, also those that exporters write as several nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, check_channels, name_for, per_channel, signal_in
from wavenetlite.formats.onnx_file import FLOATS, OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, ONE, Signal, scalar
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.pointwise import Activation

MOST = float(np.finfo(np.float32).max)


def activation(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, options = signal_in(inputs), node.attributes
    name = node.kind.lower()
    parameters: dict[str, Any] = {}
    if node.kind == "LeakyRelu":
        name, parameters = "leaky_relu", {"negative_slope": options.get("alpha", 0.01)}
    elif node.kind == "Elu":
        parameters = {"alpha": options.get("alpha", 1.0)}
    elif node.kind == "Gelu":
        parameters = {"approximate": options.get("approximate", "none")}
    elif node.kind == "Softmax":
        check_softmax(net, signal, options.get("axis", -1 if net.opset >= 13 else 1))
    layer = Activation(name, **parameters)
    if not zero_stays(name):
        return net.frame_by_frame(name_for(node), layer, signal)
    return net.layer(name_for(node), layer, signal).pending_as(signal)


def check_softmax(net: OnnxGraphBuilder, signal: Signal, axis: int) -> None:
    """Refuse what does not run over the channels alone; before opset 13 it ran over all axes from `axis` on."""
    check_channels(signal, axis)
    if net.opset < 13 and set(signal.axes[axis % len(signal.axes) :]) - {CHANNELS, ONE}:
        after = ", ".join(signal.axes[axis % len(signal.axes) :])
        raise UnsupportedError(f"runs over the axes {after} at once, as before opset 13; it must run over the channels")


def zero_stays(name: str) -> bool:
    """Whether an activation makes zero of zero, so that it may come before padding as well as after."""
    return name not in ("sigmoid", "softmax", "exp", "cos")


def prelu(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    slopes = per_channel(signal, inputs[1])
    shared = bool((slopes == slopes[0]).all())
    return net.frame_by_frame(name_for(node, 1), layers.prelu(slopes[:1] if shared else slopes), signal)


def clip(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    low, high = (node.given(inputs, 1, "min"), node.given(inputs, 2, "max"))
    low, high = (-MOST if low is None else max(scalar(low), -MOST)), (MOST if high is None else min(scalar(high), MOST))
    if low == 0 and high == MOST:
        return net.frame_by_frame(name_for(node), Activation("relu"), signal)
    return net.frame_by_frame(name_for(node), Activation("hardtanh", min_val=low, max_val=high), signal)


def hard_sigmoid(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    signal = signal_in(inputs)
    scale, offset = (np.full(signal.channels, value, np.float32) for value in (alpha, beta))
    moved = net.affine(node, signal, scale, offset)
    return net.frame_by_frame(name_for(node), Activation("hardtanh", min_val=0.0, max_val=1.0), moved)


def selu(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    alpha = node.attributes.get("alpha", 1.67326319217681884765625)
    gamma = node.attributes.get("gamma", 1.05070102214813232421875)
    made = net.layer(name_for(node), Activation("elu", alpha=alpha), net.settled(signal_in(inputs)))
    return net.affine(node, made, np.full(made.channels, gamma, np.float32), None)


# Several nodes


@dataclass(frozen=True)
class Unfinished:
    """A step on the way to an activation that exporters write as several nodes: ``kind`` of `signal`, as in CHAINS."""

    kind: str
    signal: Signal


CHAINS = {
    ("Abs + c", 1.0): "1 + |x|", ("Erf + c", 1.0): "1 + erf(x / sqrt 2)", ("x (1 + erf(x / sqrt 2)) * c", 0.5): "gelu",
}  # fmt: skip
"""What a constant makes of an unfinished activation: softsign is ``x / (1 + |x|)``, GELU ``x (1 + erf(x / sqrt 2)) /
2``."""


def begin(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Unfinished:
    """Abs, of softsign, or Erf, of a GELU."""
    signal = net.settled(signal_in(inputs))
    if node.kind == "Abs":
        return Unfinished("Abs", signal)
    layer, source = next(((layer, read) for name, layer, read in net.entries if name == signal.name), ("", [""]))
    if not isinstance(layer, Conv1d) or not scales_by(layer, math.sqrt(0.5)):
        raise UnsupportedError("is not that of a GELU")
    return Unfinished("Erf", replace(signal, name=source[0], node=net.nodes[source[0]]))


def scales_by(conv: Conv1d, factor: float) -> bool:
    """Whether a convolution only multiplies every channel by a factor."""
    alone = (conv.kernel_size, conv.groups, conv.bias) == (1, conv.in_channels, False)
    return alone and bool(np.allclose(conv.parameter("weight"), factor, rtol=1e-5))


def finish(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Unfinished:
    """The next step of an activation that is written as several nodes."""
    unfinished = next(value for value in inputs if isinstance(value, Unfinished))
    others = [value for value in inputs if value is not unfinished]
    kind, signal = unfinished.kind, unfinished.signal
    if not others and (node.kind == "Identity" or (node.kind == "Cast" and node.attributes.get("to") in FLOATS)):
        return unfinished
    if len(others) == 1 and isinstance(others[0], Signal) and others[0].node is signal.node:
        if (node.kind, kind) == ("Div", "1 + |x|") and inputs[1] is unfinished:
            return net.layer(name_for(node), Activation("softsign"), signal)
        if (node.kind, kind) == ("Mul", "1 + erf(x / sqrt 2)"):
            return Unfinished("x (1 + erf(x / sqrt 2))", signal)
    if len(others) == 1 and isinstance(others[0], np.ndarray) and node.kind in ("Add", "Mul"):
        sign = "+" if node.kind == "Add" else "*"
        after = CHAINS.get((f"{kind} {sign} c", scalar(others[0])))
        if after == "gelu":
            return net.layer(name_for(node), Activation("gelu"), signal)
        if after is not None:
            return Unfinished(after, signal)
    raise UnsupportedError(f"reads {kind} of a signal, and is no part of a softsign or GELU as exporters write them")
