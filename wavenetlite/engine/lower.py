"""Lowering: from a graph to a program of steps over buffers, with packed weights and a memory layout."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from fractions import Fraction

from wavenetlite import graph
from wavenetlite.engine.fusion import Step, fuse
from wavenetlite.engine.integer_fusion import fuse_integers
from wavenetlite.engine.layers import join_layers
from wavenetlite.graph import Node, topological_order
from wavenetlite.kernels import LANES, padded
from wavenetlite.kernels.pack import Arena
from wavenetlite.support.errors import ParameterError

MAX_CHUNK = 120
"""Most frames per chunk, which all layers process before the next: their rows stay in the first-level cache."""

MOST_WIDE_FLOATS = 2**17
"""Floats in a chunk of frames with many bins: they stay in the second-level cache; longer chunks are not faster."""

MOST_STREAM_BYTES = 400 * 2**20
"""Memory limit of a stream: a small file may request any amount."""
STREAM_BYTES = "WAVENETLITE_STREAM_BYTES"
"""The environment variable that sets another limit."""


def whole_vectors(floats: int) -> int:
    """Floats rounded up to whole vectors of any width."""
    return -(-floats // LANES) * LANES


@dataclass(eq=False)
class Buffer:
    """A sequence in memory: the frames of the current chunk, and the last `history` frames, kept between calls.

    A row has `channels` floats, of which integers need four bytes for four channels.
    """

    channels: int
    ld: int
    clock: graph.Clock
    rows: int = MAX_CHUNK  # most frames in a chunk
    history: int = 0
    prefix: int = 0  # history frames that can be placed before the chunk's frames
    offset: int = -1  # floats from the start of the workspace to the chunk's first frame
    ring: int = -1  # floats from the start of the stream's memory
    external: bool = False  # read in place from the caller's array
    zero: int | None = None  # the byte of integers that stand for zero; None: floats

    @property
    def floats(self) -> int:
        """Size in the workspace; a whole vector may be read or written past the last row."""
        return whole_vectors((self.prefix + self.rows) * self.ld) + LANES


@dataclass(eq=False)
class Program:
    """The input of the compiled plan."""

    buffers: list[Buffer]
    steps: list[Step]
    inputs: dict[str, int]  # "x", "c" -> buffer
    output: int
    buffer_of: dict[Node, int]
    chunk: int  # most input frames per chunk
    arena: Arena
    workspace_floats: int
    state_floats: int
    states_bytes: int
    clock: graph.Clock
    graph: Node  # the network's output node, which leads to all others
    prewarmed: bool  # streams start in the steady state of endless zeros, not from zeros


def lower(output: Node, *, prewarmed: bool = False, fuse_all: bool = True) -> Program:
    """Lower the graph that ends in `output`; without `fuse_all` every operation on integers is a step."""
    order = topological_order(output)
    if prewarmed:
        refuse_unsettled(order)
    steps = fuse(order, output)
    if fuse_all:
        steps = fuse_integers(steps, output)
    buffers, inputs, buffer_of = make_buffers(order, steps)
    chunk = place_chunks(buffers, inputs, steps, buffer_of)
    place_history(buffers, steps, buffer_of)
    refuse_excess(buffers, steps)
    arena = Arena()
    for step in steps:
        step.call.pack(arena)
    steps = join_layers(steps)
    find_last_uses(steps, buffers, buffer_of, buffer_of[output])
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
        states_bytes=place_states(steps),
        clock=output.clock,
        graph=output,
        prewarmed=prewarmed,
    )


def refuse_unsettled(order: list[Node]) -> None:
    """Raise if endless zeros at the input do not bring every sequence to a constant."""
    for node in order:
        if node.unsettled:
            raise ParameterError(f"a prewarmed network {node.unsettled}")


def make_buffers(order: list[Node], steps: list[Step]) -> tuple[list[Buffer], dict[str, int], dict[Node, int]]:
    buffers: list[Buffer] = []
    buffer_of: dict[Node, int] = {}
    inputs: dict[str, int] = {}
    for node in order:
        if node.signal:
            readers = [step for step in steps if any(edge.node is node for edge in step.all_edges)]
            unpadded = all(
                step.call.reads_unpadded and (not step.residual or step.residual.node is not node) for step in readers
            )
            inputs[node.signal] = buffer_of[node] = len(buffers)
            buffers.append(Buffer(node.channels, node.channels if unpadded else padded(node.channels), node.clock))
            buffers[-1].external = unpadded
    for step in steps:
        step.out = buffer_of[step.node] = len(buffers)
        buffers.append(Buffer(step.node.row_floats, padded(step.node.row_floats), step.node.clock))
        if step.node.quantization is not None:
            buffers[-1].zero = step.node.quantization.zero_point
        if step.total is not None:
            buffer_of[step.total[1]] = buffer_of[step.total[0]]
    return buffers, inputs, buffer_of


def place_chunks(buffers: list[Buffer], inputs: dict[str, int], steps: list[Step], buffer_of: dict[Node, int]) -> int:
    """The number of input frames per chunk, such that no buffer's rows get too many. Sets all buffers' rows."""
    fastest = min(buffer.clock.rate for buffer in buffers)
    widest = max((buffers[step.out].ld for step in steps if step.call.reads_bins), default=1)
    chunk = max(1, int(min(MAX_CHUNK, MOST_WIDE_FLOATS // widest) * min(1, fastest)))
    for number in inputs.values():
        buffers[number].rows = math.ceil(Fraction(chunk) / buffers[number].clock.rate)
    for step in steps:
        rows = max(-(-buffers[buffer_of[edge.node]].rows // edge.stride) for edge in step.all_edges)
        buffers[step.out].rows = rows * step.call.phases
    return chunk


def place_history(buffers: list[Buffer], steps: list[Step], buffer_of: dict[Node, int]) -> None:
    """Set the history: the frames from the oldest one that a reader needs for its next frame."""
    for step in steps:
        for edge in step.all_edges:
            buffer = buffers[buffer_of[edge.node]]
            ahead = step.node.clock.newest - buffer.clock.newest + buffer.clock.slack
            buffer.history = max(buffer.history, math.floor((ahead - 1) / Fraction(buffer.clock.rate)) + 1 - edge.shift)
    for buffer in buffers:
        buffer.prefix = min(buffer.history, MAX_CHUNK)
        buffer.external = buffer.external and buffer.history == 0


def refuse_excess(buffers: list[Buffer], steps: list[Step]) -> None:
    """Raise instead of allocating a stream that exceeds the memory limits."""
    vectors = sum(step.call.state_bytes * sum(map(padded, step.call.state)) for step in steps)
    state = vectors + 4 * sum(buffer.history * buffer.ld for buffer in buffers)
    staged = max(
        (edge.taps * buffers[step.out].rows * edge.node.row_floats for step in steps for edge in step.all_edges),
        default=0,
    )
    scratch = max((max(step.call.scratch, step.call.scratch_at_least) for step in steps), default=0)
    work = 4 * (staged + scratch + sum(buffer.floats for buffer in buffers))
    most = most_stream_bytes()
    if state + work > most:
        raise ParameterError(f"a stream needs {state:,} bytes of state and {work:,} of workspace, together more than "
                             f"{most:,}; if it is meant to, set {STREAM_BYTES} to a higher limit")  # fmt: skip


def most_stream_bytes() -> int:
    """The memory limit of a stream."""
    given = os.environ.get(STREAM_BYTES, "")
    if not given:
        return MOST_STREAM_BYTES
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise ParameterError(f"{STREAM_BYTES}={given!r} must be a number of bytes")
    return int(given)


def find_last_uses(steps: list[Step], buffers: list[Buffer], buffer_of: dict[Node, int], output: int) -> None:
    """Set the buffers whose last use is in each step.

    The output lives to the end of the chunk; unread buffers end where they begin.
    """
    last: dict[int, int] = {}
    for index, step in enumerate(steps):
        last[step.out] = index
        for edge in step.all_edges:
            last[buffer_of[edge.node]] = index
        if step.total is not None:
            last[buffer_of[step.total[1]]] = index
    for buffer, index in last.items():
        if index + 1 < len(steps) and steps[index + 1].merged:
            index += 1
        if buffer != output or buffers[buffer].history:
            steps[index].ends.append(buffer)


def place_states(steps: list[Step]) -> int:
    """Lay out the steps' states, vector after vector, each padded. Returns the bytes needed."""
    end = 0
    for step in steps:
        if step.call.state:
            step.state = end
            size = step.call.state_bytes * sum(padded(length) for length in step.call.state)
            end += -(-size // 64) * 64
    return end


def place_rows(buffers: list[Buffer], steps: list[Step], buffer_of: dict[Node, int], output: int) -> int:
    """Lay out the workspace by first fit: each buffer gets the first gap that is free for its lifetime. Returns the
    floats needed."""
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
    """The offset of the residual, if the step can add to it in place: nothing else reads it, now or later."""
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
            floats += whole_vectors(buffer.history * buffer.ld)
    return floats
