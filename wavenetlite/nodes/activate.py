"""Functions of single elements, or of single frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.graph import Counts, Edge, Node, OnnxBuilder, ScriptBuilder, rebinned
from wavenetlite.nodes.functions import FUNCTIONS, Function
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class Activate(Node):
    """An element-wise function (softmax: a function of one frame), named as in wavenetlite.kernels.ACTIVATIONS."""

    name: str
    parameters: tuple[float, ...] = ()
    slopes: Floats | None = None

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


def activate(node: Node, name: str, parameters: Sequence[float] = (), slopes: Floats | None = None) -> Node:
    if name == "identity":
        return node
    return Activate((Edge(node),), node.channels, node.clock, name, tuple(parameters), slopes)
