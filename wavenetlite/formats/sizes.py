"""Sizes that a file computes of the batch's size and the signal's length, while neither is known.

Exporters divide and round such sizes, pad to them and cut by them. A size is kept as what it is for many batches and
lengths: the same operations give the same sizes, and two sizes that agree for all of them are taken for equal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from wavenetlite.support.errors import ModelFileError

MOST_SIZE = 2**53
"""Beyond it neither integers nor floats would be exact any more."""


class Size:
    """A number for each of the batches and lengths of `BATCH_SIZE` and `SIGNAL_LENGTH`, which are not all the same."""

    __array_ufunc__ = None  # NumPy's numbers leave operations to this class

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __repr__(self) -> str:
        names = {id(BATCH_SIZE): "batch", id(SIGNAL_LENGTH): "time"}
        return names.get(id(self), "a size of batch and time")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and bool(np.array_equal(self.values, other.values))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return combined(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return combined(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return combined(operator.mul, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return combined(operator.floordiv, self, other)

    def __neg__(self) -> Any:
        return combined(operator.sub, 0, self)


def combined(function: Callable[..., Any], *sizes: Any) -> Any:
    """What a function of arrays makes of sizes: a plain number where it is the same for all."""
    with np.errstate(all="ignore"):
        made = np.asarray(function(*(one.values if isinstance(one, Size) else np.asarray(one) for one in sizes)))
    if made.dtype.kind not in "b" and not (np.abs(made) < MOST_SIZE).all():
        raise ModelFileError("gives sizes that are no numbers, or do not fit")
    same = bool((made == made.flat[0]).all())
    return made.flat[0].item() if same else Size(made)


def quotient(a: Any, b: Any) -> Any:
    """Of integers the whole number nearer to zero, as ONNX has it."""
    if any(kind(one) == "f" for one in (a, b)):
        return combined(np.true_divide, a, b)
    if isinstance(b, int) and b == 0:
        raise ModelFileError("divides by zero")
    return combined(lambda a, b: np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a, b)


def kind(size: Any) -> str:
    """That of NumPy: "i", "f" or "b"."""
    return (size.values if isinstance(size, Size) else np.asarray(size)).dtype.kind


def least(a: Any, b: Any) -> Any:
    return combined(np.minimum, a, b)


def most(a: Any, b: Any) -> Any:
    return combined(np.maximum, a, b)


def samples() -> tuple[Size, Size]:
    """Batches and lengths: many that follow each other, and some of any size."""
    rng = np.random.default_rng(0)
    lengths = np.concatenate([2**20 + np.arange(60), rng.integers(2**20, 2**26, 60)])
    return Size(rng.integers(2, 2**10, len(lengths))), Size(lengths)


BATCH_SIZE, SIGNAL_LENGTH = samples()
