"""Batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Depthwise, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchSequence, BatchStep, add_at
from wavenetlite.kernels import training
from wavenetlite.nodes.aligned_batch import pass_gradient, passes_gradient
from wavenetlite.nodes.c_convolution import c_depthwise
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.c_builder import CStepBuilder

NORM = """\
def norm(x, weight, bias, mean, variance, eps, bins=1):
    weight, bias, mean, variance = (np.tile(one, bins) for one in (weight, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + eps) * weight + bias
"""


@dataclass(frozen=True, eq=False)
class Norm(Node):
    """Batch normalisation: ``(x - mean) / sqrt(variance + eps) * weight + bias``, channel by channel.

    A frame has `bins` bins with one channel per parameter each.
    """

    operation: ClassVar[str] = "batch_norm"

    weight: Floats
    bias: Floats
    mean: Floats
    variance: Floats
    eps: float
    bins: int

    @property
    def scale(self) -> Doubles:
        """Factor in ``x * scale + offset``, for one bin; float64 until it is folded into weights."""
        return self.weight / np.sqrt(self.variance.astype(np.float64) + self.eps)

    @property
    def offset(self) -> Doubles:
        return self.bias - self.mean * self.scale

    def call(self) -> Depthwise:
        scale, offset = np.tile(self.scale, self.bins), np.tile(self.offset, self.bins)
        return Depthwise(self.channels, weights=[scale.reshape(-1, 1, 1)], groups=[self.channels], bias=offset)

    def fuse(self, call: KernelCall) -> bool:
        return call.scale(self.scale, self.offset, self.bins)

    @property
    def parameters(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.weight, self.bias, self.mean, self.variance

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        x = write.row(self.edges[0])
        names = [write.parameter(value) for value in self.parameters]
        if self.bins > 1:
            names = [write.constant(np.tile(value, self.bins)) for value in self.parameters]
        return write.op("BatchNormalization", [x, *names], epsilon=self.eps)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        arrays = map(write.array, self.parameters)
        return write.call(NORM, write.row(self.edges[0]), *arrays, repr(self.eps), str(self.bins))

    def c(self, write: CStepBuilder, call: Depthwise) -> None:
        c_depthwise(write, call)

    def batch_step(self, context: BatchContext) -> BatchStep[Norm]:
        kind = FrozenNormBatchStep if context.parameters.is_frozen(self.mean) else NormBatchStep
        return kind(self, context)


class NormBatchStep(BatchStep[Norm]):
    """Batch normalisation by the statistics of the batch, optionally with a fused ReLU and the sum after it."""

    takes_statistics = True

    def __init__(self, node: Norm, context: BatchContext) -> None:
        super().__init__(node, context)
        self.relu = False
        self.addend: BatchSequence | None = None
        parameters = context.parameters
        self.weight, self.bias = parameters.positions(node.weight), parameters.positions(node.bias)
        self.names = parameters.statistic(node.mean), parameters.statistic(node.variance)

    def take_relu(self, out: BatchSequence) -> bool:
        self.out, self.relu = out, True
        return True

    def take_sum(self, out: BatchSequence, addend: BatchSequence, shift: int) -> bool:
        self.out, self.addend, self.shift = out, addend, shift
        self.inputs = [self.x, addend]
        return True

    def reach(self) -> None:
        if self.addend is not None:
            self.addend.after = max(self.addend.after, self.shift + self.out.frames - self.addend.frames)

    @property
    def passes_to(self) -> BatchSequence | None:
        if self.addend is None or not passes_gradient(self.out, self.addend, self.shift):
            return None
        return self.addend

    def pack(self, values: Floats) -> None:
        first, second = int(self.weight[0]), int(self.bias[0])
        self.scale_by = values[first : first + self.weight.size].astype(np.float64)
        self.shift_by = values[second : second + self.bias.size].astype(np.float64)

    def forward(self) -> None:
        x = self.x.values
        mean, variance = self.over_bins(*training.channel_statistics(x, self.x.channels))
        count = x.shape[0] * x.shape[1] * self.node.bins
        self.statistics = dict(zip(self.names, (mean, variance * (count / max(count - 1, 1))), strict=True))
        self.deviation = np.sqrt(variance + self.node.eps)
        scale = self.scale_by / self.deviation
        self.mean, self.scale, self.offset = map(self.for_bins, (mean, scale, self.shift_by - mean * scale))
        self.normalise()

    def normalise(self) -> None:
        addend = None if self.addend is None else self.addend.rows(self.shift, self.out.frames)
        training.normalise(self.x.values, self.scale, self.offset, self.relu, addend, self.out.values)

    def backward(self, gradient: Floats) -> None:
        x, g = self.x.values, self.out.gradient
        sums = training.normalise_sums(x, g, self.scale, self.offset, self.mean, self.relu)
        total, products = (one.reshape(self.node.bins, -1).sum(axis=0) for one in sums)
        add_at(gradient, self.weight, (products / self.deviation).astype(np.float32))
        add_at(gradient, self.bias, total.astype(np.float32))
        if self.x.wanted:
            count = x.shape[0] * x.shape[1] * self.node.bins
            scale = self.scale_by / self.deviation
            constant = self.for_bins(scale * total / count)
            slope = self.for_bins(scale * products / (count * self.deviation**2))
            first = self.x.first_gradient()
            training.normalise_gradient(
                x, g, self.scale, self.offset, self.mean, self.relu, constant, slope, not first, self.x.gradient
            )
        self.pass_on()

    def pass_on(self) -> None:
        """The gradient of the addend."""
        if self.addend is not None and self.addend.wanted:
            pass_gradient(self.out, self.addend, self.shift)

    def over_bins(self, mean: Doubles, variance: Doubles) -> tuple[Doubles, Doubles]:
        """Statistics over all bins from those of each channel."""
        if self.node.bins == 1:
            return mean, variance
        means, variances = mean.reshape(self.node.bins, -1), variance.reshape(self.node.bins, -1)
        overall = means.mean(axis=0)
        return overall, (variances + (means - overall) ** 2).mean(axis=0)

    def for_bins(self, value: Doubles) -> Floats:
        """Repeat one value per map to one per channel."""
        return (value if self.node.bins == 1 else np.tile(value, self.node.bins)).astype(np.float32)


class FrozenNormBatchStep(NormBatchStep):
    """Batch normalisation by running statistics, which stay as they are; so do weight and bias."""

    takes_statistics = False

    def pack(self, values: Floats) -> None:
        self.scale, self.offset = map(self.for_bins, (self.node.scale, self.node.offset))
        self.mean = self.for_bins(self.node.mean.astype(np.float64))

    def forward(self) -> None:
        self.normalise()

    def backward(self, gradient: Floats) -> None:
        if self.x.wanted:
            first, nothing = self.x.first_gradient(), np.zeros_like(self.scale)
            training.normalise_gradient(
                self.x.values, self.out.gradient, self.scale, self.offset, self.mean, self.relu, nothing, nothing,
                not first, self.x.gradient,
            )  # fmt: skip
        self.pass_on()
