"""Fit a signal to a length: the middle of zeros, or the part of it with the most energy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from wavenetlite.support.arrays import Doubles, Floats

BLOCK = 1 << 16

Blocks = Callable[[], Iterable[Floats]]
"""The blocks of a signal from its beginning, each time it is called: a long one is decoded again, and never held."""


def fit(y: Floats, row: Floats) -> int:
    """Centre a signal, or its loudest part, in a row of zeros; return the number of its samples."""
    if len(y) > len(row):
        y = loudest(y, len(row))
    start = (len(row) - len(y)) // 2
    row[start : start + len(y)] = y
    return len(y)


def loudest(y: Floats, samples: int) -> Floats:
    at = loudest_at(lambda: (y[first : first + BLOCK] for first in range(0, len(y), BLOCK)), samples)
    return y[at : at + samples]


def loudest_at(blocks: Blocks, samples: int) -> int:
    """Start of the part with the most energy: the middle of the neighbouring starts within 1/1000 of it."""
    best, most, starts = 0, -1.0, 0
    for at, energy in energies(blocks(), samples):
        here = int(energy.argmax())
        if energy[here] > most:
            best, most = at + here, float(energy[here])
        starts = at + len(energy)
    first, last = 0, starts - 1
    for at, energy in energies(blocks(), samples):
        bad = at + np.flatnonzero(energy < 0.999 * most)
        before, after = bad[bad < best], bad[bad > best]
        first = int(before[-1]) + 1 if before.size else first
        if after.size:
            last = int(after[0]) - 1
            break
    return (first + last) // 2


def energies(blocks: Iterable[Floats], samples: int) -> Iterator[tuple[int, Doubles]]:
    """The energies of all segments of so many samples, in pieces with the first segment's position.

    Sums run over the samples one by one, so that the size of the blocks does not matter.
    """
    until = 0.0  # of the squares before the end of a segment
    before = 0.0  # and before its start
    at, held = 0, Samples()
    for block in blocks:
        missing = max(0, samples - held.count)  # before the end of the first segment
        until = float(running_sums(until, block[:missing])[-1])
        held.put(block)
        ends = running_sums(until, block[missing:])
        if len(ends) > 1:
            starts = running_sums(before, held.take(len(ends) - 1))
            yield at, ends[:-1] - starts[:-1]
            until, before, at = float(ends[-1]), float(starts[-1]), at + len(ends) - 1
    yield at, np.array([until - before])


def running_sums(start: float, y: Floats) -> Doubles:
    """`start`, and it with the squares added one after the other."""
    return np.cumsum(np.concatenate([[start], np.square(y, dtype=np.float64)]))


class Samples:
    """Samples that are put in at one end and taken out at the other."""

    def __init__(self) -> None:
        self.blocks, self.count = deque[Floats](), 0

    def put(self, block: Floats) -> None:
        self.blocks.append(block)
        self.count += len(block)

    def take(self, samples: int) -> Floats:
        taken = []
        self.count -= samples
        while samples:
            block = self.blocks.popleft()
            if len(block) > samples:
                self.blocks.appendleft(block[samples:])
                block = block[:samples]
            taken.append(block)
            samples -= len(block)
        return taken[0] if len(taken) == 1 else np.concatenate(taken)
