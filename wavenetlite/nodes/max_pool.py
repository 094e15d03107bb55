"""The maximum of a window of frames and bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, OverBins, ScriptBuilder, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText

MAX_POOL = '''\
def max_pool(x, maps, bins, step, window):
    """The maxima of windows of frames and bins; x as `read` gives it."""
    x = x.reshape(*x.shape[:2], -1, maps)
    y = [x[:, :, f * step : f * step + window].max(axis=(1, 2)) for f in range(bins)]
    return np.stack(y, axis=1).reshape(len(x), -1)
'''

MAX_POOL_IN_C = CText(
    "max_pool",
    """\
/* The maxima of windows of `taps` frames and `window` bins of `maps` values, `step` bins apart. */
static inline void $max_pool(float *y, const float *const *rows, int taps, int maps, int bins, int step, int window)
{
    int f, k, place, c;
    for (f = 0; f < bins; f++, y += maps) {
        memcpy(y, rows[0] + f * step * maps, (size_t)maps * sizeof(float));
        for (k = 0; k < taps; k++) {
            for (place = k == 0; place < window; place++) {
                const float *x = rows[k] + (f * step + place) * maps;
                for (c = 0; c < maps; c++) y[c] = x[c] > y[c] ? x[c] : y[c];
            }
        }
    }
}
""",
)


@dataclass(frozen=True, eq=False)
class MaxPool(Node):
    """The maximum of the edge's taps and of `window` bins, for an output every `step` bins; no window is cut off.

    A frame holds bins x maps channels, a bin's maps together.
    """

    operation: ClassVar[str] = "max_pool"

    maps: int
    step: int
    window: int

    @property
    def bins(self) -> int:
        """Bins of the output."""
        return self.channels // self.maps

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.maps, self.bins, self.step, self.window

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "max_pool", sizes=self.sizes, reads_bins=self.bins > 1)

    @property
    def bins_in(self) -> int:
        return self.edges[0].node.channels // self.maps

    @property
    def bins_made(self) -> int:
        return self.bins

    @property
    def over_bins(self) -> OverBins:
        ratio = Fraction(self.bins_in, self.bins)
        return OverBins(self.window, 1, ratio if ratio < 1 else round(ratio), 0)

    def taps_read(self, phase: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
        counts = rebinned(counts, self.bins)
        read = np.zeros((len(counts), self.bins_in), counts.dtype)
        for place in range(self.window):
            read[:, place : place + (self.bins - 1) * self.step + 1 : self.step] += counts
        for tap in range(self.edges[0].taps):
            yield tap, read

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """Export as a convolution that lays the taps side by side, and their maximum."""
        edge, channels = self.edges[0], self.edges[0].node.channels
        taps = np.tile(np.eye(edge.taps, dtype=np.float32)[:, np.newaxis], (channels, 1, 1))
        x = write.reshape(write.conv(edge, [write.constant(taps)], channels), 0, channels, edge.taps, -1)
        x = write.reshape(write.op("ReduceMax", [x], axes=[2], keepdims=0), 0, self.bins_in, self.maps, -1)
        last = (self.bins - 1) * self.step + 1
        bins = [write.part(x, place, place + last, 1, self.step) for place in range(self.window)]
        return write.reshape(write.op("Max", bins), 0, self.channels, -1)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(MAX_POOL, write.read(self.edges[0]), *map(str, self.sizes))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.call(MAX_POOL_IN_C, "y", write.rows(), str(self.edges[0].taps), *map(str, self.sizes))

    def batch_step(self, context: BatchContext) -> BatchStep[MaxPool]:
        return MaxPoolBatchStep(self, context)


class MaxPoolBatchStep(BatchStep[MaxPool]):
    """The maximum of a window of frames and bins, over batches. The gradient goes to the first of the greatest."""

    def places(self, rows: Floats) -> Iterator[Floats]:
        """Of rows that a tap reads: for each place in the window a view (clips, frames, bins, maps)."""
        node = self.node
        x = rows[..., : self.x.channels].reshape(*rows.shape[:2], node.bins_in, node.maps)
        for place in range(node.window):
            yield x[:, :, place : place + (node.bins - 1) * node.step + 1 : node.step]

    def taps(self, source: str) -> Iterator[Floats]:
        """Views of the values ("rows") or the gradient ("gradient_rows") at each place of the window."""
        edge = self.node.edges[0]
        for k in range(edge.taps):
            rows = getattr(self.x, source)(edge.shift + k * edge.spacing, self.out.frames, edge.stride)
            yield from self.places(rows)

    def split(self, rows: Floats) -> Floats:
        return rows[..., : self.out.channels].reshape(*rows.shape[:2], self.node.bins, self.node.maps)

    def forward(self) -> None:
        y = self.split(self.out.values)
        for index, x in enumerate(self.taps("rows")):
            y[...] = x if index == 0 else np.maximum(y, x)

    def input_backward(self) -> None:
        self.x.first_gradient(everything=False)
        y, g = self.split(self.out.values), self.split(self.out.gradient)
        owed = np.ones(y.shape, bool)
        for x, to in zip(self.taps("rows"), self.taps("gradient_rows"), strict=True):
            here = owed & (x == y)
            to += np.where(here, g, 0)
            owed &= ~here
