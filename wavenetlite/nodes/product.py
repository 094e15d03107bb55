"""The product of two sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, aligned, clock_after
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.nodes.aligned_batch import AlignedBatchStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText
from wavenetlite.support.errors import ParameterError

MULTIPLY = CText(
    "multiply",
    """\
static inline void $multiply(float *y, const float *a, const float *b, int n)
{
    int i;
    for (i = 0; i < n; i++) y[i] = a[i] * b[i];
}
""",
)


@dataclass(frozen=True, eq=False)
class Product(Node):
    """The frames of two edges multiplied, element by element."""

    operation: ClassVar[str] = "product"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "product")

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return write.op("Mul", [write.row(edge) for edge in self.edges])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"math.prod({write.shortest([write.row(edge) for edge in self.edges])})"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.call(MULTIPLY, "y", write.row(0), write.row(1), str(call.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[Product]:
        return ProductBatchStep(self, context)


def multiply(a: Node, b: Node) -> Node:
    if a.channels != b.channels:
        raise ParameterError(f"branches have {[a.channels, b.channels]} channels; they must be equal to be multiplied")
    edges = aligned([Edge(a), Edge(b)])
    return Product(edges, a.channels, clock_after(edges))


class ProductBatchStep(AlignedBatchStep[Product]):
    """The product of two sequences, over batches."""

    def forward(self) -> None:
        a, b = self.rows()
        np.multiply(a, b, out=self.out.values)

    def backward(self, gradient: Floats) -> None:
        for (x, shift), other in zip(self.parts(), reversed(self.rows()), strict=True):
            if x.wanted:
                count = min(self.out.frames, x.frames - shift)
                x.first_gradient(everything=False)
                x.gradient_rows(shift, count)[:] += self.out.gradient_rows(0, count) * other[:, :count]
