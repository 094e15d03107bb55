"""Weights as integers of 8 bits, with one scale per output channel."""

from __future__ import annotations

import numpy as np

from wavenetlite.graph.quantization import channel_scales, integer_weight
from wavenetlite.support.arrays import Doubles

MOST_BIAS = 2**30
"""Of a bias in units of the sums: it leaves as much for the sums themselves."""


def integer_parameters(weight: Doubles, bias: Doubles, input_scale: float) -> dict[str, np.ndarray]:
    """The parameters of an integer convolution whose weights and biases are the nearest to these.

    Weights are symmetric, -127 to 127. A channel whose bias would not fit gets coarser ones: its bias is then far
    above anything that they add.
    """
    needed = np.maximum(channel_scales(weight), np.abs(bias) / (input_scale * MOST_BIAS))
    scale = np.where(needed > 0, needed, 1.0).astype(np.float32)
    return {
        "weight": integer_weight(weight, scale).astype(np.int8),
        "weight_scale": scale,
        "bias": np.rint(bias / (scale.astype(np.float64) * input_scale)).astype(np.int32),
    }
