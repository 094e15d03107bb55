"""Operator fusion: from a graph to an ordered list of steps, each a kernel call with the operations fused into it.

Batch normalisation is folded into the preceding weights; the kernel performs ReLU, residual additions and in-place
activations. Concatenations that feed a convolution become additional taps, and sums that grow from layer to layer are
accumulated in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from wavenetlite.graph import Edge, KernelCall, Node

Readers = dict[Node, list[Node]]
"""The nodes that read each node, once per edge."""


@dataclass(eq=False)
class Step:
    """One kernel call, with its inputs and output."""

    node: Node  # the sequence it computes, including fused operations
    call: KernelCall
    edges: list[Edge]
    origin: Node  # the node whose call it is
    residual: Edge | None = None
    total: tuple[Node, Node] | None = None  # a running sum before and after this step's output is added in place
    out: int = -1
    ends: list[int] = field(default_factory=list)  # buffers that no later step reads
    layer: bool = False  # whether the kernel of whole layers fits, see `layers`,
    merged: bool = False  # which then computes this step with the one before
    state: int = -1  # bytes from the start of the stream's states

    @property
    def all_edges(self) -> list[Edge]:
        return self.edges + ([self.residual] if self.residual else [])


def fuse(order: list[Node], output: Node) -> list[Step]:
    """Steps in order, each with all the operations that can be fused into it."""
    readers: Readers = {node: [] for node in order}
    for node in order:
        for edge in node.edges:
            readers[edge.node].append(node)
    laid_out = {node for node in order if node is not output and is_read_in_parts(node, readers)}
    steps: list[Step] = []
    done = {node for node in order if node.signal} | laid_out
    for node in order:
        if node in done:
            continue
        step = first_step(node, laid_out)
        while step.node is not output and len(readers[step.node]) == 1 and absorb(step, readers[step.node][0], done):
            done.add(step.node)
        done.update((node, step.node))
        totals = (running_total(step, user, readers, done) for user in readers[step.node])
        step.total = next((total for total in totals if total is not None), None)
        if step.total is not None:
            done.add(step.total[1])
        steps.append(step)
    return steps


def is_read_in_parts(node: Node, readers: Readers) -> bool:
    """Whether a node is a concatenation that needs no step, because all its readers can read its parts."""
    return bool(node.parts) and all(user.reads_parts for user in readers[node])


def first_step(node: Node, laid_out: set[Node]) -> Step:
    """The step that computes `node` itself."""
    step = Step(node, node.call(), list(node.edges), node)
    if any(edge.node in laid_out for edge in node.edges):
        parts = [edge.node.parts if edge.node in laid_out else (edge.node,) for edge in node.edges]
        step.edges = [replace(edge, node=part) for edge, nodes in zip(node.edges, parts, strict=True) for part in nodes]
        step.call.split([[part.channels for part in nodes] for nodes in parts])
    return step


def absorb(step: Step, user: Node, done: set[Node]) -> bool:
    """Fuse `user`, the only reader of the step's output, into the step if its kernel supports it."""
    addend = user.addend(step.node)
    fits = adds_residual(step, addend, done) if addend else user.fuse(step.call)
    if fits:
        step.node = user
    return fits


def adds_residual(step: Step, addend: Edge, done: set[Node]) -> bool:
    """Let the step add a residual that is already computed, if its kernel supports it."""
    call = step.call
    fits = call.takes_residual and not (call.activated or call.residual) and addend.node in done
    if not fits or call.phases > 1:  # a residual may end within a block of phases
        return False
    step.residual, call.residual = addend, True
    return True


def running_total(step: Step, user: Node, readers: Readers, done: set[Node]) -> tuple[Node, Node] | None:
    """The sum to which `user` adds the step's output, if that can be done in place: it has no other reader."""
    addend = user.addend(step.node)
    if addend is None or addend.node is step.node or user in done:
        return None
    so_far = addend.node
    reading = [edge for reader in readers[user] for edge in reader.edges if edge.node is user]
    fits = (
        so_far in done
        and not so_far.signal
        and readers[so_far] == [user]
        and all(edge.taps == 1 and edge.shift == 0 for edge in [*user.edges, *reading])
        and all(node.clock.same_pace(user.clock) for node in [so_far, step.node, *readers[user]])
    )
    return (so_far, user) if fits else None
