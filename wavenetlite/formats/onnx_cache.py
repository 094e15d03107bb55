"""Streaming graphs of ONNX, whose caches are further inputs, and the caches' next values further outputs.

What is remembered lies in a few tensors, which graphs cut into pieces, put before a block of a signal, and put together
again of the last frames. So every element of a cache has a number, and so have the last frames of signals. A piece that
is put before a signal is padding, if the graph's next cache has at its place the frames that then come before: which is
found by comparing numbers. At a stream's beginning caches are zeros.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite.formats import sizes
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.graph_builder import frames_made
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder
from wavenetlite.formats.onnx_constants import fold, integers
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_joins import Stack
from wavenetlite.formats.onnx_operators import OPERATORS
from wavenetlite.formats.onnx_signal import CHANNELS, TIME, Elements, Signal, place, reaches_end
from wavenetlite.formats.sizes import BATCH_SIZE
from wavenetlite.graph import Node
from wavenetlite.support.errors import ModelFileError

MOVES = "Identity", "Slice", "Split", "Reshape", "Flatten", "Concat", "Transpose", "Gather", "Squeeze", "Unsqueeze"
"""Operators that only move elements."""

Inputs = dict[str, tuple[int | str, ...]]

MOST_CACHED = 2**20


def unknown_sizes(inputs: Inputs, signal: str) -> str:
    """Which input beside the signal has sizes, other than the batch's, that are not known; "": none."""
    for name, shape in inputs.items():
        if name != signal and sum(not isinstance(one, int) for one in shape) > 1:
            return f"only the batch may be unknown, but {name!r} has the shape {list(shape)}"
    return ""


def caches(inputs: Inputs, signal: str) -> dict[str, Elements]:
    """The elements of all inputs but the signal, numbered from 0 on; a batch has one of each."""
    made, first = {}, 0
    for name in inputs:
        if name == signal:
            continue
        shape = [one if isinstance(one, int) else 1 for one in inputs[name]]
        if first + math.prod(shape) > MOST_CACHED:
            raise ModelFileError(f"its caches have more than {MOST_CACHED} elements")
        made[name] = Elements(np.arange(first, first + math.prod(shape)).reshape(shape))
        first += math.prod(shape)
    return made


class Cache:
    """What a graph's caches are, and what the elements of their next values must be.

    Parameters
    ----------
    inputs
        The caches by name, as `caches` gives them.
    """

    def __init__(self, inputs: dict[str, Elements]) -> None:
        self.inputs = inputs
        self.count = sum(one.numbers.size for one in inputs.values())
        self.next = np.full(self.count, -1)
        self.known: dict[tuple[Any, ...], int] = {}

    def number(self, sequence: tuple[Any, ...], channel: int, back: int) -> int:
        """The number of a channel of a frame, `back` frames before the end of a sequence."""
        return self.known.setdefault((*sequence, channel, back), self.count + len(self.known))

    def last(self, signal: Signal, count: int, sequence: tuple[Any, ...] = ()) -> np.ndarray:
        """The last frames of a signal, (channels, frames)."""
        sequence = sequence or (signal.name, signal.tail, signal.excess)
        if count * signal.channels + len(self.known) > MOST_CACHED:
            raise UnsupportedError(f"remembers more than {MOST_CACHED} values")
        return np.array([[self.number(sequence, c, back) for back in range(count, 0, -1)]
                         for c in range(signal.channels)], np.int64).reshape(signal.channels, count)  # fmt: skip

    def remember(self, numbers: np.ndarray, then: np.ndarray) -> None:
        """Note what must be in a cache's next value where these elements are."""
        if (numbers >= self.count).any():
            raise UnsupportedError("puts what is no cache before a signal")
        if ((self.next[numbers] >= 0) & (self.next[numbers] != then)).any():
            raise UnsupportedError("uses the same part of a cache for two signals")
        self.next[numbers] = then

    def is_next(self, cache: Elements, value: Any) -> bool:
        """Whether a value is the next one of a cache."""
        if not isinstance(value, Elements) or value.numbers.size != cache.numbers.size:
            return False
        wanted = self.next[cache.numbers.reshape(-1)]
        return bool((value.numbers.reshape(-1) == wanted).all() and (wanted >= 0).all())

    def output(self, values: dict[str, Any]) -> str:
        """The name of the output that is no cache's next value; all others must be."""
        left = {name: self.as_elements(value) for name, value in values.items()}
        for name, cache in self.inputs.items():
            found = next((one for one, value in left.items() if self.is_next(cache, value)), None)
            if found is None:
                raise UnsupportedError(f"none of its outputs ({', '.join(values)}) is the next value of {name!r}: that "
                                       "must be the last frames of what it is put before")  # fmt: skip
            del left[found]
        if len(left) != 1:
            raise UnsupportedError(f"its outputs {', '.join(left)} are more than one beside the caches' next values")
        return next(iter(left))

    def as_elements(self, value: Any) -> Any:
        """A signal of one frame, or several side by side, as the elements of signals' last frames."""
        if isinstance(value, Stack):
            parts = [self.as_elements(one) for one in value.signals]
            if not all(isinstance(one, Elements) for one in parts):
                return value
            return Elements(np.concatenate([one.numbers for one in parts], axis=value.axis))
        if isinstance(value, Signal) and not value.over_time and value.settled:
            shape = [value.channels if axis == CHANNELS else 1 for axis in value.axes]
            return Elements(self.last(value, 1).reshape(shape), value)
        return value


def leave_elements(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> list[Any] | None:
    """What a node makes of elements; None: it reads them as the signal that they also are, which `inputs` then have."""
    cache = net.cache
    if node.kind == "Concat" and len(inputs) == 2 and isinstance(inputs[1], Signal):
        first = inputs[0]
        if isinstance(first, Elements) and first.signal is None:
            return [put_before(net, cache, first, inputs[1], node.attributes.get("axis", 0))]
    if node.kind in (*MOVES, "Shape"):
        numbers = [moved(cache.as_elements(value)) for value in inputs]
        if not any(isinstance(one, Signal) for one in numbers):
            made = fold(node, numbers)
            if node.kind == "Shape":
                return list(made)
            too = signals_too(net, node, [one.signal if isinstance(one, Elements) else one for one in inputs])
            return [Elements(one, signal) for one, signal in zip(made, too or len(made) * (None,), strict=True)]
    for at, value in enumerate(inputs):
        if isinstance(value, Elements) and value.signal is not None:
            inputs[at] = value.signal
    if any(isinstance(value, Elements) for value in inputs) and node.kind not in ("GRU", "LSTM"):
        raise UnsupportedError("computes with a cache; it can only be put before a signal, or be the state of a GRU or "
                               "an LSTM")  # fmt: skip
    return None


def signals_too(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> list[Signal] | None:
    """What a node makes of signals, where what it makes may be read as signals as well as elements."""
    if any(one is None for one in inputs) or not any(isinstance(one, Signal) for one in inputs):
        return None
    try:
        made = OPERATORS[node.kind](net, node, inputs)
    except UnsupportedError:
        return None
    made = made if isinstance(made, list) else [made]
    return made if all(isinstance(one, Signal) for one in made) else None


def moved(value: Any) -> Any:
    """Numbers of elements, and constants in which the batch is of one."""
    if isinstance(value, Elements):
        return value.numbers
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.where(value == BATCH_SIZE, 1, value)
    return value


def put_before(net: OnnxGraphBuilder, cache: Any, elements: Elements, signal: Signal, number: int) -> Signal:
    """A signal with a piece of a cache before it: zeros, if the next cache has the last frames of both."""
    axes = signal.axes
    if signal.axis(number) != TIME or len(axes) != elements.numbers.ndim:
        raise UnsupportedError(f"joins a cache and a signal over the axis {signal.axis(number)}; it must be time")
    at = number % len(axes)
    count = elements.numbers.shape[at]
    wanted = tuple(count if axis == TIME else signal.channels if axis == CHANNELS else 1 for axis in axes)
    if elements.numbers.shape != wanted:
        raise UnsupportedError(f"puts a cache of shape {elements.numbers.shape} before a signal; it must be {wanted}")
    order = [i for i in range(len(axes)) if axes[i] not in (CHANNELS, TIME)]
    order += [axes.index(CHANNELS), at] if CHANNELS in axes else [at]
    numbers = elements.numbers.transpose(order).reshape(signal.channels, count)
    if signal.lead:
        signal = net.settled(signal)
    cache.remember(numbers, cache.last(signal, count))
    return net.padded(signal, count, 0)


def last_frames(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Elements | None:
    """The elements of a slice that takes the last frames of a signal, if they are a number that is known."""
    signal, options = inputs[0], node.attributes
    given = [*inputs[1:], None, None, None, None]
    starts, ends = (options.get("starts"), options.get("ends")) if given[0] is None else given[:2]
    numbers = options.get("axes") if given[2] is None else integers(given[2])
    steps = [1] if given[3] is None else integers(given[3])
    if starts is None or ends is None or len(starts) != 1 or steps != [1] or not signal.over_time:
        return None
    axis = 0 if numbers is None else numbers[0]
    size = net.size(signal, signal.axis(axis))
    if signal.axis(axis) != TIME or not reaches_end(ends[0], size):
        return None
    count = size - place(starts[0], size)
    least = max(signal.lead, 0) + (net.frames if net.frames is not None and signal.node.clock.rate == 1 else 0)
    if isinstance(count, sizes.Size) or not 0 < count <= least:
        return None
    shape = [count if one == TIME else signal.channels if one == CHANNELS else 1 for one in signal.axes]
    numbers_of = net.cache.last(signal, int(count))
    if CHANNELS in signal.axes and signal.axes.index(CHANNELS) > signal.axes.index(TIME):
        numbers_of = numbers_of.T
    return Elements(numbers_of.reshape(shape))


def check_blocks(net: OnnxGraphBuilder, output: Node) -> None:
    """Refuse a graph that makes something else of every block than of the whole signal: of n frames each sequence must
    have n for its frame period."""
    made: dict[Node, Any] = {}
    frames_made(output, made, 1)
    period = math.lcm(*(Fraction(node.clock.rate).numerator for node in made))
    made.clear()
    length = period * 2**20
    frames_made(output, made, length)
    if any(frames != length / Fraction(node.clock.rate) for node, frames in made.items()):
        raise UnsupportedError("gives fewer or more frames for a block than belong to it: its caches do not hold what "
                               "it reads of the blocks before")  # fmt: skip
