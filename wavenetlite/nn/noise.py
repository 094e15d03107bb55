"""Noise, as some decoders add it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.errors import ParameterError


class Noise(Module):
    """Normal random numbers (mean 0, variance 1), a frame for each frame of the input, whose values do not matter.

    Each number depends on the seed and on where it stands only: the noise is the same in any blocks, in a crowd, on
    every machine, and after a snapshot.

    Parameters
    ----------
    channels
        Output channels.
    seed
        Another seed, another noise.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> noise = wl.nn.Noise(1, seed=3)(np.zeros((10_000, 1), np.float32))
    >>> bool(abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03)
    True
    """

    out_channels: int

    def __init__(self, channels: int = 1, *, seed: int = 0) -> None:
        self.channels = self.out_channels = positive_int("channels", channels, MOST_CHANNELS)
        self.seed = count("seed", seed)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.Noise((Edge(x),), self.channels, x.clock, key_of(self.seed))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError("Noise has no counterpart in PyTorch, whose random numbers are others")


def key_of(seed: int) -> int:
    """A number of 63 bits that is another for every seed."""
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    return int(key >> np.uint64(1))
