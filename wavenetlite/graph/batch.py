"""Nodes in training: the sequences of a batch, and the base of the steps that compute them.

A step reads sequences and writes one. Forward, it fills `out.values`; backward, it reads the gradient of its output
from `out.gradient` and accumulates the gradients of its inputs and of its parameters. The first contribution to a
gradient overwrites it (`BatchSequence.first_gradient`), so that none has to be zeroed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Doubles, Floats

Positions = npt.NDArray[np.float64]
"""Positions in the vector of values. They pass through float32 when weights are packed."""

AnyNode = TypeVar("AnyNode")

ALIGNMENT = 64  # bytes: the widest vector


class ParameterPositions(Protocol):
    """Positions of a network's parameters in its vector of values: :class:`wavenetlite.train.Parameters`."""

    def positions(self, array: Floats) -> Positions: ...
    def is_trained(self, positions: Positions) -> bool: ...
    def statistic(self, array: Floats) -> str: ...
    def is_frozen(self, statistic: Floats) -> bool: ...


class BatchSequence:
    """A sequence of the graph for a batch: its frames and their gradient, zero-padded on both sides.

    `before` and `after` are how far convolutions read beyond the ends.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self.channels, self.frames = channels, frames
        self.before = self.after = self.gradient_before = self.gradient_after = 0
        self.wanted = False  # whether it depends on a parameter, so that it needs a gradient
        self.has_gradient = False
        self._values: Floats
        self._gradients: Floats

    def allocate(self, clips: int) -> None:
        ld = padded(self.channels)
        self._values = aligned_zeros((clips, self.before + self.frames + self.after, ld))
        if self.wanted:
            self._gradients = aligned_zeros((clips, self.gradient_before + self.frames + self.gradient_after, ld))

    @property
    def values(self) -> Floats:
        """(clips, frames, padded channels)."""
        return self.rows(0, self.frames)

    @property
    def gradient(self) -> Floats:
        return self.gradient_rows(0, self.frames)

    def rows(self, first: int, count: int, stride: int = 1) -> Floats:
        """`count` rows from `first` on, `stride` apart; they may extend beyond the ends."""
        start = self.before + first
        return self._values[:, start : start + (count - 1) * stride + 1 : stride]

    def gradient_rows(self, first: int, count: int, stride: int = 1) -> Floats:
        start = self.gradient_before + first
        return self._gradients[:, start : start + (count - 1) * stride + 1 : stride]

    def first_gradient(self, everything: bool = True) -> bool:
        """Whether the gradient has not been written yet; `everything`: the caller writes all of it."""
        first = not self.has_gradient
        self.has_gradient = True
        if first and not everything:
            self.gradient[:] = 0.0
            return False
        return first

    def add_gradient(self, share: Floats) -> None:
        """Add to the gradient of all frames."""
        if self.first_gradient():
            self.gradient[:] = share
        else:
            self.gradient[:] += share


class BatchContext(NamedTuple):
    """The context of a step: the sequence it writes, those it reads (one per edge), and the parameters."""

    out: BatchSequence
    inputs: Sequence[BatchSequence]
    parameters: ParameterPositions


class BatchStep(Generic[AnyNode]):
    """Base of all steps: computes `node` from `inputs` (the first of which is `x`) to `out`."""

    takes_statistics = False  # whether it uses the batch's statistics instead of the running ones

    def __init__(self, node: AnyNode, context: BatchContext) -> None:
        self.node, self.out, self.inputs, self.x = node, context.out, context.inputs, context.inputs[0]
        self.statistics: dict[str, Doubles] = {}  # of the last batch, under the names of the running ones

    def take_relu(self, out: BatchSequence) -> bool:
        """Fuse the following ReLU, which writes `out`; returns whether this is supported."""
        return False

    def seed(self, *key: int) -> None:
        """Reseed the random generator, if there is one."""

    def reach(self) -> None:
        """Widen the padding of the sequences that are read."""

    def prepare(self) -> None:
        """Take views of the allocated sequences."""

    def pack(self, values: Floats) -> None:
        """Update the parameters from the vector of values."""

    def forward(self) -> None:
        raise NotImplementedError

    def backward(self, gradient: Floats) -> None:
        """Add the gradients of its parameters to `gradient`, that of the vector of values, and those of its inputs."""
        if self.x.wanted:
            self.input_backward()

    def input_backward(self) -> None:
        """Add to the gradient of `x`, if there are no other gradients."""
        raise NotImplementedError


def aligned_zeros(shape: tuple[int, ...]) -> Floats:
    """Zeros that begin on a vector boundary, with room for one more vector after them."""
    floats = int(np.prod(shape))
    block = np.zeros(floats + 2 * ALIGNMENT // 4, np.float32)
    start = -block.ctypes.data % ALIGNMENT // 4
    return block[start : start + floats].reshape(shape)


def add_at(gradient: Floats, positions: Positions, share: Floats) -> None:
    """Add to the gradient of parameters at consecutive positions."""
    start = int(positions.flat[0])
    gradient[start : start + positions.size].reshape(positions.shape)[...] += share
