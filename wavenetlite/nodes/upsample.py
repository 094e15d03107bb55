"""Several frames for each, by fixed weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Depthwise, Node


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Phase p of the frames that it makes of one is the sum of the taps times ``weights[p]``, for every channel."""

    operation: ClassVar[str] = "upsample"

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)

    def call(self) -> Depthwise:
        weight = np.repeat(np.array(self.weights, np.float32), self.channels, axis=0)[:, np.newaxis]
        return Depthwise(self.channels, weights=[weight], groups=[self.channels], phases=self.phases)
