"""Skips around convolutions with a stride, as in U-Nets: both ways are made to begin at the same frame.

A convolution of 4 taps and stride 2 with a zero at either end leaves a last frame of an odd signal without an output:
in our terms what it makes begins later than the signal, though both have equal frames for an even signal. It is the
same network, for every signal for which the tensors of the file fit together, if the convolution gets more zeros at the
end, but fewer than its stride. That it is so is checked for many lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.graph_builder import NOTHING, frames_made
from wavenetlite.formats.sizes import Size
from wavenetlite.graph import Node
from wavenetlite.nn.convolution import Conv1d

MOST_STRETCHES = 64
"""Times that a graph is gone through again with more zeros after a convolution."""
MOST_PERIOD = 2**16


class MisalignedError(UnsupportedError):
    """That a sum, product or concatenation would fit together with `frames` more zeros after a convolution."""

    def __init__(self, reason: str, convolution: str, frames: int) -> None:
        super().__init__(reason)
        self.convolution, self.frames = convolution, frames


def stretch(
    entries: list[list[Any]], nodes: Mapping[str, Node], late: str, by: Fraction, stretched: Mapping[str, int]
) -> tuple[str, int] | None:
    """The nearest convolution with a stride before entry `late` which more zeros make earlier, and how many; at most so
    many that it is earlier by `by` frames of the input; `stretched` are those that each has already."""
    layers = {name: (layer, inputs) for name, layer, inputs in entries}
    for name in upstream(layers, late):
        layer, inputs = layers[name]
        if name in stretched and isinstance(layer, Conv1d):
            reach = (layer.kernel_size - 1) * layer.dilation
            room = min(layer.stride - 1 - stretched[name], reach - sum(layer.pads))
            frames = min(room, math.floor(by / Fraction(nodes[inputs[0]].clock.rate)))
            if frames > 0:
                return name, frames
    return None


def upstream(layers: Mapping[str, tuple[Any, list[str]]], name: str) -> Iterator[str]:
    """An entry and those before it, the nearest first."""
    waiting, seen = [name], {name}
    for one in waiting:
        if one in layers:
            yield one
            new = [source for source in layers[one][1] if source not in seen]
            seen.update(new)
            waiting += new


def check_stretched(output: Node, joined: list[list[tuple[Node, int]]], fewer: Mapping[Node, int]) -> None:
    """Refuse a network in which more zeros after convolutions make more frames, where the file's tensors fit together.

    `joined` are the tensors that are put together, as nodes and how many more frames they have; `fewer` says how many
    zeros each convolution has more than in the file.
    """
    if not any(fewer.values()):
        return
    made: dict[Node, Any] = {}
    frames_made(output, made, 1)
    period = math.lcm(*(Fraction(node.clock.rate).numerator for node in made))
    if period > MOST_PERIOD:
        raise UnsupportedError(f"its skips go around strides of {period} frames; it must be at most {MOST_PERIOD}")
    first = (2**20 // period + 1) * period
    length = Size(np.unique(np.concatenate([first + np.arange(min(2 * period, 4096)), first * np.arange(1, 40)])))
    theirs: dict[Node, Any] = {}
    ours: dict[Node, Any] = {}
    for nodes in (*joined, [(output, 0)]):
        for node, _ in nodes:
            frames_made(node, theirs, length, fewer)
            frames_made(node, ours, length, NOTHING)
    fits = np.ones(len(length.values), bool)
    for (first_node, first_more), *others in joined:
        for node, more in others:
            fits &= values(theirs[first_node] + first_more) == values(theirs[node] + more)
    same = [values(theirs[node]) == values(ours[node]) for node in fewer if node in theirs]
    if not fits.any() or not all(one[fits].all() if one.shape else one for one in same):
        raise UnsupportedError("puts together signals that begin at different frames")


def values(size: Any) -> np.ndarray:
    return np.asarray(size.values if isinstance(size, Size) else size)
