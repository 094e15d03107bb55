"""Slices of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.support.c_builder import CStepBuilder


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """`channels` channels of a sequence, from channel `first` on."""

    operation: ClassVar[str] = "slice"

    first: int

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "concat", sizes=(1, self.first, self.channels))

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        """Its bins at their position in the input, if they are bins of the input too."""
        size, rest = divmod(self.channels, counts.shape[1])
        whole = self.edges[0].node.channels
        if rest or self.first % size or whole % size:
            return rebinned(counts, 1)
        read = np.zeros((len(counts), whole // size), counts.dtype)
        read[:, self.first // size : (self.first + self.channels) // size] = counts
        return read

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return write.part(write.row(self.edges[0]), self.first, self.first + self.channels, 1)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return f"{write.row(self.edges[0])}[:, {self.first} : {self.first + self.channels}]"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.line(f"memcpy(y, {write.row(0)} + {self.first}, {self.channels} * sizeof(float));")

    def batch_step(self, context: BatchContext) -> BatchStep[Slice]:
        return SliceBatchStep(self, context)


class SliceBatchStep(BatchStep[Slice]):
    """A slice of channels, over batches."""

    @property
    def window(self) -> slice:
        return slice(self.node.first, self.node.first + self.node.channels)

    def forward(self) -> None:
        self.out.values[:, :, : self.out.channels] = self.x.values[:, :, self.window]

    def input_backward(self) -> None:
        self.x.first_gradient(everything=False)
        self.x.gradient[:, :, self.window] += self.out.gradient[:, :, : self.out.channels]
