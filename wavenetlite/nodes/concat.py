"""The channels of several sequences side by side."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import (
    MOST_CHANNELS,
    Counts,
    Edge,
    Node,
    OnnxBuilder,
    ScriptBuilder,
    aligned,
    clock_after,
    rebinned,
)
from wavenetlite.support.errors import ParameterError

JOIN = '''\
def join(signals, bins):
    """The channels of signals side by side, bin by bin."""
    parts = [x.reshape(len(x), bins, x.shape[1] // bins) for x in signals]
    return np.concatenate(parts, axis=2).reshape(len(parts[0]), -1)
'''


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of all edges one after the other, or those of each of `bins` bins."""

    bins: int

    @property
    def bins_made(self) -> int:
        return self.bins

    def bins_read(self, index: int, counts: Counts) -> Counts:
        """A branch's part of every bin, or those bins that its channels make."""
        if self.bins > 1:
            return rebinned(counts, self.bins)
        start, bins = sum(edge.node.channels for edge in self.edges[:index]), counts.shape[1]
        end = start + self.edges[index].node.channels
        return counts[:, start * bins // self.channels : -(-end * bins // self.channels)]

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        rows = [write.row(edge) for edge in self.edges]
        if self.bins == 1:
            return write.op("Concat", rows, axis=1)
        sizes = [edge.node.channels // self.bins for edge in self.edges]
        split = [write.reshape(row, 0, self.bins, size, -1) for row, size in zip(rows, sizes, strict=True)]
        return write.reshape(write.op("Concat", split, axis=2), 0, self.channels, -1)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(JOIN, write.shortest([write.row(edge) for edge in self.edges]), str(self.bins))


def concat(*nodes: Node, bins: int = 1) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return Concat(edges, channels, clock_after(edges), bins) if len(nodes) > 1 else nodes[0]
