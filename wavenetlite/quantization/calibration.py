"""Ranges of a network's sequences on example signals, and the integers of 8 bits that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from wavenetlite.engine.generation import rebuilt
from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.graph import HIGHEST, LOWEST, MOST_CHANNELS, Clock, Node, Quantization, topological_order
from wavenetlite.nodes import Input, concat
from wavenetlite.quantization.examples import Example
from wavenetlite.quantization.units import rounding_of
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError

LEAST_SCALE = 1e-12
"""Of a sequence; one of a smaller range is always zero, and what it would be otherwise is not known."""
UNKNOWN = Quantization(1.0, 0)
"""Of such a sequence, -128 to 127: the gate of words that stand alone has one if none of the examples opens it."""

MOST_JUDGED = 200_000
"""Values of a sequence by which "mse" judges a range."""

MOST_KEPT = 2**25
"""Values of sequences that are measured at once."""


def covering(low: float, high: float) -> Quantization:
    """The finest integers that cover low..high and hold zero exactly, as padding is zero."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / (HIGHEST - LOWEST)))
    if scale < LEAST_SCALE:
        return UNKNOWN
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
    """The integers for any sequence of a network, by its values on some examples.

    Parameters
    ----------
    examples
        Of the network's input.
    method, percentile
        As in `quantize`.
    """

    def __init__(self, examples: Sequence[Example], method: str, percentile: float) -> None:
        self.examples, self.method, self.percentile = examples, METHODS[method], percentile
        self.known: dict[Node, Quantization] = {}

    def measure(self, wanted: Iterable[Node]) -> None:
        """Make the integers of these sequences known: all at once, as a network that gives one of them gives all."""
        if not self.examples:
            return
        for node, frames in frames_of(wanted, self.examples):
            self.known[node] = self.judge(frames)

    def judge(self, frames: Sequence[Floats]) -> Quantization:
        values = np.concatenate([one.ravel() for one in frames])
        return self.method(values, self.percentile) if values.size else covering(0.0, 0.0)

    def of(self, node: Node) -> Quantization:
        if node not in self.known:
            rounding = rounding_of(node)
            if rounding is not None:
                return rounding
            if not self.examples:
                raise ParameterError("calibration is needed: the range of a sequence is not known from training")
            self.measure([node])
        return self.known[node]


def frames_of(wanted: Iterable[Node], examples: Sequence[Example]) -> Iterator[tuple[Node, Sequence[Floats]]]:
    """Each node, and its frames of each example."""
    most = MOST_KEPT // max(1, sum(len(example.x) for example in examples))
    for together in groups(wanted, min(most, MOST_CHANNELS)):
        if together[0].signal:
            yield together[0], [given_as(together[0].signal, example) for example in examples]
            continue
        frames = run(concat(*together), examples)
        last = 0
        for node in together:
            first, last = last, last + node.channels
            yield node, [one[:, first:last] for one in frames]


def given_as(signal: str, example: Example) -> Floats:
    """The frames of one of the network's signals."""
    if signal == "x":
        return example.x
    assert example.c is not None
    return example.c


def run(output: Node, examples: Sequence[Example]) -> list[Floats]:
    """The frames of a node for each example."""
    read = {node.signal: node for node in topological_order(output) if node.signal}
    if "x" not in read:  # of the conditioning alone, which is a network's only signal then
        source = read["c"]
        known: dict[Node, Node] = {source: Input((), source.channels, Clock(), "x")}
        plan = Plan(lower(rebuilt(output, known, int(source.clock.rate))))
        return [run_offline(plan, given_as("c", example), None, "raise", "calibration") for example in examples]
    plan = Plan(lower(output))
    return [run_offline(plan, x, c if "c" in read else None, "raise", "calibration") for x, c in examples]


def groups(wanted: Iterable[Node], most: int) -> Iterator[list[Node]]:
    """Nodes that one network can give side by side: with the same number of frames, and not more channels than this."""
    alike: dict[Any, list[Node]] = {}
    known: dict[Node, bool] = {}
    for node in dict.fromkeys(wanted):
        key = node if node.signal else (node.clock.rate, node.clock.start, reads_signal(node, known))
        group = alike.setdefault(key, [])
        if group and sum(one.channels for one in group) + node.channels > most:
            yield list(group)
            group.clear()
        group.append(node)
    yield from alike.values()


def reads_signal(output: Node, known: dict[Node, bool]) -> bool:
    """Whether a node depends on the network's input, not on its conditioning alone; `known` are answers so far."""
    waiting = [output]
    while waiting:
        node = waiting[-1]
        ahead = [edge.node for edge in node.edges if edge.node not in known]
        if not ahead:
            known[node] = node.signal == "x" or any(known[edge.node] for edge in node.edges)
            waiting.pop()
        waiting += ahead
    return known[output]
