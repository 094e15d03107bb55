"""What quantisation costs: the error of every layer, and the sizes of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wavenetlite.nn.graph import Graph
from wavenetlite.nn.integer import Dequantize
from wavenetlite.nn.module import Module
from wavenetlite.quantization.calibration import frames_of
from wavenetlite.quantization.conversion import Conversion, Layer
from wavenetlite.support.arrays import Floats


class LayerError(NamedTuple):
    """How far a layer's frames are from those of the network in float32.

    `snr_db` is the ratio of the power of the frames to that of the difference, decibels; infinite: no difference.
    """

    name: str
    type: str
    integer: bool
    snr_db: float


def layer_errors(conversion: Conversion, signals: Sequence[Floats]) -> list[LayerError]:
    """The error of every layer, with all those before it, on signals (frames, channels)."""
    made = {layer.node: layer for layer in conversion.layers}
    errors = {node: layer_error(conversion, made[node], signals, frames) for node, frames in frames_of(made, signals)}
    return [errors[layer.node] for layer in conversion.layers]


def layer_error(
    conversion: Conversion, layer: Layer, signals: Sequence[Floats], frames: Sequence[Floats]
) -> LayerError:
    """`frames` are those of the network in float32."""
    snr = snr_db(up_to(conversion, layer), signals, frames)
    kind = next(type(one).__name__ for name, one, _ in conversion.entries if name == layer.name)
    return LayerError(layer.name, kind, layer.integers is not None, snr)


def output_error(model: Module, small: Module, signals: Sequence[Floats]) -> LayerError:
    """The error of the output of `small`, a network without integers, against that of `model`."""
    return LayerError("output", type(small).__name__, False, snr_db(small, signals, map(model, signals)))


def snr_db(network: Module, signals: Sequence[Floats], outputs: Iterable[Floats]) -> float:
    """The ratio of the power of the right outputs to that of the network's error, decibels."""
    power = difference = 0.0
    for signal, wanted in zip(signals, outputs, strict=True):
        power += float(np.square(wanted, dtype=np.float64).sum())
        difference += float(np.square(network(signal).astype(np.float64) - wanted).sum())
    return math.inf if difference == 0 else 10 * math.log10(power / difference) if power else -math.inf


def up_to(conversion: Conversion, layer: Layer) -> Graph:
    """The network up to a layer, with its frames in float32."""
    needed = {layer.name}
    for name, _, inputs in reversed(conversion.entries):
        needed.update(inputs if name in needed else [])
    entries: list[list[Any]] = [entry for entry in conversion.entries if entry[0] in needed]
    if layer.integers is not None:
        entries.append([f"{layer.name}_real", Dequantize(layer.node.channels, *layer.integers), [layer.name]])
    return Graph(conversion.network.in_channels, entries)


def weight_bytes(model: Module) -> int:
    """Bytes of all weights in a file."""
    return sum(value.nbytes for value in model.state_dict().values()) - 2 * model.bf16_count
