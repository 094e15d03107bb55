"""Numbers as C has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_NORMAL = float(np.finfo(np.float32).tiny)


def literal(value: float) -> str:
    """A float; 9 digits give its bits again. Subnormal ones are zeros, as the engine takes them."""
    single = np.float32(value)
    if np.isinf(single):
        return "INFINITY" if single > 0 else "-INFINITY"
    if abs(single) < LEAST_NORMAL:
        single = np.float32(0.0)
    text = f"{single:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def array(values: np.ndarray) -> str:
    """The initialiser of an array."""
    write = {"f4": literal, "f8": repr}.get(values.dtype.str[1:], str)
    return braces(list(map(write, values.tolist())), 8 if values.dtype.kind == "f" else 20)


def integers(rows: Sequence[tuple[int, ...]]) -> str:
    """The initialiser of an array of structures of integers."""
    return braces([f"{{{', '.join(map(str, row))}}}" for row in rows], 4)


def braces(values: Sequence[str], per_line: int) -> str:
    lines = [", ".join(values[first : first + per_line]) for first in range(0, len(values), per_line)]
    return "{\n    " + ",\n    ".join(lines) + "\n}"
