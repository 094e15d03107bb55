"""WaveNet's gated unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep, ParameterPositions
from wavenetlite.kernels import training
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""

    def batch_step(
        self, out: BatchSequence, inputs: Sequence[BatchSequence], parameters: ParameterPositions
    ) -> BatchStep:
        return GateBatchStep(out, inputs)


class GateBatchStep(BatchStep):
    """The gated unit over batches."""

    def forward(self) -> None:
        training.gate(self.x.values, self.out.channels, self.out.values)

    def backward(self, gradient: Floats) -> None:
        if self.x.wanted:
            first = self.x.first_gradient()
            training.gate_gradient(self.x.values, self.out.gradient, self.out.channels, not first, self.x.gradient)
