"""Convolution over time, of one sequence or of several at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep, add_at, aligned_zeros
from wavenetlite.kernels import training
from wavenetlite.kernels.pack import Arena, pack_conv, pack_depthwise
from wavenetlite.nodes.convolution_batch import ConvolutionBatchStep, ConvolutionSource, Packed, fours, transposed
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

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        sources = []
        for index, (x, groups) in enumerate(zip(context.inputs, self.groups, strict=True)):
            kind = DepthwiseSource if groups == x.channels == self.channels > 1 else DenseSource
            sources.append(kind(self, index, context, self.weights[index], self.biases[index], groups))
        return ConvolutionBatchStep(self, context, sources)


class DenseSource(ConvolutionSource):
    """A convolution across channels, perhaps in groups."""

    def packed(self, arena: Arena) -> Packed:
        return pack_conv(arena, [self.weight], [self.groups], self.bias, self.out.channels)

    def packed_back(self, arena: Arena) -> Packed:
        return pack_conv(arena, [transposed(self.weight, self.groups)], [self.groups], None, self.x.channels)

    def prepare_gradient(self) -> None:
        per_in, per_out = self.x.channels // self.groups, self.out.channels // self.groups
        self.weight_gradient = aligned_zeros((self.edge.taps, per_in, fours(per_out)))

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        per_in, per_out = self.x.channels // self.groups, self.out.channels // self.groups
        for group in range(self.groups):
            rows = [row[:, :, group * per_in :] for row in self.rows] if group else self.rows
            self.weight_gradient[:] = 0.0
            training.weight_gradients(rows, g[:, :, group * per_out :], self.weight_gradient)
            outs = slice(group * per_out, (group + 1) * per_out)
            add_at(gradient, self.weight[outs], self.weight_gradient[:, :, :per_out].transpose(2, 1, 0))


class DepthwiseSource(ConvolutionSource):
    """A convolution of every channel by itself."""

    def packed(self, arena: Arena) -> Packed:
        return pack_depthwise(arena, self.weight, self.bias)

    def packed_back(self, arena: Arena) -> Packed:
        return pack_depthwise(arena, self.weight, None)

    def prepare(self) -> None:
        super().prepare()
        if self.x.wanted:
            self.scratch = aligned_zeros(self.x.gradient.shape)

    def prepare_gradient(self) -> None:
        self.tap_gradient = np.zeros((self.edge.taps, self.x.channels), np.float32)

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        self.tap_gradient[:] = 0.0
        for k, rows in enumerate(self.rows):
            training.depthwise_gradient(rows, g, self.tap_gradient[k])
        add_at(gradient, self.weight, self.tap_gradient.T[:, np.newaxis])
