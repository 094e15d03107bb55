"""The mean or the maximum of all frames so far."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import training


@dataclass(frozen=True, eq=False)
class CumulativePool(Node):
    """Mean or maximum of all frames so far."""

    kind: str

    def batch_step(self, context: BatchContext) -> BatchStep[CumulativePool]:
        return CumulativePoolBatchStep(self, context)


class CumulativePoolBatchStep(BatchStep[CumulativePool]):
    """The mean or the maximum of all frames so far, over batches."""

    def forward(self) -> None:
        training.running(self.x.values, self.node.kind == "mean", self.out.values)

    def input_backward(self) -> None:
        x = self.x
        x.first_gradient(everything=False)
        training.running_gradient(x.values, self.out.gradient, self.node.kind == "mean", x.channels, x.gradient)
