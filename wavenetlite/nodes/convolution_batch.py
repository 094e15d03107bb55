"""Convolutions over batches: the common part of `Conv` and `Conv2d`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.graph.batch import BatchContext, BatchStep, Positions, add_at, aligned_zeros
from wavenetlite.graph.quantization import rounded_weight
from wavenetlite.kernels import padded, training
from wavenetlite.kernels.pack import Arena, PackedConv, PackedStrip
from wavenetlite.support.arrays import Floats

Packed = PackedConv | list[PackedStrip] | tuple[int, int]


class ConvolutionBatchStep(BatchStep[Node]):
    """The sum of convolutions of one or more sequences."""

    def __init__(self, node: Node, context: BatchContext, sources: Sequence[ConvolutionSource]) -> None:
        super().__init__(node, context)
        self.sources = sources

    def reach(self) -> None:
        for source in self.sources:
            source.reach()

    def prepare(self) -> None:
        for source in self.sources:
            source.prepare()

    def pack(self, values: Floats) -> None:
        for source in self.sources:
            source.pack(values)

    def forward(self) -> None:
        for index, source in enumerate(self.sources):
            source.forward(accumulate=index > 0)

    def backward(self, gradient: Floats) -> None:
        for source in self.sources:
            source.backward(gradient)


class ConvolutionSource:
    """The convolution of one sequence; base of all kinds."""

    scratch: Floats | None = None  # for the input's gradient if it cannot be accumulated directly
    rounds_weights = False  # as integer layers do; the gradient is that of the rounded ones

    def __init__(
        self, node: Node, index: int, context: BatchContext, weight: Floats, bias: Floats | None, groups: int
    ) -> None:
        self.edge, self.phases, self.groups = node.edges[index], node.phases, groups
        self.x, self.out, parameters = context.inputs[index], context.out, context.parameters
        self.weight = parameters.positions(weight)
        self.bias = None if bias is None else parameters.positions(bias)
        self.trained = parameters.is_trained(self.weight)
        self.forwards: training.Convolution
        self.backwards: training.Convolution | None = None

    def packed(self, arena: Arena) -> Packed:
        """Pack the positions of the weights."""
        raise NotImplementedError

    def packed_back(self, arena: Arena) -> Packed:
        """Pack them for the convolution that computes the input's gradient from the output's."""
        raise NotImplementedError

    def prepare_gradient(self) -> None:
        """Allocate the gradient of the weights."""
        raise NotImplementedError

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        """Add the gradient of the weights."""
        raise NotImplementedError

    @property
    def stride(self) -> int:
        return self.edge.stride

    def tap(self, k: int) -> int:
        """The row that tap k reads for output row 0."""
        return self.edge.shift + k * self.edge.spacing

    @property
    def count(self) -> int:
        """Number of readings of the taps: one per output frame, or per block of `phases`."""
        return self.out.frames // self.phases

    def reach(self) -> None:
        first, last = self.tap(0), self.tap(self.edge.taps - 1) + (self.count - 1) * self.stride
        self.x.before = max(self.x.before, -first)
        self.x.after = max(self.x.after, last - (self.x.frames - 1))
        if self.stride == 1:
            first, last = -self.tap(self.edge.taps - 1), self.x.frames - 1 - self.tap(0)
            last = (last + 1) * self.phases - 1
            self.out.gradient_before = max(self.out.gradient_before, -first * self.phases)
            self.out.gradient_after = max(self.out.gradient_after, last - (self.out.frames - 1))

    def prepare(self) -> None:
        taps = range(self.edge.taps)
        self.forwards = training.Convolution(len(taps), self.out.channels, self.packed)
        self.rows = [self.x.rows(self.tap(k), self.count, self.stride) for k in taps]
        if self.trained:
            self.prepare_gradient()
        if self.bias is not None:
            self.bias_gradient = np.zeros(self.out.channels, np.float32)
        if self.x.wanted:
            self.backwards = training.Convolution(len(taps) * self.phases, self.x.channels, self.packed_back)
            self.spread = None if self.stride == 1 else Spread(self)
            if self.spread is not None:
                self.gradient_rows = [self.spread.rows(-self.tap(k), self.x.frames) for k in taps]
            else:
                self.gradient_rows = [
                    self.out.gradient_rows(phase - self.tap(k) * self.phases, self.x.frames, self.phases)
                    for k in taps
                    for phase in range(self.phases)
                ]

    def pack(self, values: Floats) -> None:
        if self.rounds_weights:
            values, at = values.copy(), self.weight.astype(np.int64)
            values[at] = rounded_weight(values[at])
        self.forwards.pack(values)
        if self.backwards is not None:
            self.backwards.pack(values)

    def forward(self, accumulate: bool) -> None:
        self.forwards.run(self.rows, blocks(self.out.values, self.phases), accumulate)

    def backward(self, gradient: Floats) -> None:
        g = self.out.gradient
        if self.trained:
            self.weights_backward(gradient, g)
        if self.bias is not None:
            self.bias_gradient[:] = 0.0
            training.sum_rows(g, self.bias_gradient)
            self.add_bias(gradient, self.bias_gradient)
        if self.backwards is not None:
            self.input_backward(self.backwards)

    def add_bias(self, gradient: Floats, share: Floats) -> None:
        """Add the gradient of the bias, over all bins, if there are any."""
        if self.bias is not None:
            add_at(gradient, self.bias, share.reshape(-1, self.bias.size).sum(axis=0))

    def prepare_input_gradient(self) -> bool:
        """Whether the gradient of the input has been begun."""
        if self.spread is not None:
            self.spread.fill()
        return not self.x.first_gradient()

    def input_backward(self, backwards: training.Convolution) -> None:
        begun = self.prepare_input_gradient()
        if self.scratch is None or not begun:
            backwards.run(self.gradient_rows, self.x.gradient, begun)
        else:
            backwards.run(self.gradient_rows, self.scratch, False)
            training.add(self.scratch, self.x.gradient)


class Spread:
    """The output gradient of a strided convolution at the rate of its input, with zeros in between."""

    def __init__(self, source: ConvolutionSource) -> None:
        self.out, self.stride = source.out, source.stride
        reach = max(abs(source.tap(0)), abs(source.tap(source.edge.taps - 1)))
        self.margin = reach + self.stride
        rows = max((self.out.frames - 1) * self.stride + 1, source.x.frames) + 2 * self.margin
        self.values = aligned_zeros((source.out.gradient.shape[0], rows, padded(self.out.channels)))

    def rows(self, first: int, count: int) -> Floats:
        start = self.margin + first
        return self.values[:, start : start + count]

    def fill(self) -> None:
        last = self.margin + (self.out.frames - 1) * self.stride
        self.values[:, self.margin : last + 1 : self.stride] = self.out.gradient


def blocks(rows: Floats, phases: int) -> Floats:
    """Merge every `phases` rows into one, as a view."""
    return rows if phases == 1 else rows.reshape(rows.shape[0], -1, phases * rows.shape[2])


def fours(channels: int) -> int:
    """Channels, rounded up to a multiple of four."""
    return -(-channels // 4) * 4


def transpose(weight: Positions, groups: int) -> Positions:
    """Weights (in, out / groups, ...) of the convolution that propagates gradients back."""
    out, per_in, *kernel = weight.shape
    split = weight.reshape(groups, out // groups, per_in, *kernel).swapaxes(1, 2)
    return np.ascontiguousarray(split).reshape(groups * per_in, out // groups, *kernel)
