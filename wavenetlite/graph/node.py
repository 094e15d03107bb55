"""Nodes, the operations of a network, and edges, by which they read sequences."""

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
from wavenetlite.graph.quantization import Quantization
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError

MOST_CHANNELS = 65_536
MOST_FRAMES = 2**40
"""Most frames that a network may look back or ahead: far more than useful, and safe to multiply."""
MOST_UPSAMPLING = 65_536
"""Most frames that a network may make of one frame of its input: a small file may ask for any number."""


@dataclass(frozen=True, eq=False)
class Edge:
    """How an operation reads a sequence: output frame n reads frames ``n * stride + shift + k * spacing``, k < taps.

    `end_reach` is the newest frame that output frame 0 needs after the end of the sequence; zeros replace the frames
    between it and `reach` ("same" padding).
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
        """The edge shifted so that output frame 0 is at causal time `start`."""
        frames, rest = divmod(start - self.start, self.node.clock.rate)
        if rest:
            raise ParameterError(f"branches start {start - self.start} input frames apart; that must be a multiple of "
                                 f"their frame period {self.node.clock.rate}")  # fmt: skip
        return replace(self, shift=self.shift + frames, end_reach=self.end_reach + frames)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation; its output is a sequence of frames of `channels` channels.

    Each kind of operation is a class in wavenetlite.nodes that defines everything about it. The defaults here are those
    of an element-wise function.
    """

    operation: ClassVar[str]
    """Name of the operation, also in the fingerprints of snapshots."""

    edges: tuple[Edge, ...]
    channels: int
    clock: Clock

    endless: ClassVar[bool] = False
    """Whether a frame depends on all previous frames."""

    reads_integers: ClassVar[bool] = False
    """Whether it reads integers of 8 bits instead of float32."""

    def __post_init__(self) -> None:
        for edge in self.edges:
            given = edge.node.quantization
            if given is not None and not self.reads_integers:
                raise ParameterError(f"{self.operation} is given integers of {given}; it must be given float32: put a "
                                     "Dequantize before it, or use an integer layer")  # fmt: skip
            if given is None and self.reads_integers:
                raise ParameterError(f"{self.operation} is given float32; it must be given integers: put a Quantize "
                                     "before it")  # fmt: skip

    @property
    def quantization(self) -> Quantization | None:
        """What its frames stand for, if they are integers of 8 bits; None: they are float32."""
        return None

    @property
    def index_count(self) -> int:
        """Rows of its table, if the frames that it reads are the numbers of these; else 0."""
        return 0

    @property
    def row_floats(self) -> int:
        """Floats that a frame occupies in memory: four bytes each."""
        return self.channels if self.quantization is None else -(-self.channels // 4)

    @property
    def signal(self) -> str:
        """The external signal it stands for ("x" or "c"); "": none, it is computed."""
        return ""

    @property
    def phases(self) -> int:
        """Output frames per reading of the edges."""
        return 1

    @property
    def unsettled(self) -> str:
        """The rule it violates in a prewarmed network; "": endless zeros bring it to a steady state."""
        if self.clock.newest or self.clock.start:
            return "must be causal: without 'same' and 'valid' padding"
        if self.phases > 1:  # after endless zeros the phases may still differ
            return "must be without transposed convolutions and upsampling"
        return ""

    # Lowering: a kernel call of its own, or fused into that of a neighbour

    def call(self) -> KernelCall:
        """The kernel call that computes it."""
        raise NotImplementedError(f"{self.operation} exists in training only")

    def fuse(self, call: KernelCall) -> bool:
        """Fuse it into the call that computes its only input, if that is possible; returns whether it was."""
        return False

    def addend(self, to: Node) -> Edge | None:
        """What it adds to the frames of `to`, if it is such a sum."""
        return None

    @property
    def parts(self) -> tuple[Node, ...]:
        """The sequences that it concatenates, if it is a plain concatenation."""
        return ()

    @property
    def reads_parts(self) -> bool:
        """Whether its call can read the parts of a concatenation separately."""
        return False

    # Receptive field over bins and time

    @property
    def bins_made(self) -> int | None:
        """Number of bins of its frames; 1: no bins; None: as of its inputs."""
        return None

    @property
    def over_bins(self) -> OverBins:
        return OverBins()

    def bins_read(self, index: int, counts: Counts) -> Counts:
        """Counts over the bins that edge `index` reads, from those over the operation's own bins."""
        return counts

    def taps_read(self, phase: int, counts: Counts) -> Iterable[tuple[int, Counts]] | None:
        """The taps that a phase reads, each with counts over the bins read there; None: all taps are alike."""
        return None

    # Cost

    def edge_weights(self) -> Sequence[EdgeWeights]:
        """Its weights, if it is a convolution."""
        return ()

    @property
    def multiply_adds(self) -> float:
        """Per output frame."""
        return sum(read.multiply_adds for read in self.edge_weights())

    # Export

    @property
    def onnx_edges(self) -> tuple[Edge, ...]:
        """The edges that its ONNX operators read."""
        return self.edges

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """Append its ONNX operators; returns the tensor of its frames."""
        raise ParameterError(f"{type(self).__name__} cannot be exported to ONNX")

    def script(self, write: ScriptBuilder[Edge]) -> str:
        """A NumPy expression for its frames."""
        raise ParameterError(f"{type(self).__name__} cannot be exported as a script")

    def c(self, write: CStepBuilder, call: Any) -> None:
        """Append the C of `call`: its own `call()`, with what has been folded into its weights.

        The rectifiers, the residual and the activation of the call are not its own: they follow.
        """
        raise ParameterError(f"{type(self).__name__} cannot be exported to C")

    # Training

    @property
    def is_relu(self) -> bool:
        """Whether it is a ReLU, which may be fused into the step before it."""
        return False

    def batch_step(self, context: BatchContext) -> BatchStep[Any]:
        """The step that computes it on batches, forward and backward."""
        raise ParameterError(f"{type(self).__name__} cannot be trained")


class RateError(ParameterError):
    """Sequences of different rates meet."""


def aligned(edges: Sequence[Edge]) -> tuple[Edge, ...]:
    """Shift edges to a common start."""
    if len(rates := {edge.rate for edge in edges}) > 1:
        raise RateError(f"branches have frame periods [{', '.join(map(str, sorted(rates)))}]; they must be equal")
    start = max(edge.start for edge in edges)
    return tuple(edge.starting_at(start) for edge in edges)


def clock_after(edges: Sequence[Edge], first_taps: Sequence[int] = (0,)) -> Clock:
    """The clock of an operation that reads these aligned edges.

    For an operation with phases, `first_taps` are the first taps that each phase reads.
    """
    if max(edge.rate * (abs(edge.shift) + edge.taps * edge.spacing) for edge in edges) > MOST_FRAMES:
        raise ParameterError(f"receptive field exceeds {MOST_FRAMES} input frames")
    phases = len(first_taps)
    last_phase = {first: phase for phase, first in enumerate(first_taps)}  # it reaches back furthest
    rate = tidy(Fraction(edges[0].rate) / phases)
    if rate * MOST_UPSAMPLING < 1:
        raise ParameterError(f"upsampling makes {1 / rate} frames of one input frame; it must be at most "
                             f"{MOST_UPSAMPLING}")  # fmt: skip
    newest = [edge.reach * edge.node.clock.rate + edge.node.clock.newest for edge in edges]
    surely = max(late - edge.node.clock.slack for late, edge in zip(newest, edges, strict=True))
    return Clock(
        rate=rate,
        start=edges[0].start,
        oldest=tidy(min(
            (edge.shift + first * edge.spacing) * edge.node.clock.rate + edge.node.clock.oldest - phase * rate
            for edge in edges
            for first, phase in last_phase.items()
        )),
        newest=tidy(max(newest)),
        slack=tidy(max(newest) - surely + (phases - 1) * rate),
    )  # fmt: skip
