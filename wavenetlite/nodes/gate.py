"""WaveNet's gated unit."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import training


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""

    def batch_step(self, context: BatchContext) -> BatchStep[Gate]:
        return GateBatchStep(self, context)


class GateBatchStep(BatchStep[Gate]):
    """The gated unit over batches."""

    def forward(self) -> None:
        training.gate(self.x.values, self.out.channels, self.out.values)

    def input_backward(self) -> None:
        first = self.x.first_gradient()
        training.gate_gradient(self.x.values, self.out.gradient, self.out.channels, not first, self.x.gradient)
