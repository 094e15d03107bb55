"""Concatenation of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import (
    MOST_CHANNELS,
    Clock,
    Counts,
    Edge,
    KernelCall,
    Node,
    OnnxBuilder,
    ScriptBuilder,
    aligned,
    clock_after,
    rebinned,
)
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.nodes.aligned_batch import AlignedBatchStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText
from wavenetlite.support.errors import ParameterError

JOIN = '''\
def join(signals, bins):
    """The channels of signals side by side, bin by bin."""
    parts = [x.reshape(len(x), bins, x.shape[1] // bins) for x in signals]
    return np.concatenate(parts, axis=2).reshape(len(parts[0]), -1)
'''

INTERLEAVE = CText(
    "interleave",
    """\
/* `bins` runs of `size` values, each to its place in a bin of `ld` values. */
static inline void $interleave(float *y, int ld, const float *x, int size, int bins)
{
    int bin;
    for (bin = 0; bin < bins; bin++) memcpy(y + bin * ld, x + bin * size, (size_t)size * sizeof(float));
}
""",
)


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The concatenated channels of all edges, bin by bin."""

    operation: ClassVar[str] = "concat"

    bins: int

    def call(self) -> KernelCall:
        channels = [edge.node.channels // self.bins for edge in self.edges]
        return KernelCall(self.channels, "concat", sizes=(self.bins, 0, *channels))

    @property
    def parts(self) -> tuple[Node, ...]:
        at_once = all(edge.shift == 0 and edge.node.clock == self.clock for edge in self.edges)
        return tuple(edge.node for edge in self.edges) if self.bins == 1 and at_once else ()

    @property
    def bins_made(self) -> int:
        return self.bins

    def bins_read(self, index: int, counts: Counts) -> Counts:
        """A branch's share of every bin, or the bins of its channels."""
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

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        first, ld = 0, self.channels // self.bins
        for index, edge in enumerate(self.edges):
            size = edge.node.channels // self.bins
            write.call(INTERLEAVE, f"y + {first}", str(ld), write.row(index), str(size), str(self.bins))
            first += size

    def batch_step(self, context: BatchContext) -> BatchStep[Concat]:
        return ConcatBatchStep(self, context)


def concat_edges(nodes: Sequence[Node], bins: int) -> tuple[tuple[Edge, ...], int, Clock]:
    """Edges, channels and clock of a concatenation."""
    edges = aligned([Edge(node) for node in nodes])
    channels = sum(node.channels for node in nodes)
    for node in nodes:
        if node.channels % bins:
            raise ParameterError(f"bins={bins} must divide channels={node.channels}")
    if channels > MOST_CHANNELS:
        raise ParameterError(f"branches have {channels} channels together; they must be at most {MOST_CHANNELS}")
    return edges, channels, clock_after(edges)


class ConcatBatchStep(AlignedBatchStep[Concat]):
    """Concatenation of channels, over batches."""

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
