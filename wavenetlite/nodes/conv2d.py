"""Convolution over time and bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep, aligned_zeros
from wavenetlite.kernels import padded, training
from wavenetlite.kernels.pack import Arena, Link, pack_strips
from wavenetlite.nodes.convolution_batch import (
    ConvolutionBatchStep,
    ConvolutionSource,
    Packed,
    blocks,
    fours,
    transposed,
)
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

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        return ConvolutionBatchStep(self, context, [BinsSource(self, context)])


class BinsSource(ConvolutionSource):
    """A convolution over time and bins, transposed or not."""

    def __init__(self, node: Conv2d, context: BatchContext) -> None:
        super().__init__(node, 0, context, node.weight, node.bias, node.groups)
        self.node = node
        self.weight = node.arranged(self.weight)

    def packed(self, arena: Arena) -> Packed:
        return pack_strips(arena, self.node.links, self.weight, self.groups, self.bias)

    def packed_back(self, arena: Arena) -> Packed:
        """A bin gets its gradient from the bins that read it; every phase of the output is a tap by itself."""
        bins = self.x.channels // (self.weight.shape[1] * self.groups)
        links: list[list[Link]] = [[] for _ in range(bins)]
        for phase, row in enumerate(self.node.links):
            for out, read in enumerate(row):
                for link in read:
                    links[link.bin].append(link._replace(tap=link.tap * self.phases + phase, bin=out))
        weight = transposed(self.weight, self.groups)
        return pack_strips(arena, [[tuple(read) for read in links]], weight, self.groups, None)

    def prepare(self) -> None:
        super().prepare()
        if self.x.wanted and self.node.depthwise:
            self.scratch = aligned_zeros(self.x.gradient.shape)

    def prepare_gradient(self) -> None:
        maps_out, per_in, frames, bins = self.weight.shape
        maps_in = per_in * self.groups
        groups = 1 if self.node.depthwise else self.groups  # that are taken apart
        per_in, per_out = maps_in // groups, maps_out // groups
        rows = 1 if self.node.depthwise else per_in
        self.weight_gradient = aligned_zeros((frames * bins * groups, rows, fours(per_out)))
        self.index = self.weight.astype(np.int64)
        ld = padded(self.out.channels)
        # For each link and group: the tap, the first channel there, that of the gradient, the place in the kernel.
        self.meetings = np.array([
            (link.tap, link.bin * maps_in + group * per_in, phase * ld + out * maps_out + group * per_out,
             (link.frames * bins + link.bins) * groups + group)
            for phase, row in enumerate(self.node.links)
            for out, read in enumerate(row)
            for link in read
            for group in range(groups)
        ], np.intp).reshape(-1, 4)  # fmt: skip

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        maps_out, per_in, frames, bins = self.weight.shape
        self.weight_gradient[:] = 0.0
        depthwise = self.node.depthwise
        training.weight_gradients_of_bins(
            self.rows, blocks(g, self.phases), self.meetings, depthwise, self.weight_gradient
        )
        groups = 1 if depthwise else self.groups
        found = self.weight_gradient[:, :, : maps_out // groups].reshape(frames, bins, groups, per_in, -1)
        gradient[self.index] += found.transpose(2, 4, 3, 0, 1).reshape(self.weight.shape)
