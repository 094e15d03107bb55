"""The mean or the maximum of all frames so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder
from wavenetlite.graph.batch import BatchContext, BatchStep
from wavenetlite.kernels import training
from wavenetlite.support.c_builder import CStepBuilder, CText

LOWEST = float(np.finfo(np.float32).min)
FLOAT, DOUBLE = 1, 11
"""ONNX's codes of these types."""

TIME = 2
"""The axis of frames in ONNX."""

FUNCTIONS = {
    "mean": "def mean(x):\n    return np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, None]\n",
    "max": "def max_so_far(x):\n    return np.maximum.accumulate(x, axis=0)\n",
}

FUNCTIONS_IN_C = {
    "mean": CText(
        "mean",
        """\
static inline void $mean(float *y, const float *x, double *total, double *frames, int n)
{
    int i;
    *frames += 1.0;
    for (i = 0; i < n; i++) {
        total[i] += x[i];
        y[i] = (float)(total[i] / *frames);
    }
}
""",
    ),
    "max": CText(
        "max_so_far",
        """\
static inline void $max_so_far(float *y, const float *x, double *top, double *frames, int n)
{
    int i;
    for (i = 0; i < n; i++) {
        if (x[i] > top[i] || *frames == 0.0) top[i] = x[i];
        y[i] = (float)top[i];
    }
    *frames += 1.0;
}
""",
    ),
}


@dataclass(frozen=True, eq=False)
class CumulativePool(Node):
    """Mean or maximum of all frames so far."""

    operation: ClassVar[str] = "cumulative_pool"

    kind: str

    @property
    def unsettled(self) -> str:
        return "must not contain a pool over all frames"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, self.kind, state=(self.channels, 1), state_bytes=8)

    endless: ClassVar[bool] = True

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        x = write.row(self.edges[0])
        name = write.new_name("pool")
        return self.onnx_mean(write, x, name) if self.kind == "mean" else self.onnx_max(write, x, name)

    def onnx_mean(self, write: OnnxBuilder[Edge], x: str, name: str) -> str:
        ones = write.ones(self.edges[0], x)
        total = running_sum(write, write.masked(x, ones), f"{name} sum", self.channels)
        count = running_sum(write, ones, f"{name} count", 1)
        counted = write.op("Max", [count, write.constant(np.float64(1))])
        return write.op("Cast", [write.op("Div", [total, counted])], to=FLOAT)

    def onnx_max(self, write: OnnxBuilder[Edge], x: str, name: str) -> str:
        before = write.kept(name, self.channels, LOWEST)
        if before is None:
            before = write.op("Squeeze", [write.part(x, 0, 1, TIME), write.constant([TIME])])
        else:
            there = write.op("Greater", [write.ones(self.edges[0], x), write.number(0)])
            x = write.op("Where", [there, x, write.number(LOWEST)])
        last, y = write.scan("maximum", "Max", before, x, self.channels)
        write.keep(name, last)
        return y

    def script(self, write: ScriptBuilder[Edge]) -> str:
        return write.call(FUNCTIONS[self.kind], write.row(self.edges[0]))

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        total, frames = write.kept("double", self.channels), write.kept("double", 1)
        write.call(FUNCTIONS_IN_C[self.kind], "y", write.row(0), total, frames, str(self.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[CumulativePool]:
        return CumulativePoolBatchStep(self, context)


def running_sum(write: OnnxBuilder[Edge], x: str, name: str, channels: int) -> str:
    """A running sum in double precision; its state is two floats."""
    total = write.op("CumSum", [write.op("Cast", [x], to=DOUBLE), write.constant(TIME)])
    high, low = write.kept(name, channels), write.kept(f"{name} rest", channels)
    if high is None or low is None:
        return total
    before = write.op("Add", [write.op("Cast", [one], to=DOUBLE) for one in (high, low)])
    total = write.op("Add", [total, write.op("Unsqueeze", [before, write.constant([TIME])])])
    last = write.op("Squeeze", [write.part(total, -1, 2**62, TIME), write.constant([TIME])])
    high = write.op("Cast", [last], to=FLOAT)
    rest = write.op("Sub", [last, write.op("Cast", [high], to=DOUBLE)])
    write.keep(name, high)
    write.keep(f"{name} rest", write.op("Cast", [rest], to=FLOAT))
    return total


class CumulativePoolBatchStep(BatchStep[CumulativePool]):
    """The mean or the maximum of all frames so far, over batches."""

    def forward(self) -> None:
        training.running(self.x.values, self.node.kind == "mean", self.out.values)

    def input_backward(self) -> None:
        x = self.x
        x.first_gradient(everything=False)
        training.running_gradient(x.values, self.out.gradient, self.node.kind == "mean", x.channels, x.gradient)
