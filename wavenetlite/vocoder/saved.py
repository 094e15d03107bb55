"""Arrays in the snapshots of a vocoder's streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import SnapshotError

UNFIT = "snapshot is damaged: its state does not fit this vocoder"


def floats_of(state: bytes, count: int) -> Floats:
    """`count` float32 numbers, finite."""
    made: Floats = numbers_of(state, count, np.float32)
    return made


def doubles_of(state: bytes, count: int) -> Doubles:
    """`count` float64 numbers, finite."""
    made: Doubles = numbers_of(state, count, np.float64)
    return made


def numbers_of(state: bytes, count: int, dtype: Any) -> npt.NDArray[Any]:
    if len(state) != count * np.dtype(dtype).itemsize:
        raise SnapshotError(UNFIT)
    made = np.frombuffer(state, dtype).copy()
    if not np.isfinite(made).all():
        raise SnapshotError(UNFIT)
    return made
