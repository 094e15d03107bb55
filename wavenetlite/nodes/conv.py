"""Convolution over time, of one sequence or of several at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Sum over the edges of a convolution with `weights[i]`, (channels, in / groups[i], taps), plus the biases.

    Parameters of modules are in a graph as they are or as views, never as copies: that is how training finds them.
    """

    weights: tuple[Floats, ...]
    groups: tuple[int, ...]
    biases: tuple[Floats | None, ...]

    @property
    def bias(self) -> Floats | None:
        """All biases together."""
        given = [bias for bias in self.biases if bias is not None]
        return np.sum(given, axis=0, dtype=np.float32) if given else None
