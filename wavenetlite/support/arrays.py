"""Common array types."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
NonFinite: TypeAlias = Literal["raise", "zero"]
"""What to do with infinities and NaN."""


def is_array(value: Any) -> TypeGuard[npt.NDArray[Any]]:
    """Whether it is an array; a masked one is not: its mask would be ignored."""
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
