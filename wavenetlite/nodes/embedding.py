"""Rows of a table, which a sequence of indices names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText

EMBED_IN_C = CText(
    "embed",
    """\
/* The row of a table, (rows, n), that x[0] numbers; the first or the last one for numbers beyond them. */
static inline void $embed(float *y, const float *x, const float *table, int rows, int n)
{
    float number = x[0] > 0 ? x[0] : 0;
    int row = number < (float)(rows - 1) ? (int)number : rows - 1;
    memcpy(y, table + (size_t)row * n, (size_t)n * sizeof(float));
}
""",
)


@dataclass(frozen=True, eq=False)
class Embedding(Node):
    """``weight[index]`` for every frame, which is one index; weight (rows, channels)."""

    operation: ClassVar[str] = "embedding"

    weight: Floats

    @property
    def index_count(self) -> int:
        return len(self.weight)

    def call(self) -> KernelCall:
        table = np.zeros((len(self.weight), padded(self.channels)), np.float32)
        table[:, : self.channels] = self.weight
        return KernelCall(self.channels, "embed", table.shape, [table], reads_unpadded=True)

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        x = write.op("Cast", [write.row(self.edges[0])], to=7)  # int64
        rows = write.op("Gather", [write.parameter(self.weight), write.op("Squeeze", [x, write.constant([1])])])
        return write.op("Transpose", [rows], perm=[0, 2, 1])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"{write.array(self.weight)}[{write.row(self.edges[0])}[:, 0].astype(int)]"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        table = write.floats(np.ascontiguousarray(self.weight))
        write.call(EMBED_IN_C, "y", write.row(0), table, str(len(self.weight)), str(self.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[Embedding]:
        return EmbeddingBatchStep(self, context)


class EmbeddingBatchStep(BatchStep[Embedding]):
    """A table over batches. Indices have no gradient."""

    def __init__(self, node: Embedding, context: BatchContext) -> None:
        super().__init__(node, context)
        self.positions = context.parameters.positions(node.weight)
        self.trained = context.parameters.is_trained(self.positions)

    def pack(self, values: Floats) -> None:
        self.table = values[self.positions.astype(np.intp)]

    @property
    def indices(self) -> np.ndarray:
        """(clips, frames), integers."""
        return self.x.values[:, :, 0].astype(np.intp)

    def forward(self) -> None:
        self.out.values[:, :, : self.out.channels] = self.table[self.indices]

    def backward(self, gradient: Floats) -> None:
        """Add up the gradients of each row, clip by clip: sums of fewer numbers are more accurate."""
        if not self.trained:
            return
        start = int(self.positions.flat[0])
        into = gradient[start : start + self.positions.size].reshape(self.positions.shape)
        for row, g in zip(self.indices, self.out.gradient, strict=True):
            order = np.argsort(row, kind="stable")
            found, first = np.unique(row[order], return_index=True)
            into[found] += np.add.reduceat(g[order, : self.out.channels], first, axis=0)
