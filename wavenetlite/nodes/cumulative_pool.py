"""The mean or the maximum of all frames so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep, ParameterPositions
from wavenetlite.kernels import training
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class CumulativePool(Node):
    """Mean or maximum of all frames so far."""

    kind: str

    def batch_step(
        self, out: BatchSequence, inputs: Sequence[BatchSequence], parameters: ParameterPositions
    ) -> BatchStep:
        return CumulativePoolBatchStep(self, out, inputs)


class CumulativePoolBatchStep(BatchStep):
    """The mean or the maximum of all frames so far, over batches."""

    def __init__(self, node: CumulativePool, out: BatchSequence, inputs: Sequence[BatchSequence]) -> None:
        super().__init__(out, inputs)
        self.mean = node.kind == "mean"

    def forward(self) -> None:
        training.running(self.x.values, self.mean, self.out.values)

    def backward(self, gradient: Floats) -> None:
        x = self.x
        if x.wanted:
            x.first_gradient(everything=False)
            training.running_gradient(x.values, self.out.gradient, self.mean, x.channels, x.gradient)
