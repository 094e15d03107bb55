"""The sum of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, aligned, clock_after
from wavenetlite.graph.batch import BatchContext, BatchSequence, BatchStep
from wavenetlite.kernels import training
from wavenetlite.nodes.aligned_batch import AlignedBatchStep, pass_gradient, passes_gradient
from wavenetlite.nodes.c_convolution import ADD
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """The sum of all edges, first to last."""

    operation: ClassVar[str] = "sum"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "sum")

    def addend(self, to: Node) -> Edge | None:
        if len(self.edges) != 2:
            return None
        own, other = self.edges if self.edges[0].node is to else reversed(self.edges)
        return other if own.shift == 0 else None

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return write.op("Add" if len(self.edges) == 2 else "Sum", [write.row(edge) for edge in self.edges])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"sum({write.shortest([write.row(edge) for edge in self.edges])})"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.line(f"memcpy(y, {write.row(0)}, {call.channels} * sizeof(float));")
        for index in range(1, len(self.edges)):
            write.call(ADD, "y", write.row(index), str(call.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[Sum]:
        return SumBatchStep(self, context)


def add(*nodes: Node) -> Node:
    edges = aligned([Edge(node) for node in nodes])
    if len({node.channels for node in nodes}) > 1:
        raise ParameterError(
            f"branches have {[node.channels for node in nodes]} channels; they must be equal to be added"
        )
    return Sum(edges, nodes[0].channels, clock_after(edges)) if len(nodes) > 1 else nodes[0]


class SumBatchStep(AlignedBatchStep[Sum]):
    """The sum of sequences, over batches."""

    def forward(self) -> None:
        first, second, *others = self.rows()
        training.add_two(first, second, self.out.values)
        for more in others:
            training.add(more, self.out.values)

    def backward(self, gradient: Floats) -> None:
        for x, shift in self.parts():
            if x.wanted:
                pass_gradient(self.out, x, shift)

    @property
    def passes_to(self) -> BatchSequence | None:
        parts = [(x, shift) for x, shift in self.parts() if self.inputs.count(x) == 1]
        return next((x for x, shift in parts if passes_gradient(self.out, x, shift)), None)
