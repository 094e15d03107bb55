"""What an ONNX graph computes of constants and shapes: evaluated while it is read, within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.formats.onnx_file import DTYPES, OnnxNode
from wavenetlite.support.errors import ModelFileError

FEW_VALUES = 2**20
"""That may be computed of anything; of many values, four times as many: a few numbers of a file may ask for any
amount."""


@dataclass(frozen=True)
class Symbol:
    """A size that is not known: that of the batch, or of the signal, `plus` some."""

    name: str
    plus: int = 0

    def __add__(self, other: Any) -> Symbol:
        return Symbol(self.name, self.plus + int(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Symbol):
            return self.plus - other.plus if other.name == self.name else NotImplemented
        return Symbol(self.name, self.plus - int(other))


def integers(value: Any) -> list[int]:
    """A constant as a list of integers."""
    flat = np.asarray(value).reshape(-1)
    if flat.dtype.kind not in "iu" and any(not isinstance(one, int | np.integer) for one in flat.tolist()):
        raise ModelFileError(f"has {str(flat.tolist())[:60]} where it must have integers")
    return [int(one) for one in flat]


def sizes(value: Any) -> list[int]:
    """A shape of constants: they are the same for all signals of a batch, and stand here once."""
    return integers([1 if one == Symbol("batch") else one for one in np.asarray(value, object).reshape(-1)])


def fold(node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
    """Outputs of a node whose inputs are constants."""
    try:
        with np.errstate(all="ignore"):
            made = FOLDED[node.kind](node, inputs)
    except ModelFileError:
        raise
    except Exception as error:  # NumPy raises what it will: shapes that do not fit, places that are not there
        raise ModelFileError(f"cannot be computed: {error}") from None
    return made if isinstance(made, list) else [made]


def bounded(shape: Sequence[int], inputs: Sequence[Any] = ()) -> tuple[int, ...]:
    """A shape that what is computed of `inputs` may have."""
    most = max(FEW_VALUES, 4 * sum(np.size(value) for value in inputs))
    if any(size < 0 for size in shape) or math.prod(shape) > most:
        raise ModelFileError(f"gives the shape {list(shape)[:8]}; it must be of at most {most} values")
    return tuple(map(int, shape))


def binary(function: Callable[[Any, Any], Any]) -> Callable[[OnnxNode, list[Any]], Any]:
    def run(node: OnnxNode, inputs: list[Any]) -> Any:
        bounded(np.broadcast_shapes(np.shape(inputs[0]), np.shape(inputs[1])), inputs)
        made = function(inputs[0], inputs[1])
        if made.dtype == object and any(isinstance(one, int) and abs(one) >= 2**63 for one in made.flat):
            raise ModelFileError("gives sizes that do not fit into 64 bits")  # Python's integers would grow and grow
        return made

    return run


def divide(a: Any, b: Any) -> Any:
    return np.trunc(a / b).astype(a.dtype) if a.dtype.kind in "iu" else a / b


def power(a: Any, b: Any) -> Any:
    if object in (a.dtype, b.dtype):
        raise ModelFileError("raises sizes to a power")
    return np.power(a, b).astype(a.dtype)


def constant(node: OnnxNode, inputs: list[Any]) -> Any:
    for name, dtype in (("value_float", "f4"), ("value_int", "i8"), ("value_floats", "f4"), ("value_ints", "i8")):
        if name in node.attributes:
            return np.array(node.attributes[name], dtype)
    if node.attributes.get("value") is None:
        raise ModelFileError("has a value that is no tensor of numbers")
    return node.attributes["value"]


def cast(node: OnnxNode, inputs: list[Any]) -> Any:
    value = inputs[0]
    return value if value.dtype == object else value.astype(DTYPES[node.attributes["to"]])


def axes_of(node: OnnxNode, inputs: list[Any], at: int = 1) -> tuple[int, ...]:
    given = node.given(inputs, at, "axes")
    return tuple(range(inputs[0].ndim)) if given is None else tuple(integers(given))


def take_slice(node: OnnxNode, inputs: list[Any]) -> Any:
    options = node.attributes
    value, *given = inputs
    starts, ends = map(integers, given[:2]) if len(given) > 1 else (options["starts"], options["ends"])
    numbers = integers(given[2]) if len(given) > 2 and given[2] is not None else options.get("axes")
    steps = integers(given[3]) if len(given) > 3 and given[3] is not None else [1] * len(starts)
    where = [slice(None)] * value.ndim
    for number, start, end, step in zip(numbers or range(len(starts)), starts, ends, steps, strict=True):
        where[number] = slice(start, end, step)
    return value[tuple(where)]


def reshape(node: OnnxNode, inputs: list[Any]) -> Any:
    sizes = [inputs[0].shape[i] if size == 0 else size for i, size in enumerate(integers(inputs[1]))]
    return inputs[0].reshape(sizes)


def unsqueeze(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.expand_dims(inputs[0], axes_of(node, inputs))


def squeeze(node: OnnxNode, inputs: list[Any]) -> Any:
    given = len(inputs) > 1 or node.attributes.get("axes")
    return np.squeeze(inputs[0], axes_of(node, inputs) if given else None)


def gather(node: OnnxNode, inputs: list[Any]) -> Any:
    axis = node.attributes.get("axis", 0)
    bounded([inputs[0].size // max(1, inputs[0].shape[axis]), inputs[1].size], inputs)
    return np.asarray(np.take(inputs[0], inputs[1].astype(np.int64), axis=axis))


def concat(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.concatenate(inputs, axis=node.attributes["axis"])


def fill(node: OnnxNode, inputs: list[Any]) -> Any:
    value = node.attributes.get("value")
    return np.full(bounded(sizes(inputs[0])), 0.0 if value is None else value.reshape(-1)[0],
                   np.float32 if value is None else value.dtype)  # fmt: skip


def expand(node: OnnxNode, inputs: list[Any]) -> Any:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(sizes(inputs[1])))
    return np.broadcast_to(inputs[0], bounded(shape, inputs))


def norm2(node: OnnxNode, inputs: list[Any]) -> Any:
    keep = bool(node.attributes.get("keepdims", 1))
    squares = np.square(inputs[0], dtype=np.float64)
    return np.sqrt(squares.sum(axis=axes_of(node, inputs), keepdims=keep)).astype(np.float32)


def total(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.sum(inputs[0], axis=axes_of(node, inputs), keepdims=bool(node.attributes.get("keepdims", 1)))


def shape(node: OnnxNode, inputs: list[Any]) -> Any:
    sizes = inputs[0] if inputs[0].dtype == object else np.array(inputs[0].shape)
    return sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))]


def counting(node: OnnxNode, inputs: list[Any]) -> Any:
    first, limit, step = (value.reshape(-1)[0] for value in inputs)
    bounded([max(0, math.ceil((limit - first) / step))])
    return np.arange(first, limit, step)


FOLDED: dict[str, Callable[[OnnxNode, list[Any]], Any]] = {
    "Constant": constant, "Cast": cast, "Shape": shape, "Slice": take_slice, "Reshape": reshape, "Concat": concat,
    "Unsqueeze": unsqueeze, "Squeeze": squeeze, "Gather": gather, "ConstantOfShape": fill, "Expand": expand,
    "ReduceL2": norm2, "ReduceSum": total, "Range": counting,
    "Add": binary(lambda a, b: a + b), "Sub": binary(lambda a, b: a - b), "Mul": binary(lambda a, b: a * b),
    "Div": binary(divide), "Pow": binary(power),
    "Identity": lambda node, inputs: inputs[0], "Neg": lambda node, inputs: -inputs[0],
    "Sqrt": lambda node, inputs: np.sqrt(inputs[0]), "Reciprocal": lambda node, inputs: 1 / inputs[0],
    "Exp": lambda node, inputs: np.exp(inputs[0]), "Abs": lambda node, inputs: np.abs(inputs[0]),
    "Transpose": lambda node, inputs: np.transpose(inputs[0], node.attributes.get("perm")),
}  # fmt: skip
