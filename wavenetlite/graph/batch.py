"""A node over batches, in training: the sequences of a batch, and the base of the steps that compute them.

A step reads sequences and writes one. Forward, it fills `out.values`; backward, it finds the gradient of what it wrote
in `out.gradient` and adds its share to the gradients of what it read and of its parameters. Whoever comes first at a
gradient overwrites it (`BatchSequence.first_gradient`), so nothing is set to zero in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Doubles, Floats

Positions = npt.NDArray[np.float64]
"""Positions in the vector of values. They go through float32 where weights are packed."""

AnyNode = TypeVar("AnyNode")

ALIGNMENT = 64  # bytes: the widest vector


class ParameterPositions(Protocol):
    """Where the parameters of a network lie in the vector of its values: :class:`wavenetlite.train.Parameters`."""

    def positions(self, array: Floats) -> Positions: ...
    def is_trained(self, positions: Positions) -> bool: ...
    def statistic(self, array: Floats) -> str: ...


class BatchSequence:
    """A sequence of the graph for a batch: its frames, and their gradient, with zeros before and after them.

    Convolutions read beyond both ends; `before` and `after` are how far.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self.channels, self.frames = channels, frames
        self.before = self.after = self.gradient_before = self.gradient_after = 0
        self.wanted = False  # whether a parameter lies behind it, so that it needs a gradient
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
        """Every `stride`-th row from `first` on, `count` of them; they may lie before frame 0 or after the last."""
        start = self.before + first
        return self._values[:, start : start + (count - 1) * stride + 1 : stride]

    def gradient_rows(self, first: int, count: int, stride: int = 1) -> Floats:
        start = self.gradient_before + first
        return self._gradients[:, start : start + (count - 1) * stride + 1 : stride]

    def first_gradient(self, everything: bool = True) -> bool:
        """Whether nobody has written the gradient yet; `everything`: the caller writes all of it."""
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
    """Where a step stands: the sequence it writes, those it reads (one for each edge), and the parameters."""

    out: BatchSequence
    inputs: Sequence[BatchSequence]
    parameters: ParameterPositions


class BatchStep(Generic[AnyNode]):
    """Base of all steps: it computes `node` from `inputs` (`x` is the first of them) to `out`."""

    takes_statistics = False  # of the batch, instead of the running ones

    def __init__(self, node: AnyNode, context: BatchContext) -> None:
        self.node, self.out, self.inputs, self.x = node, context.out, context.inputs, context.inputs[0]
        self.statistics: dict[str, Doubles] = {}  # of the last batch, by the names of the running ones

    def take_relu(self, out: BatchSequence) -> bool:
        """Compute the ReLU right behind it too, which writes `out`; False: it cannot."""
        return False

    def seed(self, *key: int) -> None:
        """Begin its random choices anew, if it makes any."""

    def reach(self) -> None:
        """Widen the margins of the sequences that are read."""

    def prepare(self) -> None:
        """Take views of the sequences, which have been allocated."""

    def pack(self, values: Floats) -> None:
        """Take the values of the parameters."""

    def forward(self) -> None:
        raise NotImplementedError

    def backward(self, gradient: Floats) -> None:
        """`gradient` is that of the vector of values: the step adds its parameters' share."""
        if self.x.wanted:
            self.input_backward()

    def input_backward(self) -> None:
        """Add to the gradient of `x`, where that is all."""
        raise NotImplementedError


def aligned_zeros(shape: tuple[int, ...]) -> Floats:
    """Zeros that begin on a vector boundary, with room for one more vector behind them."""
    floats = int(np.prod(shape))
    block = np.zeros(floats + 2 * ALIGNMENT // 4, np.float32)
    start = -block.ctypes.data % ALIGNMENT // 4
    return block[start : start + floats].reshape(shape)


def add_at(gradient: Floats, positions: Positions, share: Floats) -> None:
    """Add to the gradient of parameters that lie one after the other."""
    start = int(positions.flat[0])
    gradient[start : start + positions.size].reshape(positions.shape)[...] += share
