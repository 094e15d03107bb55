"""The C of the steps of a network: what each node writes, and what has been fused into its step."""

from __future__ import annotations

from collections.abc import Sequence

from wavenetlite.engine.fusion import Step
from wavenetlite.engine.lower import Program
from wavenetlite.formats.c_numbers import literal
from wavenetlite.formats.c_parts import BlockWriter, Parts, indented, place
from wavenetlite.formats.c_sequences import MOST_INDEX, Ring
from wavenetlite.graph import Edge
from wavenetlite.kernels import padded
from wavenetlite.nodes.c_activation import ACTIVATIONS_IN_C
from wavenetlite.nodes.c_convolution import ADD
from wavenetlite.support.c_builder import CText
from wavenetlite.support.errors import ParameterError

FRAMES_OF_BYTES = CText(
    "frames_of_bytes",
    """\
/* The same for frames of integers. */
static inline void $frames_of_bytes(
    const int8_t **rows, int taps, const int8_t *ring, int channels, int at, int spacing, int length)
{
    for (; taps > 0; taps--, rows++, at = $next(at, spacing, length)) *rows = ring + channels * at;
}
""",
)
RELU = ACTIVATIONS_IN_C["relu"]


class StepWriter(BlockWriter):
    """The C of one step, a `CStepBuilder`."""

    def __init__(
        self, step: Step, program: Program, rings: Sequence[Ring], parts: Parts, *, work: int, regular: bool
    ) -> None:
        super().__init__(parts, work)
        self.step, self.program, self.rings, self.regular = step, program, rings, regular
        self.out = rings[step.out]

    # CStepBuilder

    def row(self, index: int) -> str:
        return self.frame_of(self.step.edges[index])

    def rows(self) -> str:
        first, integers = 0, self.ring_of(self.step.edges[0]).zero is not None
        name, function = ("bytes", "$frames_of_bytes") if integers else ("rows", "$frames")
        if integers:
            self.function(FRAMES_OF_BYTES)
        for edge in self.step.edges:
            ring = self.ring_of(edge)
            if ring.length == 1:
                self.line(f"{name}[{first}] = {ring.name};")
            else:
                slot = f"$slot(s->at[{ring.at}], {self.back(edge)}, {ring.length})"
                read = f"{ring.name}, {ring.channels}, {slot}, {edge.spacing}, {ring.length}"
                self.line(f"{function}({place(name, first)}, {edge.taps}, {read});")
            first += edge.taps
        self.parts.rows = max(self.parts.rows, first)
        if first > MOST_INDEX:
            raise ParameterError(f"a convolution has {first} taps; in C there may be at most {MOST_INDEX}")
        return name

    # Reading

    def ring_of(self, edge: Edge) -> Ring:
        return self.rings[self.program.buffer_of[edge.node]]

    def back(self, edge: Edge, stride: int | None = None) -> str:
        """How many frames before the next one of its sequence an edge reads its first."""
        if self.regular:
            return str(1 - edge.shift)
        stride, number = edge.stride if stride is None else stride, self.ring_of(edge).number
        return f"(int)(s->made[{number}] - {times(stride)}n){plus(-edge.shift)}"

    def frame_of(self, edge: Edge, stride: int | None = None) -> str:
        return self.ring_of(edge).frame(self.back(edge, stride))

    # The step

    def write(self) -> list[str]:
        """Its lines."""
        call = self.step.call
        self.step.origin.c(self, call)
        for phase in range(call.phases):
            self.finish(place("y", phase * call.channels))
        if self.step.total is not None:
            self.add_to_total()
        return [*self.head(), *indented(self.lines), *self.tail()]

    def finish(self, y: str) -> None:
        """What has been fused into the step, for one frame."""
        call, n = self.step.call, str(self.step.call.channels)
        if call.relu_before:
            self.call(RELU, y, n)
        if self.step.residual is not None:
            self.call(ADD, y, self.frame_of(self.step.residual, 1), n)
        if call.relu_after:
            self.call(RELU, y, n)
        if call.leaky:
            slope, *bounds = self.parameters()
            self.call(ACTIVATIONS_IN_C["leaky_relu"], y, n, slope)
            self.call(ACTIVATIONS_IN_C["hardtanh"], y, n, *bounds)
        if call.activation:
            self.call(ACTIVATIONS_IN_C[call.activation], y, n, *self.parameters())

    def parameters(self) -> list[str]:
        """Of the activation: numbers, or arrays with one for each channel."""
        call = self.step.call
        if call.activation in ("prelu", "snake"):
            return [self.floats(row[: call.channels]) for row in call.parameters.reshape(-1, padded(call.channels))]
        return [literal(value) for value in call.parameters]

    def add_to_total(self) -> None:
        assert self.step.total is not None
        ring, call = self.rings[self.program.buffer_of[self.step.total[1]]], self.step.call
        first = "1" if self.regular else f"(int)(s->made[{ring.number}] - {times(call.phases)}n)"
        self.line(f"{{ float *const total = {ring.frame(first)};")
        self.call(ADD, "total", "y", str(call.phases * call.channels))
        if not self.regular:
            self.line(self.clear("total"))
        self.line("}")

    def head(self) -> list[str]:
        y = f"    {self.out.kind} *const y = {self.out.next_frame};"
        if self.regular:
            return [f"{{ /* {self.title()} */", y]
        loop = f"for (n = s->made[{self.out.number}]{over(self.step.call.phases)}; {self.ready()}; n++) {{"
        return [f"{loop} /* {self.title()} */", y]

    def ready(self) -> str:
        """Whether all frames that frame n needs have come."""
        return " && ".join(dict.fromkeys(
            f"s->made[{self.ring_of(edge).number}] > {times(edge.stride)}n{plus(edge.reach)}"
            for edge in self.step.all_edges
        ))  # fmt: skip

    def tail(self) -> list[str]:
        lines, phases = [], self.step.call.phases
        if not self.regular:
            lines += [f"    {self.clear('y')}", f"    s->made[{self.out.number}] += {phases};"]
        if self.out.length > 1:
            lines.append(f"    s->at[{self.out.at}] = $next(s->at[{self.out.at}], {phases}, {self.out.length});")
        return [*lines, "}"]

    def clear(self, frames: str) -> str:
        """After the end of a sequence there are zeros."""
        phases, zero, size = self.step.call.phases, self.out.zero or 0, self.out.bytes_of_frame
        end = f"{times(phases)}n, s->end[{self.out.number}], {phases}"
        return f"if (s->ended) $clear({frames}, {end}, {size}, {zero});"

    def title(self) -> str:
        """What it computes, in words."""
        call, origin = self.step.call, self.step.origin
        inputs = " and ".join(dict.fromkeys(self.ring_of(edge).name for edge in self.step.edges))
        words = [f"{self.out.name}, {call.channels} channels: {origin.operation} of {inputs}"]
        taps = [f"{edge.taps} taps {edge.spacing} apart" for edge in self.step.edges if edge.taps > 1]
        words += [f"{tap}" for tap in dict.fromkeys(taps)]
        words += ["relu"] * call.relu_before
        if self.step.residual is not None:
            words.append(f"+ {self.ring_of(self.step.residual).name}")
        words += (
            ["relu"] * call.relu_after
            + ["leaky_relu", "hardtanh"] * call.leaky
            + [call.activation] * bool(call.activation)
        )
        return ", ".join(words)


def plus(number: int) -> str:
    return f" {'-' if number < 0 else '+'} {abs(number)}" if number else ""


def times(factor: int) -> str:
    return "" if factor == 1 else f"{factor} * "


def over(divisor: int) -> str:
    return "" if divisor == 1 else f" / {divisor}"
