"""Upsampling by fixed weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Depthwise, Edge, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.nodes.c_convolution import c_depthwise
from wavenetlite.support.c_builder import CStepBuilder

UPSAMPLE = '''\
def upsample(x, weights):
    """Frames between: each is a sum of the taps, x as `read` gives it, with weights[phase]."""
    return np.einsum("nkc,pk->npc", x, np.array(weights)).reshape(len(x) * len(weights), -1)
'''


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Each frame gives several: phase p is the sum of the taps times ``weights[p]``, for every channel."""

    operation: ClassVar[str] = "upsample"

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)

    def call(self) -> Depthwise:
        weight = np.repeat(np.array(self.weights, np.float32), self.channels, axis=0)[:, np.newaxis]
        return Depthwise(self.channels, weights=[weight], groups=[self.channels], phases=self.phases)

    def taps_read(self, phase: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
        return ((tap, counts) for tap, weight in enumerate(self.weights[phase]) if weight)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        weight = np.tile(np.array(self.weights, np.float32), (self.channels, 1))[:, np.newaxis]
        y = write.conv(self.edges[0], [write.constant(weight)], self.channels)
        return write.side_by_side(y, self.phases, self.channels, phases_first=False)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(UPSAMPLE, write.read(self.edges[0]), repr([list(row) for row in self.weights]))

    def c(self, write: CStepBuilder, call: Depthwise) -> None:
        c_depthwise(write, call)

    def batch_step(self, context: BatchContext) -> BatchStep[Upsample]:
        return UpsampleBatchStep(self, context)


class UpsampleBatchStep(BatchStep[Upsample]):
    """Upsampling over batches."""

    def reach(self) -> None:
        self.x.after = max(self.x.after, len(self.node.weights[0]) - 1)

    def forward(self) -> None:
        x = self.x
        for phase, weights in enumerate(self.node.weights):
            parts = [np.float32(weight) * x.rows(k, x.frames) for k, weight in enumerate(weights)]
            self.out.rows(phase, x.frames, self.node.phases)[...] = sum(parts[1:], parts[0])

    def input_backward(self) -> None:
        x = self.x
        x.first_gradient(everything=False)
        for phase, weights in enumerate(self.node.weights):
            g = self.out.gradient_rows(phase, x.frames, self.node.phases)
            for k, weight in enumerate(weights):
                count = x.frames - k  # beyond the end no gradient is needed
                if count > 0:
                    x.gradient_rows(k, count)[...] += np.float32(weight) * g[:, :count]
