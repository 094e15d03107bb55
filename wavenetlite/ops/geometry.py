"""Where the taps of a convolution lie: TensorFlow's rules for output sizes and padding, one axis at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

from wavenetlite.errors import ParameterError


@dataclass(frozen=True)
class Reads:
    """Output r reads, through the n-th of `taps`, input ``r * stride + origin + n * spacing``.

    Taps that would meet nothing but zeros for every output are left out.
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
        """What the outputs read."""
        useful = [k for k in range(self.kernel) if self.meets_input(k * self.dilation - self.before)]
        if not useful:
            return Reads(slice(0, 0), 0, 1, 1)
        origin = useful[0] * self.dilation - self.before
        return Reads(slice(useful[0], useful[-1] + 1), origin, self.dilation, self.stride)

    def meets_input(self, shift: int) -> bool:
        """Whether some output r of a tap has its ``r * stride + shift`` within the input."""
        first = max(0, -(shift // self.stride))
        return first < self.out and first * self.stride + shift < self.size

    @cached_property
    def backward(self) -> list[tuple[int, Reads]]:
        """By which outputs the inputs are read: those of each phase, ``phase, phase + stride, ...``, by themselves.

        Taps come last to first, so that the outputs that they meet come in order.
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
"""A rule, or the zeros before and after an axis."""


@lru_cache(1024)  # networks ask for few geometries, and often
def axis(size: int, kernel: int, stride: int, dilation: int, padding: AxisPadding, name: str) -> Axis:
    """An axis as TensorFlow lays it out.

    "SAME": ceil(size / stride) outputs, the zeros they need shared out, the odd one after. "VALID": no zeros. "CAUSAL":
    (kernel - 1) * dilation zeros before.
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
"""The height of a sequence, taken for an image."""
