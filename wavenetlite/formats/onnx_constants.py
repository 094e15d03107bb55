"""What an ONNX graph computes of constants and shapes: evaluated while it is read, within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wavenetlite.formats import sizes
from wavenetlite.formats.onnx_file import DTYPES, OnnxNode
from wavenetlite.formats.sizes import BATCH_SIZE, Size
from wavenetlite.support.errors import ModelFileError

Row = Callable[[OnnxNode, list[Any]], Any]

FEW_VALUES = 2**20
"""That may be computed of anything; of many values, four times as many: a few numbers of a file may ask for any
amount."""


def integers(value: Any) -> list[int]:
    """A constant as a list of integers."""
    flat = np.asarray(value).reshape(-1)
    if any(isinstance(one, Size) for one in flat.tolist()):
        raise ModelFileError("has a number of frames or places that depends on the size of the batch or the length of "
                             "the signal")  # fmt: skip
    if flat.dtype.kind not in "iu" and any(not isinstance(one, int | np.integer) for one in flat.tolist()):
        raise ModelFileError(f"has {str(flat.tolist())[:60]} where it must have integers")
    return [int(one) for one in flat]


def shape_of(value: Any) -> list[int]:
    """A shape of constants: they are the same for all signals of a batch, and stand here once."""
    return integers(
        np.array([1 if one == BATCH_SIZE else one for one in np.asarray(value).reshape(-1).tolist()], object)
    )


def fold(node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
    """Outputs of a node whose inputs are constants."""
    return computed(FOLDED[node.kind], node, inputs)


def computed(row: Callable[[OnnxNode, list[Any]], Any], node: OnnxNode, inputs: list[Any]) -> list[np.ndarray]:
    """What a function of constants gives, as arrays."""
    try:
        with np.errstate(all="ignore"):
            made = row(node, inputs)
    except ModelFileError:
        raise
    except Exception as error:  # NumPy raises what it will: shapes that do not fit, places that are not there
        raise ModelFileError(f"cannot be computed: {error}") from None
    return [plain(one) for one in (made if isinstance(made, list) else [made])]


def plain(value: Any) -> np.ndarray:
    """An array of numbers, where none of its sizes depends on the signal."""
    array = np.asarray(value)
    if array.dtype != object or any(isinstance(one, Size) for one in array.flat):
        return array
    return np.array(array.tolist()).reshape(array.shape)


def bounded(shape: Sequence[int], inputs: Sequence[Any] = ()) -> tuple[int, ...]:
    """A shape that what is computed of `inputs` may have."""
    most = max(FEW_VALUES, 4 * sum(np.size(value) for value in inputs))
    if any(size < 0 for size in shape) or math.prod(shape) > most:
        raise ModelFileError(f"gives the shape {list(shape)[:8]}; it must be of at most {most} values")
    return tuple(map(int, shape))


def elementwise(function: Callable[..., Any], of_sizes: Callable[..., Any] | None = None) -> Row:
    """A function of arrays that fit together; `of_sizes` is that of single sizes, where it is another."""

    def run(node: OnnxNode, inputs: list[Any]) -> Any:
        bounded(np.broadcast_shapes(*(np.shape(one) for one in inputs)), inputs)
        if not any(one.dtype == object for one in inputs):
            return function(*inputs)
        single = of_sizes or (lambda *values: sizes.combined(function, *values))
        return np.asarray(np.frompyfunc(single, len(inputs), 1)(*inputs))

    return run


def divide(a: Any, b: Any) -> Any:
    if a.dtype.kind not in "iu":
        return a / b
    if not b.all():
        raise ModelFileError("divides by zero")
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)


def power(a: Any, b: Any) -> Any:
    return np.power(a, b).astype(a.dtype)


def repeated(function: Callable[[Any, Any], Any]) -> Row:
    """Of any number of inputs, one after the other."""
    run = elementwise(function)

    def all_of(node: OnnxNode, inputs: list[Any]) -> Any:
        made = inputs[0]
        for other in inputs[1:]:
            made = np.asarray(run(node, [made, other]))
        return made

    return all_of


def choose(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, Size):
        raise ModelFileError("chooses by the size of the batch or the length of the signal")
    return a if condition else b


def constant(node: OnnxNode, inputs: list[Any]) -> Any:
    for name, dtype in (("value_float", "f4"), ("value_int", "i8"), ("value_floats", "f4"), ("value_ints", "i8")):
        if name in node.attributes:
            return np.array(node.attributes[name], dtype)
    if node.attributes.get("value") is None:
        raise ModelFileError("has a value that is no tensor of numbers")
    return node.attributes["value"]


def cast(node: OnnxNode, inputs: list[Any]) -> Any:
    dtype = np.dtype(DTYPES[node.attributes["to"]])
    if inputs[0].dtype != object:
        return inputs[0].astype(dtype)
    return elementwise(lambda value: value.astype(np.int64 if dtype.kind in "iu" else np.float64))(node, inputs)


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


def flatten(node: OnnxNode, inputs: list[Any]) -> Any:
    shape, axis = inputs[0].shape, node.attributes.get("axis", 1)
    return inputs[0].reshape(math.prod(shape[:axis]), math.prod(shape[axis:]))


def split(node: OnnxNode, inputs: list[Any]) -> list[Any]:
    axis, given = node.attributes.get("axis", 0), node.given(inputs, 1, "split")
    count, whole = len(node.outputs), inputs[0].shape[axis]
    each = -(-whole // count)
    sizes = [min(each, whole - each * i) for i in range(count)] if given is None else integers(given)
    if sum(sizes) != whole or len(sizes) != count or min(sizes) < 0:
        raise ModelFileError(f"splits {whole} into {sizes}")
    return list(np.split(inputs[0], np.cumsum(sizes)[:-1], axis=axis))


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
    return np.full(bounded(shape_of(inputs[0])), 0.0 if value is None else value.reshape(-1)[0],
                   np.float32 if value is None else value.dtype)  # fmt: skip


def expand(node: OnnxNode, inputs: list[Any]) -> Any:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(shape_of(inputs[1])))
    return np.broadcast_to(inputs[0], bounded(shape, inputs))


def norm2(node: OnnxNode, inputs: list[Any]) -> Any:
    keep = bool(node.attributes.get("keepdims", 1))
    squares = np.square(inputs[0], dtype=np.float64)
    return np.sqrt(squares.sum(axis=axes_of(node, inputs), keepdims=keep)).astype(np.float32)


def total(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.sum(inputs[0], axis=axes_of(node, inputs), keepdims=bool(node.attributes.get("keepdims", 1)))


def shape(node: OnnxNode, inputs: list[Any]) -> Any:
    return part_of_shape(node, np.array(inputs[0].shape, np.int64))


def part_of_shape(node: OnnxNode, sizes: np.ndarray) -> np.ndarray:
    """What a Shape gives of all sizes."""
    return plain(sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))])


def counting(node: OnnxNode, inputs: list[Any]) -> Any:
    first, limit, step = (value.reshape(-1)[0] for value in inputs)
    bounded([max(0, math.ceil((limit - first) / step))])
    return np.arange(first, limit, step)


FOLDED: dict[str, Row] = {
    "Constant": constant, "Cast": cast, "Shape": shape, "Slice": take_slice, "Reshape": reshape, "Concat": concat,
    "Flatten": flatten, "Split": split,
    "Unsqueeze": unsqueeze, "Squeeze": squeeze, "Gather": gather, "ConstantOfShape": fill, "Expand": expand,
    "ReduceL2": norm2, "ReduceSum": total, "Range": counting,
    "Add": elementwise(np.add), "Sub": elementwise(np.subtract), "Mul": elementwise(np.multiply),
    "Div": elementwise(divide, sizes.quotient), "Mod": elementwise(np.mod), "Pow": elementwise(power),
    "Min": repeated(np.minimum), "Max": repeated(np.maximum),
    "Equal": elementwise(np.equal), "Greater": elementwise(np.greater), "Less": elementwise(np.less),
    "GreaterOrEqual": elementwise(np.greater_equal), "LessOrEqual": elementwise(np.less_equal),
    "Not": elementwise(np.logical_not), "And": elementwise(np.logical_and), "Or": elementwise(np.logical_or),
    "Where": elementwise(np.where, choose),
    "Identity": lambda node, inputs: inputs[0], "Neg": elementwise(np.negative),
    "Floor": elementwise(np.floor), "Ceil": elementwise(np.ceil),
    "Sqrt": elementwise(np.sqrt), "Reciprocal": elementwise(np.reciprocal),
    "Exp": elementwise(np.exp), "Abs": elementwise(np.abs),
    "Transpose": lambda node, inputs: np.transpose(inputs[0], node.attributes.get("perm")),
}  # fmt: skip
