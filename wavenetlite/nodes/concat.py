"""The channels of several sequences side by side."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import MOST_CHANNELS, Edge, Node, aligned, clock_after
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.nodes.aligned_batch import AlignedBatchStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of all edges one after the other, or those of each of `bins` bins."""

    bins: int

    def batch_step(self, context: BatchContext) -> BatchStep[Concat]:
        return ConcatBatchStep(self, context)


def concat(*nodes: Node, bins: int = 1) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return Concat(edges, channels, clock_after(edges), bins) if len(nodes) > 1 else nodes[0]


class ConcatBatchStep(AlignedBatchStep[Concat]):
    """Channels side by side, over batches."""

    def maps(self, rows: Floats, channels: int) -> Floats:
        """The maps of each bin, as a view."""
        return rows[:, :, :channels].reshape(*rows.shape[:2], self.node.bins, channels // self.node.bins)

    def forward(self) -> None:
        first, out = 0, self.maps(self.out.values, self.out.channels)
        for x, rows in zip(self.inputs, self.rows(), strict=True):
            more = self.maps(rows, x.channels)
            out[..., first : first + more.shape[3]] = more
            first += more.shape[3]

    def backward(self, gradient: Floats) -> None:
        first = 0
        for x, shift in self.parts():
            maps = x.channels // self.node.bins
            if x.wanted:
                count = min(self.out.frames, x.frames - shift)
                x.first_gradient(everything=False)
                share = self.maps(self.out.gradient_rows(0, count), self.out.channels)[..., first : first + maps]
                self.maps(x.gradient_rows(shift, count), x.channels)[...] += share
            first += maps
