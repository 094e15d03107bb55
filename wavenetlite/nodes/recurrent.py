"""Recurrent units: what a frame leaves goes into the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import KernelCall, Node
from wavenetlite.kernels import padded
from wavenetlite.kernels.pack import Arena, pack_conv
from wavenetlite.support.arrays import Floats


@dataclass(eq=False)
class RecurrentCall(KernelCall):
    """Of units whose last output goes through `weight` (gates * units, units) and `bias`."""

    weight: np.ndarray | None = None
    bias: np.ndarray | None = None

    def pack(self, arena: Arena) -> None:
        assert self.weight is not None
        self.conv = pack_conv(arena, [self.weight[:, :, np.newaxis]], [1], self.bias, len(self.weight))
        super().pack(arena)


@dataclass(frozen=True, eq=False)
class Recurrent(Node):
    """Base of recurrent units, which read the projection of their input: the channels of all gates side by side."""

    gates: ClassVar[int]
    states: ClassVar[int]
    """How many values a unit remembers."""

    weight: Floats  # PyTorch's weight_hh and bias_hh
    bias: Floats | None

    @property
    def unsettled(self) -> str:
        return "must have no recurrent layer"

    def call(self) -> RecurrentCall:
        return RecurrentCall(
            self.channels, self.operation, sizes=(self.channels,), state=(self.channels,) * self.states,
            scratch=padded(self.channels) + padded(self.gates * self.channels), multiply_adds=float(self.weight.size),
            weight=self.weight, bias=self.bias,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class GRU(Recurrent):
    """Gated recurrent units: gates r, z, n; ``h = (1 - z) n + z h``, ``n = tanh(x_n + r (W_n h + b_n))``."""

    operation: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1


@dataclass(frozen=True, eq=False)
class LSTM(Recurrent):
    """Long short-term memory: gates i, f, g, o; ``c = f c + i g``, ``h = o tanh(c)``."""

    operation: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
