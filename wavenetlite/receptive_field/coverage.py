"""How often each input is read for one output: the paths through a graph, counted exactly.

A path goes from an output frame through one tap of every convolution, one branch of every sum or join, to an input.
Channels and feature maps are not counted apart: a convolution of 64 channels is one path for each tap. So the counts
are what the network gives for an impulse when it has one channel, weights of one and no activations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.engine import graph
from wavenetlite.engine.graph import Edge, Node
from wavenetlite.engine.lower import topological_order
from wavenetlite.errors import ParameterError

Counts = npt.NDArray[Any]
"""int64, or Python's integers (dtype object) where those would overflow."""

MOST_CELLS = 2**22
"""Inputs that are counted one by one."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """The number of paths from one output to every input of its receptive field.

    Attributes
    ----------
    counts
        (frames,), (frames, bins) or (rows, columns); int64, or Python's integers (dtype object) from 2**62 on;
        read-only. 0: a hole, an input inside the receptive field that the output does not depend on.
    first
        Position of ``counts[0]`` or ``counts[0, 0]``. Frames, rows and columns are counted from where the output
        stands (output frame n of a network that strides by s: input frame n * s), bins from the lowest.
    endless
        Whether a pool over all frames so far reads what lies before `counts` too.
    """

    counts: Counts
    first: tuple[int, ...]
    endless: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.counts.shape

    @property
    def size(self) -> int:
        """Inputs in the box that holds all that are seen."""
        return self.counts.size

    @property
    def seen(self) -> int:
        """Inputs with a path to the output."""
        return int(np.count_nonzero(self.counts))

    @property
    def holes(self) -> int:
        return self.size - self.seen

    @property
    def paths(self) -> int:
        """All paths together."""
        return int(self.counts.sum(dtype=object))

    def __str__(self) -> str:
        counts = self.counts[self.counts > 0]
        least, most = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
        each = f"{big(least)} path{'s' * (least > 1)}" if least == most else f"{big(least)} to {big(most)} paths"
        before = " in the newest part of an endless past" if self.endless else ""
        if not self.holes:
            return f"all {self.size:,} inputs are seen{before}, by {each} each"
        return f"{self.seen:,} of {self.size:,} inputs are seen{before}, {self.holes:,} are holes; {each} each"


def big(number: int) -> str:
    """An integer for a reader: rounded where nobody reads its digits."""
    return f"{number:,}" if number < 10**9 else f"{float(number):.1e}" if number < 10**300 else "over 1e300"


def count_paths(output: Node) -> dict[str, Coverage]:
    """Coverage of each input ("x", "c") of a graph, for its output frame 0.

    An output that still has frequency bins is looked at in its middle one.
    """
    order = topological_order(output)
    endless = any(isinstance(node, graph.Pool) for node in order)
    found = walk(order, output, None)
    if endless:
        found = walk(order, output, min(first for first, _ in found.values()))
    return {name: coverage(first, counts, endless) for name, (first, counts) in found.items()}


def coverage(first: int, counts: Counts, endless: bool) -> Coverage:
    """The box around all that is read."""
    frames, bins = (np.flatnonzero((counts != 0).any(axis=axis)) for axis in (1, 0))
    if not frames.size:
        return nothing_seen()
    box = counts[frames[0] : frames[-1] + 1, bins[0] : bins[-1] + 1].copy()
    place: tuple[int, ...] = (first + int(frames[0]), int(bins[0]))
    if counts.shape[1] == 1:
        box, place = box[:, 0], place[:1]
    box.flags.writeable = False
    return Coverage(box, place, endless)


def nothing_seen() -> Coverage:
    """Of an input that the output does not depend on."""
    return Coverage(np.zeros(0, np.int64), (0,))


Paths = tuple[int, Counts]
"""From the output to the frames of a sequence: the first frame, and counts (frames, bins); one bin: all alike."""


def walk(order: list[Node], output: Node, oldest: int | None) -> dict[str, Paths]:
    """Paths to the inputs; back to input frame `oldest` in what pools over all frames read, None: they read one."""
    paths: dict[Node, Paths] = {output: (0, one_bin(output))}
    found = {}
    for node in reversed(order):
        if node not in paths:  # a condition that the output does not depend on
            continue
        first, counts = paths.pop(node)
        if isinstance(node, graph.Input):
            cut = 0 if oldest is None else max(0, oldest - first)
            found[node.name] = (first + cut, counts[cut:])
        for index, edge in enumerate(node.edges):
            if isinstance(node, graph.Pool) and oldest is not None:
                read = all_so_far(first, counts, edge, oldest)
            else:
                own = bins_read(node, index, counts)
                read = (first * edge.stride + edge.shift, spread(own, edge.stride, edge.spacing, edge.taps))
            paths[edge.node] = together(paths[edge.node], read) if edge.node in paths else read
    return found


# Over time


def spread(counts: Counts, stride: int, spacing: int, taps: int) -> Counts:
    """Counts of the frames read, from those of the frames that read them."""
    if stride == taps == 1:
        return counts
    frames = (len(counts) - 1) * stride + (taps - 1) * spacing + 1
    if frames * counts.shape[1] > MOST_CELLS:
        raise ParameterError(f"network reads {frames * counts.shape[1]} inputs; at most {MOST_CELLS} can be counted")
    rows = -(-frames // spacing)
    counts = exact(counts, frames)
    placed = np.zeros((rows * spacing, counts.shape[1]), counts.dtype)
    placed[: (len(counts) - 1) * stride + 1 : stride] = counts
    # Sums of the newest `taps` frames, each `spacing` from the next, as differences of running sums.
    running = np.cumsum(placed.reshape(rows, spacing, -1), axis=0)
    sums = running.copy()
    sums[taps:] -= running[:-taps]
    return sums.reshape(rows * spacing, -1)[:frames]


def seen_through(frames: Counts, stride: int, shift: int, spacing: int, taps: int) -> Counts:
    """The frames that some frames, in ascending order, read."""
    reading = np.zeros((int(frames[-1] - frames[0]) + 1, 1), np.int64)
    reading[frames - frames[0]] = 1
    read = spread(reading, stride, spacing, taps)[:, 0]
    return np.flatnonzero(read) + int(frames[0]) * stride + shift


def all_so_far(first: int, counts: Counts, edge: Edge, oldest: int) -> Paths:
    """Every frame reads all up to its own; back to those that input frame `oldest` comes into."""
    clock = edge.node.clock
    start = min(first, (oldest - clock.newest) // clock.rate)
    counts = exact(counts, len(counts))
    before = np.zeros((first - start, counts.shape[1]), counts.dtype)
    return start, np.cumsum(np.concatenate([before, counts])[::-1], axis=0)[::-1]


def exact(counts: Counts, times: int) -> Counts:
    """Python's integers if int64 might not hold `times` the counts."""
    if counts.dtype == object or int(counts.max(initial=0)) * times < 2**62:
        return counts
    return counts.astype(object)


def together(a: Paths, b: Paths) -> Paths:
    """Paths to one sequence from two of its readers."""
    bins = math.lcm(a[1].shape[1], b[1].shape[1])
    first = min(a[0], b[0])
    frames = max(a[0] + len(a[1]), b[0] + len(b[1])) - first
    parts = [exact(np.repeat(counts, bins // counts.shape[1], axis=1), 2) for _, counts in (a, b)]
    total = np.zeros((frames, bins), np.result_type(*parts))
    for (start, _), part in zip((a, b), parts, strict=True):
        total[start - first : start - first + len(part)] += part
    return first, total


# Over frequency


def bins_of(output: Node) -> int:
    """Into how many bins the frames of a sequence are divided; 1: not."""
    bins, seen, stack = 1, {output}, [output]
    while stack:
        node = stack.pop()
        if isinstance(node, graph.FrequencyConv):
            bins = max(bins, node.bins_out)
        elif keeps_bins(node):
            new = {edge.node for edge in node.edges} - seen
            seen |= new
            stack += new
    return bins


def keeps_bins(node: Node) -> bool:
    if isinstance(node, graph.Activate):
        return node.name != "softmax"
    return isinstance(node, graph.Sum | graph.Norm | graph.Dropout | graph.Pool) or is_depthwise(node)


def is_depthwise(node: Node) -> bool:
    """Whether a convolution keeps the channels apart."""
    return isinstance(node, graph.Conv) and node.groups == (node.channels,) == (node.edges[0].node.channels,)


def one_bin(output: Node) -> Counts:
    bins = bins_of(output)
    counts = np.zeros((1, bins), np.int64)
    counts[0, bins // 2] = 1
    return counts


def bins_read(node: Node, index: int, counts: Counts) -> Counts:
    """Counts over the bins that edge number `index` reads, from those of the operation's own bins."""
    if isinstance(node, graph.FrequencyConv):
        return frequencies_read(node, counts)
    if counts.shape[1] == 1:
        return counts
    if isinstance(node, graph.Conv):
        groups = node.groups[index]
        return counts if groups == node.channels else summed(counts, groups)
    if isinstance(node, graph.Activate) and node.name == "softmax":
        return summed(counts, 1)
    if isinstance(node, graph.Gate):
        return np.concatenate([counts, counts], axis=1)
    if isinstance(node, graph.Join):
        start, own = sum(edge.node.channels for edge in node.edges[:index]), node.edges[index].node.channels
        return np.repeat(counts, node.channels // counts.shape[1], axis=1)[:, start : start + own]
    return counts


def frequencies_read(node: graph.FrequencyConv, counts: Counts) -> Counts:
    links = [node.links(f) for f in range(node.bins_out)]
    counts = exact(rebinned(counts, node.bins_out), sum(map(len, links)))
    read = np.zeros((len(counts), node.bins), counts.dtype)
    for f, link in enumerate(links):
        for bin_in, _ in link:
            read[:, bin_in] += counts[:, f]
    return read


def rebinned(counts: Counts, bins: int) -> Counts:
    """Counts over other bins of the same channels; the maps of a bin count once."""
    fine = math.lcm(bins, counts.shape[1])
    return np.asarray(np.repeat(counts, fine // counts.shape[1], axis=1).reshape(len(counts), bins, -1).max(axis=2))


def summed(counts: Counts, groups: int) -> Counts:
    """Counts over the groups of a convolution, each output of which reads its whole group."""
    fine = math.lcm(groups, counts.shape[1])
    parts = np.repeat(exact(counts, fine), fine // counts.shape[1], axis=1).reshape(len(counts), groups, -1)
    return np.asarray(parts.sum(axis=2) if counts.shape[1] >= groups else parts.max(axis=2))
