"""Convolutions in float32 whose weights are rounded as those of integer layers, for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Edge, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.graph.quantization import rounded_weight
from wavenetlite.nodes.conv import Conv
from wavenetlite.nodes.conv2d import Conv2d
from wavenetlite.nodes.convolution_batch import ConvolutionBatchStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

FOR_TRAINING = "is for training: export the network that wavenetlite.quantize makes of it"


class ForTraining:
    """Base of operations that exist for training, and to try what it gave."""

    operation: ClassVar[str]

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        raise ParameterError(
            f"{self.operation} is for training: export the network that wavenetlite.quantize makes of it"
        )

    def script(self, write: ScriptBuilder[Edge]) -> str:
        raise ParameterError(
            f"{self.operation} is for training: export the network that wavenetlite.quantize makes of it"
        )


@dataclass(frozen=True, eq=False)
class FakeQuantizedConv(ForTraining, Conv):
    """A convolution whose weights are rounded; in training their gradient is that of the rounded ones."""

    operation: ClassVar[str] = "fake_quantized_conv"

    @property
    def kernel_weights(self) -> list[Floats]:
        return [rounded_weight(weight) for weight in self.weights]

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        return rounding(super().batch_step(context))


@dataclass(frozen=True, eq=False)
class FakeQuantizedConv2d(ForTraining, Conv2d):
    """A convolution over time and bins, likewise."""

    operation: ClassVar[str] = "fake_quantized_conv2d"

    @property
    def kernel_weight(self) -> Floats:
        return rounded_weight(self.arranged(self.weight))

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        return rounding(super().batch_step(context))


def rounding(step: BatchStep[Node]) -> BatchStep[Node]:
    """The step, now with rounded weights."""
    assert isinstance(step, ConvolutionBatchStep)
    for source in step.sources:
        source.rounds_weights = True
    return step
