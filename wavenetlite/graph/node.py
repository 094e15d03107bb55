"""Nodes, the operations of a network, and the edges by which they read sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.graph.bins import Counts
from wavenetlite.graph.builders import OnnxBuilder, ScriptBuilder
from wavenetlite.graph.clock import Clock, tidy
from wavenetlite.graph.edge_weights import EdgeWeights, OverBins
from wavenetlite.graph.kernel_call import KernelCall
from wavenetlite.support.errors import ParameterError

MOST_CHANNELS = 65_536
MOST_FRAMES = 2**40
"""Frames that a network may look back or ahead: far above use, and safe to multiply."""


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
    """One operation; its output is a sequence of frames of `channels` channels.

    A kind of operation is one class in wavenetlite.nodes, which says here all that it means. What is defined here is
    true of a function of single elements.
    """

    operation: ClassVar[str]
    """Its name, also in the fingerprints of snapshots."""

    edges: tuple[Edge, ...]
    channels: int
    clock: Clock

    endless: ClassVar[bool] = False
    """Whether a frame depends on all frames before its own."""

    @property
    def signal(self) -> str:
        """Which signal from outside it is ("x", "c"); "": none, it is computed."""
        return ""

    @property
    def phases(self) -> int:
        """Frames that are made at a time, from one reading of the edges."""
        return 1

    @property
    def unsettled(self) -> str:
        """What a prewarmed network must be, as it cannot hold this; "": endless zeros leave it as it is."""
        if self.clock.newest or self.clock.start:
            return "must be causal: without 'same' and 'valid' padding"
        if self.phases > 1:  # endless zeros may make each of the frames between another
            return "must be without transposed convolutions and upsampling"
        return ""

    # How it is lowered: a kernel call of its own, or a part of that of a neighbour.

    def call(self) -> KernelCall:
        """What makes its frames of those of its edges."""
        raise NotImplementedError(f"{self.operation} is of training only")

    def fuse(self, call: KernelCall) -> bool:
        """Let the call that makes what this alone reads do this too, if it can; returns whether it does."""
        return False

    def addend(self, to: Node) -> Edge | None:
        """What it adds to the frames of `to`, if it does no more than that."""
        return None

    @property
    def parts(self) -> tuple[Node, ...]:
        """The sequences whose channels it lays side by side, if it does no more than that."""
        return ()

    @property
    def reads_parts(self) -> bool:
        """Whether its call can read such sequences one by one."""
        return False

    # What it reads over bins and time

    @property
    def bins_made(self) -> int | None:
        """Into how many bins its frames are divided, 1: not; None: as those that it reads."""
        return None

    @property
    def over_bins(self) -> OverBins:
        return OverBins()

    def bins_read(self, index: int, counts: Counts) -> Counts:
        """Counts over the bins that edge number `index` reads, from those of the operation's own bins."""
        return counts

    def taps_read(self, phase: int, counts: Counts) -> Iterable[tuple[int, Counts]] | None:
        """Every tap that a phase reads, with counts over the bins that are read there; None: all taps are alike."""
        return None

    # What it costs

    def edge_weights(self) -> Sequence[EdgeWeights]:
        """The weights of convolutions."""
        return ()

    @property
    def multiply_adds(self) -> float:
        """Of one output frame."""
        return sum(read.multiply_adds for read in self.edge_weights())

    # In other notations

    @property
    def onnx_edges(self) -> tuple[Edge, ...]:
        """What its ONNX operators read."""
        return self.edges

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """The tensor of its frames, made by operators of ONNX."""
        raise ParameterError(f"{type(self).__name__} cannot be written as ONNX")

    def script(self, write: ScriptBuilder[Edge]) -> str:
        """An expression of NumPy for its frames."""
        raise ParameterError(f"the script has no line for the operation {type(self).__name__}")

    # Over batches, in training

    @property
    def is_relu(self) -> bool:
        """Whether it is a ReLU, which the step before it may take along."""
        return False

    def batch_step(self, context: BatchContext) -> BatchStep[Any]:
        """What computes it over batches, forward and backward, in training."""
        raise ParameterError(f"{type(self).__name__} cannot be trained")


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
