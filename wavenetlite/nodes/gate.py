"""WaveNet's gated unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import training
from wavenetlite.nodes.c_activation import CLAMP, EXP, TANH_NUMERATOR
from wavenetlite.support.c_builder import CStepBuilder, CText

GATE = """\
def gate(x):
    half = x.shape[1] // 2
    return np.tanh(x[:, :half]) * (0.5 + 0.5 * np.tanh(0.5 * x[:, half:]))
"""

GATE_IN_C = CText(
    "gate",
    """\
/* tanh of the first n values times the sigmoid of the others, with one division. */
static inline void $gate(float *y, const float *x, int n)
{
    int i;
    for (i = 0; i < n; i++) {
        float p = $tanh_numerator(x[i]), e = $exp_of($clamp(0.0f - x[n + i], -80.0f, 80.0f));
        y[i] = p / ((p + 2.0f) * (1.0f + e));
    }
}
""",
    (CLAMP, EXP, TANH_NUMERATOR),
)


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""

    operation: ClassVar[str] = "gate"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "gate")

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return np.concatenate([counts, counts], axis=1)

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        x, size = write.row(self.edges[0]), self.channels
        value = write.op("Tanh", [write.part(x, 0, size, 1)])
        return write.op("Mul", [value, write.op("Sigmoid", [write.part(x, size, 2 * size, 1)])])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(GATE, write.row(self.edges[0]))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        write.call(GATE_IN_C, "y", write.row(0), str(self.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[Gate]:
        return GateBatchStep(self, context)


class GateBatchStep(BatchStep[Gate]):
    """The gated unit over batches."""

    def forward(self) -> None:
        training.gate(self.x.values, self.out.channels, self.out.values)

    def input_backward(self) -> None:
        first = self.x.first_gradient()
        training.gate_gradient(self.x.values, self.out.gradient, self.out.channels, not first, self.x.gradient)
