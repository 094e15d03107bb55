"""Several frames for each, by fixed weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep, ParameterPositions
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Phase p of the frames that it makes of one is the sum of the taps times ``weights[p]``, for every channel."""

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)

    def batch_step(
        self, out: BatchSequence, inputs: Sequence[BatchSequence], parameters: ParameterPositions
    ) -> BatchStep:
        return UpsampleBatchStep(self, out, inputs)


class UpsampleBatchStep(BatchStep):
    """Several frames for each, over batches."""

    def __init__(self, node: Upsample, out: BatchSequence, inputs: Sequence[BatchSequence]) -> None:
        super().__init__(out, inputs)
        self.weights, self.phases = node.weights, node.phases

    def reach(self) -> None:
        self.x.after = max(self.x.after, len(self.weights[0]) - 1)

    def forward(self) -> None:
        x = self.x
        for phase, weights in enumerate(self.weights):
            parts = [np.float32(weight) * x.rows(k, x.frames) for k, weight in enumerate(weights)]
            self.out.rows(phase, x.frames, self.phases)[...] = sum(parts[1:], parts[0])

    def backward(self, gradient: Floats) -> None:
        x = self.x
        if x.wanted:
            x.first_gradient(everything=False)
            for phase, weights in enumerate(self.weights):
                g = self.out.gradient_rows(phase, x.frames, self.phases)
                for k, weight in enumerate(weights):
                    count = x.frames - k  # what lies past the end needs no gradient
                    if count > 0:
                        x.gradient_rows(k, count)[...] += np.float32(weight) * g[:, :count]
