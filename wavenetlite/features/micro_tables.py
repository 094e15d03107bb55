"""Tables of integers of the front end of microcontroller wake words.

The original (`lite/experimental/microfrontend` as tflite-micro and pymicro-features have it, with kissfft) computes
them in float32, by C's `cosf`, `log1pf` and `powf`, before it rounds them. Here cosine and power are those of float64,
rounded to float32: that gives the same integers. With the logarithm it would not: every thirtieth value of the `log1pf`
of most C libraries (fdlibm's, with which the known models were trained and run) is not the nearest float32, which moves
two weights of the usual 40 bands by one. So it is computed as there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.features.elementwise import elementwise
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

Integers = npt.NDArray[np.int64]

WEIGHT_BITS = 12
NOISE_BITS = 10
GAIN_BITS = 21
INT16_MOST = 32767
OCTAVES = 32
LOG_SEGMENTS = 128

LN_2 = np.float32(6.9313812256e-01), np.float32(9.0580006145e-06)
"""High and low part of ln 2, as fdlibm has them."""
LOG_SERIES = [np.float32(value) for value in (
    6.6666668653e-01, 4.0000000596e-01, 2.8571429849e-01, 2.2222198546e-01, 1.8183572590e-01, 1.5313838422e-01,
    1.4798198640e-01)]  # fmt: skip
"""fdlibm's coefficients of log(1 + f) in s**2, s = f / (2 + f)."""


def weights(values: Floats) -> Integers:
    """float32 as integers, of which 4,096 stand for 1."""
    integers: Integers = np.floor(values * np.float32(1 << WEIGHT_BITS) + np.float32(0.5)).astype(np.int64)
    return integers


def hann(length: int) -> Integers:
    """The window, (length,): a sample's value is taken at its middle."""
    step = np.float32(math.pi) * np.float32(2) / np.float32(length)
    cosine = elementwise(math.cos, step * (np.arange(length, dtype=np.float32) + np.float32(0.5))).astype(np.float32)
    return weights(np.float32(0.5) - np.float32(0.5) * cosine)


def log1p(x: Floats) -> Floats:
    """log(1 + x) in float32, rounded as by fdlibm's log1pf; x at least 0.

    1 + x = 2**k (1 + f), f from sqrt(1/2) - 1 to sqrt(2) - 1, and log(1 + f) = f - (h - s (h + R(s**2))) with
    h = f**2 / 2 and s = f / (2 + f); `lost` is what the sum 1 + x has lost by rounding.
    """
    one, two = np.float32(1), np.float32(2)
    total = one + x
    small = x.view(np.int32) < 0x3ED413D7  # below sqrt(2) - 1: k is 0, f is x
    bits = total.view(np.int32)
    mantissa, k = bits & 0x7FFFFF, (bits >> 23) - 127
    lost = np.where(k > 0, one - (total - x), x - (total - one)) / total
    above = mantissa >= 0x3504F7  # of sqrt(2): take half of it
    scaled = (mantissa | np.where(above, 0x3F000000, 0x3F800000)).astype(np.int32).view(np.float32)
    f = np.where(small, x, scaled - one)
    exponent, lost = np.where(small, 0, k + above).astype(np.float32), np.where(small, np.float32(0), lost)
    h, s = np.float32(0.5) * f * f, f / (two + f)
    series = np.zeros_like(s)
    for coefficient in reversed(LOG_SERIES):
        series = s * s * (coefficient + series)
    high, low = LN_2
    value: Floats = exponent * high - ((h - (s * (h + series) + (exponent * low + lost))) - f)
    return np.where(small, f - (h - s * (h + series)), value)


def mel(hertz: Any) -> Floats:
    return np.float32(1127) * log1p(np.asarray(hertz, np.float32) / np.float32(700))


def mel_bands(*, sr: int, points: int, n_mels: int, fmin: float, fmax: float) -> Integers:
    """Weights of bins 0 to `points` in the triangular bands, (n_mels, points + 1), 4,096 stands for 1.

    Between two neighbouring centres a bin's weight in the lower band and in the upper one are rounded each. The bin at
    `sr` / 2 has a weight only if `fmax` reaches it; the original refuses that.
    """
    low, high = mel([fmin, fmax])
    centres = low + (high - low) / np.float32(n_mels + 1) * np.arange(n_mels + 2).astype(np.float32)
    width = np.float32(0.5) * np.float32(sr) / np.float32(points)
    frequencies = mel(np.arange(points + 1).astype(np.float32) * width)
    first = int(np.float32(1.5) + np.float32(fmin) / width)
    interval = np.searchsorted(centres[1:], frequencies)  # a bin at a centre belongs to the interval before it
    table = np.zeros((n_mels + 2, points + 1), np.int64)
    for k in range(first, points + 1):
        i = interval[k]
        if i <= n_mels:
            falling = (centres[i + 1] - frequencies[k]) / (centres[i + 1] - centres[i])
            table[i, k], table[i + 1, k] = weights(falling), weights(np.float32(1) - falling)
    return table[1:-1]


def factors(numbers: npt.NDArray[np.float64]) -> Integers:
    """exp(-2 pi i x) of each x as (x.shape, 4): what `multiplyh8` takes, (real, -imaginary) and (imaginary, real)."""
    angles = -2 * math.pi * numbers
    real, imaginary = (np.floor(0.5 + INT16_MOST * elementwise(part, angles)) for part in (math.cos, math.sin))
    return np.stack([real, -imaginary, imaginary, real], axis=-1).astype(np.int64)


def twiddles(points: int) -> Integers:
    """Factors of all passes, as `fixed_transform` of the kernel reads them."""
    results = 2 if points.bit_length() % 2 == 0 else 1
    passes = []
    while 4 * results < points:
        fractions = np.arange(1, results)[:, np.newaxis] * np.arange(1, 4) / (4 * results)
        passes.append(factors(fractions).ravel())
        results *= 4
    fractions = np.arange(results).reshape(-1, 1, 4) * np.arange(1, 4)[:, np.newaxis] / points
    passes.append(in_vectors(factors(fractions)))
    return np.concatenate(passes)


def in_vectors(table: Integers) -> Integers:
    """Factors (..., 4, 4) of four neighbouring numbers as two vectors: their first halves, their second halves."""
    return np.moveaxis(table.reshape(*table.shape[:-1], 2, 2), -2, -3).ravel()


def halves(points: int) -> Integers:
    """Factors that split the DFT of two real signals, exp(-pi i (k / points + 1 / 2)) of k from 1 to points / 2."""
    return in_vectors(factors(half_angles(points).reshape(-1, 4)))


def half_angles(points: int) -> npt.NDArray[np.float64]:
    """(k / points + 1 / 2) / 2 of k from 1 to points / 2: parts of a whole turn."""
    angles: npt.NDArray[np.float64] = (np.arange(1, points // 2 + 1) / points + 0.5) / 2
    return angles


def gain(estimate: npt.NDArray[np.uint64], *, strength: float, offset: float, bits: int) -> Integers:
    """The gain at an estimate of the noise with `bits` bits after the point: 2**21 (estimate + offset)**-strength."""
    level = estimate.astype(np.float32) / np.float32(1 << bits) + np.float32(offset)
    exponent = -float(np.float32(strength))
    with np.errstate(over="ignore"):  # is cut off
        power = elementwise(lambda value: value**exponent, level).astype(np.float32)
        rounded = np.float32(1 << GAIN_BITS) * power + np.float32(0.5)
    integers: Integers = np.minimum(rounded, np.float32(INT16_MOST)).astype(np.int64)
    return integers


def gain_table(*, strength: float, offset: float, bits: int) -> Integers:
    """(33, 4): in octave i, from 2**(i - 1) to 2**i, the gain is value + slope x + curve x**2, x from 0 to 1.

    The first two rows are the gains of 0 and 1.

    Raises
    ------
    ParameterError
        A polynomial does not fit 16 bits, or falls below 0: the original then computes with what has wrapped.
    """
    first = np.uint64(1) << np.arange(1, OCTAVES, dtype=np.uint64)
    last = 2 * first
    last[-1] -= np.uint64(1)
    start, middle, end = (
        gain(x, strength=strength, offset=offset, bits=bits) for x in (first, first + first // np.uint64(2), last)
    )
    slope = 4 * (middle - start) - (end - start)
    table = np.zeros((OCTAVES + 1, 4), np.int64)
    table[:2, 0] = gain(np.arange(2, dtype=np.uint64), strength=strength, offset=offset, bits=bits)
    table[2:, :3] = np.stack([start, slope, end - start - slope], axis=-1)
    x = np.arange(1024)
    between = table[:, :1] + (((table[:, 2:3] * x >> 5) + 32 * table[:, 1:2]) * x + (1 << 14) >> 15)
    if np.abs(table).max() > INT16_MOST or between.min() < 0 or between.max() > INT16_MOST:
        raise ParameterError(
            f"pcan_strength={strength} with pcan_offset={offset} gives gains that do not fit 16 bits; pcan_offset must"
            f" be at least 2 ** (6 / pcan_strength), {2.0 ** (6 / strength):.4g}"
        )
    return table


def log_table() -> Integers:
    """log2(1 + x) - x at the multiples of 1 / 128 from 0 to 1, with 16 bits after the point."""
    x = np.arange(LOG_SEGMENTS + 1) / LOG_SEGMENTS
    return np.rint((elementwise(math.log2, 1 + x) - x) * (1 << 16)).astype(np.int64)
