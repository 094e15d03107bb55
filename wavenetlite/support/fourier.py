"""Tables of the discrete Fourier transform: roots of unity, and the passes a length is split into.

The roots are rounded from integers of 128 bits, so that they are the same numbers on every machine, which those of a
mathematics library are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from wavenetlite.support.arrays import Doubles

MOST_PRIME = 61
"""Larger prime factors make a transform a convolution of a power of two."""
BITS = 128
KEPT = 100
"""Bits of a root before it is rounded to float64: the errors of the recurrence are cut off, and zeros are exact."""


@dataclass(frozen=True, eq=False)
class Passes:
    """The passes of a transform of `length` points.

    Attributes
    ----------
    radices
        Their product is the length; empty for a convolution.
    twiddles
        (values, 2): the factors of each pass but the last group's first result, pass after pass.
    roots
        For each pass: (radix, 2), the radix-th roots of unity, for radices other than 2 to 5; else empty.
    """

    length: int
    radices: tuple[int, ...]
    twiddles: Doubles
    roots: tuple[Doubles, ...]


def inverse_tangent(inverse: int) -> int:
    """atan(1 / inverse) in units of 2**-BITS, by its power series."""
    power, total, k = (1 << BITS + 32) // inverse, 0, 0
    while power:
        total += (-1) ** k * power // (2 * k + 1)
        power //= inverse * inverse
        k += 1
    return total >> 32


def first_root(n: int) -> tuple[int, int]:
    """cos and sin of 2 pi / n in units of 2**-BITS."""
    angle = 8 * (4 * inverse_tangent(5) - inverse_tangent(239)) // n  # Machin: pi / 4 = 4 atan(1/5) - atan(1/239)
    sums, term, k = [0, 0], 1 << BITS, 0
    while term:
        sums[k % 2] += term if k % 4 < 2 else -term
        k += 1
        term = term * angle // k >> BITS
    return sums[0], sums[1]


@lru_cache(maxsize=8)
def roots_of_unity(n: int) -> Doubles:
    """``exp(-2 pi i k / n)`` for k = 0 .. n - 1, (n, 2): real and imaginary parts, correctly rounded.

    Examples
    --------
    >>> roots_of_unity(4).tolist()
    [[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]]
    """
    roots = np.zeros((n, 2))
    c, s = first_root(n) if n > 2 else ((-1) ** (n - 1) << BITS, 0)
    x, y = 1 << BITS, 0
    cut, unit = BITS - KEPT, 1 << KEPT
    for k in range(n // 2 + 1):
        roots[k % n] = ((x + (1 << cut - 1)) >> cut) / unit, -((y + (1 << cut - 1)) >> cut) / unit
        x, y = (x * c - y * s) >> BITS, (x * s + y * c) >> BITS
    mirrored = roots[1 : (n + 1) // 2][::-1]
    roots[n // 2 + 1 :] = mirrored * (1.0, -1.0)
    return roots + 0.0  # no negative zeros


def radices(n: int) -> tuple[int, ...]:
    """Factors of n in the order of the passes: fours, and then a two and the odd primes."""
    found: list[int] = []
    for factor in (4, 2, 3, 5, *range(7, MOST_PRIME + 1, 2)):
        while n % factor == 0:
            found.append(factor)
            n //= factor
    return tuple(found) if n == 1 else ()


@lru_cache(maxsize=16)
def passes(length: int) -> Passes:
    """The passes of a transform of `length` points."""
    factors, groups, twiddles, roots = radices(length), length, [np.zeros((1, 2))], []
    whole = roots_of_unity(length) if factors else np.zeros((1, 2))
    for radix in factors:
        groups //= radix
        step = length // (groups * radix)
        index = np.outer(np.arange(groups), np.arange(1, radix)) * step
        twiddles.append(whole[index.ravel() % length])
        roots.append(whole[:: length // radix] if radix > 5 else np.zeros((0, 2)))
    return Passes(length, factors, np.concatenate(twiddles[1:] or twiddles), tuple(map(np.ascontiguousarray, roots)))


def chirp(n: int) -> Doubles:
    """``exp(-pi i k**2 / n)`` for k = 0 .. n - 1, (n, 2)."""
    k = np.arange(n, dtype=np.int64)
    square: Doubles = roots_of_unity(2 * n)[k * k % (2 * n)]
    return square


def joining_factors(n: int) -> Doubles:
    """What joins the four quarters of a frame of n samples: for four bins at a time, (3 quarters, 2, 4 bins)."""
    bins = n // 8 // 4 * 4 + 4  # 0 to n / 8, padded
    k = np.outer(np.arange(1, 4), np.arange(bins)) % n
    factors = roots_of_unity(n)[k]  # (3, bins, 2)
    blocks: Doubles = factors.reshape(3, bins // 4, 4, 2).transpose(1, 0, 3, 2)
    return np.ascontiguousarray(blocks)


def transformed(real: Doubles, imaginary: Doubles, roots: Doubles) -> tuple[Doubles, Doubles]:
    """The DFT of n points on the last axis, n a power of two; `roots` are those of unity. Real and imaginary parts.

    For tables: only sums and products, which have the same bits everywhere.
    """
    if real.shape[-1] == 1:
        return real, imaginary
    er, ei = transformed(real[..., ::2], imaginary[..., ::2], roots[::2])
    dr, di = transformed(real[..., 1::2], imaginary[..., 1::2], roots[::2])
    wr, wi = roots[: len(roots) // 2].T
    tr, ti = dr * wr - di * wi, dr * wi + di * wr
    return np.concatenate([er + tr, er - tr], axis=-1), np.concatenate([ei + ti, ei - ti], axis=-1)
