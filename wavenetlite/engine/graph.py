"""A network as a graph of operations on sequences of frames, with the clock of every sequence.

Clocks are what streaming with padding, strides and branches comes down to. Frame ``n`` of a sequence depends on the
input frames from ``n * rate + oldest`` to ``n * rate + newest``, so it exists as soon as ``n * rate + newest + 1``
input frames have come. In causal time it stands at input frame ``n * rate + start``: branches are aligned on that, so
that a branch which starts later ("valid" padding) makes its neighbours drop their first frames. What lies before
frame 0 is zeros; in a prewarmed network it is what endless zeros at the input make of every sequence.

A rate below 1 is that of a sequence which has been upsampled: its frames come several at a time, and stand between
those of the input. So rates and times are fractions there, and ``n * rate + newest`` is rounded down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.errors import ParameterError

Floats = npt.NDArray[np.float32]

MOST_CHANNELS = 65_536
MOST_FRAMES = 2**40
"""Frames that a network may look back or ahead: far above use, and safe to multiply."""


@dataclass(frozen=True)
class Clock:
    """When the frames of a sequence exist, counted in frames of the network's input.

    Where frames come several at a time, some come earlier than ``n * rate + newest`` says, by `slack` at most.
    """

    rate: int | Fraction = 1
    start: int | Fraction = 0
    oldest: float | Fraction = 0
    newest: int | Fraction = 0
    slack: int | Fraction = 0

    @property
    def receptive_field(self) -> float:
        """Input frames that a frame depends on, from the oldest to the newest; where there are phases, at most."""
        return math.inf if self.oldest == -math.inf else math.floor(self.newest - self.oldest) + 1

    @property
    def latency(self) -> int:
        """Input frames after its own that a frame waits for, at most."""
        return math.ceil(self.newest)

    def same_pace(self, other: Clock) -> bool:
        """Whether every frame of the two comes at the same time; less slack than a frame leaves no choice of it."""
        known = max(self.slack, other.slack) < 1
        return known and (self.rate, self.start, self.newest) == (other.rate, other.start, other.newest)


@dataclass(frozen=True, eq=False)
class Edge:
    """How an operation reads a sequence: output frame n reads frames ``n * stride + shift + k * spacing``, k < taps.

    `end_reach` is the newest frame that output frame 0 needs to exist once the sequence has ended; zeros stand in for
    the frames between it and `reach` ("same" padding).
    """

    node: Node
    stride: int = 1
    shift: int = 0
    spacing: int = 1
    taps: int = 1
    end_reach: int = 0

    @property
    def reach(self) -> int:
        """Newest frame read for output frame 0."""
        return self.shift + (self.taps - 1) * self.spacing

    @property
    def rate(self) -> int | Fraction:
        return self.node.clock.rate * self.stride

    @property
    def start(self) -> int | Fraction:
        """Causal time of output frame 0."""
        return self.node.clock.start + self.end_reach * self.node.clock.rate

    def starting_at(self, start: int | Fraction) -> Edge:
        """The same edge read later, so that output frame 0 stands at causal time `start`."""
        frames, rest = divmod(start - self.start, self.node.clock.rate)
        if rest:
            raise ParameterError(f"branches start {start - self.start} input frames apart; that must be a multiple of "
                                 f"their frame period {self.node.clock.rate}")  # fmt: skip
        return replace(self, shift=self.shift + frames, end_reach=self.end_reach + frames)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation; its output is a sequence of frames of `channels` channels."""

    edges: tuple[Edge, ...]
    channels: int
    clock: Clock

    @property
    def phases(self) -> int:
        """Frames that are made at a time, from one reading of the edges."""
        return 1


@dataclass(frozen=True, eq=False)
class Input(Node):
    """What the network is fed: the signal (name "x") or the conditioning (name "c")."""

    name: str


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Sum over the edges of a convolution with `weights[i]`, (channels, in / groups[i], taps), plus the biases.

    Parameters of modules are in a graph as they are or as views, never as copies: that is how training finds them.
    """

    weights: tuple[Floats, ...]
    groups: tuple[int, ...]
    biases: tuple[Floats | None, ...]

    @property
    def bias(self) -> Floats | None:
        """All biases together."""
        given = [bias for bias in self.biases if bias is not None]
        return np.sum(given, axis=0, dtype=np.float32) if given else None


class Link(NamedTuple):
    """What a bin of the output reads: a bin of a tap's frame, by the weights at a place of the kernel."""

    tap: int
    bin: int
    frames: int
    bins: int


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """A convolution over time and bins, transposed or not. A frame holds bins x maps channels, a bin's maps together.

    ``links[phase][bin]`` is all that a bin reads. `weight` is a parameter as its module keeps it, in the order that
    `layout` names.
    """

    weight: Floats
    bias: Floats | None
    groups: int
    layout: str
    links: tuple[tuple[tuple[Link, ...], ...], ...]

    @property
    def phases(self) -> int:
        return len(self.links)

    @property
    def bins(self) -> int:
        """Of the output."""
        return len(self.links[0])

    @property
    def depthwise(self) -> bool:
        """Whether every map is convolved by itself."""
        return self.groups > 1 and self.arranged(self.weight).shape[:2] == (self.groups, 1)

    def arranged(self, weight: np.ndarray) -> np.ndarray:
        """The weights, or what stands in their places, as (maps out, maps in / groups, kernel frames, kernel bins)."""
        if self.layout == "out, in, bins, frames":
            return weight.swapaxes(2, 3)
        if self.layout == "in, out, frames, bins":
            split = weight.reshape(self.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
            return split.reshape(-1, *split.shape[2:])
        return weight

    @property
    def multiply_adds(self) -> float:
        """Of one output frame."""
        maps_out, maps_in = self.arranged(self.weight).shape[:2]
        return float(sum(len(links) for row in self.links for links in row) * maps_out * maps_in / self.phases)


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Phase p of the frames that it makes of one is the sum of the taps times ``weights[p]``, for every channel."""

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)


@dataclass(frozen=True, eq=False)
class Norm(Node):
    """Batch normalisation: ``(x - mean) / sqrt(variance + eps) * weight + bias``, channel by channel.

    A frame holds `bins` times as many channels as there are parameters: the maps of a bin side by side.
    """

    weight: Floats
    bias: Floats
    mean: Floats
    variance: Floats
    eps: float
    bins: int

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """It is ``x * scale + offset``, in float64 until it meets a weight; of one bin."""
        return self.weight / np.sqrt(self.variance.astype(np.float64) + self.eps)

    @property
    def offset(self) -> npt.NDArray[np.float64]:
        return self.bias - self.mean * self.scale


@dataclass(frozen=True, eq=False)
class Dropout(Node):
    """Elements, or whole channels, set to zero at random; only in a graph for training."""

    p: float
    whole_channels: bool


@dataclass(frozen=True, eq=False)
class Activate(Node):
    """An element-wise function (softmax: a function of one frame), named as in wavenetlite.kernels.ACTIVATIONS."""

    name: str
    parameters: tuple[float, ...] = ()
    slopes: Floats | None = None


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The frames of all edges added, first to last."""


@dataclass(frozen=True, eq=False)
class Product(Node):
    """The frames of two edges multiplied, element by element."""


@dataclass(frozen=True, eq=False)
class Part(Node):
    """`channels` channels of a sequence, from channel `first` on."""

    first: int


@dataclass(frozen=True, eq=False)
class Join(Node):
    """The channels of all edges one after the other, or those of each of `bins` bins."""

    bins: int


@dataclass(frozen=True, eq=False)
class Pool(Node):
    """Mean or maximum of all frames so far."""

    kind: str


def aligned(edges: Sequence[Edge]) -> tuple[Edge, ...]:
    """The edges shifted to one common start."""
    if len(rates := {edge.rate for edge in edges}) > 1:
        raise ParameterError(f"branches have frame periods [{', '.join(map(str, sorted(rates)))}]; they must be equal")
    start = max(edge.start for edge in edges)
    return tuple(edge.starting_at(start) for edge in edges)


def clock_after(edges: Sequence[Edge], first_taps: Sequence[int] = (0,)) -> Clock:
    """The clock of an operation that reads `edges`, which are aligned.

    An operation that makes several frames at a time has one of `first_taps` for each: the first tap that it reads.
    """
    if max(edge.rate * (abs(edge.shift) + edge.taps * edge.spacing) for edge in edges) > MOST_FRAMES:
        raise ParameterError(f"network reaches over more than {MOST_FRAMES} input frames")
    phases = len(first_taps)
    rate = tidy(Fraction(edges[0].rate) / phases)
    newest = [edge.reach * edge.node.clock.rate + edge.node.clock.newest for edge in edges]
    surely = max(late - edge.node.clock.slack for late, edge in zip(newest, edges, strict=True))
    return Clock(
        rate=rate,
        start=edges[0].start,
        oldest=tidy(min(
            (edge.shift + first * edge.spacing) * edge.node.clock.rate + edge.node.clock.oldest - phase * rate
            for edge in edges
            for phase, first in enumerate(first_taps)
        )),
        newest=tidy(max(newest)),
        slack=tidy(max(newest) - surely + (phases - 1) * rate),
    )  # fmt: skip


def tidy(time: float | Fraction) -> Any:
    """A fraction as an integer where it is one."""
    return int(time) if isinstance(time, Fraction) and time.denominator == 1 else time


def activate(node: Node, name: str, parameters: Sequence[float] = (), slopes: Floats | None = None) -> Node:
    if name == "identity":
        return node
    return Activate((Edge(node),), node.channels, node.clock, name, tuple(parameters), slopes)


def add(*nodes: Node) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    if len({node.channels for node in nodes}) > 1:
        raise ParameterError(
            f"branches have {[node.channels for node in nodes]} channels; they must be equal to be added"
        )
    return Sum(edges, nodes[0].channels, clock_after(edges)) if len(nodes) > 1 else nodes[0]


def multiply(a: Node, b: Node) -> Node:
    if a.channels != b.channels:
        raise ParameterError(f"branches have {[a.channels, b.channels]} channels; they must be equal to be multiplied")
    edges = aligned([Edge(a), Edge(b)])
    return Product(edges, a.channels, clock_after(edges))


def part(node: Node, first: int, channels: int) -> Node:
    """Channels [first, first + channels) of a sequence."""
    if not 0 <= first < first + channels <= node.channels:
        raise ParameterError(f"channels {first} to {first + channels} must lie within the {node.channels} there are")
    return Part((Edge(node),), channels, node.clock, first) if channels < node.channels else node


def concat(*nodes: Node, bins: int = 1) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return Join(edges, channels, clock_after(edges), bins) if len(nodes) > 1 else nodes[0]
