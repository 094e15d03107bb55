"""Functions of `math` over arrays: the same bits under every instruction set, which NumPy's own have not."""

from __future__ import annotations

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
