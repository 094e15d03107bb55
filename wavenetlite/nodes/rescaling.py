"""Rules by which integer sums are rescaled to 8 bits, as tables for the kernels (integer.pxi.in).

Measured on single operations of LiteRT 2.3.0: "single" equals its default kernels (XNNPACK) on 310 million outputs of a
convolution, "double" its reference kernels; sums, products, means and conversions likewise. A rounding by integers
alone, as ``(sum * multiplier + half) >> shift``, differs from XNNPACK in 2 of a million. Where scales are so far apart
that XNNPACK leaves an operation to LiteRT's other kernels, which are a third arithmetic, the rule is "double".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.errors import ParameterError

RULES = ("single", "double")

MOST_RATIO = 2.0**30
"""Scales of a sum may exceed that of the output so often: even a sum of 1 is clamped far below."""


def multiplier(ratio: float) -> tuple[int, int]:
    """``ratio = m / 2**31 * 2**shift``, m of 31 bits, as TensorFlow Lite rounds it."""
    fraction, shift = math.frexp(ratio)
    m = math.floor(fraction * 2**31 + 0.5)
    if m == 2**31:
        m, shift = m // 2, shift + 1
    return (m, shift) if shift >= -31 else (0, 0)


def checked_ratio(ratio: float) -> None:
    if not ratio < MOST_RATIO:
        raise ParameterError(f"scales of weights and input are {ratio:g} times output_scale; that must be below 2**30")


def rescaling_tables(
    rounding: str, first: float, second: float | npt.NDArray[np.float32], output_scale: float, size: int
) -> list[npt.NDArray[Any]]:
    """The tables of a rule, for sums in units of ``first * second``; padded with zeros to `size` channels."""
    seconds = np.atleast_1d(np.asarray(second, np.float32))
    exact = first * seconds.astype(np.float64) / output_scale
    checked_ratio(float(exact.max()))
    if rounding == "single":
        with np.errstate(under="ignore", over="ignore"):
            return [filled(np.float32(first) * seconds / np.float32(output_scale), size, np.float32)]
    pairs = [multiplier(float(ratio)) for ratio in exact]
    m, shift = (np.array(values, np.int64) for values in zip(*pairs, strict=True))
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    limit = (2**31 - 1) >> left
    return [filled(table, size, np.int32) for table in (limit, m, left, right)]


def filled(values: npt.NDArray[Any], size: int, dtype: type) -> npt.NDArray[Any]:
    """The values and zeros; a single one is for all."""
    row: npt.NDArray[Any] = np.zeros(size, dtype)
    row[: values.size if values.size > 1 else size] = values
    return row


def add_constants(rounding: str, scales: Sequence[float], zero_points: Sequence[int], output: float) -> tuple[int, ...]:
    """The constants of a sum of two sequences, as the kernel reads them after its first sizes; the rule comes first.

    XNNPACK's rule needs a ratio of scales from 2**-10 to 2**8.
    """
    ratios = [np.float32(scale) / np.float32(output) for scale in scales]
    if rounding == "single" and 2.0**-10 <= max(ratios) < 2.0**8:
        shift = 20 - (math.frexp(float(max(ratios)))[1] - 1)
        a, b = (round(math.ldexp(float(ratio), shift)) for ratio in ratios)
        bias = (1 << (shift - 1)) - a * zero_points[0] - b * zero_points[1]
        return (0, bias, a, b, shift)
    twice = 2 * max(scales)
    if twice / output >= 2.0**20:
        raise ParameterError(f"input_scales={tuple(scales)} must be below 2**19 times output_scale={output}")
    factors = [multiplier(scales[0] / twice), multiplier(scales[1] / twice), multiplier(twice / 2**20 / output)]
    return (1, *zero_points, *(value for m, shift in factors for value in (m, -shift)))


def requantized(rounding: str, scale: float, zero_point: int, output: float, output_zero: int) -> npt.NDArray[np.int8]:
    """The integers of another scale for -128 to 127."""
    q = np.arange(-128, 128, dtype=np.int64)
    ratio = np.float32(scale) / np.float32(output)
    if rounding == "single" and 2.0**-8 <= ratio <= 2.0**7:  # XNNPACK's conversion
        factor = round(float(ratio) * 256)
        y = ((q - zero_point) * factor + 128) >> 8
    else:
        checked_ratio(scale / output)
        y = rescaled_double(q - zero_point, scale / output)
    return (y + output_zero).clip(-128, 127).astype(np.int8)


def rescaled_double(a: npt.NDArray[np.int64], ratio: float) -> npt.NDArray[np.int64]:
    """``a * ratio`` by the rule "double", for |a| < 256."""
    m, shift = multiplier(ratio)
    left, right = max(shift, 0), max(-shift, 0)
    limit = (2**31 - 1) >> left
    high = ((a.clip(-limit, limit) << left) * m + 2**30) >> 31
    mask = (1 << right) - 1
    result: npt.NDArray[np.int64] = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return result
