"""Numbers of bf16, which are the upper halves of float32: 8 bits of precision, the exponents of float32."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.uint16]


def rounded_to_bf16(values: Floats) -> Floats:
    """The nearest numbers of bf16, ties to even, as float32; infinite from halfway beyond the largest one on."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return from_halves(((bits + (0x7FFF + (bits >> 16 & 1))) >> 16).astype(np.uint16))


def are_bf16(values: Floats) -> bool:
    """Whether all values are numbers of bf16: their lower halves are zero."""
    return not (np.ascontiguousarray(values, np.float32).view(np.uint32) & 0xFFFF).any()


def upper_halves(values: Floats) -> Halves:
    """The upper halves, which say all of numbers of bf16."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def from_halves(halves: Halves) -> Floats:
    """The numbers that have these upper halves, as float32."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
