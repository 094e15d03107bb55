"""The discrete cosine transform of types 2 and 3, orthonormal, as a matrix.

Definition: Rao and Yip, "Discrete cosine transform", 1990; type 3 is the inverse, hence the transpose, of type 2.
"""

from __future__ import annotations

import math

import numpy as np

from wavenetlite.support.arrays import Doubles


def cosine_transform(n_in: int, n_out: int, kind: int) -> Doubles:
    """The first coefficients of the transform, (n_in, n_out), as ``scipy.fft.dct(np.eye(n_in), kind, norm="ortho")``.

    Parameters
    ----------
    n_in, n_out
        Values, and coefficients, of which there are at most as many.
    kind
        2 or 3.
    """
    n, k = np.arange(n_in)[:, np.newaxis], np.arange(n_out)
    order, place = (k, n) if kind == 2 else (n, k)
    scale = np.where(order == 0, math.sqrt(1 / n_in), math.sqrt(2 / n_in))
    matrix: Doubles = scale * cosines(n_in)[order * (2 * place + 1) % (4 * n_in)]
    return matrix


def cosines(n: int) -> Doubles:
    """cos(pi j / 2n) for j from 0 to 4n - 1. Only a quarter is computed: zeros are zeros, equal values are equal."""
    eighth = [math.pi * j / (2 * n) for j in range(n // 2 + 1)]
    quarter = [math.cos(angle) for angle in eighth]
    quarter += [math.sin(angle) for angle in reversed(eighth[: (n + 1) // 2])]
    half = np.array(quarter + [-value for value in reversed(quarter[:-1])])
    return np.concatenate([half, half[-2:0:-1]])
