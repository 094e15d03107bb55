"""Some of the channels of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.graph import Edge, Node
from wavenetlite.graph.batch import BatchSequence, BatchStep, ParameterPositions
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """`channels` channels of a sequence, from channel `first` on."""

    first: int

    def batch_step(
        self, out: BatchSequence, inputs: Sequence[BatchSequence], parameters: ParameterPositions
    ) -> BatchStep:
        return SliceBatchStep(self, out, inputs)


def take(node: Node, first: int, channels: int) -> Node:
    """Channels [first, first + channels) of a sequence."""
    if not 0 <= first < first + channels <= node.channels:
        raise ParameterError(f"channels {first} to {first + channels} must lie within the {node.channels} there are")
    return Slice((Edge(node),), channels, node.clock, first) if channels < node.channels else node


class SliceBatchStep(BatchStep):
    """Some channels of a sequence, over batches."""

    def __init__(self, node: Slice, out: BatchSequence, inputs: Sequence[BatchSequence]) -> None:
        super().__init__(out, inputs)
        self.channels = slice(node.first, node.first + node.channels)

    def forward(self) -> None:
        self.out.values[:, :, : self.out.channels] = self.x.values[:, :, self.channels]

    def backward(self, gradient: Floats) -> None:
        if self.x.wanted:
            self.x.first_gradient(everything=False)
            self.x.gradient[:, :, self.channels] += self.out.gradient[:, :, : self.out.channels]
