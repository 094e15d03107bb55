"""Layer and group normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import KernelCall, Node
from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class GroupNorm(Node):
    """The channels of each group of a frame to mean 0 and variance 1, then ``weight`` times that plus ``bias``."""

    operation: ClassVar[str] = "group_norm"

    groups: int
    weight: Floats | None
    bias: Floats | None
    eps: float

    def call(self) -> KernelCall:
        scaling: list[Floats] = []
        if self.weight is not None and self.bias is not None:
            scaling = [np.zeros(padded(self.channels), np.float32) for _ in range(2)]
            scaling[0][: self.channels], scaling[1][: self.channels] = self.weight, self.bias
        eps = np.array([self.eps], np.float32)
        return KernelCall(self.channels, "group_norm", sizes=(self.groups, len(scaling)), arrays=[eps, *scaling])
