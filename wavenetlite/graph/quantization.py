"""How integers stand for real numbers."""

from __future__ import annotations

from typing import NamedTuple

LOWEST, HIGHEST = -128, 127
"""The integers of a sequence: 8 bits, signed."""


class Quantization(NamedTuple):
    """An integer q stands for ``scale * (q - zero_point)``; a zero is exact."""

    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"scale {self.scale:g}, zero point {self.zero_point}"
