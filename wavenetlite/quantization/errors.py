"""What quantisation costs: the error of every layer, and the sizes of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Clock, Node
from wavenetlite.nn.graph import CONDITIONING, INPUT
from wavenetlite.nn.module import Module
from wavenetlite.quantization.calibration import frames_of
from wavenetlite.quantization.conversion import Conversion
from wavenetlite.quantization.examples import Example
from wavenetlite.support.arrays import Floats


class LayerError(NamedTuple):
    """How far a layer's frames are from those of the network in float32.

    `snr_db` is the ratio of the power of the frames to that of the difference, decibels; infinite: no difference.
    """

    name: str
    type: str
    integer: bool
    snr_db: float


def layer_errors(conversion: Conversion, examples: Sequence[Example]) -> list[LayerError]:
    """The error of every layer, with all those before it, on some examples."""
    kinds = {name: type(layer).__name__ for name, layer, _ in conversion.entries}
    counterparts = real_counterparts(conversion)
    both = zip(frames_of(counterparts, examples), frames_of(counterparts.values(), examples), strict=True)
    errors = {node: snr_db(wanted, given) for (node, wanted), (_, given) in both}
    return [
        LayerError(layer.name, kinds[layer.name], layer.integers is not None, errors[layer.node])
        for layer in conversion.layers
    ]


def real_counterparts(conversion: Conversion) -> dict[Node, Node]:
    """For sequences of the network in float32 those of the new one, in float32 as well: both have the same clock."""
    network = conversion.network
    x = nodes.Input((), network.in_channels, Clock(), INPUT)
    c = nodes.Input((), network.condition_channels, Clock(rate=network.condition_period), CONDITIONING)
    made = network.sequences(x, c if network.condition_channels else None)
    return {
        layer.node: made[layer.name] if layer.integers is None else nodes.dequantize(made[layer.name])
        for layer in conversion.layers
    }


def output_error(model: Module, small: Module, examples: Sequence[Example]) -> LayerError:
    """The error of the output of `small`, a network without integers, against that of `model`."""
    return LayerError("output", type(small).__name__, False, snr_db(starmap(model, examples), starmap(small, examples)))


def snr_db(wanted: Iterable[Floats], given: Iterable[Floats]) -> float:
    """The ratio of the power of the right frames to that of the error of others, decibels."""
    power = difference = 0.0
    for right, other in zip(wanted, given, strict=True):
        power += float(np.square(right, dtype=np.float64).sum())
        difference += float(np.square(other.astype(np.float64) - right).sum())
    return math.inf if difference == 0 else 10 * math.log10(power / difference) if power else -math.inf


def weight_bytes(model: Module) -> int:
    """Bytes of all weights in a file."""
    return sum(value.nbytes for value in model.state_dict().values()) - 2 * model.bf16_count
