"""Base of the batch steps of nodes whose edges are aligned branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchSequence, BatchStep
from wavenetlite.support.arrays import Floats


class AlignedBatchStep(BatchStep):
    """For a row it reads one row of each sequence, perhaps a later one."""

    def __init__(self, node: Node, out: BatchSequence, inputs: Sequence[BatchSequence]) -> None:
        super().__init__(out, inputs)
        self.shifts = [edge.shift for edge in node.edges]

    def reach(self) -> None:
        for x, shift in self.parts():
            x.after = max(x.after, shift + self.out.frames - x.frames)

    def parts(self) -> Iterator[tuple[BatchSequence, int]]:
        """Each sequence with the row that is read for row 0."""
        return zip(self.inputs, self.shifts, strict=True)

    def rows(self) -> list[Floats]:
        """The rows that are read of each sequence."""
        return [x.rows(shift, self.out.frames) for x, shift in self.parts()]
