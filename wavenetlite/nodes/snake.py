"""The snake activation, with its own numbers for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchStep, add_at
from wavenetlite.kernels import ACTIVATIONS, padded, training
from wavenetlite.nodes.functions import FUNCTIONS
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.c_builder import CStepBuilder

LEAST = 1e-9
"""Added to the divisor, as the published networks do."""


@dataclass(frozen=True, eq=False)
class Snake(Node):
    """``x + sin(a x)^2 / (b + 1e-9)``, channel by channel; a and b are `alpha` and `beta`, or their exponentials.

    Without `beta`, b is a.
    """

    operation: ClassVar[str] = "snake"

    alpha: Floats
    beta: Floats | None
    logarithmic: bool

    def call(self) -> KernelCall:
        call = KernelCall(self.channels, "sum")
        self.fuse(call)
        return call

    def fuse(self, call: KernelCall) -> bool:
        if call.activated:
            return False
        call.activation = "snake"
        call.parameters = kernel_parameters(*numbers(self.alpha, self.beta, self.logarithmic))
        return True

    @property
    def factors(self) -> list[Floats]:
        """What a sample is multiplied by, and then the square of the sine."""
        a, b = numbers(self.alpha, self.beta, self.logarithmic)
        return [a.astype(np.float32), (1 / b).astype(np.float32)]

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        return FUNCTIONS["snake"].onnx(write, write.row(self.edges[0]), *self.factors)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        arrays = map(write.array, self.factors)
        return write.call(FUNCTIONS["snake"].text("snake"), write.row(self.edges[0]), *arrays)

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        """The function itself is the call's activation."""
        write.line(f"memcpy(y, {write.row(0)}, {call.channels} * sizeof(float));")

    def batch_step(self, context: BatchContext) -> BatchStep[Snake]:
        return SnakeBatchStep(self, context)


def numbers(alpha: Floats, beta: Floats | None, logarithmic: bool) -> tuple[Doubles, Doubles]:
    """a, and what the square of the sine is divided by."""
    a, b = (one.astype(np.float64) for one in (alpha, alpha if beta is None else beta))
    if logarithmic:
        a, b = np.exp(a), np.exp(b)
    return a, b + LEAST


def kernel_parameters(a: Doubles, b: Doubles) -> Floats:
    """As the kernel reads them: a, and the inverse of b, both padded."""
    rows = np.zeros((2, padded(len(a))), np.float32)
    rows[0, : len(a)], rows[1, : len(a)] = a, 1 / b
    return rows.reshape(-1)


class SnakeBatchStep(BatchStep[Snake]):
    """The snake activation over batches."""

    def __init__(self, node: Snake, context: BatchContext) -> None:
        super().__init__(node, context)
        self.code = ACTIVATIONS.index("snake")
        given = [one for one in (node.alpha, node.beta) if one is not None]
        self.places = [context.parameters.positions(one) for one in given]

    def pack(self, values: Floats) -> None:
        found = [values[int(place[0]) :][: place.size] for place in self.places]
        self.a, self.b = numbers(found[0], found[1] if len(found) > 1 else None, self.node.logarithmic)

    def forward(self) -> None:
        training.activate(self.code, self.x.values, self.x.channels, kernel_parameters(self.a, self.b), self.out.values)

    def backward(self, gradient: Floats) -> None:
        """With ``s = sin(a x)``: da gets ``x sin(2 a x) / b``, db ``-(s / b)^2``."""
        x = self.x.values[:, :, : self.x.channels]
        g = self.out.gradient[:, :, : self.x.channels]
        angle = x * self.a
        self.slope = 1 + self.a / self.b * np.sin(2 * angle)
        shares = [g * x * np.sin(2 * angle) / self.b, -g * (np.sin(angle) / self.b) ** 2]
        totals = [share.sum(axis=(0, 1)) for share in shares]
        if self.node.logarithmic:
            totals = [totals[0] * self.a, totals[1] * (self.b - LEAST)]
        if len(self.places) == 1:
            totals = [totals[0] + totals[1]]
        for place, total in zip(self.places, totals, strict=True):
            add_at(gradient, place, total.astype(np.float32))
        super().backward(gradient)

    def input_backward(self) -> None:
        share = np.zeros_like(self.x.values)
        share[:, :, : self.x.channels] = self.out.gradient[:, :, : self.x.channels] * self.slope
        self.x.add_gradient(share)
