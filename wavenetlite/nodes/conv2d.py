"""Convolution over time and bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Convolution, Node
from wavenetlite.kernels.pack import Arena, Link, pack_strips
from wavenetlite.support.arrays import Floats

Links = tuple[tuple[tuple[Link, ...], ...], ...]
"""What every bin of each phase reads."""


@dataclass(eq=False)
class Strips(Convolution):
    """A convolution over time and bins, of weights (maps out, maps in / groups, kernel frames, kernel bins)."""

    kernel: str = "strips"
    reads_unpadded: bool = True
    reads_bins: bool = True
    links: Links = ()

    def scale(self, scale: np.ndarray, offset: np.ndarray, bins: int) -> bool:
        return bins == len(self.links[0]) and super().scale(scale, offset, bins)

    def pack_weights(self, arena: Arena) -> None:
        self.strips = pack_strips(arena, self.links, self.weights[0], self.groups[0], self.bias)


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """A convolution over time and bins, transposed or not. A frame holds bins x maps channels, a bin's maps together.

    ``links[phase][bin]`` is all that a bin reads. `weight` is a parameter as its module keeps it, in the order that
    `layout` names.
    """

    operation: ClassVar[str] = "conv2d"

    weight: Floats
    bias: Floats | None
    groups: int
    layout: str
    links: Links

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
        if self.layout == "out, in, bins, frames":
            return weight.swapaxes(2, 3)
        if self.layout == "in, out, frames, bins":
            split = weight.reshape(self.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
            return split.reshape(-1, *split.shape[2:])
        return weight

    @property
    def multiply_adds(self) -> float:
        """Of one output frame."""
        maps_out, maps_in = self.arranged(self.weight).shape[:2]
        return float(sum(len(links) for row in self.links for links in row) * maps_out * maps_in / self.phases)

    def call(self) -> Strips:
        return Strips(
            self.channels, weights=[self.arranged(self.weight)], groups=[self.groups], bias=self.bias,
            phases=self.phases, multiply_adds=self.multiply_adds, takes_residual=not self.depthwise, links=self.links,
        )  # fmt: skip
