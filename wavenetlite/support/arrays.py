"""Common array types."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from wavenetlite.support.errors import ArrayTypeError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32] | npt.NDArray[np.int16]
"""float32; int16 is taken by features that compute with integers."""
NonFinite: TypeAlias = Literal["raise", "zero"]
"""What to do with infinities and NaN."""


def is_array(value: Any) -> TypeGuard[npt.NDArray[Any]]:
    """Whether it is an array; a masked one is not: its mask would be ignored."""
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)


def unmasked(name: str, value: Any) -> Any:
    """`value`, which must not be a masked array: converted to a plain one, it would lose its mask."""
    if isinstance(value, np.ma.MaskedArray):
        raise ArrayTypeError(f"{name} is a {type(value).__name__}; it must be a plain array")
    return value


def owner_of(array: Floats) -> Floats:
    """The array of which this one is another view of all elements, in order: the same for all views of a parameter.

    A part of an array, and a value that NumPy repeats without storing it, are arrays of their own.
    """
    base = array.base
    if not isinstance(base, np.ndarray) or base.size != array.size:
        return array
    return base if array.flags.c_contiguous and base.flags.c_contiguous else array
