"""ELU with a slope, and SELU, as Keras' converter writes them: chosen from two functions of a signal by its sign.

``SELECT(x > 0, c x, k (exp(x) - 1))``, with ELU(x) in place of x, or of exp(x) - 1, where the converter found it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import Signal, scalar
from wavenetlite.formats.tflite_builder import TfliteBuilder, only_signal
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.pointwise import Activation


@dataclass(frozen=True)
class Curve:
    """Something on the way to an ELU: where `signal` is positive ("sign"), its exponential ("exp"), or `factor` times
    that less one ("curve")."""

    kind: str
    signal: Signal
    factor: float = 1.0


def begin(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Curve:
    """EXP, or GREATER than zero."""
    signal = net.settled(only_signal(inputs))
    if node.kind == "GREATER" and scalar(inputs[1]) != 0:
        raise UnsupportedError("compares a signal with something else than 0")
    return Curve("exp" if node.kind == "EXP" else "sign", signal)


def go_on(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Curve | Signal:
    """The next step."""
    first = inputs[0]
    if node.kind in ("SELECT", "SELECT_V2") and isinstance(first, Curve) and first.kind == "sign" and len(inputs) == 3:
        return chosen(net, node, first.signal, inputs[1], inputs[2])
    constants = [value for value in inputs if isinstance(value, np.ndarray)]
    curve: Curve = next(value for value in inputs if isinstance(value, Curve))
    if len(constants) == 1 and len(inputs) == 2 and not node.attributes.get("activation", 0):
        number = scalar(constants[0])
        if (node.kind, number) in (("SUB", 1), ("ADD", -1)) and curve.kind == "exp" and curve is first:
            return Curve("curve", curve.signal)
        if (curve.kind, node.kind) == ("curve", "MUL"):
            return Curve("curve", curve.signal, curve.factor * number)
    what = "sign" if curve.kind == "sign" else "exponential"
    raise UnsupportedError(f"makes something of the {what} of a signal that is no part of an ELU")


def chosen(net: TfliteBuilder, node: OnnxNode, x: Signal, above: Any, below: Any) -> Signal:
    """An ELU, and a factor."""
    up, down = factor_of(net, above, x, "identity"), factor_of(net, below, x, "elu")
    if up is None or down is None or up == 0:
        raise UnsupportedError("chooses by the sign of a signal from functions of it that are not those of an ELU")
    made = net.layer(name_for(node), Activation("elu", alpha=down / up), x)
    return made if up == 1 else net.affine(node, made, np.full(made.channels, up, np.float32), None)


def factor_of(net: TfliteBuilder, value: Any, x: Signal, what: str) -> float | None:
    """How many times x, where x is positive, or exp(x) - 1, where it is not, a value is; None: it is something else."""
    if isinstance(value, Curve):
        return value.factor if what == "elu" and value.kind == "curve" and value.signal.node is x.node else None
    if not isinstance(value, Signal) or not value.settled:
        return None
    factor, name = 1.0, value.name
    layers = {name: (layer, inputs) for name, layer, inputs in net.entries}
    for _ in range(2):
        layer, read = layers.get(name, (None, [""]))
        if net.nodes[name] is x.node:
            return factor if what == "identity" else None
        if isinstance(layer, Activation) and layer.name == "elu" and net.nodes[read[0]] is x.node:
            return factor * (1.0 if what == "identity" else float(layer.parameters["alpha"]))
        scale = uniform(layer)
        if scale is None:
            return None
        factor, name = factor * scale, read[0]
    return factor if what == "identity" and net.nodes[name] is x.node else None


def uniform(layer: Any) -> float | None:
    """The factor by which a convolution multiplies every channel, if that is all it does."""
    if not isinstance(layer, Conv1d) or (layer.kernel_size, layer.groups, layer.bias) != (1, layer.in_channels, False):
        return None
    weight = layer.parameter("weight").reshape(-1)
    return float(weight[0]) if (weight == weight[0]).all() else None
