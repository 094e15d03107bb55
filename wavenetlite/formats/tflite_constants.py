"""What a TFLite graph computes of constants and shapes: evaluated while it is read, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wavenetlite.formats.onnx_constants import FOLDED as ONNX_FOLDED
from wavenetlite.formats.onnx_constants import bounded, computed, elementwise, integers, shape_of
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.tflite_axes import check_masks
from wavenetlite.formats.tflite_file import NUMBERS, Tensor
from wavenetlite.support.errors import ModelFileError

Row = Callable[[OnnxNode, list[Any]], Any]


def fold(node: OnnxNode, inputs: list[Any], outputs: list[Tensor]) -> list[np.ndarray]:
    """Outputs of an operator whose inputs are constants."""
    if node.attributes.get("activation", 0):
        raise ModelFileError("has an activation, and computes with constants")
    made = computed(FOLDED[node.kind], node, inputs)
    return [as_type(one, tensor) for one, tensor in zip(made, outputs, strict=False)]


def as_type(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    """A value in the type that the file gives for it; sizes that are not known stay what they are."""
    return value if value.dtype == object or tensor.type not in NUMBERS else value.astype(tensor.type)


def reshape(node: OnnxNode, inputs: list[Any]) -> Any:
    shape = integers(inputs[1]) if len(inputs) > 1 else node.attributes["shape"]
    return inputs[0].reshape([int(size) for size in shape])


def squeeze(node: OnnxNode, inputs: list[Any]) -> Any:
    axes = tuple(int(one) for one in node.attributes.get("axes", ()))
    return np.squeeze(inputs[0], axes or None)


def strided_slice(node: OnnxNode, inputs: list[Any]) -> Any:
    options = node.attributes
    check_masks(options)
    where: list[Any] = []
    for number, (begin, end, step) in enumerate(zip(*map(integers, inputs[1:4]), strict=True)):
        bit = 1 << number
        if options["shrink_mask"] & bit:
            where.append(begin)
        else:
            where.append(slice(None if options["begin_mask"] & bit else begin,
                               None if options["end_mask"] & bit else end, step))  # fmt: skip
    return inputs[0][tuple(where)]


def slice_(node: OnnxNode, inputs: list[Any]) -> Any:
    where = [slice(begin, None if size == -1 else begin + size)
             for begin, size in zip(integers(inputs[1]), integers(inputs[2]), strict=True)]  # fmt: skip
    return inputs[0][tuple(where)]


def gather(node: OnnxNode, inputs: list[Any]) -> Any:
    axis = node.attributes["axis"]
    bounded([inputs[0].size // max(1, inputs[0].shape[axis]), inputs[1].size], inputs)
    return np.take(inputs[0], inputs[1].astype(np.int64), axis=axis)


def product(node: OnnxNode, inputs: list[Any]) -> Any:
    axes = tuple(integers(inputs[1]))
    return np.prod(inputs[0], axis=axes or None, keepdims=bool(node.attributes["keep_dims"]))


def total(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.sum(inputs[0], axis=tuple(integers(inputs[1])), keepdims=bool(node.attributes["keep_dims"]))


def fill(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.full(bounded(shape_of(inputs[0])), inputs[1].reshape(-1)[0])


def broadcast_to(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.broadcast_to(inputs[0], bounded(shape_of(inputs[1]), inputs[:1]))


def floor_divide(a: Any, b: Any) -> Any:
    if not np.asarray(b).all():
        raise ModelFileError("divides by zero")
    return a // b


def modulo(a: Any, b: Any) -> Any:
    if not np.asarray(b).all():
        raise ModelFileError("divides by zero")
    return np.mod(a, b)


def transpose(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.transpose(inputs[0], integers(inputs[1]))


def same(node: OnnxNode, inputs: list[Any]) -> Any:
    return inputs[0]


def sizes_of(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.array(inputs[0].shape, np.int64)


FOLDED: dict[str, Row] = {
    "ADD": ONNX_FOLDED["Add"], "SUB": ONNX_FOLDED["Sub"], "MUL": ONNX_FOLDED["Mul"], "DIV": ONNX_FOLDED["Div"],
    "MINIMUM": ONNX_FOLDED["Min"], "MAXIMUM": ONNX_FOLDED["Max"], "NEG": ONNX_FOLDED["Neg"],
    "SQRT": ONNX_FOLDED["Sqrt"], "RSQRT": elementwise(lambda value: 1 / np.sqrt(value)),
    "FLOOR_DIV": elementwise(floor_divide), "FLOOR_MOD": elementwise(modulo),
    "EQUAL": ONNX_FOLDED["Equal"], "GREATER": ONNX_FOLDED["Greater"], "LESS": ONNX_FOLDED["Less"],
    "SELECT": ONNX_FOLDED["Where"], "SELECT_V2": ONNX_FOLDED["Where"],
    "BROADCAST_TO": broadcast_to, "CAST": same, "DEQUANTIZE": same,
    "CONCATENATION": lambda node, inputs: np.concatenate(inputs, axis=node.attributes["axis"]),
    "EXPAND_DIMS": lambda node, inputs: np.expand_dims(inputs[0], integers(inputs[1])[0]),
    "FILL": fill, "GATHER": gather, "PACK": lambda node, inputs: np.stack(inputs, axis=node.attributes["axis"]),
    "REDUCE_PROD": product, "RESHAPE": reshape, "SHAPE": sizes_of, "SLICE": slice_, "SQUEEZE": squeeze,
    "STRIDED_SLICE": strided_slice, "SUM": total, "TRANSPOSE": transpose,
}  # fmt: skip
"""By operator: what it makes of constants."""
