"""Element-wise functions, and functions of single frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep, Positions, add_at
from wavenetlite.kernels import ACTIVATIONS, padded, training
from wavenetlite.nodes.functions import FUNCTIONS, Function
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder


@dataclass(frozen=True, eq=False)
class Activate(Node):
    """An element-wise function (softmax: of one frame), named as in wavenetlite.kernels.ACTIVATIONS."""

    operation: ClassVar[str] = "activation"

    name: str
    parameters: tuple[float, ...] = ()
    slopes: Floats | None = None

    def call(self) -> KernelCall:
        call = KernelCall(self.channels, "sum")
        self.fuse(call)
        return call

    def fuse(self, call: KernelCall) -> bool:
        if call.takes_leaky and call.activation == "leaky_relu" and self.name == "hardtanh":
            call.leaky, call.activation = True, ""
            call.parameters = np.concatenate([call.parameters, self.kernel_parameters])
            return True
        if call.activated:
            return False
        if self.name == "relu" and call.takes_residual:
            call.relu_after, call.relu_before = call.residual, call.relu_before or not call.residual
        else:
            call.activation, call.parameters = self.name, self.kernel_parameters
        return True

    @property
    def kernel_parameters(self) -> Floats:
        """The parameters as the kernel reads them; slopes are one per channel."""
        if self.slopes is None:
            return np.array(self.parameters, np.float32)
        slopes: Floats = np.zeros(padded(self.channels), np.float32)
        slopes[: self.channels] = self.slopes
        return slopes

    @property
    def function(self) -> Function:
        return FUNCTIONS[self.name]

    @property
    def bins_made(self) -> int | None:
        return 1 if self.function.over_channels else None

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1) if self.function.over_channels else counts

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        given = () if self.slopes is None else (self.slopes,)
        channels = (self.channels,) if self.function.over_channels else ()
        return self.function.onnx(write, write.row(self.edges[0]), *given, *channels, *self.parameters)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        slopes = [] if self.slopes is None else [write.array(self.slopes)]
        return write.call(self.function.text(self.name), write.row(self.edges[0]), *slopes, *map(repr, self.parameters))

    @property
    def is_relu(self) -> bool:
        return self.name == "relu"

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        """The function itself is the call's activation."""
        write.line(f"memcpy(y, {write.row(0)}, {call.channels} * sizeof(float));")

    def batch_step(self, context: BatchContext) -> BatchStep[Activate]:
        return ActivateBatchStep(self, context)


def activate(node: Node, name: str, parameters: Sequence[float] = (), slopes: Floats | None = None) -> Node:
    if name == "identity":
        return node
    return Activate((Edge(node),), node.channels, node.clock, name, tuple(parameters), slopes)


class ActivateBatchStep(BatchStep[Activate]):
    """An activation function over batches."""

    def __init__(self, node: Activate, context: BatchContext) -> None:
        super().__init__(node, context)
        self.code = ACTIVATIONS.index(node.name)
        self.slopes = None if node.slopes is None else context.parameters.positions(node.slopes)
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
        super().backward(gradient)

    def input_backward(self) -> None:
        shares = {"prelu": self.prelu_share, "softmax": self.softmax_share}
        if self.node.name in shares:
            self.x.add_gradient(shares[self.node.name]())
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
