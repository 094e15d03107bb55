"""Convolution over time, of one sequence or of several at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Convolution, Dense, Depthwise, Node
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Sum over the edges of a convolution with `weights[i]`, (channels, in / groups[i], taps), plus the biases.

    Parameters of modules are in a graph as they are or as views, never as copies: that is how training finds them.
    """

    operation: ClassVar[str] = "conv"

    weights: tuple[Floats, ...]
    groups: tuple[int, ...]
    biases: tuple[Floats | None, ...]

    @property
    def bias(self) -> Floats | None:
        """All biases together."""
        given = [bias for bias in self.biases if bias is not None]
        return np.sum(given, axis=0, dtype=np.float32) if given else None

    def call(self) -> Convolution:
        by_itself = len(self.edges) == 1 and self.groups[0] == self.edges[0].node.channels == self.channels > 1
        kind = Depthwise if by_itself else Dense
        return kind(self.channels, weights=list(self.weights), groups=list(self.groups), bias=self.bias)

    @property
    def reads_parts(self) -> bool:
        return set(self.groups) == {1}
