"""Convolution with a long impulse response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Edge, KernelCall, Node
from wavenetlite.kernels.pack import Arena
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.fourier import passes, roots_of_unity, transformed

MOST_BLOCK, LEAST_BLOCK = 256, 16
"""Samples of a block: the first taps are as many, and cost as many products a sample."""


class DoubleCall(KernelCall):
    """A kernel call whose `arrays` are of doubles."""

    def pack_array(self, array: np.ndarray, arena: Arena) -> int:
        return arena.add_bits(array)


@dataclass(frozen=True, eq=False)
class ImpulseResponse(Node):
    """``sum_k weight[k] x[n - k]`` of one channel: the first taps directly, the others by Fourier transforms."""

    operation: ClassVar[str] = "impulse_response"

    weight: Floats

    @property
    def unsettled(self) -> str:
        return "must not contain an impulse response"

    @property
    def block(self) -> int:
        """A power of two."""
        return int(min(MOST_BLOCK, max(LEAST_BLOCK, 2 ** (len(self.weight) - 1).bit_length())))

    @property
    def partitions(self) -> int:
        """Blocks of taps after the first."""
        return -(-len(self.weight) // self.block) - 1

    @property
    def bins(self) -> int:
        """Of a spectrum, padded."""
        return self.block + 4

    def call(self) -> DoubleCall:
        plan = passes(2 * self.block)
        first = np.zeros(self.block)
        first[: len(self.weight)] = self.weight[: self.block]
        return DoubleCall(
            1, "impulse_response", sizes=(self.block, self.partitions, len(plan.radices), *plan.radices),
            arrays=[first[::-1], plan.twiddles, self.spectra()],
            state=(2 + 3 * self.block + 2 * self.partitions * self.bins,), state_bytes=8,
            scratch_at_least=2 * (2 * 8 * 2 * self.block + 2 * self.bins) + 16, multiply_adds=self.multiply_adds,
        )  # fmt: skip

    def spectra(self) -> Doubles:
        """Of the partitions, (partitions, 2, bins), divided by the transform's length."""
        n, partitions = 2 * self.block, self.partitions
        taps = np.zeros((partitions + 1) * self.block)
        taps[: len(self.weight)] = self.weight
        padded = np.zeros((partitions, n))
        padded[:, : self.block] = taps.reshape(-1, self.block)[1:]
        made: Doubles = np.zeros((partitions, 2, self.bins))
        parts = transformed(padded, np.zeros_like(padded), roots_of_unity(n))
        for index, part in enumerate(parts):
            made[:, index, : self.block + 1] = part[:, : self.block + 1] / n
        return made

    @property
    def multiply_adds(self) -> float:
        return self.block + 4.0 * self.partitions * self.bins / self.block


def impulse_response(x: Node, weight: Floats) -> Node:
    clock = replace(x.clock, oldest=x.clock.oldest - (len(weight) - 1) * x.clock.rate)
    return ImpulseResponse((Edge(x),), 1, clock, weight)
