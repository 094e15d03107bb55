"""The overlap-add of an inverse short-time Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, clock_after, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.support.arrays import Doubles, Floats

LEAST_DIVISOR = 1e-11
"""As the kernel has it: samples of no window are not divided."""
OVERLAP_ADD = '''\
def overlap_add(x, window, hop, first):
    """The sum of the frames over each sample, divided by the sum of their squared windows; a frame ends with a 1."""
    k = np.arange(x.shape[1])
    at = first + np.arange(hop)[:, None] - hop * k
    within = (0 <= at) & (at < len(window))
    at = np.where(within, at, 0)
    total = (within * x[:, k, at]).sum(axis=2)
    share = (within * window[at] ** 2 * x[:, None, :, len(window)]).sum(axis=2)
    return (total / np.where(share > 1e-11, share, 1)).reshape(-1, 1)
'''


@dataclass(frozen=True, eq=False)
class OverlapAdd(Node):
    """Samples of frames that overlap, `hop_length` for each frame, divided by the sum of the frames' squared windows.

    A frame of the edge holds the samples, times the window, and after them a 1. Sample 0 is sample `first` of the
    oldest frame that is read.
    """

    operation: ClassVar[str] = "overlap_add"

    window: Floats
    hop_length: int
    first: int

    @property
    def phases(self) -> int:
        return self.hop_length

    def call(self) -> KernelCall:
        squared = (self.window.astype(np.float64) ** 2).astype(np.float32)
        sizes = (len(self.window), self.first)
        return KernelCall(self.channels, "overlap_add", sizes=sizes, arrays=[squared], phases=self.phases)

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """A convolution that gives the samples of all phases, and then what each is divided by."""
        n, taps, hop = len(self.window), self.edges[0].taps, self.hop_length
        weight = np.zeros((2 * hop, n + 1, taps), np.float32)
        for phase in range(hop):
            for k in range(taps):
                if 0 <= (at := self.first + phase - k * hop) < n:
                    weight[phase, at, k], weight[hop + phase, n, k] = 1, self.window[at] ** 2
        y = write.conv(self.edges[0], [write.constant(weight)], 1)
        total, divisor = write.part(y, 0, hop, 1), write.part(y, hop, 2 * hop, 1)
        overlaps = write.op("Greater", [divisor, write.number(LEAST_DIVISOR)])
        divisor = write.op("Where", [overlaps, divisor, write.number(1.0)])
        return write.side_by_side(write.op("Div", [total, divisor]), hop, 1, phases_first=False)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        arguments = write.array(self.window), str(self.hop_length), str(self.first)
        return write.call(OVERLAP_ADD, write.read(self.edges[0]), *arguments)

    def batch_step(self, context: BatchContext) -> BatchStep[OverlapAdd]:
        return OverlapAddBatchStep(self, context)


def overlap_add(x: Node, window: Floats, hop_length: int, cut: int, dropped: int) -> Node:
    """Without the first `cut` samples, and without those of the last `dropped` frames beyond."""
    oldest = -((len(window) - 1 - cut) // hop_length)
    newest = (cut + hop_length - 1) // hop_length
    edge = Edge(x, shift=oldest, taps=newest - oldest + 1, end_reach=dropped)
    clock = clock_after([edge], [0] * hop_length)
    return OverlapAdd((edge,), 1, clock, window, hop_length, cut - oldest * hop_length)


class OverlapAddBatchStep(BatchStep[OverlapAdd]):
    """Frames of samples that overlap, added, over batches. Sums lie in rows of `hop_length` samples."""

    def prepare(self) -> None:
        node = self.node
        self.rows = -(-len(node.window) // node.hop_length)  # of a frame
        self.cut = node.first + node.edges[0].shift * node.hop_length  # samples of the sum that are left out
        squared = np.broadcast_to(node.window.astype(np.float64) ** 2, (1, self.x.frames, len(node.window)))
        divisor = self.given(self.summed(squared))
        self.divisor: Doubles = np.where(divisor > LEAST_DIVISOR, divisor, 1.0)

    def summed(self, frames: Floats | Doubles) -> Doubles:
        """Frames (clips, frames, samples), each `hop_length` later than the one before, added."""
        hop, rows = self.node.hop_length, self.rows
        filled = np.pad(frames, ((0, 0), (0, 0), (0, rows * hop - frames.shape[2])))
        total = np.zeros((len(frames), frames.shape[1] + rows - 1, hop))
        for k in range(rows):
            total[:, k : k + frames.shape[1]] += filled[:, :, k * hop : (k + 1) * hop]
        return total

    def given(self, total: Doubles) -> Doubles:
        """The samples of sums that are put out, (clips, samples)."""
        samples: Doubles = total.reshape(len(total), -1)[:, self.cut : self.cut + self.out.frames]
        return np.pad(samples, ((0, 0), (0, self.out.frames - samples.shape[1])))

    def forward(self) -> None:
        total = self.summed(self.x.values[:, :, : len(self.node.window)])
        self.out.values[:, :, 0] = self.given(total) / self.divisor

    def input_backward(self) -> None:
        hop, frames, n = self.node.hop_length, self.x.frames, len(self.node.window)
        samples = np.zeros((len(self.out.gradient), (frames + self.rows - 1) * hop))
        end = min(self.cut + self.out.frames, samples.shape[1])
        samples[:, self.cut : end] = (self.out.gradient[:, :, 0] / self.divisor)[:, : end - self.cut]
        total = samples.reshape(len(samples), -1, hop)
        parts = np.concatenate([total[:, k : k + frames] for k in range(self.rows)], axis=2)
        share = np.zeros_like(self.x.values)
        share[:, :, :n] = parts[:, :, :n]
        self.x.add_gradient(share)
