"""Geometry of convolutions: TensorFlow's rules for output sizes and padding, one axis at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from wavenetlite.support.errors import ParameterError

STEP = 12
"""Outputs that kernels process at a time: a multiple of all tile heights."""


@dataclass(frozen=True)
class Reads:
    """Output r reads, through the n-th of `taps`, input ``r * stride + origin + n * spacing``.

    Taps that read only zeros for every output are omitted.
    """

    taps: slice
    origin: int
    spacing: int
    stride: int


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution: output r reads, through tap k, input ``r * stride + k * dilation - before``."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    out: int

    @cached_property
    def forward(self) -> Reads:
        """The inputs of the outputs."""
        return self.reads(0, self.out)

    @cached_property
    def pieces(self) -> list[tuple[int, int, Reads]]:
        """The outputs split where taps enter or leave the input, and the inputs of each piece.

        One piece unless splitting saves a tenth of the work; pieces begin at multiples of STEP.
        """
        spans = [self.outputs_of(k) for k in range(self.kernel)]
        some = [(begin, end) for begin, end in spans if begin < end]
        if sum(end - begin for begin, end in some) > 0.9 * len(some) * self.out:
            return [(0, self.out, self.forward)]
        begins = {begin // STEP * STEP for begin, _ in some}
        ends = {min(-(-end // STEP) * STEP, self.out) for _, end in some}
        return [(begin, end, self.reads(begin, end)) for begin, end in pairwise(sorted({0, self.out} | begins | ends))]

    def reads(self, begin: int, end: int) -> Reads:
        """The inputs of the outputs from `begin` to `end`."""
        spans = [self.outputs_of(k) for k in range(self.kernel)]
        useful = [k for k, span in enumerate(spans) if max(span[0], begin) < min(span[1], end)]
        if not useful:
            return Reads(slice(0, 0), 0, 1, 1)
        origin = begin * self.stride + useful[0] * self.dilation - self.before
        return Reads(slice(useful[0], useful[-1] + 1), origin, self.dilation, self.stride)

    def outputs_of(self, tap: int) -> tuple[int, int]:
        """The range of outputs that read the input through a tap."""
        shift = tap * self.dilation - self.before
        return max(0, -(shift // self.stride)), min(self.out, -((shift - self.size) // self.stride))

    @cached_property
    def backward(self) -> list[tuple[int, Reads]]:
        """The outputs that read the inputs, for each phase ``phase, phase + stride, ...`` of the inputs.

        Taps are in reverse order, so that their outputs are in order.
        """
        common = math.gcd(self.stride, self.dilation)
        return [(phase, self.phase(phase, common)) for phase in range(min(self.stride, self.size))]

    def phase(self, phase: int, common: int) -> Reads:
        inputs = len(range(phase, self.size, self.stride))
        shifts = {k: phase + self.before - k * self.dilation for k in range(self.kernel)}  # times stride
        useful = [
            k for k, shift in shifts.items() if shift % self.stride == 0 and -inputs < shift // self.stride < self.out
        ]
        if not useful:
            return Reads(slice(0, 0), 0, 1, 1)
        taps = slice(useful[-1], useful[0] - 1 if useful[0] else None, -(self.stride // common))
        return Reads(taps, shifts[useful[-1]] // self.stride, self.dilation // common, 1)


AxisPadding = str | tuple[int, int]
"""A rule, or the numbers of zeros before and after an axis."""


@lru_cache(1024)  # networks use few geometries, often
def axis(size: int, kernel: int, stride: int, dilation: int, padding: AxisPadding, name: str) -> Axis:
    """An axis by TensorFlow's rules.

    "SAME": ceil(size / stride) outputs, the necessary zeros split evenly, the odd one after. "VALID": no zeros.
    "CAUSAL": (kernel - 1) * dilation zeros before.
    """
    reach = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        before = max((out - 1) * stride + reach - size, 0) // 2
        return Axis(size, kernel, stride, dilation, before, out)
    before, after = {"VALID": (0, 0), "CAUSAL": (reach - 1, 0)}[padding] if isinstance(padding, str) else padding
    out = (size + before + after - reach) // stride + 1
    if out < 0:
        zeros = f" and {before + after} of padding" if before + after else ""
        raise ParameterError(
            f"value has {name}={size}; with kernel {kernel}, dilation {dilation}{zeros} it must be at least "
            f"{max(reach - before - after - stride, 0)}"
        )
    return Axis(size, kernel, stride, dilation, before, out)


ALONE = Axis(size=1, kernel=1, stride=1, dilation=1, before=0, out=1)
"""The height of a sequence as an image."""
