"""Ranges of a network's sequences on example signals, and the integers of 8 bits that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.graph import HIGHEST, LOWEST, MOST_CHANNELS, Node, Quantization
from wavenetlite.nodes import concat
from wavenetlite.quantization.units import rounding_of
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError

LEAST_SCALE = 1e-12
"""Of a sequence that is always zero, or nearly."""

MOST_JUDGED = 200_000
"""Values of a sequence by which "mse" judges a range."""

MOST_KEPT = 2**25
"""Values of sequences that are measured at once."""


def covering(low: float, high: float) -> Quantization:
    """The finest integers that cover low..high and hold zero exactly, as padding is zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32(max((high - low) / (HIGHEST - LOWEST), LEAST_SCALE)))
    return Quantization(scale, int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST)))


def rounded(values: Doubles, to: Quantization) -> Doubles:
    """Real values after a conversion to integers and back."""
    q = np.clip(np.rint(values / to.scale) + to.zero_point, LOWEST, HIGHEST)
    real: Doubles = (q - to.zero_point) * to.scale
    return real


def minmax(values: Floats, percentile: float) -> Quantization:
    """Every value that occurred is covered."""
    return covering(float(values.min()), float(values.max()))


def by_percentile(values: Floats, percentile: float) -> Quantization:
    """The given percentage of the values is covered; the others are clamped, half of them at either end."""
    low, high = np.percentile(values, [(100 - percentile) / 2, (100 + percentile) / 2])
    return covering(float(low), float(high))


def least_squares(values: Floats, percentile: float) -> Quantization:
    """Of the ranges that are a part of the whole one, the one with the least mean squared error."""
    some = np.sort(values)[:: -(-values.size // MOST_JUDGED)].astype(np.float64)
    ranges = [covering(part * float(values.min()), part * float(values.max())) for part in np.linspace(0.2, 1.0, 65)]
    errors = [float(np.square(rounded(some, one) - some).mean()) for one in ranges]
    return ranges[int(np.argmin(errors))]


METHODS: dict[str, Callable[[Floats, float], Quantization]] = {
    "minmax": minmax,
    "percentile": by_percentile,
    "mse": least_squares,
}
"""How the integers follow from the values of a sequence."""


class Calibration:
    """The integers for any sequence of a network, by its values on some signals.

    Parameters
    ----------
    signals
        Each (frames, channels) of the network's input.
    method, percentile
        As in `quantize`.
    """

    def __init__(self, signals: Sequence[Floats], method: str, percentile: float) -> None:
        self.signals, self.method, self.percentile = signals, METHODS[method], percentile
        self.known: dict[Node, Quantization] = {}

    def measure(self, wanted: Iterable[Node]) -> None:
        """Make the integers of these sequences known: all at once, as a network that gives one of them gives all."""
        if not self.signals:
            return
        for node, frames in frames_of(wanted, self.signals):
            self.known[node] = self.judge(frames)

    def judge(self, frames: Sequence[Floats]) -> Quantization:
        values = np.concatenate([one.ravel() for one in frames])
        return self.method(values, self.percentile) if values.size else covering(0.0, 0.0)

    def of(self, node: Node) -> Quantization:
        if node not in self.known:
            rounding = rounding_of(node)
            if rounding is not None:
                return rounding
            if not self.signals:
                raise ParameterError("calibration is needed: the range of a sequence is not known from training")
            self.measure([node])
        return self.known[node]


def frames_of(wanted: Iterable[Node], signals: Sequence[Floats]) -> Iterator[tuple[Node, Sequence[Floats]]]:
    """Each node, and its frames of each signal."""
    most = MOST_KEPT // max(1, sum(len(signal) for signal in signals))
    for together in groups(wanted, min(most, MOST_CHANNELS)):
        if together[0].signal:
            yield together[0], signals
            continue
        plan = Plan(lower(concat(*together)))
        frames = [run_offline(plan, signal, None, "raise", "calibration") for signal in signals]
        last = 0
        for node in together:
            first, last = last, last + node.channels
            yield node, [one[:, first:last] for one in frames]


def groups(wanted: Iterable[Node], most: int) -> Iterator[list[Node]]:
    """Nodes that one network can give side by side: with the same number of frames, and not more channels than this."""
    alike: dict[Any, list[Node]] = {}
    for node in dict.fromkeys(wanted):
        group = alike.setdefault(node if node.signal else (node.clock.rate, node.clock.start), [])
        if group and sum(one.channels for one in group) + node.channels > most:
            yield list(group)
            group.clear()
        group.append(node)
    yield from alike.values()
