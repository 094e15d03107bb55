"""Weights as int8, one scale per output channel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats

MOST_WEIGHT = 127
"""Symmetric: -128 is not used, as in TFLite."""

MOST_BIAS = 2**30
"""Of a bias in units of the sums: it leaves room for the sums themselves."""


class IntegerWeights(NamedTuple):
    """``weight`` (out, in / groups, taps) int8 in units of ``scale`` (out,); ``bias`` int32 in those of the sums."""

    weight: npt.NDArray[np.int8]
    scale: Floats
    bias: npt.NDArray[np.int32]


def quantise_weights(weight: Doubles, bias: Doubles, input_scale: float) -> IntegerWeights:
    """Round weights and biases to integers.

    A channel whose bias would not fit gets coarser weights: its bias is then far above anything they add.
    """
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    least = np.abs(bias) / (input_scale * MOST_BIAS)
    wanted = np.maximum(largest / MOST_WEIGHT, least)
    scale: Floats = np.where(wanted > 0, wanted, 1.0).astype(np.float32)
    scale = np.where(scale * np.float64(MOST_WEIGHT) < largest, np.nextafter(scale, np.float32(np.inf)), scale)
    units = scale.astype(np.float64)
    q = np.clip(np.rint(weight / units.reshape(-1, 1, 1)), -MOST_WEIGHT, MOST_WEIGHT).astype(np.int8)
    return IntegerWeights(q, scale, np.rint(bias / (units * input_scale)).astype(np.int32))
