"""Dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep


@dataclass(frozen=True, eq=False)
class Dropout(Node):
    """Elements, or whole channels, set to zero at random; only in training graphs."""

    operation: ClassVar[str] = "dropout"

    p: float
    whole_channels: bool

    def batch_step(self, context: BatchContext) -> BatchStep[Dropout]:
        return DropoutBatchStep(self, context)


class DropoutBatchStep(BatchStep[Dropout]):
    """Elements, or whole channels of a clip, set to zero at random, and the rest scaled up to compensate."""

    def __init__(self, node: Dropout, context: BatchContext) -> None:
        super().__init__(node, context)
        self.seed(0)

    def seed(self, *key: int) -> None:
        self.rng = np.random.default_rng(key)

    def forward(self) -> None:
        x = self.x.values
        shape = (x.shape[0], 1, x.shape[2]) if self.node.whole_channels else x.shape
        kept = self.rng.random(shape, dtype=np.float32) >= self.node.p
        self.mask = kept * np.float32(1 / (1 - self.node.p))
        np.multiply(x, self.mask, out=self.out.values)

    def input_backward(self) -> None:
        self.x.add_gradient(self.out.gradient * self.mask)
