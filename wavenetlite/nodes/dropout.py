"""Dropout, in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep, ParameterPositions
from wavenetlite.kernels import training
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Dropout(Node):
    """Elements, or whole channels, set to zero at random; only in a graph for training."""

    p: float
    whole_channels: bool

    def batch_step(
        self, out: BatchSequence, inputs: Sequence[BatchSequence], parameters: ParameterPositions
    ) -> BatchStep:
        return DropoutBatchStep(self, out, inputs)


class DropoutBatchStep(BatchStep):
    """Elements, or whole channels of a clip, set to zero at random and the rest scaled up to make good for them."""

    def __init__(self, node: Dropout, out: BatchSequence, inputs: Sequence[BatchSequence]) -> None:
        super().__init__(out, inputs)
        self.p, self.whole_channels = node.p, node.whole_channels
        self.seed(0)

    def seed(self, *key: int) -> None:
        self.rng = np.random.default_rng(key)

    def forward(self) -> None:
        x = self.x.values
        shape = (x.shape[0], 1, x.shape[2]) if self.whole_channels else x.shape
        kept = self.rng.random(shape, dtype=np.float32) >= self.p
        self.mask = kept * np.float32(1 / (1 - self.p))
        np.multiply(x, self.mask, out=self.out.values)

    def backward(self, gradient: Floats) -> None:
        if self.x.wanted:
            share = self.out.gradient * self.mask
            if self.x.first_gradient():
                self.x.gradient[:] = share
            else:
                training.add(share, self.x.gradient)
