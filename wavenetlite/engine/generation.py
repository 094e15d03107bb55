"""Generators: what a network's graph becomes when it reads its own output."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.engine.fusion import Step, fuse
from wavenetlite.engine.generator_pool import GeneratorPool
from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.engine.sampling import Sampling, sampling_of
from wavenetlite.graph import Clock, Edge, Node, clock_after, tidy, topological_order
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

MOST_TABLE_FLOATS = 2**20
"""Of a table in place of the first layer: 4 MB."""


class GenerationPlan:
    """The plans of a network that generates, and how it is sampled.

    The layers that see the conditioning alone are a plan of their own, which runs block by block. Where the input is a
    class, the first layer is a table of what it gives for each.
    """

    def __init__(self, output: Node, declared: str | None, condition_period: int, prewarmed: bool) -> None:
        self.sampling: Sampling = sampling_of(output, declared, condition_period)
        self.condition_plan, output = without_condition_layers(output)
        if not prewarmed:
            self.sampling, output = with_table(self.sampling, output)
        self.plan = Plan(lower(output, prewarmed=prewarmed))
        if not self.plan.regular:
            raise ParameterError("the network cannot generate: it must be causal, with a frame for each that it reads "
                                 "(no strides, no lookahead) and one conditioning for all layers")  # fmt: skip

    def pool(self, capacity: int) -> GeneratorPool:
        return GeneratorPool(self.plan, self.condition_plan, self.sampling, capacity)


def without_condition_layers(output: Node) -> tuple[Plan | None, Node]:
    """The plan of the layers that see the conditioning alone, and the graph of the others, which read what they give.

    They end where the conditioning is as fast as the signal, at the last node through which all of it goes.
    """
    order = topological_order(output)
    source = next((node for node in order if node.signal == "c"), None)
    last = None if source is None else gate_of(order, output, source)
    if source is None or last is None or last is source:
        return None, output
    pace = int(source.clock.rate)
    alone = rebuilt(last, {source: nodes.Input((), source.channels, Clock(), "x")}, pace)
    plan = Plan(lower(alone))
    if any(plan.output_frames(frames) != frames * pace for frames in range(1, 4)):
        raise ParameterError(
            "the network cannot generate: the layers of its conditioning must be causal, without lookahead or latency"
        )
    return plan, rebuilt(output, {last: nodes.Input((), last.channels, Clock(), "c")})


def gate_of(order: list[Node], output: Node, source: Node) -> Node | None:
    """The last node of the signal's pace that depends on the conditioning alone and through which all of it goes."""
    seeing: set[Node] = set()  # the signal
    for node in order:
        if node.signal == "x" or any(edge.node in seeing for edge in node.edges):
            seeing.add(node)
    paced = [node for node in order if node not in seeing and node.clock.rate == 1 and not node.quantization]
    return next((node for node in reversed(paced) if not reaches(order, source, output, node)), None)


def reaches(order: list[Node], source: Node, output: Node, removed: Node) -> bool:
    """Whether the output depends on `source` by a way that does not go through `removed`."""
    reached = {source} - {removed}
    for node in order:
        if node is not removed and any(edge.node in reached for edge in node.edges):
            reached.add(node)
    return output in reached


def rebuilt(output: Node, known: dict[Node, Node], pace: int = 1) -> Node:
    """The graph with other nodes in place of some; times are counted in units of `pace`."""
    for node in topological_order(output):
        if node in known or node.signal:
            continue
        edges = tuple(replace(edge, node=known.get(edge.node, edge.node)) for edge in node.edges)
        if any(edge.node is not old.node for edge, old in zip(edges, node.edges, strict=True)):
            known[node] = replace(node, edges=edges, clock=clock_of(node, edges, pace))
    return known.get(output, output)


def clock_of(node: Node, edges: Iterable[Edge], pace: int) -> Clock:
    """The clock of a node that reads other sequences: in the conditioning's units, or from the clocks of these."""
    old = node.clock
    if pace > 1 or node.phases > 1:
        times: list[Any] = [old.rate, old.start, old.oldest, old.newest, old.slack]
        return Clock(*[time if math.isinf(time) else tidy(Fraction(time) / pace) for time in times])
    new = clock_after(list(edges))
    return replace(old, newest=new.newest, slack=new.slack)


def with_table(sampling: Sampling, output: Node) -> tuple[Sampling, Node]:
    """The graph with a table in place of its first layer, if that sees nothing but a class.

    A step gives the same bits for a frame wherever it stands, so the table's rows are those of the layer.
    """
    if not sampling.classes or sampling.table is not None:
        return sampling, output
    step = first_step(output)
    if step is None or sampling.classes * step.node.channels > MOST_TABLE_FLOATS or step.node is output:
        return sampling, output
    frames = np.arange(sampling.classes, dtype=np.float32)[:, np.newaxis]
    if sampling.one_hot:
        frames = np.eye(sampling.classes, dtype=np.float32)
    rows: Floats = run_offline(Plan(lower(step.node)), frames, None, "raise", "x")
    source = nodes.Input((), 1, Clock(), "x")
    table = nodes.Embedding((Edge(source),), step.node.channels, source.clock, rows)
    return replace(sampling, one_hot=False), rebuilt(output, {step.node: table})


def first_step(output: Node) -> Step | None:
    """The step that alone reads the input, frame by frame; None: there is none that a table of floats could replace."""
    order = topological_order(output)
    readers = [step for step in fuse(order, output) if any(edge.node.signal == "x" for edge in step.all_edges)]
    if len(readers) != 1:
        return None
    step = readers[0]
    alone = all(edge.node.signal == "x" and (edge.taps, edge.stride, edge.shift, edge.end_reach) == (1, 1, 0, 0)
                for edge in step.all_edges)  # fmt: skip
    plain = not step.call.state and step.call.phases == 1 and step.node.quantization is None
    return step if alone and plain and not step.node.endless else None
