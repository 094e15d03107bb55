"""Convolution over time, of one sequence or of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from wavenetlite.graph import (
    Counts,
    Dense,
    Depthwise,
    Edge,
    EdgeWeights,
    KernelCall,
    Node,
    OnnxBuilder,
    ScriptBuilder,
    rebinned,
)
from wavenetlite.graph.batch import BatchContext, BatchStep, add_at, aligned_zeros
from wavenetlite.kernels import training
from wavenetlite.kernels.pack import Arena, pack_conv, pack_depthwise
from wavenetlite.nodes.c_convolution import c_dense, c_depthwise
from wavenetlite.nodes.convolution_batch import ConvolutionBatchStep, ConvolutionSource, Packed, fours, transpose
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder

CONV = '''\
def conv(x, weight, bias=None, groups=1):
    """x as `read` gives it, weight (out, in / groups, taps)."""
    ins, outs = x.shape[2] // groups, len(weight) // groups
    parts = [
        np.einsum("nki,oik->no", x[:, :, g * ins : (g + 1) * ins], weight[g * outs : (g + 1) * outs])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1) + (0 if bias is None else bias)
'''


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """The sum of the edges' convolutions with `weights[i]`, (channels, in / groups[i], taps), plus the biases.

    A graph contains the modules' parameter arrays or views of them, never copies: training identifies them by that.
    """

    operation: ClassVar[str] = "conv"

    weights: tuple[Floats, ...]
    groups: tuple[int, ...]
    biases: tuple[Floats | None, ...]

    @property
    def bias(self) -> Floats | None:
        """The sum of the biases."""
        given = [bias for bias in self.biases if bias is not None]
        return np.sum(given, axis=0, dtype=np.float32) if given else None

    def call(self) -> KernelCall:
        depthwise = len(self.edges) == 1 and self.groups[0] == self.edges[0].node.channels == self.channels > 1
        kind = Depthwise if depthwise else Dense
        return kind(self.channels, weights=self.kernel_weights, groups=list(self.groups), bias=self.bias)

    @property
    def kernel_weights(self) -> list[Floats]:
        """The weights that it computes with."""
        return list(self.weights)

    @property
    def reads_parts(self) -> bool:
        return set(self.groups) == {1}

    @property
    def depthwise(self) -> bool:
        """Whether it processes the channels independently."""
        return self.groups == (self.channels,) == (self.edges[0].node.channels,)

    @property
    def bins_made(self) -> int | None:
        return None if self.depthwise else 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        groups = self.groups[index]
        return counts if groups == self.channels else rebinned(counts, groups)

    def edge_weights(self) -> list[EdgeWeights]:
        return [self.weights_of(index) for index in range(len(self.edges))]

    def weights_of(self, index: int) -> EdgeWeights:
        edge, groups = self.edges[index], self.groups[index]
        channels = edge.node.channels
        inner = channels * (channels // groups) * edge.taps
        return EdgeWeights(
            edge=index,
            weight=self.weights[index],
            kernel_size=(edge.taps,),
            dilation=(edge.spacing,),
            multiply_adds=self.weights[index].size,
            inner_parameters=inner + (channels if self.biases[index] is not None else 0),
            inner_multiply_adds=inner,
        )

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """The sum of the edges' convolutions; the biases are in the first."""
        parts = []
        for index, (edge, weight, groups) in enumerate(zip(self.edges, self.weights, self.groups, strict=True)):
            names = [write.parameter(weight)]
            if index == 0 and self.bias is not None:
                single = self.biases[0] if len(self.edges) == 1 else None
                names.append(write.constant(self.bias) if single is None else write.parameter(single))
            parts.append(write.conv(edge, names, groups))
        return parts[0] if len(parts) == 1 else write.op("Sum", parts)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        parts = []
        for edge, weight, groups, bias in zip(self.edges, self.weights, self.groups, self.biases, strict=True):
            given = [write.read(edge), write.array(weight), write.array(bias), str(groups)]
            parts.append(write.call(CONV, *given[: 4 if groups > 1 else 3 if bias is not None else 2]))
        return parts[0] if len(parts) == 1 else f"sum({write.shortest(parts)})"

    def c(self, write: CStepBuilder, call: Any) -> None:
        (c_depthwise if isinstance(call, Depthwise) else c_dense)(write, call)

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        sources = []
        for index, (x, groups) in enumerate(zip(context.inputs, self.groups, strict=True)):
            kind = DepthwiseSource if groups == x.channels == self.channels > 1 else DenseSource
            sources.append(kind(self, index, context, self.weights[index], self.biases[index], groups))
        return ConvolutionBatchStep(self, context, sources)


class DenseSource(ConvolutionSource):
    """A convolution across channels, possibly in groups."""

    def packed(self, arena: Arena) -> Packed:
        return pack_conv(arena, [self.weight], [self.groups], self.bias, self.out.channels)

    def packed_back(self, arena: Arena) -> Packed:
        return pack_conv(arena, [transpose(self.weight, self.groups)], [self.groups], None, self.x.channels)

    def prepare_gradient(self) -> None:
        per_in, per_out = self.x.channels // self.groups, self.out.channels // self.groups
        self.weight_gradient = aligned_zeros((self.edge.taps, per_in, fours(per_out)))

    def backward(self, gradient: Floats) -> None:
        """Clip by clip without groups: the rows of a clip are then still in the cache when they are read again."""
        if self.groups > 1:
            super().backward(gradient)
            return
        weights = self.weight_gradient if self.trained else None
        bias = None if self.bias is None else self.bias_gradient
        back, accumulate = self.backwards, False
        for share in (weights, bias):
            if share is not None:
                share[:] = 0.0
        if back is not None:
            accumulate = self.prepare_input_gradient()
        training.dense_gradients(
            self.rows, self.out.gradient, weights, bias, back, self.gradient_rows if back else [],
            self.x.gradient if back else None, accumulate,
        )  # fmt: skip
        if weights is not None:
            self.add_weights(gradient, weights, 0)
        if bias is not None:
            self.add_bias(gradient, bias)

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        per_in, per_out = self.x.channels // self.groups, self.out.channels // self.groups
        for group in range(self.groups):
            rows = [row[:, :, group * per_in :] for row in self.rows] if group else self.rows
            self.weight_gradient[:] = 0.0
            training.weight_gradients(rows, g[:, :, group * per_out :], self.weight_gradient)
            self.add_weights(gradient, self.weight_gradient, group)

    def add_weights(self, gradient: Floats, share: Floats, group: int) -> None:
        """Add the gradient of the weights of a group, (taps, in, out)."""
        size = self.weight.size // self.groups
        first = int(self.weight.flat[0]) + group * size
        training.add_transposed(share, len(self.weight) // self.groups, gradient[first : first + size])


class DepthwiseSource(ConvolutionSource):
    """A depthwise convolution."""

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
