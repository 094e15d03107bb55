"""Typed Cython kernels on arrays, one extension module per instruction set.

They know nothing of models.
"""

import sys
import time
from pathlib import Path

try:
    from wavenetlite.kernels.dispatch import (
        FAST_TANH,
        INTEGER_UNIT,
        ISA,
        LANES,
        WIDE,
        activations,
        available,
        multiply_adds,
        panel_widths,
        vector_width,
    )
except ModuleNotFoundError as error:
    if error.name != "wavenetlite.kernels.dispatch":
        raise
    raise ImportError(
        f"wavenetlite is not built for Python {sys.version_info[0]}.{sys.version_info[1]} in "
        f"{Path(__file__).parents[2]}, from where it is imported: run `make demo` there, or `pip install -e .`"
    ) from None

__all__ = [
    "ACTIVATIONS", "FAST_TANH", "INTEGER_UNIT", "ISA", "LANES", "WIDE", "available", "fma_peak", "isa", "padded",
    "panel_widths", "vector_width",
]  # fmt: skip

ACTIVATIONS = tuple(activations())
"""Names of the activations that the kernels register."""


def padded(channels: int) -> int:
    """Floats in a row of `channels` channels as the kernels write it: a multiple of LANES, or 4, or 8."""
    return next((width for width in (4, 8) if channels <= width), -(-channels // LANES) * LANES)


def isa() -> str:
    """Name of the instruction set in use: ``"sse2"``, ``"avx2"``, ``"avx512"``, ``"vnni"`` (AVX-512 with it) or
    ``"neon"``.

    It is chosen at import from what the CPU offers; the environment variable ``WAVENETLITE_ISA`` forces one.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.isa() in ("sse2", "avx2", "avx512", "vnni", "neon")
    True
    """
    return ISA


def fma_peak(seconds: float = 0.2) -> float:
    """What one core can do at most with the vectors in use, in GFLOP/s (2 a multiply-add), measured now."""
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        done = multiply_adds(200_000)
        best = max(best, 2e-9 * done / (time.perf_counter() - start))
    return best
