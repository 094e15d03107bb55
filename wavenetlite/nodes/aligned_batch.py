"""Base of the batch steps of nodes with aligned branches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep
from wavenetlite.kernels import training
from wavenetlite.support.arrays import Floats

AnyNode = TypeVar("AnyNode", bound=Node)


class AlignedBatchStep(BatchStep[AnyNode]):
    """Each output row reads one row, possibly shifted, of each sequence."""

    def reach(self) -> None:
        for x, shift in self.parts():
            x.after = max(x.after, shift + self.out.frames - x.frames)

    def parts(self) -> Iterator[tuple[BatchSequence, int]]:
        """Each sequence with the row read for output row 0."""
        return ((x, edge.shift) for x, edge in zip(self.inputs, self.node.edges, strict=True))

    def rows(self) -> list[Floats]:
        """The rows read of each sequence."""
        return [x.rows(shift, self.out.frames) for x, shift in self.parts()]


def passes_gradient(out: BatchSequence, x: BatchSequence, shift: int) -> bool:
    """Whether the whole gradient of a sum is also that of its addend, read from row `shift` on."""
    return x.wanted and shift == 0 and x.frames == out.frames


def pass_gradient(out: BatchSequence, x: BatchSequence, shift: int) -> None:
    """Add the gradient of a sum to that of its addend; nothing is to be done where they share their memory."""
    count = min(out.frames, x.frames - shift)
    g = out.gradient_rows(0, count)
    if not x.first_gradient(everything=passes_gradient(out, x, shift)):
        training.add(g, x.gradient_rows(shift, count))
    elif not x.shares_gradient(out):
        training.copy(g, x.gradient)
