"""Fusion of integers: sums, gates and tables run in the step of the convolution before them, with the same results."""

from __future__ import annotations

from collections import Counter

from wavenetlite.engine.fusion import Step
from wavenetlite.engine.layers import is_same_frame
from wavenetlite.graph import Edge, IntegerCall, IntegerConvolution, Node


class IntegerFusion:
    """The steps of a network while they are fused.

    Attributes
    ----------
    steps
        In order.
    maker
        The step that computes a node.
    """

    def __init__(self, steps: list[Step], output: Node) -> None:
        self.steps, self.output = list(steps), output
        self.maker = {step.node: step for step in steps}
        self.readers = Counter(edge.node for step in steps for edge in step.all_edges)

    def run(self) -> list[Step]:
        for step in list(self.steps):
            if step.call.kernel == "integer_multiply":
                self.join_gate(step)
        for step in list(self.steps):
            self.join_convolution(step)
        return self.steps

    def sole_maker(self, user: Step, edge: Edge) -> Step | None:
        """The step of integers whose output only `user` reads, by this edge, frame by frame."""
        step = self.maker.get(edge.node)
        fits = (
            step is not None
            and isinstance(step.call, IntegerCall)
            and edge.node is not self.output
            and self.readers[edge.node] == 1
            and is_same_frame(edge)
            and edge.node.clock.same_pace(user.node.clock)
        )
        return step if fits else None

    def join_gate(self, product: Step) -> None:
        """Make one step of a product of tables of two slices of one sequence."""
        tables = [self.made_by(product, edge, "look_up") for edge in product.edges]
        slices = [self.made_by(table, table.edges[0], "integer_slice") if table else None for table in tables]
        first, second = slices
        if first is None or second is None or not all(is_same_frame(one.edges[0]) for one in (first, second)):
            return
        if first.edges[0].node is not second.edges[0].node:
            return
        gone = [step for step in (*tables, *slices) if step is not None]
        begins = [step.call.sizes[1] for step in (first, second)]
        arrays = [array for table in tables if table for array in table.call.arrays]
        call = product.call
        product.call = IntegerCall(call.channels, "integer_gate", (*call.sizes, *begins), [*arrays, *call.arrays])
        self.readers[first.edges[0].node] -= 1
        product.edges = first.edges
        self.steps = [step for step in self.steps if step not in gone]

    def made_by(self, user: Step, edge: Edge, operation: str) -> Step | None:
        """The sole maker, if it is the step of such a node."""
        step = self.sole_maker(user, edge)
        return step if step is not None and step.origin.operation == operation else None

    def join_convolution(self, step: Step) -> None:
        """Let the convolution before an element-wise step compute it, too: of two the later, whose input is newer."""
        before = {index: self.sole_maker(step, edge) for index, edge in enumerate(step.edges)}
        leading = {i: one for i, one in before.items() if one is not None and isinstance(one.call, IntegerConvolution)}
        if not leading:
            return
        index = max(leading, key=lambda i: self.steps.index(leading[i]))
        lead, others = leading[index], step.edges[:index] + step.edges[index + 1 :]
        assert isinstance(lead.call, IntegerConvolution)
        other = sum(edge.taps for edge in lead.edges) if others else -1
        if len(others) < 2 and lead.call.follow(step.call, other, other_first=index == 1):
            step.call, step.origin, step.edges = lead.call, lead.origin, [*lead.edges, *others]
            self.steps.remove(lead)


def fuse_integers(steps: list[Step], output: Node) -> list[Step]:
    """The steps, with what can be fused into convolutions of integers fused."""
    return IntegerFusion(steps, output).run()
