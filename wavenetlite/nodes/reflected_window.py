"""Windows of past frames of a signal that is reflected at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import Counts, Edge, KernelCall, Node, ScriptBuilder, clock_after, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.support.arrays import Floats

Positions = npt.NDArray[np.intp]

REFLECTED = '''\
def reflected(x, window, spacing):
    """Windows of frames, the newest last, channel by channel; frame -i is frame i, and beyond the end are zeros."""
    back = np.arange(window)[::-1] * spacing
    at = np.abs(np.arange(len(x))[:, None] - back)
    taken = np.where(at < len(x), 1, 0)[:, :, None] * x[np.minimum(at, len(x) - 1)]
    return taken.transpose(0, 2, 1).reshape(len(x), -1)
'''


@dataclass(frozen=True, eq=False)
class ReflectedWindow(Node):
    """For each frame, `window` frames up to it, `spacing` apart: value ``c * window + k`` is channel c of the k-th."""

    operation: ClassVar[str] = "reflected_window"

    window: int
    spacing: int

    def call(self) -> KernelCall:
        sizes = (self.window, self.spacing, self.edges[0].node.channels)
        return KernelCall(self.channels, "reflected", sizes=sizes, state=(1,), state_bytes=8)

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(REFLECTED, write.row(Edge(self.edges[0].node)), str(self.window), str(self.spacing))

    def batch_step(self, context: BatchContext) -> BatchStep[ReflectedWindow]:
        return ReflectedWindowBatchStep(self, context)


def reflected_window(x: Node, window: int, spacing: int) -> Node:
    """As many frames after a frame are read as before it: the first frames are those after them, reflected."""
    reach = (window - 1) * spacing
    edge = Edge(x, shift=-reach, taps=2 * reach + 1)
    return ReflectedWindow((edge,), x.channels * window, clock_after([edge]), window, spacing)


class ReflectedWindowBatchStep(BatchStep[ReflectedWindow]):
    """Windows of a reflected signal, over batches."""

    def places(self) -> list[tuple[Positions, Positions]]:
        """For each frame of the window: which frames have it, and where it is."""
        node, frames = self.node, np.arange(self.out.frames, dtype=np.intp)
        at = [np.abs(frames - (node.window - 1 - k) * node.spacing) for k in range(node.window)]
        return [(frames[one < self.x.frames], one[one < self.x.frames]) for one in at]

    def of_window(self, rows: Floats, k: int) -> Floats:
        """A frame of the window, as a view."""
        return rows[:, :, k : self.out.channels : self.node.window]

    def forward(self) -> None:
        self.out.values[...] = 0.0
        for k, (frames, at) in enumerate(self.places()):
            self.of_window(self.out.values, k)[:, frames] = self.x.values[:, at, : self.x.channels]

    def input_backward(self) -> None:
        self.x.first_gradient(everything=False)
        for k, (frames, at) in enumerate(self.places()):
            share = self.of_window(self.out.gradient, k)[:, frames]
            to: Any = (slice(None), at)
            np.add.at(self.x.gradient[:, :, : self.x.channels], to, share)
