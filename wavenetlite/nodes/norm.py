"""Batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import Depthwise, KernelCall, Node
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Norm(Node):
    """Batch normalisation: ``(x - mean) / sqrt(variance + eps) * weight + bias``, channel by channel.

    A frame holds `bins` times as many channels as there are parameters: the maps of a bin side by side.
    """

    operation: ClassVar[str] = "batch_norm"

    weight: Floats
    bias: Floats
    mean: Floats
    variance: Floats
    eps: float
    bins: int

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """It is ``x * scale + offset``, in float64 until it meets a weight; of one bin."""
        return self.weight / np.sqrt(self.variance.astype(np.float64) + self.eps)

    @property
    def offset(self) -> npt.NDArray[np.float64]:
        return self.bias - self.mean * self.scale

    def call(self) -> Depthwise:
        scale, offset = np.tile(self.scale, self.bins), np.tile(self.offset, self.bins)
        return Depthwise(self.channels, weights=[scale.reshape(-1, 1, 1)], groups=[self.channels], bias=offset)

    def fuse(self, call: KernelCall) -> bool:
        return call.scale(self.scale, self.offset, self.bins)
