"""Ranges of a network's sequences on example signals, and the scales of int8 that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.graph import Node
from wavenetlite.support.arrays import Doubles, Floats

LEAST, MOST = -128, 127
"""Values of int8."""

LEAST_SCALE = 1e-12
"""Of a sequence that is always zero, or nearly."""

MOST_SAMPLED = 200_000
"""Values of a sequence by which "mse" judges a range; the errors of more differ little."""


class Affine(NamedTuple):
    """An int8 value q means ``(q - zero_point) * scale``."""

    scale: float
    zero_point: int

    def quantised(self, values: Floats | Doubles) -> Doubles:
        """The int8 values nearest to real ones."""
        q: Doubles = np.clip(np.rint(values / self.scale) + self.zero_point, LEAST, MOST)
        return q

    def real(self, q: Doubles) -> Doubles:
        return (q - self.zero_point) * self.scale


TANH, SIGMOID = Affine(1 / 128, 0), Affine(1 / 256, -128)
"""The scales that TFLite demands of these functions' outputs."""


def affine(low: float, high: float) -> Affine:
    """The scale that covers low..high and holds zero exactly, as padding is zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32(max((high - low) / (MOST - LEAST), LEAST_SCALE)))
    return Affine(scale, int(np.clip(round(LEAST - low / scale), LEAST, MOST)))


def minmax(values: Floats, percentile: float) -> Affine:
    """Every value that occurred is covered."""
    return affine(float(values.min()), float(values.max()))


def by_percentile(values: Floats, percentile: float) -> Affine:
    """The given percentage of the values is covered; the others are clamped, half of them at either end."""
    low, high = np.percentile(values, [(100 - percentile) / 2, (100 + percentile) / 2])
    return affine(float(low), float(high))


def least_squares(values: Floats, percentile: float) -> Affine:
    """The range with the least mean squared error, of those that are some part of the whole one."""
    step = -(-values.size // MOST_SAMPLED)
    some = np.sort(values)[::step].astype(np.float64)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    parts = [affine(part * low, part * high) for part in np.linspace(0.2, 1.0, 65)]
    errors = [float(np.square(one.real(one.quantised(some)) - some).mean()) for one in parts]
    return parts[int(np.argmin(errors))]


METHODS: dict[str, Callable[[Floats, float], Affine]] = {
    "minmax": minmax,
    "percentile": by_percentile,
    "mse": least_squares,
}
"""How a range follows from the values of a sequence."""


class Calibration:
    """The scale of any sequence of a network, from its values on some signals.

    Parameters
    ----------
    signals
        Each (frames, channels) of the network's input.
    method, percentile
        As in `quantize`.
    """

    def __init__(self, signals: Sequence[Floats], method: str, percentile: float) -> None:
        self.signals, self.method, self.percentile = signals, METHODS[method], percentile
        self.known: dict[Node, Affine] = {}

    def of(self, node: Node) -> Affine:
        if node not in self.known:
            values = np.concatenate([frames.ravel() for frames in self.frames(node)])
            self.known[node] = self.method(values, self.percentile) if values.size else affine(0.0, 0.0)
        return self.known[node]

    def frames(self, node: Node) -> Iterable[Floats]:
        """The node's frames of each signal."""
        if node.signal:
            return self.signals
        plan = Plan(lower(node))
        return [run_offline(plan, signal, None, "raise", "calibration") for signal in self.signals]
