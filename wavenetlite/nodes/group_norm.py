"""Layer and group normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import (
    MOST_FLOAT,
    Counts,
    Edge,
    KernelCall,
    Node,
    OnnxBuilder,
    ScriptBuilder,
    rebinned,
)
from wavenetlite.graph.batch import BatchContext, BatchStep, add_at
from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText

GROUP_NORM = """\
def group_norm(x, groups, eps):
    split = x.reshape(len(x), groups, -1)
    centred = split - split.mean(axis=2, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + eps)).reshape(x.shape)
"""

GROUP_NORM_IN_C = CText(
    "group_norm",
    """\
/* Each group of n values to mean 0 and variance 1. */
static inline void $group_norm(float *y, const float *x, int groups, int n, float eps)
{
    int i;
    for (; groups > 0; groups--, x += n, y += n) {
        double mean = 0.0, square = 0.0, v;
        for (i = 0; i < n; i++) mean += x[i];
        mean /= n;
        for (i = 0; i < n; i++) {
            v = x[i] - mean;
            square += v * v;
        }
        v = 1.0 / sqrt(square / n + eps);
        for (i = 0; i < n; i++) y[i] = (float)((x[i] - mean) * v);
    }
}
""",
)
SCALE = CText(
    "scale",
    """\
static inline void $scale(float *y, const float *weight, const float *bias, int n)
{
    int i;
    for (i = 0; i < n; i++) y[i] = $fma(y[i], weight[i], bias[i]);
}
""",
)


@dataclass(frozen=True, eq=False)
class GroupNorm(Node):
    """Normalises channels of each group of a frame to mean 0 and variance 1; scales by ``weight``, adds ``bias``."""

    operation: ClassVar[str] = "group_norm"

    groups: int
    weight: Floats | None
    bias: Floats | None
    eps: float

    def call(self) -> KernelCall:
        scaling: list[Floats] = []
        if self.weight is not None and self.bias is not None:
            scaling = [np.zeros(padded(self.channels), np.float32) for _ in range(2)]
            scaling[0][: self.channels], scaling[1][: self.channels] = self.weight, self.bias
        eps = np.array([min(self.eps, MOST_FLOAT)], np.float32)
        return KernelCall(self.channels, "group_norm", sizes=(self.groups, len(scaling)), arrays=[eps, *scaling])

    @property
    def bins_made(self) -> int | None:
        return self.groups

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, self.groups)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """LayerNormalization of the last axis, the channels of a group."""
        per_group = self.channels // self.groups
        x = write.op("Transpose", [write.row(self.edges[0])], perm=[0, 2, 1])
        if self.groups > 1:
            x = write.reshape(x, 0, 0, self.groups, per_group)
        scaling = [write.constant(np.ones(per_group, np.float32))]
        if self.groups == 1 and self.weight is not None and self.bias is not None:
            scaling = [write.parameter(self.weight), write.parameter(self.bias)]
        y = write.op("LayerNormalization", [x, *scaling], axis=-1, epsilon=float(self.eps))
        if self.groups > 1:
            y = write.reshape(y, 0, 0, self.channels)
            for operator, array in (("Mul", self.weight), ("Add", self.bias)):
                y = y if array is None else write.op(operator, [y, write.parameter(array)])
        return write.op("Transpose", [y], perm=[0, 2, 1])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        y = write.call(GROUP_NORM, write.row(self.edges[0]), str(self.groups), repr(self.eps))
        if self.weight is None:
            return y
        return f"{y} * {write.array(self.weight)} + {write.array(self.bias)}"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        eps, *scaling = call.arrays
        size = self.channels // self.groups
        write.call(GROUP_NORM_IN_C, "y", write.row(0), str(self.groups), str(size), write.number(eps[0]))
        if scaling:
            arrays = [write.floats(array[: self.channels]) for array in scaling]
            write.call(SCALE, "y", *arrays, str(self.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[GroupNorm]:
        return GroupNormBatchStep(self, context)


class GroupNormBatchStep(BatchStep[GroupNorm]):
    """Layer and group normalisation over batches."""

    def __init__(self, node: GroupNorm, context: BatchContext) -> None:
        super().__init__(node, context)
        given = [array for array in (node.weight, node.bias) if array is not None]
        self.places = [context.parameters.positions(array) for array in given]
        self.scale: Floats = np.ones(node.channels, np.float32)
        self.offset: Floats = np.zeros(node.channels, np.float32)

    def pack(self, values: Floats) -> None:
        if self.places:
            self.scale, self.offset = (values[int(place[0]) :][: place.size] for place in self.places)

    def grouped(self, array: Floats) -> Floats:
        """As (clips, frames, groups, channels per group)."""
        return array[:, :, : self.x.channels].reshape(*array.shape[:2], self.node.groups, -1)

    def forward(self) -> None:
        x = self.grouped(self.x.values)
        mean = x.mean(axis=3, keepdims=True, dtype=np.float64)
        self.deviation = np.sqrt(x.var(axis=3, keepdims=True, dtype=np.float64) + self.node.eps)
        self.normalised = ((x - mean) / self.deviation).astype(np.float32)
        y = self.normalised.reshape(*x.shape[:2], -1) * self.scale + self.offset
        self.out.values[:, :, : self.out.channels] = y

    def backward(self, gradient: Floats) -> None:
        g = self.out.gradient[:, :, : self.out.channels]
        if self.places:
            products = g * self.normalised.reshape(g.shape)
            for place, share in zip(self.places, (products, g), strict=True):
                add_at(gradient, place, share.sum(axis=(0, 1), dtype=np.float64).astype(np.float32))
        super().backward(gradient)

    def input_backward(self) -> None:
        """``(g - mean(g) - y mean(g y)) / deviation``, the means over the channels of a group."""
        y, g = self.normalised, self.grouped(self.out.gradient[:, :, : self.out.channels] * self.scale)
        mean, product = (a.mean(axis=3, keepdims=True, dtype=np.float64) for a in (g, g * y))
        share = np.zeros_like(self.x.values)
        share[:, :, : self.x.channels] = ((g - mean - y * product) / self.deviation).reshape(*g.shape[:2], -1)
        self.x.add_gradient(share)
