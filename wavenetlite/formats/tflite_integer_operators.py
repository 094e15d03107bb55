"""TFLite's operators on 8-bit integers, and what makes layers of them. A new operator is one row.

Whether an operator computes with integers is told by its signals.
"""

from __future__ import annotations

from wavenetlite.formats.tflite_integer_convolutions import (
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    pool,
    reduce,
)
from wavenetlite.formats.tflite_integer_functions import (
    BINARY,
    LOOKUPS,
    arithmetic,
    clamp,
    concatenation,
    hard_swish,
    leaky_relu,
    look_up,
    softmax,
)
from wavenetlite.formats.tflite_integers import LIMITS, dequantize, quantize
from wavenetlite.formats.tflite_operators import OPERATORS, Operator

MOVES = (
    "EXPAND_DIMS", "GATHER", "PAD", "PADV2", "RESHAPE", "SLICE", "SPACE_TO_BATCH_ND", "SPLIT", "SPLIT_V", "SQUEEZE",
    "STRIDED_SLICE", "TRANSPOSE",
)  # fmt: skip
"""Operators that only move numbers: they are the same for integers and floats."""

INTEGER_OPERATORS: dict[str, Operator] = {
    **{kind: OPERATORS[kind] for kind in MOVES},
    **dict.fromkeys(BINARY, arithmetic),
    **dict.fromkeys(LIMITS, clamp),
    **dict.fromkeys(LOOKUPS, look_up),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), pool),
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "MEAN": reduce,
    "REDUCE_MAX": reduce,
    "SOFTMAX": softmax,
    "QUANTIZE": quantize,
}
"""By operator: what it makes of signals of integers."""
