"""How integers stand for real numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wavenetlite.support.arrays import Doubles, Floats

LOWEST, HIGHEST = -128, 127
"""The integers of a sequence: 8 bits, signed."""


class Quantization(NamedTuple):
    """An integer q stands for ``scale * (q - zero_point)``; a zero is exact."""

    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"scale {self.scale:g}, zero point {self.zero_point}"


def channel_scales(weight: Floats | Doubles) -> Doubles:
    """For each output channel, the first axis, the scale at which -127 to 127 cover its weights."""
    largest: Doubles = np.abs(weight).reshape(len(weight), -1).max(axis=1).astype(np.float64)
    return largest / HIGHEST


def integer_weight(weight: Floats | Doubles, scale: Floats) -> Doubles:
    """The nearest integers, -127 to 127."""
    units = scale.astype(np.float64).reshape(-1, *[1] * (weight.ndim - 1))
    q: Doubles = np.clip(np.rint(weight / units), -HIGHEST, HIGHEST)
    return q


def rounded_weight(weight: Floats) -> Floats:
    """Weights after a conversion to integers and back."""
    scales = channel_scales(weight).astype(np.float32)
    scales[scales == 0] = 1.0
    rounded: Floats = integer_weight(weight, scales).astype(np.float32)
    rounded *= scales.reshape(-1, *[1] * (weight.ndim - 1))
    return rounded
