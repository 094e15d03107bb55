"""ONNX's operators and what makes layers of them. A new operator is one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wavenetlite.formats.onnx_activations import activation, begin, clip, hard_sigmoid, prelu, selu
from wavenetlite.formats.onnx_arithmetic import arithmetic, linear, negate, power
from wavenetlite.formats.onnx_axes import cast, gather, keep, pad, reshape, slice_, split, squeeze, transpose, unsqueeze
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder
from wavenetlite.formats.onnx_convolutions import average_pool, conv, conv_transpose, max_pool, upsample
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_joins import concat, pool
from wavenetlite.formats.onnx_noise import draw_like
from wavenetlite.formats.onnx_norms import batch_norm, group_norm, layer_norm
from wavenetlite.formats.onnx_recurrent import recurrent
from wavenetlite.formats.onnx_spectrum import inverse_stft

OPERATORS: dict[str, Callable[[OnnxGraphBuilder, OnnxNode, list[Any]], Any]] = {
    **dict.fromkeys(("Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "Gelu", "Softsign", "HardSwish", "Softmax",
                     "Exp", "Sin", "Cos"),
                    activation),
    **dict.fromkeys(("Identity", "Dropout", "Contiguous"), keep),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum"), arithmetic),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"), pool),
    "Abs": begin,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Erf": begin,
    "Flatten": reshape,
    "GRU": recurrent,
    "Gather": gather,
    "Gemm": linear,
    "GroupNormalization": group_norm,
    "HardSigmoid": hard_sigmoid,
    "InverseSTFT": inverse_stft,
    "InstanceNormalization": group_norm,
    "LSTM": recurrent,
    "LayerNormalization": layer_norm,
    "MatMul": linear,
    "MaxPool": max_pool,
    "Neg": negate,
    "PRelu": prelu,
    "Pad": pad,
    "Pow": power,
    "RandomNormalLike": draw_like,
    "Reshape": reshape,
    "Resize": upsample,
    "Selu": selu,
    "Slice": slice_,
    "Split": split,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Upsample": upsample,
}  # fmt: skip
"""By operator: ``function(builder, node, inputs)`` gives the signal, or the signals in a list, that a node makes."""
