"""What a batch goes through, forward and backward: one class for each operation of a graph.

A step reads sequences and writes one. Forward, it fills `out.values`; backward, it finds the gradient of what it wrote
in `out.gradient` and adds its share to the gradients of what it read and of its parameters. Whoever comes first at a
gradient overwrites it (`Sequence.first_gradient`), so nothing is set to zero in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Edge, Node
from wavenetlite.kernels import ACTIVATIONS, padded, training
from wavenetlite.kernels.pack import Arena, Link, PackedConv, PackedStrip, pack_conv, pack_depthwise, pack_strips
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.parameters import Parameters, Positions

Packed = PackedConv | list[PackedStrip] | tuple[int, int]

ALIGNMENT = 64  # bytes: the widest vector


def aligned_zeros(shape: tuple[int, ...]) -> Floats:
    """Zeros that begin on a vector boundary, with room for one more vector behind them."""
    floats = int(np.prod(shape))
    block = np.zeros(floats + 2 * ALIGNMENT // 4, np.float32)
    start = -block.ctypes.data % ALIGNMENT // 4
    return block[start : start + floats].reshape(shape)


class Sequence:
    """A sequence of the graph for a batch: its frames, and their gradient, with zeros before and after them.

    Convolutions read beyond both ends; `before` and `after` are how far.
    """

    def __init__(self, node: Node, frames: int) -> None:
        self.node = node
        self.frames = frames
        self.channels = node.channels
        self.before = self.after = self.gradient_before = self.gradient_after = 0
        self.wanted = False  # whether a parameter lies behind it, so that it needs a gradient
        self.has_gradient = False
        self._values: Floats
        self._gradients: Floats

    def allocate(self, clips: int) -> None:
        ld = padded(self.channels)
        self._values = aligned_zeros((clips, self.before + self.frames + self.after, ld))
        if self.wanted:
            self._gradients = aligned_zeros((clips, self.gradient_before + self.frames + self.gradient_after, ld))

    @property
    def values(self) -> Floats:
        """(clips, frames, padded channels)."""
        return self.rows(0, self.frames)

    @property
    def gradient(self) -> Floats:
        return self.gradient_rows(0, self.frames)

    def rows(self, first: int, count: int, stride: int = 1) -> Floats:
        """Every `stride`-th row from `first` on, `count` of them; they may lie before frame 0 or after the last."""
        start = self.before + first
        return self._values[:, start : start + (count - 1) * stride + 1 : stride]

    def gradient_rows(self, first: int, count: int, stride: int = 1) -> Floats:
        start = self.gradient_before + first
        return self._gradients[:, start : start + (count - 1) * stride + 1 : stride]

    def first_gradient(self, everything: bool = True) -> bool:
        """Whether nobody has written the gradient yet; `everything`: the caller writes all of it."""
        first = not self.has_gradient
        self.has_gradient = True
        if first and not everything:
            self.gradient[:] = 0.0
            return False
        return first


class Step:
    """Base of all steps."""

    def __init__(self, node: Node, sequences: dict[Node, Sequence]) -> None:
        self.out = sequences[node]
        self.inputs = [sequences[edge.node] for edge in node.edges]

    def reach(self) -> None:
        """Widen the margins of the sequences that are read."""

    def prepare(self) -> None:
        """Take views of the sequences, which have been allocated."""

    def pack(self, values: Floats) -> None:
        """Take the values of the parameters."""

    def forward(self) -> None:
        raise NotImplementedError

    def backward(self, gradient: Floats) -> None:
        """`gradient` is that of the vector of values: the step adds its parameters' share."""
        raise NotImplementedError


class ConvStep(Step):
    """The sum of convolutions of one or more sequences."""

    def __init__(
        self, node: nodes.Conv | nodes.Conv2d, sequences: dict[Node, Sequence], parameters: Parameters
    ) -> None:
        super().__init__(node, sequences)
        self.sources = [source_for(node, index, x, self.out, parameters) for index, x in enumerate(self.inputs)]

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


class ConvSource:
    """The convolution of one sequence: what is common to all kinds."""

    scratch: Floats | None = None  # where the input's gradient is computed if it cannot be added on the way

    def __init__(self, edge: Edge, x: Sequence, out: Sequence, parameters: Parameters, weight: Floats,
                 bias: Floats | None) -> None:  # fmt: skip
        self.edge, self.x, self.out = edge, x, out
        self.phases = out.node.phases
        self.weight = self.arranged(parameters.positions(weight))
        self.bias = None if bias is None else parameters.positions(bias)
        self.trained = parameters.is_trained(self.weight)
        self.forwards = training.Convolution(edge.taps, out.channels, self.packed)
        self.backwards: training.Convolution | None = None

    def arranged(self, positions: Positions) -> Positions:
        """The positions of the weights in the order in which they are packed."""
        return positions

    def packed(self, arena: Arena) -> Packed:
        """Pack the positions of the weights."""
        raise NotImplementedError

    def packed_back(self, arena: Arena) -> Packed:
        """Pack them for the convolution that takes the output's gradient to the input's."""
        raise NotImplementedError

    def prepare_gradient(self) -> None:
        """Memory for the gradient of the weights."""
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
        """How often the taps are read: once for every frame of the output, or for every block of `phases`."""
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
            add_at(gradient, self.bias, self.bias_gradient.reshape(-1, self.bias.size).sum(axis=0))  # over bins, if any
        if self.backwards is not None:
            self.input_backward(self.backwards)

    def input_backward(self, backwards: training.Convolution) -> None:
        if self.spread is not None:
            self.spread.fill()
        first = self.x.first_gradient()
        if self.scratch is None or first:
            backwards.run(self.gradient_rows, self.x.gradient, not first)
        else:
            backwards.run(self.gradient_rows, self.scratch, False)
            training.add(self.scratch, self.x.gradient)


class DenseSource(ConvSource):
    """A convolution across channels, perhaps in groups."""

    def __init__(self, *arguments: Any, groups: int) -> None:
        self.groups = groups
        super().__init__(*arguments)

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


class DepthwiseSource(ConvSource):
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


class BinsSource(ConvSource):
    """A convolution over time and bins, transposed or not."""

    def __init__(self, *arguments: Any, node: nodes.Conv2d) -> None:
        self.node = node
        super().__init__(*arguments)

    def arranged(self, positions: Positions) -> Positions:
        return self.node.arranged(positions)

    def packed(self, arena: Arena) -> Packed:
        return pack_strips(arena, self.node.links, self.weight, self.node.groups, self.bias)

    def packed_back(self, arena: Arena) -> Packed:
        """A bin gets its gradient from the bins that read it; every phase of the output is a tap by itself."""
        bins = self.x.channels // (self.weight.shape[1] * self.node.groups)
        links: list[list[Link]] = [[] for _ in range(bins)]
        for phase, row in enumerate(self.node.links):
            for out, read in enumerate(row):
                for link in read:
                    links[link.bin].append(link._replace(tap=link.tap * self.phases + phase, bin=out))
        weight = transposed(self.weight, self.node.groups)
        return pack_strips(arena, [[tuple(read) for read in links]], weight, self.node.groups, None)

    def prepare(self) -> None:
        super().prepare()
        if self.x.wanted and self.node.depthwise:
            self.scratch = aligned_zeros(self.x.gradient.shape)

    def prepare_gradient(self) -> None:
        maps_out, per_in, frames, bins = self.weight.shape
        maps_in = per_in * self.node.groups
        groups = 1 if self.node.depthwise else self.node.groups  # that are taken apart
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
        groups = 1 if depthwise else self.node.groups
        found = self.weight_gradient[:, :, : maps_out // groups].reshape(frames, bins, groups, per_in, -1)
        gradient[self.index] += found.transpose(2, 4, 3, 0, 1).reshape(self.weight.shape)


def source_for(node: nodes.Conv | nodes.Conv2d, index: int, x: Sequence, out: Sequence,
               parameters: Parameters) -> ConvSource:  # fmt: skip
    """The convolution of the sequence at one edge."""
    edge = node.edges[index]
    if isinstance(node, nodes.Conv2d):
        return BinsSource(edge, x, out, parameters, node.weight, node.bias, node=node)
    arguments = (edge, x, out, parameters, node.weights[index], node.biases[index])
    if node.groups[index] == x.channels == out.channels > 1:
        return DepthwiseSource(*arguments)
    return DenseSource(*arguments, groups=node.groups[index])


def blocks(rows: Floats, phases: int) -> Floats:
    """Every `phases` rows as one, without copying them."""
    return rows if phases == 1 else rows.reshape(rows.shape[0], -1, phases * rows.shape[2])


def fours(channels: int) -> int:
    """Channels, filled up to whole vectors of four."""
    return -(-channels // 4) * 4


class Spread:
    """The gradient of the output of a convolution with stride, at the pace of its input: zeros in between."""

    def __init__(self, source: ConvSource) -> None:
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


def transposed(weight: Positions, groups: int) -> Positions:
    """Weights (in, out / groups, ...) of the convolution that takes a gradient back."""
    out, per_in, *kernel = weight.shape
    split = weight.reshape(groups, out // groups, per_in, *kernel).swapaxes(1, 2)
    return np.ascontiguousarray(split).reshape(groups * per_in, out // groups, *kernel)


def add_at(gradient: Floats, positions: Positions, share: Floats) -> None:
    """Add to the gradient of parameters that lie one after the other."""
    start = int(positions.flat[0])
    gradient[start : start + positions.size].reshape(positions.shape)[...] += share


class NormStep(Step):
    """Batch normalisation by the moments of this batch, and a ReLU right behind it, if there is one."""

    def __init__(
        self, node: nodes.Norm, relu: Node | None, sequences: dict[Node, Sequence], parameters: Parameters
    ) -> None:
        self.out = sequences[relu or node]
        self.x = sequences[node.edges[0].node]
        self.inputs = [self.x]
        self.relu = relu is not None
        self.eps, self.bins = node.eps, node.bins
        self.weight, self.bias = parameters.positions(node.weight), parameters.positions(node.bias)
        self.names = parameters.statistic(node.mean), parameters.statistic(node.variance)
        self.moments: dict[str, np.ndarray] = {}

    def pack(self, values: Floats) -> None:
        first, second = int(self.weight[0]), int(self.bias[0])
        self.scale_by = values[first : first + self.weight.size].astype(np.float64)
        self.shift_by = values[second : second + self.bias.size].astype(np.float64)

    def forward(self) -> None:
        x = self.x.values
        mean, variance = self.over_bins(*training.moments(x, self.x.channels))
        count = x.shape[0] * x.shape[1] * self.bins
        self.moments = dict(zip(self.names, (mean, variance * (count / max(count - 1, 1))), strict=True))
        self.deviation = np.sqrt(variance + self.eps)
        scale = self.scale_by / self.deviation
        self.mean, self.scale, self.offset = map(self.for_bins, (mean, scale, self.shift_by - mean * scale))
        training.normalise(x, self.scale, self.offset, self.relu, self.out.values)

    def backward(self, gradient: Floats) -> None:
        x, g = self.x.values, self.out.gradient
        sums = training.normalise_sums(x, g, self.scale, self.offset, self.mean, self.relu)
        total, products = (one.reshape(self.bins, -1).sum(axis=0) for one in sums)
        add_at(gradient, self.weight, (products / self.deviation).astype(np.float32))
        add_at(gradient, self.bias, total.astype(np.float32))
        if self.x.wanted:
            count = x.shape[0] * x.shape[1] * self.bins
            scale = self.scale_by / self.deviation
            constant = self.for_bins(scale * total / count)
            slope = self.for_bins(scale * products / (count * self.deviation**2))
            first = self.x.first_gradient()
            training.normalise_gradient(
                x, g, self.scale, self.offset, self.mean, self.relu, constant, slope, not first, self.x.gradient
            )

    def over_bins(self, mean: Doubles, variance: Doubles) -> tuple[Doubles, Doubles]:
        """Moments over all bins from those of each channel."""
        means, variances = mean.reshape(self.bins, -1), variance.reshape(self.bins, -1)
        overall = means.mean(axis=0)
        return overall, (variances + (means - overall) ** 2).mean(axis=0)

    def for_bins(self, value: Doubles) -> Floats:
        """One value a map as one a channel."""
        return np.tile(value, self.bins).astype(np.float32)


class ActivateStep(Step):
    """An activation function."""

    def __init__(self, node: nodes.Activate, sequences: dict[Node, Sequence], parameters: Parameters) -> None:
        super().__init__(node, sequences)
        self.x = self.inputs[0]
        self.name = node.name
        self.code = ACTIVATIONS.index(node.name)
        self.slopes = None if node.slopes is None else parameters.positions(node.slopes)
        self.parameters = np.asarray([*node.parameters, 0.0], np.float32)

    def pack(self, values: Floats) -> None:
        if self.slopes is not None:
            start = int(self.slopes[0])
            self.parameters = np.zeros(padded(self.x.channels), np.float32)
            self.parameters[: self.x.channels] = values[start : start + self.slopes.size]

    def forward(self) -> None:
        training.activate(self.code, self.x.values, self.x.channels, self.parameters, self.out.values)

    def backward(self, gradient: Floats) -> None:
        if self.slopes is not None:
            self.slopes_backward(gradient, self.slopes)
        if not self.x.wanted:
            return
        shares = {"prelu": self.prelu_share, "softmax": self.softmax_share, "layer_norm": self.layer_norm_share}
        if self.name in shares:
            share = shares[self.name]()
            first = self.x.first_gradient()
            self.x.gradient[:] = share if first else self.x.gradient + share
        else:
            first = self.x.first_gradient()
            training.activate_gradient(
                self.code, self.x.values, self.out.gradient, self.parameters, not first, self.x.gradient
            )

    def slopes_backward(self, gradient: Floats, slopes: Positions) -> None:
        below = np.minimum(self.x.values, 0.0) * self.out.gradient
        share = below.sum(axis=(0, 1), dtype=np.float64)[: self.x.channels]
        add_at(gradient, slopes, (share if slopes.size > 1 else share.sum(keepdims=True)).astype(np.float32))

    def prelu_share(self) -> Floats:
        return np.where(self.x.values > 0, self.out.gradient, self.out.gradient * self.parameters)

    def softmax_share(self) -> Floats:
        y, g = (array[:, :, : self.x.channels] for array in (self.out.values, self.out.gradient))
        share = np.zeros_like(self.x.values)
        share[:, :, : self.x.channels] = y * (g - (y * g).sum(axis=2, keepdims=True))
        return share

    def layer_norm_share(self) -> Floats:
        """``(g - mean(g) - y mean(g y)) / deviation``, the means over the channels of a frame."""
        x, y, g = (array[:, :, : self.x.channels] for array in (self.x.values, self.out.values, self.out.gradient))
        deviation = np.sqrt(x.var(axis=2, keepdims=True, dtype=np.float64) + self.parameters[0])
        means = g.mean(axis=2, keepdims=True, dtype=np.float64), (g * y).mean(axis=2, keepdims=True, dtype=np.float64)
        share = np.zeros_like(self.x.values)
        share[:, :, : self.x.channels] = (g - means[0] - y * means[1]) / deviation
        return share


class GateStep(Step):
    """WaveNet's gated unit."""

    def forward(self) -> None:
        training.gate(self.inputs[0].values, self.out.channels, self.out.values)

    def backward(self, gradient: Floats) -> None:
        x = self.inputs[0]
        if x.wanted:
            first = x.first_gradient()
            training.gate_gradient(x.values, self.out.gradient, self.out.channels, not first, x.gradient)


class ShiftedStep(Step):
    """Base of steps that read one row of each sequence for a row, perhaps a later one (aligned branches)."""

    def __init__(self, node: Node, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.shifts = [edge.shift for edge in node.edges]

    def reach(self) -> None:
        for x, shift in zip(self.inputs, self.shifts, strict=True):
            x.after = max(x.after, shift + self.out.frames - x.frames)

    def parts(self) -> list[tuple[Sequence, int]]:
        return list(zip(self.inputs, self.shifts, strict=True))

    def whole(self, x: Sequence, shift: int) -> bool:
        """Whether all rows of a sequence are read."""
        return shift == 0 and x.frames == self.out.frames


class SumStep(ShiftedStep):
    """The sum of sequences."""

    def forward(self) -> None:
        out = self.out.values
        rows = [x.rows(shift, self.out.frames) for x, shift in self.parts()]
        training.add_two(rows[0], rows[1], out)
        for more in rows[2:]:
            training.add(more, out)

    def backward(self, gradient: Floats) -> None:
        for x, shift in self.parts():
            if x.wanted:
                count = min(self.out.frames, x.frames - shift)
                g = self.out.gradient_rows(0, count)
                if x.first_gradient(self.whole(x, shift)):
                    training.copy(g, x.gradient)
                else:
                    training.add(g, x.gradient_rows(shift, count))


class ProductStep(ShiftedStep):
    """The product of two sequences, element by element."""

    def factors(self) -> list[Floats]:
        return [x.rows(shift, self.out.frames) for x, shift in self.parts()]

    def forward(self) -> None:
        a, b = self.factors()
        np.multiply(a, b, out=self.out.values)

    def backward(self, gradient: Floats) -> None:
        for (x, shift), other in zip(self.parts(), reversed(self.factors()), strict=True):
            if x.wanted:
                count = min(self.out.frames, x.frames - shift)
                x.first_gradient(everything=False)
                x.gradient_rows(shift, count)[:] += self.out.gradient_rows(0, count) * other[:, :count]


class PartStep(Step):
    """Some channels of a sequence."""

    def __init__(self, node: nodes.Slice, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.channels = slice(node.first, node.first + node.channels)

    def forward(self) -> None:
        self.out.values[:, :, : self.out.channels] = self.inputs[0].values[:, :, self.channels]

    def backward(self, gradient: Floats) -> None:
        x = self.inputs[0]
        if x.wanted:
            x.first_gradient(everything=False)
            x.gradient[:, :, self.channels] += self.out.gradient[:, :, : self.out.channels]


class JoinStep(ShiftedStep):
    """The channels of sequences one after the other, or those of each bin."""

    def __init__(self, node: nodes.Concat, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.bins = node.bins

    def maps(self, rows: Floats, channels: int) -> Floats:
        """The maps of each bin, as a view."""
        return rows[:, :, :channels].reshape(*rows.shape[:2], self.bins, channels // self.bins)

    def forward(self) -> None:
        first, out = 0, self.maps(self.out.values, self.out.channels)
        for x, shift in self.parts():
            more = self.maps(x.rows(shift, self.out.frames), x.channels)
            out[..., first : first + more.shape[3]] = more
            first += more.shape[3]

    def backward(self, gradient: Floats) -> None:
        first = 0
        for x, shift in self.parts():
            maps = x.channels // self.bins
            if x.wanted:
                count = min(self.out.frames, x.frames - shift)
                x.first_gradient(everything=False)
                share = self.maps(self.out.gradient_rows(0, count), self.out.channels)[..., first : first + maps]
                self.maps(x.gradient_rows(shift, count), x.channels)[...] += share
            first += maps


class PoolStep(Step):
    """The mean or the maximum of all frames so far."""

    def __init__(self, node: nodes.CumulativePool, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.mean = node.kind == "mean"

    def forward(self) -> None:
        training.running(self.inputs[0].values, self.mean, self.out.values)

    def backward(self, gradient: Floats) -> None:
        x = self.inputs[0]
        if x.wanted:
            x.first_gradient(everything=False)
            training.running_gradient(x.values, self.out.gradient, self.mean, x.channels, x.gradient)


class UpsampleStep(Step):
    """Several frames for each, by fixed weights."""

    def __init__(self, node: nodes.Upsample, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.weights = node.weights

    def reach(self) -> None:
        self.inputs[0].after = max(self.inputs[0].after, len(self.weights[0]) - 1)

    def forward(self) -> None:
        x, phases = self.inputs[0], len(self.weights)
        for phase, weights in enumerate(self.weights):
            parts = [np.float32(weight) * x.rows(k, x.frames) for k, weight in enumerate(weights)]
            self.out.rows(phase, x.frames, phases)[...] = sum(parts[1:], parts[0])

    def backward(self, gradient: Floats) -> None:
        x, phases = self.inputs[0], len(self.weights)
        if x.wanted:
            x.first_gradient(everything=False)
            for phase, weights in enumerate(self.weights):
                g = self.out.gradient_rows(phase, x.frames, phases)
                for k, weight in enumerate(weights):
                    count = x.frames - k  # what lies past the end needs no gradient
                    if count > 0:
                        x.gradient_rows(k, count)[...] += np.float32(weight) * g[:, :count]


class DropoutStep(Step):
    """Elements, or whole channels of a clip, set to zero at random and the rest scaled up to make good for them."""

    def __init__(self, node: nodes.Dropout, sequences: dict[Node, Sequence]) -> None:
        super().__init__(node, sequences)
        self.p, self.whole_channels = node.p, node.whole_channels
        self.rng = np.random.default_rng(0)

    def forward(self) -> None:
        x = self.inputs[0].values
        shape = (x.shape[0], 1, x.shape[2]) if self.whole_channels else x.shape
        kept = self.rng.random(shape, dtype=np.float32) >= self.p
        self.mask = kept * np.float32(1 / (1 - self.p))
        np.multiply(x, self.mask, out=self.out.values)

    def backward(self, gradient: Floats) -> None:
        x = self.inputs[0]
        if x.wanted:
            share = self.out.gradient * self.mask
            if x.first_gradient():
                x.gradient[:] = share
            else:
                training.add(share, x.gradient)


def step_for(node: Node, relu: Node | None, sequences: dict[Node, Sequence], parameters: Parameters) -> Step:
    """The step that computes a node of the graph, and the ReLU right behind it if the step takes it along."""
    if isinstance(node, nodes.Conv | nodes.Conv2d):
        return ConvStep(node, sequences, parameters)
    if isinstance(node, nodes.Norm):
        return NormStep(node, relu, sequences, parameters)
    if isinstance(node, nodes.Activate):
        return ActivateStep(node, sequences, parameters)
    kinds: dict[type[Node], type[Step]] = {
        nodes.Sum: SumStep,
        nodes.Product: ProductStep,
        nodes.Slice: PartStep,
        nodes.Concat: JoinStep,
        nodes.Gate: GateStep,
        nodes.CumulativePool: PoolStep,
        nodes.Upsample: UpsampleStep,
        nodes.Dropout: DropoutStep,
    }
    if type(node) not in kinds:
        raise ParameterError(f"{type(node).__name__} cannot be trained")
    return kinds[type(node)](node, sequences)
