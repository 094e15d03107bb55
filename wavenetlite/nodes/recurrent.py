"""Recurrent units, whose state passes from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, OnnxBuilder, ScriptBuilder, rebinned
from wavenetlite.graph.batch import BatchContext, BatchStep, add_at
from wavenetlite.kernels import padded
from wavenetlite.kernels.pack import Arena, keeps_bf16, pack_conv, parts_of
from wavenetlite.nodes.c_activation import SIGMOID, TANH
from wavenetlite.nodes.c_convolution import c_sums
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder, CText
from wavenetlite.support.errors import ParameterError

HELD = 1e4
"""Added to a gate, this holds it open or shut."""

SCRIPT = """\
def {name}(x, weight, bias=None, first=None):
    y, h, c = [], *(np.resize(first, (2, weight.shape[1])) if first is not None else np.zeros((2, weight.shape[1])))
    for now in x:
        last = weight @ h + (0 if bias is None else bias)
{unit}
        y.append(h)
    return np.array(y).reshape(-1, weight.shape[1])
"""

GRU_IN_C = CText(
    "gru",
    """\
/* n units, from the projections x of the input and p of the previous frame's h: gates r, z, n. */
static inline void $gru(float *y, const float *x, const float *p, float *h, int n)
{
    int i;
    for (i = 0; i < n; i++) {
        float r = $sigmoid_of(x[i] + p[i]), z = $sigmoid_of(x[n + i] + p[n + i]);
        float u = $tanh_of($fma(r, p[2 * n + i], x[2 * n + i]));
        y[i] = h[i] = $fma(z, h[i] - u, u);
    }
}
""",
    (SIGMOID, TANH),
)
LSTM_IN_C = CText(
    "lstm",
    """\
/* n units, from the projections x of the input and p of the previous frame's h, which c follows: gates i, f, g, o. */
static inline void $lstm(float *y, const float *x, const float *p, float *h, int n)
{
    float *c = h + n;
    int k;
    for (k = 0; k < n; k++) {
        float i = $sigmoid_of(x[k] + p[k]), f = $sigmoid_of(x[n + k] + p[n + k]);
        float g = $tanh_of(x[2 * n + k] + p[2 * n + k]), o = $sigmoid_of(x[3 * n + k] + p[3 * n + k]);
        c[k] = $fma(f, c[k], i * g);
        y[k] = h[k] = o * $tanh_of(c[k]);
    }
}
""",
    (SIGMOID, TANH),
)


@dataclass(eq=False)
class RecurrentCall(KernelCall):
    """The call of units whose previous output is multiplied by `weight` (gates * units, units), plus `bias`."""

    weight: np.ndarray | None = None
    bias: np.ndarray | None = None

    def pack(self, arena: Arena) -> None:
        assert self.weight is not None
        weights = [self.weight[:, :, np.newaxis]]
        self.conv = pack_conv(arena, weights, [1], self.bias, len(self.weight), bf16=keeps_bf16(weights))
        super().pack(arena)


@dataclass(frozen=True, eq=False)
class Recurrent(Node):
    """Base of recurrent units, which read the projection of their input: the channels of all gates, concatenated.

    That projection is a convolution of one tap, by `input_weight` and `input_bias`. Parameters are PyTorch's.
    """

    endless: ClassVar[bool] = True
    gates: ClassVar[int]
    states: ClassVar[int]
    """Number of state values per unit."""
    onnx_kind: ClassVar[str]
    onnx_gates: ClassVar[tuple[int, ...]]
    """The gates in ONNX's order."""
    held: ClassVar[tuple[float, ...]]
    """Added to the gates, this leaves the state unchanged."""
    line: ClassVar[str]
    """One step of the unit in NumPy."""
    units_in_c: ClassVar[CText]

    weight: Floats  # weight_hh, bias_hh
    bias: Floats | None
    input_weight: Floats  # weight_ih, bias_ih
    input_bias: Floats | None
    first_state: Floats | None = None
    """Initial state, (states, units); None: zeros."""

    @property
    def unsettled(self) -> str:
        return "must have no recurrent layer"

    def call(self) -> RecurrentCall:
        return RecurrentCall(
            self.channels, self.operation, sizes=(self.channels,), state=(self.channels,) * self.states,
            scratch=padded(self.channels) + padded(self.gates * self.channels), multiply_adds=self.multiply_adds,
            weight=self.weight, bias=self.bias, first_state=() if self.first_state is None else tuple(self.first_state),
        )  # fmt: skip

    @property
    def bins_made(self) -> int | None:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1)

    @property
    def multiply_adds(self) -> float:
        return float(self.weight.size)

    @property
    def onnx_edges(self) -> tuple[Edge, ...]:
        """ONNX's operators include the projection of the input."""
        return self.edges[0].node.edges

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        x = write.row(self.onnx_edges[0])
        weight, absent = self.in_order(self.input_weight), write.absent(self.onnx_edges[0], x)
        if absent is not None and self.first_state is not None:
            raise ParameterError(
                "ONNX export has no node for a recurrent layer that starts late from a state of its own"
            )
        if absent is not None:  # one more channel: where there is no signal yet the units stay at zero
            x = write.op("Concat", [x, absent], axis=1)
            held = self.in_order(np.repeat(np.array(self.held, np.float32), self.channels)[:, np.newaxis])
            weight = np.concatenate([weight, held], axis=1)
        biases = [one for one in (self.input_bias, self.bias) if one is not None]
        given = [write.constant(array[np.newaxis]) for array in (weight, self.in_order(self.weight))]
        given.append(write.constant(np.concatenate(list(map(self.in_order, biases)))[np.newaxis]) if biases else "")
        names = [write.new_name(f"{self.operation} state {number}") for number in range(self.states)]
        kept = [write.kept(name, self.channels, values) for name, values in zip(names, self.before, strict=True)]
        first = self.onnx_states(write, x, kept)
        frames = write.op("Transpose", [x], perm=[2, 0, 1])
        attributes = {"linear_before_reset": 1} if self.operation == "gru" else {}
        y, *last = write.ops(self.onnx_kind, [frames, *given, "", *first], 1 + self.states, hidden_size=self.channels,
                             **attributes)  # fmt: skip
        for name, one in zip(names, last if kept[0] is not None else [], strict=False):
            write.keep(name, write.op("Squeeze", [one, write.constant([0])]))
        return write.op("Transpose", [write.op("Squeeze", [y, write.constant([1])])], perm=[1, 2, 0])

    @property
    def before(self) -> Floats:
        """Initial state, (states, units)."""
        return np.zeros((self.states, self.channels), np.float32) if self.first_state is None else self.first_state

    def onnx_states(self, write: OnnxBuilder[Edge], x: str, kept: list[str | None]) -> list[str]:
        """The states before the block, (1, batch, units) each; none: zeros."""
        if kept[0] is None and self.first_state is not None:  # the same for every signal of the batch
            batch = write.part(write.op("Shape", [x]), 0, 1, 0)
            shape = write.op("Concat", [write.constant([1]), batch, write.constant([self.channels])], axis=0)
            return [
                write.op("Expand", [write.constant(one[np.newaxis, np.newaxis]), shape]) for one in self.first_state
            ]
        return [write.op("Unsqueeze", [one, write.constant([0])]) for one in kept if one is not None]

    def in_order(self, array: Floats) -> Floats:
        """A parameter with its gates in ONNX's order."""
        return np.concatenate([np.split(array, self.gates)[gate] for gate in self.onnx_gates])

    def script(self, write: ScriptBuilder[Edge]) -> str:
        text = SCRIPT.format(name=self.operation, unit=self.line)
        return write.call(text, write.row(self.edges[0]), write.array(self.weight), write.array(self.bias),
                          write.array(self.first_state))  # fmt: skip

    def c(self, write: CStepBuilder, call: RecurrentCall) -> None:
        assert call.weight is not None
        kept = write.kept("float", self.channels * self.states, self.first_state)
        gates = write.scratch("gates", self.gates * self.channels)
        weights = [call.weight[:, :, np.newaxis]]
        parts = parts_of(weights, [1], len(call.weight))
        write.line(f"rows[0] = {kept};")
        c_sums(write, gates, "rows", "0", [(0, 0)], parts, weights, call.bias, len(call.weight))
        write.call(self.units_in_c, "y", write.row(0), gates, kept, str(self.channels))

    def batch_step(self, context: BatchContext) -> BatchStep[Recurrent]:
        return RecurrentBatchStep(self, context)

    # One frame over a batch: arrays are (clips, units), states and gates the first axis.

    def units(self, x: Floats, p: Floats, states: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
        """The new states, h first, from the projections of input and previous h; and what `units_back` needs."""
        raise NotImplementedError

    def units_back(
        self, kept: Sequence[Floats], before: Sequence[Floats], gradients: Sequence[Floats]
    ) -> tuple[list[Floats], list[Floats], list[Floats]]:
        """Gradients of x and p, gate by gate, and of the previous states except through p."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class GRU(Recurrent):
    """Gated recurrent units: gates r, z, n; ``h = (1 - z) n + z h``, ``n = tanh(x_n + r (W_n h + b_n))``."""

    operation: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1
    onnx_kind: ClassVar[str] = "GRU"
    onnx_gates: ClassVar[tuple[int, ...]] = (1, 0, 2)
    held: ClassVar[tuple[float, ...]] = (0.0, HELD, 0.0)
    units_in_c: ClassVar[CText] = GRU_IN_C
    line: ClassVar[str] = """\
        (xr, xz, xn), (pr, pz, pn) = np.split(now, 3), np.split(last, 3)
        r, z = (0.5 + 0.5 * np.tanh(0.5 * gate) for gate in (xr + pr, xz + pz))
        h = (1 - z) * np.tanh(xn + r * pn) + z * h"""

    def units(self, x: Floats, p: Floats, states: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
        (xr, xz, xn), (pr, pz, pn) = np.split(x, 3, axis=1), np.split(p, 3, axis=1)
        r, z = sigmoid(xr + pr), sigmoid(xz + pz)
        n = np.tanh(xn + r * pn)
        return [n + z * (states[0] - n)], [r, z, n, pn]

    def units_back(
        self, kept: Sequence[Floats], before: Sequence[Floats], gradients: Sequence[Floats]
    ) -> tuple[list[Floats], list[Floats], list[Floats]]:
        (r, z, n, pn), (h,), (g,) = kept, before, gradients
        of_n = g * (1 - z) * (1 - n * n)
        of_r, of_z = of_n * pn * r * (1 - r), g * (h - n) * z * (1 - z)
        return [of_r, of_z, of_n], [of_r, of_z, of_n * r], [g * z]


@dataclass(frozen=True, eq=False)
class LSTM(Recurrent):
    """Long short-term memory: gates i, f, g, o; ``c = f c + i g``, ``h = o tanh(c)``."""

    operation: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    onnx_kind: ClassVar[str] = "LSTM"
    onnx_gates: ClassVar[tuple[int, ...]] = (0, 3, 1, 2)
    held: ClassVar[tuple[float, ...]] = (-HELD, HELD, 0.0, 0.0)
    units_in_c: ClassVar[CText] = LSTM_IN_C
    line: ClassVar[str] = """\
        i, f, g, o = np.split(now + last, 4)
        i, f, o = (0.5 + 0.5 * np.tanh(0.5 * gate) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)"""

    def units(self, x: Floats, p: Floats, states: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
        i, f, g, o = np.split(x + p, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * states[1] + i * g
        top = np.tanh(c)
        return [o * top, c], [i, f, g, o, top]

    def units_back(
        self, kept: Sequence[Floats], before: Sequence[Floats], gradients: Sequence[Floats]
    ) -> tuple[list[Floats], list[Floats], list[Floats]]:
        (i, f, g, o, top), (_, c), (of_h, of_c) = kept, before, gradients
        of_c = of_c + of_h * o * (1 - top * top)
        shares = [of_c * g * i * (1 - i), of_c * c * f * (1 - f), of_c * i * (1 - g * g), of_h * top * o * (1 - o)]
        return shares, shares, [np.zeros_like(of_h), of_c * f]


def sigmoid(x: Floats) -> Floats:
    y: Floats = 0.5 + 0.5 * np.tanh(0.5 * x)
    return y


class RecurrentBatchStep(BatchStep[Recurrent]):
    """Recurrent units over batches, frame by frame; backward, through time. Arrays are (frames, clips, channels)."""

    def __init__(self, node: Recurrent, context: BatchContext) -> None:
        super().__init__(node, context)
        self.weight_at = context.parameters.positions(node.weight)
        self.bias_at = None if node.bias is None else context.parameters.positions(node.bias)
        self.first_at = None if node.first_state is None else context.parameters.positions(node.first_state)

    def pack(self, values: Floats) -> None:
        start = int(self.weight_at.flat[0])
        self.weight = values[start : start + self.weight_at.size].reshape(self.weight_at.shape)
        self.bias = np.zeros(len(self.weight), np.float32)
        if self.bias_at is not None:
            self.bias = values[int(self.bias_at[0]) :][: self.bias_at.size]
        self.first = self.node.before
        if self.first_at is not None:
            self.first = values[int(self.first_at.flat[0]) :][: self.first_at.size].reshape(self.first_at.shape)

    def forward(self) -> None:
        x = np.ascontiguousarray(self.x.values[:, :, : self.x.channels].swapaxes(0, 1))
        states: list[Floats] = [np.repeat(one[np.newaxis], x.shape[1], axis=0) for one in self.first]
        self.before: list[list[Floats]] = []  # of each frame: the states before it,
        self.kept: list[list[Floats]] = []  # and what its gradient needs
        for frame, now in enumerate(x):
            self.before.append(states)
            states, kept = self.node.units(now, states[0] @ self.weight.T + self.bias, states)
            self.kept.append(kept)
            self.out.values[:, frame, : self.out.channels] = states[0]

    def backward(self, gradient: Floats) -> None:
        g = self.out.gradient[:, :, : self.out.channels].swapaxes(0, 1)
        frames, clips, units = g.shape
        of_x, of_p = np.zeros((2, frames, clips, self.node.gates * units), np.float32)
        of_states: list[Floats] = [np.zeros((clips, units), np.float32)] * self.node.states
        for frame in reversed(range(frames)):
            of_states[0] = of_states[0] + g[frame]
            x, p, of_states = self.node.units_back(self.kept[frame], self.before[frame], of_states)
            of_x[frame], of_p[frame] = np.concatenate(x, axis=1), np.concatenate(p, axis=1)
            of_states[0] = of_states[0] + of_p[frame] @ self.weight
        if self.first_at is not None:
            add_at(gradient, self.first_at, np.array([one.sum(axis=0) for one in of_states]))
        h = np.array([states[0] for states in self.before]).reshape(frames * clips, units)
        flat = of_p.reshape(frames * clips, -1)
        add_at(gradient, self.weight_at, flat.T @ h)
        if self.bias_at is not None:
            add_at(gradient, self.bias_at, flat.sum(axis=0, dtype=np.float64).astype(np.float32))
        if self.x.wanted:
            share = np.zeros_like(self.x.values)
            share[:, :, : self.x.channels] = of_x.swapaxes(0, 1)
            self.x.add_gradient(share)
