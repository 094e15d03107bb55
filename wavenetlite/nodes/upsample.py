"""Several frames for each, by fixed weights."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Phase p of the frames that it makes of one is the sum of the taps times ``weights[p]``, for every channel."""

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)
