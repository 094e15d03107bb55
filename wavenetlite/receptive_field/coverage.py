"""Coverage: the exact number of paths through a graph from each input to one output.

A path leads from an output frame through one tap of every convolution and one branch of every sum or concatenation to
an input. Channels are not distinguished: a convolution of 64 channels is one path per tap. So the counts are the
network's impulse response with one channel, unit weights and no activations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wavenetlite.graph import Counts, Edge, Node, exact, topological_order
from wavenetlite.support.errors import ParameterError

MOST_CELLS = 2**22
"""Maximum number of inputs to count."""
MOST_PHASES = 4096


@dataclass(frozen=True, eq=False)
class Coverage:
    """The number of paths from one output to every input of its receptive field.

    Attributes
    ----------
    counts
        (frames,), (frames, bins) or (rows, columns); int64, or Python integers (dtype object) from 2**62 on; read-only.
        0: a hole, an input inside the receptive field that the output does not depend on.
    first
        Position of ``counts[0]`` or ``counts[0, 0]``. Frames, rows and columns are relative to the output (for a stride
        s, output frame n is at input frame n * s), bins to the lowest.
    endless
        Whether a pool over all frames so far also reads the inputs before `counts`.
    """

    counts: Counts
    first: tuple[int, ...]
    endless: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.counts.shape

    @property
    def size(self) -> int:
        """Number of inputs in the bounding box."""
        return self.counts.size

    @property
    def seen(self) -> int:
        """Number of inputs with a path to the output."""
        return int(np.count_nonzero(self.counts))

    @property
    def holes(self) -> int:
        return self.size - self.seen

    @property
    def paths(self) -> int:
        """Total number of paths."""
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
    """Format an integer, rounding large ones."""
    return f"{number:,}" if number < 10**9 else f"{float(number):.1e}" if number < 10**300 else "over 1e300"


def count_paths(output: Node) -> dict[str, Coverage]:
    """Coverage of each input ("x", "c") of a graph, for output frame 0 and the middle bin.

    If the network upsamples, its output frames read different inputs: the one that reads most is used.
    """
    order = topological_order(output)
    endless = any(node.endless for node in order)
    phases = Fraction(output.clock.rate).denominator
    if phases > MOST_PHASES:
        raise ParameterError(f"network gives {phases} frames per frame; it must give at most {MOST_PHASES}")
    found = max((walk(order, output, frame, None) for frame in range(phases)), key=width)
    if endless:
        oldest = min(first for first, _ in found.values())
        found = max((walk(order, output, frame, oldest) for frame in range(phases)), key=width)
    return {name: coverage(first, counts, endless) for name, (first, counts) in found.items()}


def width(found: dict[str, Paths]) -> int:
    """Number of frames read from the signal."""
    return max((len(counts) for name, (_, counts) in found.items() if name == "x"), default=0)


def coverage(first: int, counts: Counts, endless: bool) -> Coverage:
    """The coverage of a bounding box."""
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
    """The coverage of an input that the output does not depend on."""
    return Coverage(np.zeros(0, np.int64), (0,))


def bins_of(output: Node) -> int:
    """Number of bins of a sequence; 1: none."""
    bins, seen, stack = 1, {output}, [output]
    while stack:
        node = stack.pop()
        if node.bins_made is not None:
            bins = max(bins, node.bins_made)
            continue
        new = {edge.node for edge in node.edges} - seen
        seen |= new
        stack += new
    return bins


def one_bin(output: Node) -> Counts:
    bins = bins_of(output)
    counts = np.zeros((1, bins), np.int64)
    counts[0, bins // 2] = 1
    return counts


Paths = tuple[int, Counts]
"""Paths from the output to a sequence: the first frame, and counts (frames, bins); one bin: the same for all."""


def walk(order: list[Node], output: Node, frame: int, oldest: int | None) -> dict[str, Paths]:
    """Paths from an output frame to the inputs; pools over all frames are followed back to input frame `oldest`.

    With `oldest` None, they are assumed to read one frame.
    """
    paths: dict[Node, Paths] = {output: (frame, one_bin(output))}
    found = {}
    for node in reversed(order):
        if node not in paths:  # conditioning that the output does not depend on
            continue
        first, counts = paths.pop(node)
        if node.signal:
            cut = 0 if oldest is None else max(0, oldest - first)
            found[node.signal] = (first + cut, counts[cut:])
        for index, edge in enumerate(node.edges):
            if node.endless and oldest is not None:
                read = all_so_far(first, counts, edge, oldest)
            else:
                read = paths_read(node, index, first, counts)
            paths[edge.node] = together(paths[edge.node], read) if edge.node in paths else read
    return found


def paths_read(node: Node, index: int, first: int, counts: Counts) -> Paths:
    """Paths to the input of edge `index`, from those to the frames of the operation."""
    edge = node.edges[index]
    total: Paths | None = None
    for phase in range(node.phases):
        skip = (phase - first) % node.phases
        mine = counts[skip :: node.phases]
        if not len(mine):
            continue
        start = (first + skip) // node.phases * edge.stride + edge.shift
        taps = node.taps_read(phase, mine)
        if taps is None:
            own = mine if mine.shape[1] == 1 else node.bins_read(index, mine)
            parts = [(start, spread(own, edge.stride, edge.spacing, edge.taps))]
        else:
            parts = [(start + tap * edge.spacing, spread(own, edge.stride, 1, 1)) for tap, own in taps]
        for part in parts:
            total = part if total is None else together(total, part)
    return total or (first // node.phases * edge.stride, np.zeros((1, 1), np.int64))


# Over time


def spread(counts: Counts, stride: int, spacing: int, taps: int) -> Counts:
    """Counts of input frames, from those of the frames that read them."""
    if stride == taps == 1:
        return counts
    frames = (len(counts) - 1) * stride + (taps - 1) * spacing + 1
    if frames * counts.shape[1] > MOST_CELLS:
        raise ParameterError(f"network reads {frames * counts.shape[1]} inputs; it must read at most {MOST_CELLS}")
    rows = -(-frames // spacing)
    counts = exact(counts, frames)
    placed = np.zeros((rows * spacing, counts.shape[1]), counts.dtype)
    placed[: (len(counts) - 1) * stride + 1 : stride] = counts
    # Sums of `taps` frames that are `spacing` apart, as differences of running sums
    running = np.cumsum(placed.reshape(rows, spacing, -1), axis=0)
    sums = running.copy()
    sums[taps:] -= running[:-taps]
    return sums.reshape(rows * spacing, -1)[:frames]


def all_so_far(first: int, counts: Counts, edge: Edge, oldest: int) -> Paths:
    """Each frame reads all previous ones, back to those that depend on input frame `oldest`."""
    clock = edge.node.clock
    start = min(first, (oldest - clock.newest) // clock.rate)
    counts = exact(counts, len(counts))
    before = np.zeros((first - start, counts.shape[1]), counts.dtype)
    return start, np.cumsum(np.concatenate([before, counts])[::-1], axis=0)[::-1]


def together(a: Paths, b: Paths) -> Paths:
    """Add the paths to one sequence from two of its readers."""
    bins = math.lcm(a[1].shape[1], b[1].shape[1])
    first = min(a[0], b[0])
    frames = max(a[0] + len(a[1]), b[0] + len(b[1])) - first
    parts = [exact(np.repeat(counts, bins // counts.shape[1], axis=1), 2) for _, counts in (a, b)]
    total = np.zeros((frames, bins), np.result_type(*parts))
    for (start, _), part in zip((a, b), parts, strict=True):
        total[start - first : start - first + len(part)] += part
    return first, total
