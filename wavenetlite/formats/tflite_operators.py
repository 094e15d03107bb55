"""TFLite's operators and what makes layers of them. A new operator is one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wavenetlite.formats import tflite_elu
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.tflite_arithmetic import (
    ACTIVATIONS,
    ARITHMETIC,
    activation,
    arithmetic,
    begin_softsign,
    bound,
    clamp,
    concatenation,
    identity,
    negative,
    prelu,
    reduce,
    square,
)
from wavenetlite.formats.tflite_axes import (
    expand_dims,
    gather,
    pad,
    reshape,
    slice_,
    split,
    squeeze,
    strided_slice,
    tile,
    transpose,
)
from wavenetlite.formats.tflite_blocks import space_to_batch
from wavenetlite.formats.tflite_builder import CLAMPS, TfliteBuilder
from wavenetlite.formats.tflite_convolutions import (
    average_pool,
    batch_matmul,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    max_pool,
)

Operator = Callable[[TfliteBuilder, OnnxNode, list[Any]], Any]

OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(ARITHMETIC, arithmetic),
    **dict.fromkeys(ACTIVATIONS, activation),
    **dict.fromkeys(CLAMPS, clamp),
    **dict.fromkeys(("MEAN", "REDUCE_MAX"), reduce),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), bound),
    **dict.fromkeys(("PAD", "PADV2"), pad),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), split),
    "ABS": begin_softsign,
    "AVERAGE_POOL_2D": average_pool,
    "BATCH_MATMUL": batch_matmul,
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": identity,
    "EXP": tflite_elu.begin,
    "EXPAND_DIMS": expand_dims,
    "FULLY_CONNECTED": fully_connected,
    "GATHER": gather,
    "GREATER": tflite_elu.begin,
    "MAX_POOL_2D": max_pool,
    "NEG": negative,
    "PRELU": prelu,
    "RESHAPE": reshape,
    "SLICE": slice_,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "SQUARE": square,
    "SQUEEZE": squeeze,
    "STRIDED_SLICE": strided_slice,
    "TILE": tile,
    "TRANSPOSE": transpose,
}
"""By operator: ``function(builder, node, inputs)`` gives the signal, or the signals in a list, that a node makes."""
