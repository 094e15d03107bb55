"""Batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import Edge, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.support.arrays import Floats

NORM = """\
def norm(x, weight, bias, mean, variance, eps, bins=1):
    weight, bias, mean, variance = (np.tile(one, bins) for one in (weight, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + eps) * weight + bias
"""


@dataclass(frozen=True, eq=False)
class Norm(Node):
    """Batch normalisation: ``(x - mean) / sqrt(variance + eps) * weight + bias``, channel by channel.

    A frame holds `bins` times as many channels as there are parameters: the maps of a bin side by side.
    """

    weight: Floats
    bias: Floats
    mean: Floats
    variance: Floats
    eps: float
    bins: int

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """It is ``x * scale + offset``, in float64 until it meets a weight; of one bin."""
        return self.weight / np.sqrt(self.variance.astype(np.float64) + self.eps)

    @property
    def offset(self) -> npt.NDArray[np.float64]:
        return self.bias - self.mean * self.scale

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
