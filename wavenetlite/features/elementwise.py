"""Functions of `math` over arrays: the same bits under every instruction set, which NumPy's own have not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles


def elementwise(function: Callable[[float], float], values: npt.NDArray[np.floating[Any]]) -> Doubles:
    """`function` of each value.

    Examples
    --------
    >>> import math, numpy as np
    >>> elementwise(math.sqrt, np.array([4.0, 9.0]))
    array([2., 3.])
    """
    flat = np.array([function(value) for value in values.ravel().tolist()], np.float64)
    return flat.reshape(values.shape)


def power(values: npt.NDArray[np.floating[Any]], exponent: float) -> Doubles:
    """``values ** exponent`` of values that are not negative; infinite where it is too large, as NumPy's.

    Examples
    --------
    >>> import numpy as np
    >>> power(np.array([2.0, 1e200]), 3.0)
    array([ 8., inf])
    """

    def one(value: float) -> float:
        try:
            return float(value**exponent)
        except ArithmeticError:  # too large, or 0 to a negative power
            return math.inf

    return elementwise(one, values)
