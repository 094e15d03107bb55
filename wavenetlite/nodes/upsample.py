"""Several frames for each, by fixed weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Counts, Edge, Node, OnnxBuilder, ScriptBuilder

UPSAMPLE = '''\
def upsample(x, weights):
    """Frames between: each is a sum of the taps, x as `read` gives it, with weights[phase]."""
    return np.einsum("nkc,pk->npc", x, np.array(weights)).reshape(len(x) * len(weights), -1)
'''


@dataclass(frozen=True, eq=False)
class Upsample(Node):
    """Phase p of the frames that it makes of one is the sum of the taps times ``weights[p]``, for every channel."""

    weights: tuple[tuple[float, ...], ...]

    @property
    def phases(self) -> int:
        return len(self.weights)

    def taps_read(self, phase: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
        return ((tap, counts) for tap, weight in enumerate(self.weights[phase]) if weight)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        weight = np.tile(np.array(self.weights, np.float32), (self.channels, 1))[:, np.newaxis]
        y = write.conv(self.edges[0], [write.constant(weight)], self.channels)
        return write.side_by_side(y, self.phases, self.channels, phases_first=False)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(UPSAMPLE, write.read(self.edges[0]), repr([list(row) for row in self.weights]))
