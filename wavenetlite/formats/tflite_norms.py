"""Layer normalisation as Keras' converter writes it: of means, differences, a root, products and sums.

Each operator on the way makes something of one signal that has a name here; the last one makes the layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for, per_channel
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, Signal, scalar
from wavenetlite.formats.tflite_builder import TfliteBuilder, integers_in
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True)
class Statistic:
    """Something that is computed of a frame's channels: `kind` says what, of which signal.

    Attributes
    ----------
    kind
        "mean", "-mean", "x - mean", "deviations" (their squares), "variance", "scale" (1 / sqrt(variance + eps), times
        the weight), "scaled" (x times the scale), "-mean scaled", "shift" (that plus the bias), "normal" (x - mean,
        scaled).
    signal
        That the frames are of.
    eps, weight, bias
        As far as they are known.
    """

    kind: str
    signal: Signal
    eps: float = 0.0
    weight: Floats | None = None
    bias: Floats | None = None


def begins(node: OnnxNode, inputs: list[Any]) -> bool:
    """Whether an operator is the mean over the channels of a signal."""
    if node.kind != "MEAN" or not isinstance(inputs[0], Signal) or not node.attributes["keep_dims"]:
        return False
    return [inputs[0].axis(number) for number in integers_in(inputs[1])] == [CHANNELS]


def begin(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Statistic:
    return Statistic("mean", net.settled(inputs[0]))


def go_on(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Statistic | Signal:
    """The next step of a layer normalisation."""
    known = [value for value in inputs if isinstance(value, Statistic)]
    first = known[0]
    if any(one.signal.node is not first.signal.node for one in known) or node.attributes.get("activation", 0):
        raise UnsupportedError("goes on with statistics of several signals")
    names = [name_of(value, first) for value in inputs]
    if (node.kind, names[0]) in ALONE:
        return replace(first, kind=ALONE[node.kind, names[0]])
    if len(inputs) == 2:
        in_order = (node.kind, *names) if node.kind == "SUB" else (node.kind, *sorted(names))
        if in_order in PAIRS:
            return paired(net, node, PAIRS[in_order], known)
        constant = next((value for value in inputs if isinstance(value, np.ndarray)), None)
        if constant is not None:
            return with_constant(net, node, first, constant)
    raise UnsupportedError(f"makes something of {' and '.join(names)} that is no part of a layer normalisation")


def name_of(value: Any, first: Statistic) -> str:
    if isinstance(value, Statistic):
        return value.kind
    if isinstance(value, Signal):
        return "x" if value.node is first.signal.node and value.settled else "another signal"
    return "a constant"


ALONE = {
    ("NEG", "mean"): "-mean", ("MEAN", "deviations"): "variance", ("RSQRT", "variance"): "scale",
    ("SQUARE", "x - mean"): "deviations", ("SQRT", "variance"): "root",
}  # fmt: skip
PAIRS = {
    ("SQUARED_DIFFERENCE", "mean", "x"): "deviations",
    ("SUB", "x", "mean"): "x - mean",
    ("MUL", "x - mean", "x - mean"): "deviations",
    ("MUL", "scale", "x"): "scaled",
    ("MUL", "-mean", "scale"): "-mean scaled",
    ("MUL", "mean", "scale"): "mean scaled",
    ("MUL", "scale", "x - mean"): "normal",
    ("SUB", "bias", "mean scaled"): "shift",
    ("ADD", "-mean scaled", "scaled"): "normal",
    ("SUB", "scaled", "mean scaled"): "normal",
    ("ADD", "scaled", "shift"): "normal",
}  # fmt: skip
"""By operator and what it reads, in order of the alphabet but for SUB: what it makes."""


def paired(net: TfliteBuilder, node: OnnxNode, kind: str, known: list[Statistic]) -> Statistic | Signal:
    """What an operator makes of two statistics, or of one and the signal."""
    weights = [one.weight for one in known if one.kind in ("scale", "scaled", "-mean scaled", "mean scaled", "shift")]
    if any(not same(one, weights[0]) for one in weights) or len({one.eps for one in known if one.eps}) > 1:
        raise UnsupportedError("puts together what was scaled in two ways")
    made = replace(
        known[0], kind=kind, eps=max(one.eps for one in known), weight=weights[0] if weights else None,
        bias=next((one.bias for one in known if one.bias is not None), None),
    )  # fmt: skip
    return finished(net, node, made) if kind == "normal" else made


def same(a: Floats | None, b: Floats | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def with_constant(net: TfliteBuilder, node: OnnxNode, one: Statistic, constant: np.ndarray) -> Statistic | Signal:
    """What a constant makes of a statistic: eps, the weight or the bias."""
    if (node.kind, one.kind) == ("ADD", "variance") and not one.eps:
        return replace(one, eps=scalar(constant))
    values = per_channel(one.signal, constant)
    if node.kind == "MUL" and one.kind == "scale" and one.weight is None:
        return replace(one, weight=values)
    if node.kind == "ADD" and one.kind == "-mean scaled":
        return replace(one, kind="shift", bias=values)
    if node.kind == "SUB" and one.kind == "mean scaled":
        return replace(one, kind="shift", bias=values)
    raise UnsupportedError(f"makes something of {one.kind} and a constant that is no part of a layer normalisation")


def finished(net: TfliteBuilder, node: OnnxNode, made: Statistic) -> Signal:
    norm = layers.layer_norm(made.signal.channels, made.weight, made.bias, eps=made.eps)
    return net.layer(name_for(node), norm, made.signal)
