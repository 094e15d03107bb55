"""From a graph to a program: fused steps over buffers, packed weights, and where everything lies in memory.

A step is one call of a kernel. What follows a convolution and fits into its kernel is fused into the step: batch
normalisation (folded into the weights), ReLU, the addition of a residual, an activation in place. Concatenations that
feed a convolution become more taps of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import Edge, Node, topological_order
from wavenetlite.kernels import ACTIVATIONS, padded
from wavenetlite.kernels.pack import Arena, PackedConv, PackedStrip, pack_conv, pack_depthwise, pack_strips
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

SIMPLE: dict[type[Node], str] = {
    nodes.Sum: "sum", nodes.Product: "product", nodes.Slice: "part", nodes.Concat: "join", nodes.Gate: "gate",
}  # fmt: skip
"""Operations that are a step each, by the step's kind."""

MAX_CHUNK = 120
"""Frames that all layers run at a time, at most: their rows stay in the first-level cache."""

MOST_WIDE_FLOATS = 2**17
"""Of a chunk of frames with many bins: they stay in the second-level cache, and need no more of them to be fast."""

MOST_FLOAT = float(np.finfo(np.float32).max)
MOST_STATE_BYTES = 2**32
MOST_WORKSPACE_BYTES = 2**30
"""Memory of a stream beyond which a network is refused: a small file may ask for any amount."""


@dataclass
class Buffer:
    """A sequence in memory: the frames of this chunk, and the last `history` frames, kept from call to call."""

    channels: int
    ld: int
    clock: graph.Clock
    rows: int = MAX_CHUNK  # frames of a chunk, at most
    history: int = 0
    prefix: int = 0  # history frames that can be laid before the chunk's frames
    offset: int = -1  # floats from the start of the workspace to the chunk's first frame
    ring: int = -1  # floats from the start of the stream's memory
    external: bool = False  # read where the caller has it

    @property
    def floats(self) -> int:
        """Room in the workspace; a whole vector may be read or written past the last row."""
        return -(-((self.prefix + self.rows) * self.ld) // 16) * 16 + 16


@dataclass(eq=False)
class Step:
    """One kernel call: `kind` over `edges`, then what was fused."""

    kind: str  # conv, strips, depthwise, sum, product, part, join, gate, mean, max
    node: Node  # the sequence it makes, fused operations included
    edges: list[Edge]
    weights: list[np.ndarray] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    bias: np.ndarray | None = None
    over_bins: nodes.Conv2d | None = None  # its weights are then (maps out, maps in / groups, kernel frames, bins)
    phases: int = 1  # frames that are made at a time, from one reading of the edges
    part: int = 0  # first channel that a part takes
    bins: int = 1  # in each of which channels are joined
    relu_before: bool = False
    residual: Edge | None = None
    relu_after: bool = False
    activation: nodes.Activate | None = None
    total: tuple[Node, Node] | None = None  # a sum so far, and that sum with this step's output added in its place
    out: int = -1
    ends: list[int] = field(default_factory=list)  # buffers that no later step reads
    packed: PackedConv | None = None
    strips: list[PackedStrip] = field(default_factory=list)
    depthwise: tuple[int, int] | None = None  # arena offsets of weights and bias
    slopes: int = -1
    pool: int = -1  # doubles from the start of the stream's pools

    @property
    def takes_along(self) -> bool:
        """Whether its kernel can add a residual and rectify."""
        return self.kind == "conv" or (self.over_bins is not None and not self.over_bins.depthwise)

    @property
    def all_edges(self) -> list[Edge]:
        return self.edges + ([self.residual] if self.residual else [])

    @property
    def multiply_adds(self) -> float:
        """Of one output frame."""
        if self.over_bins is not None:
            return self.over_bins.multiply_adds
        return sum(weight.size for weight in self.weights) / self.phases


@dataclass
class Program:
    """Everything that the compiled plan needs, in the order it needs it."""

    buffers: list[Buffer]
    steps: list[Step]
    inputs: dict[str, int]  # "x", "c" -> buffer
    output: int
    buffer_of: dict[Node, int]
    chunk: int  # input frames that go through all steps at a time, at most
    arena: Arena
    workspace_floats: int
    state_floats: int
    pool_doubles: int
    clock: graph.Clock
    graph: Node  # the network's output, and through it all that was lowered
    prewarmed: bool  # what stands before the signals of a stream is what endless zeros make of them, not zeros


def lower(output: Node, *, prewarmed: bool = False) -> Program:
    """Lower the graph that ends in `output`."""
    order = topological_order(output)
    if prewarmed:
        refuse_unsettled(order)
    steps = fuse(order, output)
    buffers, inputs, buffer_of = make_buffers(order, steps)
    chunk = place_chunks(buffers, inputs, steps, buffer_of)
    place_history(buffers, steps, buffer_of)
    refuse_excess(buffers, steps)
    arena = Arena()
    for step in steps:
        pack(step, arena)
    find_last_uses(steps, buffers, buffer_of, buffer_of[output])
    pools = place_pools(steps)
    return Program(
        buffers=buffers,
        steps=steps,
        inputs=inputs,
        output=buffer_of[output],
        buffer_of=buffer_of,
        chunk=chunk,
        arena=arena,
        workspace_floats=place_rows(buffers, steps, buffer_of, buffer_of[output]),
        state_floats=place_rings(buffers),
        pool_doubles=pools,
        clock=output.clock,
        graph=output,
        prewarmed=prewarmed,
    )


def refuse_unsettled(order: list[Node]) -> None:
    """An error where endless zeros do not make every signal one that stays as it is."""
    for node in order:
        if isinstance(node, nodes.CumulativePool):
            raise ParameterError("a prewarmed network must have no pool over all frames")
        if isinstance(node, nodes.Input) and node.name == "c":
            raise ParameterError("a prewarmed network must be without conditioning from outside")
        if node.clock.newest or node.clock.start:
            raise ParameterError("a prewarmed network must be causal: without 'same' and 'valid' padding")
        if node.phases > 1:  # endless zeros may make each of the frames between another
            raise ParameterError("a prewarmed network must be without transposed convolutions and upsampling")


def fuse(order: list[Node], output: Node) -> list[Step]:
    """Steps in order, each having absorbed what follows it alone."""
    users: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for edge in node.edges:
            users[edge.node].append(node)
    steps: list[Step] = []
    done: set[Node] = {node for node in order if isinstance(node, nodes.Input)}
    for node in order:
        if node in done or is_taps_of_convs(node, users, output):
            continue
        step = first_step(node, users, output)
        while step.node is not output and len(users[step.node]) == 1 and absorb(step, users[step.node][0], done):
            done.add(step.node)
        done.update((node, step.node))
        step.total = next((pair for user in users[step.node] if (pair := running_total(step, user, users, done))), None)
        if step.total is not None:
            done.add(step.total[1])
        steps.append(step)
    return steps


def running_total(step: Step, user: Node, users: dict[Node, list[Node]], done: set[Node]) -> tuple[Node, Node] | None:
    """The sum that `user` adds the step's output to, if it can be done in place: nobody else reads that sum."""
    if not isinstance(user, nodes.Sum) or len(user.edges) != 2 or user in done:
        return None
    so_far = next((edge.node for edge in user.edges if edge.node is not step.node), step.node)
    readers = [edge for reader in users[user] for edge in reader.edges if edge.node is user]
    fits = (
        so_far is not step.node
        and so_far in done
        and not isinstance(so_far, nodes.Input)
        and users[so_far] == [user]
        and all(edge.taps == 1 and edge.shift == 0 for edge in [*user.edges, *readers])
        and all(node.clock.same_pace(user.clock) for node in [so_far, step.node, *users[user]])
    )
    return (so_far, user) if fits else None


def is_taps_of_convs(node: Node, users: dict[Node, list[Node]], output: Node) -> bool:
    """Whether a concatenation needs no step of its own, because convolutions read its parts."""
    return (
        isinstance(node, nodes.Concat)
        and node.bins == 1
        and node is not output
        and all(edge.shift == 0 and edge.node.clock == node.clock for edge in node.edges)
        and all(isinstance(user, nodes.Conv) and set(user.groups) == {1} for user in users[node])
    )


def first_step(node: Node, users: dict[Node, list[Node]], output: Node) -> Step:
    """The step that computes `node` itself."""
    edges = list(node.edges)
    if isinstance(node, nodes.Conv):
        return conv_step(node, users, output)
    if isinstance(node, nodes.Conv2d):
        weight = node.arranged(node.weight)
        return Step("strips", node, edges, [weight], [node.groups], node.bias, over_bins=node, phases=node.phases)
    if isinstance(node, nodes.Upsample):
        weight = np.repeat(np.array(node.weights, np.float32), node.channels, axis=0)[:, np.newaxis]
        return Step("depthwise", node, edges, [weight], [node.channels], phases=node.phases)
    if isinstance(node, nodes.Norm):
        scale = np.tile(node.scale, node.bins).reshape(-1, 1, 1)
        return Step("depthwise", node, edges, [scale], [node.channels], np.tile(node.offset, node.bins))
    if isinstance(node, nodes.Activate):
        return Step("sum", node, edges, activation=node)
    if isinstance(node, nodes.CumulativePool):
        return Step(node.kind, node, edges)
    step = Step(SIMPLE[type(node)], node, edges)
    if isinstance(node, nodes.Slice):
        step.part = node.first
    elif isinstance(node, nodes.Concat):
        step.bins = node.bins
    return step


def conv_step(node: nodes.Conv, users: dict[Node, list[Node]], output: Node) -> Step:
    step = Step("conv", node, [], bias=node.bias)
    for edge, weight, groups in zip(node.edges, node.weights, node.groups, strict=True):
        parts = [edge.node]
        if is_taps_of_convs(edge.node, users, output):
            parts = [part.node for part in edge.node.edges]
        first = 0
        for part in parts:
            step.edges.append(Edge(part, edge.stride, edge.shift, edge.spacing, edge.taps, edge.end_reach))
            step.weights.append(weight if len(parts) == 1 else weight[:, first : first + part.channels])
            step.groups.append(groups)
            first += part.channels
    if len(step.edges) == 1 and step.groups[0] == step.edges[0].node.channels == node.channels > 1:
        step.kind = "depthwise"
    return step


def absorb(step: Step, user: Node, done: set[Node]) -> bool:
    """Fuse `user`, the only reader of what `step` makes, into it if its kernel can do that."""
    if isinstance(user, nodes.Norm):
        fits = step.kind in ("conv", "strips", "depthwise")
        fits = fits and not (step.relu_before or step.residual or step.activation)
        fits = fits and (step.phases == 1 if step.over_bins is None else user.bins == step.over_bins.bins)
        if fits:
            fold_norm(step, user)
    elif isinstance(user, nodes.Activate):
        fits = step.activation is None
        if fits and user.name == "relu" and step.takes_along:
            step.relu_after, step.relu_before = step.residual is not None, step.relu_before or step.residual is None
        elif fits:
            step.activation = user
    elif isinstance(user, nodes.Sum) and len(user.edges) == 2:
        other = user.edges[1] if user.edges[0].node is step.node else user.edges[0]
        own = user.edges[0] if user.edges[0].node is step.node else user.edges[1]
        fits = step.takes_along and not (step.activation or step.residual)
        fits = fits and own.shift == 0 and other.node in done
        fits = fits and step.phases == 1  # else a residual may have no whole number of phases when it ends
        if fits:
            step.residual = other
    else:
        return False
    if fits:
        step.node = user
    return fits


def fold_norm(step: Step, norm: nodes.Norm) -> None:
    """``scale * (W x + b) + offset`` as one convolution, computed in float64; packing rounds."""
    repeats = 1 if step.over_bins is not None else norm.bins
    scale, offset = np.tile(norm.scale, repeats), np.tile(norm.offset, repeats)
    step.weights = [weight.astype(np.float64) * scale.reshape(-1, *[1] * (weight.ndim - 1)) for weight in step.weights]
    bias = 0.0 if step.bias is None else step.bias.astype(np.float64)
    step.bias = offset + scale * bias


def make_buffers(order: list[Node], steps: list[Step]) -> tuple[list[Buffer], dict[str, int], dict[Node, int]]:
    buffers: list[Buffer] = []
    buffer_of: dict[Node, int] = {}
    inputs: dict[str, int] = {}
    for node in order:
        if isinstance(node, nodes.Input):
            readers = [step for step in steps if any(edge.node is node for edge in step.all_edges)]
            only_conv = all(
                step.kind in ("conv", "strips") and (not step.residual or step.residual.node is not node)
                for step in readers
            )
            inputs[node.name] = buffer_of[node] = len(buffers)
            buffers.append(Buffer(node.channels, node.channels if only_conv else padded(node.channels), node.clock))
            buffers[-1].external = only_conv
    for step in steps:
        step.out = buffer_of[step.node] = len(buffers)
        buffers.append(Buffer(step.node.channels, padded(step.node.channels), step.node.clock))
        if step.total is not None:
            buffer_of[step.total[1]] = buffer_of[step.total[0]]
    return buffers, inputs, buffer_of


def place_chunks(buffers: list[Buffer], inputs: dict[str, int], steps: list[Step], buffer_of: dict[Node, int]) -> int:
    """How many input frames go through all steps at a time, so that no chunk gets too long. Sets all buffers' rows."""
    fastest = min(buffer.clock.rate for buffer in buffers)
    widest = max((buffers[step.out].ld for step in steps if step.kind == "strips"), default=1)
    chunk = max(1, int(min(MAX_CHUNK, MOST_WIDE_FLOATS // widest) * min(1, fastest)))
    for number in inputs.values():
        buffers[number].rows = math.ceil(Fraction(chunk) / buffers[number].clock.rate)
    for step in steps:
        rows = max(-(-buffers[buffer_of[edge.node]].rows // edge.stride) for edge in step.all_edges)
        buffers[step.out].rows = rows * step.phases
    return chunk


def place_history(buffers: list[Buffer], steps: list[Step], buffer_of: dict[Node, int]) -> None:
    """Frames that must be kept: from the oldest one a reader still needs when it makes its next frame."""
    for step in steps:
        for edge in step.all_edges:
            buffer = buffers[buffer_of[edge.node]]
            ahead = step.node.clock.newest - buffer.clock.newest + buffer.clock.slack
            buffer.history = max(buffer.history, math.floor((ahead - 1) / Fraction(buffer.clock.rate)) + 1 - edge.shift)
    for buffer in buffers:
        buffer.prefix = min(buffer.history, MAX_CHUNK)
        buffer.external = buffer.external and buffer.history == 0


def refuse_excess(buffers: list[Buffer], steps: list[Step]) -> None:
    """An error instead of a stream that would take all memory there is."""
    state = 4 * sum(buffer.history * buffer.ld for buffer in buffers)
    staged = max(
        (edge.taps * buffers[step.out].rows * edge.node.channels for step in steps for edge in step.all_edges),
        default=0,
    )
    work = 4 * (staged + sum(buffer.floats for buffer in buffers))
    for name, needed, most in (("state", state, MOST_STATE_BYTES), ("workspace", work, MOST_WORKSPACE_BYTES)):
        if needed > most:
            raise ParameterError(f"a stream would need {needed:,} bytes of {name}; it must be at most {most:,}")


def pack(step: Step, arena: Arena) -> None:
    values = [*step.weights, *([] if step.bias is None else [step.bias])]
    if any((np.abs(value) > MOST_FLOAT).any() for value in values):
        raise ParameterError("weights exceed float32 once batch normalisation is folded into them")
    if step.over_bins is not None:
        step.strips = pack_strips(arena, step.over_bins.links, step.weights[0], step.groups[0], step.bias)
    elif step.kind == "conv":
        step.packed = pack_conv(arena, step.weights, step.groups, step.bias, step.node.channels)
    elif step.kind == "depthwise":
        step.depthwise = pack_depthwise(arena, step.weights[0], step.bias, step.phases)
    if step.activation is not None and step.activation.slopes is not None:
        slopes: Floats = np.zeros(padded(step.node.channels), np.float32)
        slopes[: step.node.channels] = step.activation.slopes
        step.slopes = arena.add(slopes)


def find_last_uses(steps: list[Step], buffers: list[Buffer], buffer_of: dict[Node, int], output: int) -> None:
    """Which buffers end with which step.

    The output lives to the end of the chunk, unread buffers end where they begin.
    """
    last: dict[int, int] = {}
    for index, step in enumerate(steps):
        last[step.out] = index
        for edge in step.all_edges:
            last[buffer_of[edge.node]] = index
        if step.total is not None:
            last[buffer_of[step.total[1]]] = index
    for buffer, index in last.items():
        if buffer != output or buffers[buffer].history:
            steps[index].ends.append(buffer)


def place_pools(steps: list[Step]) -> int:
    doubles = 0
    for step in steps:
        if step.kind in ("mean", "max"):
            step.pool = doubles
            doubles += padded(step.node.channels)
    return doubles


def place_rows(buffers: list[Buffer], steps: list[Step], buffer_of: dict[Node, int], output: int) -> int:
    """First fit: a buffer takes the first gap that is free for as long as it lives. Returns the floats needed."""
    born = {step.out: index for index, step in enumerate(steps)}
    dies = {buffer: index for index, step in enumerate(steps) for buffer in step.ends}
    placed: list[tuple[int, int, int]] = []  # (first float, end, step of death)
    total = 0
    for number, buffer in sorted(enumerate(buffers), key=lambda item: born.get(item[0], -1)):
        birth = born.get(number, -1)
        placed = [(first, end, death) for first, end, death in placed if death >= birth]
        first = take_over_residual(steps[birth], buffers, buffer_of, dies) if birth >= 0 else None
        if first is None:
            first = 0
            for taken, end, _ in sorted(placed):
                if first + buffer.floats <= taken:
                    break
                first = max(first, end)
        death = len(steps) if number == output else dies.get(number, len(steps))
        placed.append((first, first + buffer.floats, death))
        buffer.offset = first + buffer.prefix * buffer.ld
        total = max(total, first + buffer.floats)
    return total


def take_over_residual(
    step: Step, buffers: list[Buffer], buffer_of: dict[Node, int], dies: dict[int, int]
) -> int | None:
    """Where the residual lies, if the step can add onto it in place: nothing else reads it, now or later."""
    if step.residual is None or buffers[step.out].prefix:
        return None
    number = buffer_of[step.residual.node]
    residual = buffers[number]
    read_by_taps = any(buffer_of[edge.node] == number for edge in step.edges)
    if number not in step.ends or residual.history or residual.offset < 0 or step.residual.shift or read_by_taps:
        return None
    return residual.offset


def place_rings(buffers: list[Buffer]) -> int:
    floats = 0
    for buffer in buffers:
        if buffer.history:
            buffer.ring = floats
            floats += -(-(buffer.history * buffer.ld) // 16) * 16
    return floats


def activation_code(step: Step) -> int:
    """The kernel's number of the activation in place, 0 (identity) when there is none."""
    return ACTIVATIONS.index(step.activation.name) if step.activation else 0
