"""Where the sequences of an exported network lie in its C state: in rings, or in memory that sequences share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.engine.fusion import Step
from wavenetlite.engine.lower import Program
from wavenetlite.support.errors import ParameterError

MOST_INDEX = 65_535
"""The tables of convolutions hold numbers of 16 bits."""


@dataclass
class Ring:
    """One sequence: a ring of `length` frames, of which one call writes `fresh`.

    `at`: the number of its place in the state; -1: it has a single frame. `offset`: floats from the start of the shared
    memory; -1: it is a member of the state, because frames are read again in later calls.
    """

    number: int
    name: str
    channels: int
    fresh: int
    length: int
    kept: bool
    at: int = -1
    offset: int = -1
    zero: int | None = None  # of integers of 8 bits: the one that stands for zero; None: floats

    @property
    def kind(self) -> str:
        return "float" if self.zero is None else "int8_t"

    @property
    def bytes_of_frame(self) -> int:
        return self.channels * (4 if self.zero is None else 1)

    def frame(self, back: str) -> str:
        """The frame `back` frames before the next one."""
        if self.length == 1:
            return self.name
        return f"{self.name} + {self.channels} * $slot(s->at[{self.at}], {back}, {self.length})"

    @property
    def next_frame(self) -> str:
        """Where the next frame goes."""
        return self.name if self.length == 1 else f"{self.name} + {self.channels} * s->at[{self.at}]"


def rings_of(program: Program) -> tuple[list[Ring], int]:
    """The rings of all sequences, and the floats of the memory that those without history share."""
    fresh, block = fresh_frames(program), blocks(program)
    names = {number: name for name, number in program.inputs.items()}
    rings: list[Ring] = []
    channels = {step.out: step.node.channels for step in program.steps}  # a buffer has those of memory
    for number, buffer in enumerate(program.buffers):
        n = channels.get(number, buffer.channels)
        if n > MOST_INDEX:
            raise ParameterError(f"a sequence has {n} channels; in C there may be at most {MOST_INDEX}")
        length = -(-(buffer.history + fresh[number]) // block[number]) * block[number]
        name, kept = names.get(number, f"h{number}"), buffer.history > 0
        rings.append(Ring(number, name, n, fresh[number], length, kept, zero=buffer.zero))
    for at, ring in enumerate(ring for ring in rings if ring.length > 1):
        ring.at = at
    return rings, share_memory(rings, program)


def fresh_frames(program: Program) -> list[int]:
    """Most new frames of each sequence by one frame of the input."""
    fresh = [1] * len(program.buffers)
    for step in program.steps:
        read = [-(-fresh[program.buffer_of[edge.node]] // edge.stride) for edge in step.all_edges]
        fresh[step.out] = step.call.phases * max(read, default=1)
    return fresh


def blocks(program: Program) -> list[int]:
    """Frames that are always written together, and so lie together."""
    block = [1] * len(program.buffers)
    for step in program.steps:
        block[step.out] = step.call.phases
    return block


def share_memory(rings: list[Ring], program: Program) -> int:
    """Lay out the sequences without history by first fit, each for its lifetime; returns the floats needed."""
    last, total = last_uses(program), 0
    placed: list[tuple[int, int, int]] = []  # (first float, end, last step)
    for birth, number in [(-1, number) for number in program.inputs.values()] + [
        (index, step.out) for index, step in enumerate(program.steps)
    ]:
        ring = rings[number]
        if ring.kept:
            continue
        size, first = -(-ring.length * ring.bytes_of_frame // 4), 0
        placed = [place for place in placed if place[2] >= birth]
        for taken, end, _ in sorted(placed):
            if first + size <= taken:
                break
            first = max(first, end)
        ring.offset = first
        placed.append((first, first + size, last.get(number, birth)))
        total = max(total, first + size)
    return total


def last_uses(program: Program) -> dict[int, int]:
    """The last step that uses each sequence; the output is used after all."""
    last: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        for number in [step.out, *read_by(step, program)]:
            last[number] = index
    last[program.output] = len(program.steps)
    return last


def read_by(step: Step, program: Program) -> Sequence[int]:
    """The sequences that a step reads, a running total among them."""
    nodes = [edge.node for edge in step.all_edges] + ([step.total[1]] if step.total else [])
    return [program.buffer_of[node] for node in nodes]
