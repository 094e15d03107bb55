"""Convolution over time and bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.kernels.pack import Link
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """A convolution over time and bins, transposed or not. A frame holds bins x maps channels, a bin's maps together.

    ``links[phase][bin]`` is all that a bin reads. `weight` is a parameter as its module keeps it, in the order that
    `layout` names.
    """

    weight: Floats
    bias: Floats | None
    groups: int
    layout: str
    links: tuple[tuple[tuple[Link, ...], ...], ...]

    @property
    def phases(self) -> int:
        return len(self.links)

    @property
    def bins(self) -> int:
        """Of the output."""
        return len(self.links[0])

    @property
    def depthwise(self) -> bool:
        """Whether every map is convolved by itself."""
        return self.groups > 1 and self.arranged(self.weight).shape[:2] == (self.groups, 1)

    def arranged(self, weight: np.ndarray) -> np.ndarray:
        """The weights, or what stands in their places, as (maps out, maps in / groups, kernel frames, kernel bins)."""
        if self.layout == "in, out, frames, bins":
            split = weight.reshape(self.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
            return split.reshape(-1, *split.shape[2:])
        return weight

    @property
    def multiply_adds(self) -> float:
        """Of one output frame."""
        maps_out, maps_in = self.arranged(self.weight).shape[:2]
        return float(sum(len(links) for row in self.links for links in row) * maps_out * maps_in / self.phases)
