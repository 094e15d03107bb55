"""Functions of single elements, or of single frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Edge, KernelCall, Node
from wavenetlite.kernels import padded
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Activate(Node):
    """An element-wise function (softmax: a function of one frame), named as in wavenetlite.kernels.ACTIVATIONS."""

    operation: ClassVar[str] = "activation"

    name: str
    parameters: tuple[float, ...] = ()
    slopes: Floats | None = None

    def call(self) -> KernelCall:
        call = KernelCall(self.channels, "sum")
        self.fuse(call)
        return call

    def fuse(self, call: KernelCall) -> bool:
        if call.activation:
            return False
        if self.name == "relu" and call.takes_residual:
            call.relu_after, call.relu_before = call.residual, call.relu_before or not call.residual
        else:
            call.activation, call.parameters = self.name, self.kernel_parameters
        return True

    @property
    def kernel_parameters(self) -> Floats:
        """The parameters as the kernel reads them: slopes are one a channel."""
        if self.slopes is None:
            return np.array(self.parameters, np.float32)
        slopes: Floats = np.zeros(padded(self.channels), np.float32)
        slopes[: self.channels] = self.slopes
        return slopes


def activate(node: Node, name: str, parameters: Sequence[float] = (), slopes: Floats | None = None) -> Node:
    if name == "identity":
        return node
    return Activate((Edge(node),), node.channels, node.clock, name, tuple(parameters), slopes)
