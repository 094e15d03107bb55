"""The mu-law curve's inverse: ITU-T G.711."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats


def expanded(x: npt.NDArray[Any], mu: int) -> Floats:
    """Samples of values of the curve in -1..1."""
    x = np.asarray(x, np.float64)
    samples: Floats = (np.sign(x) / mu * (np.power(1.0 + mu, np.abs(x)) - 1)).astype(np.float32)
    return samples


def samples_of(classes: npt.NDArray[Any], count: int) -> Floats:
    """Samples of `count` classes, numbered from 0: the middle one, ``count // 2``, is 0.0."""
    return expanded((np.asarray(classes) - count // 2) * (2.0 / count), count - 1)
