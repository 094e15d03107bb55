"""HARD_SWISH of 8-bit integers, as all of TFLite's kernels compute it: in fixed point, with 16 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import HIGHEST, LOWEST, Quantization
from wavenetlite.nodes.rescaling import multiplier

Numbers = npt.NDArray[np.int64]

FINER = 7
"""Bits by which integers are finer inside."""
HALF = 3 / 2**15
"""Scale at which the 16-bit integers range from -3 to 3."""


def table(given: Quantization, output: Quantization) -> npt.NDArray[np.int8]:
    """``x relu6(x + 3) / 6`` for the integers -128 to 127."""
    x = limited((np.arange(LOWEST, HIGHEST + 1, dtype=np.int64) - given.zero_point) << FINER)
    finer = np.float32(2**-FINER) * np.float32(given.scale)
    factor, shift = of_16_bits(float(finer / np.float32(output.scale)))
    gate = (gate_of(x, float(finer / np.float32(HALF))) + 2**15) >> 1  # 0 to 1, in 2**15ths
    product = truncated(gate * high(x, factor))
    return (rounded(product, -shift) + output.zero_point).clip(LOWEST, HIGHEST).astype(np.int8)


def gate_of(x: Numbers, ratio: float) -> Numbers:
    """The numbers from -3 to 3, limited to these, by the ratio of scales."""
    factor, shift = of_16_bits(ratio)
    if shift > 0:
        return limited(high(limited(x << (shift - 1)), factor) << 1)
    return rounded(high(x, factor), -shift)


def of_16_bits(ratio: float) -> tuple[int, int]:
    """A factor of 16 bits, and the power of two that goes with it."""
    factor, shift = multiplier(ratio)
    return min((factor + 2**15) >> 16, 2**15 - 1), shift


def high(x: Numbers, factor: int) -> Numbers:
    """The upper half of twice the product, rounded, ties away from zero."""
    product = x * factor
    return limited(truncated(product + np.where(product >= 0, 2**14, 1 - 2**14)))


def truncated(product: Numbers) -> Numbers:
    """Divided by 2**15, toward zero."""
    made: Numbers = np.sign(product) * (np.abs(product) >> 15)
    return made


def rounded(x: Numbers, bits: int) -> Numbers:
    """Divided by a power of two, rounded to nearest, ties away from zero."""
    if bits <= 0:
        return x << -bits
    mask = (1 << bits) - 1
    made: Numbers = (x >> bits) + ((x & mask) > (mask >> 1) + (x < 0))
    return made


def limited(x: Numbers) -> Numbers:
    """Within 16 bits."""
    made: Numbers = x.clip(-(2**15), 2**15 - 1)
    return made
