"""Checks of the operators' arguments: arrays, and options for one axis or for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from wavenetlite.ops.geometry import AxisPadding
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

PerAxis = int | Sequence[int]
Padding = Literal["SAME", "VALID", "CAUSAL"] | Sequence[Sequence[int]]

AXES = {1: ("width",), 2: ("height", "width")}
"""Names of the axes of sequences and images."""

LAYOUTS = {
    ("value", 1): "(batch, width, channels)",
    ("value", 2): "(batch, height, width, channels)",
    ("filters", 1): "(width, in channels / groups, out channels)",
    ("filters", 2): "(height, width, in channels / groups, out channels)",
}


def floats(name: str, array: Any, layout: str) -> Floats:
    """A C-contiguous float32 array with the dimensions of `layout`; "..." stands for one or more."""
    if not is_array(array):
        raise ArrayTypeError(f"{name} is a {type(array).__name__}; it must be a NumPy array")
    if array.dtype != np.float32:
        raise ArrayTypeError(f"{name} has dtype {array.dtype}; it must be float32")
    rank = len(layout.split(", "))
    if array.ndim != rank and not ("..." in layout and array.ndim > rank):
        raise ParameterError(f"{name} has shape {array.shape}; it must be {layout}")
    if not array.flags.c_contiguous:
        raise ParameterError(f"{name} has strides {array.strides}; it must be C-contiguous (numpy.ascontiguousarray)")
    return array


def images(name: str, array: Any, axes: int) -> Floats:
    """Sequences (1 axis) or images (2 axes), channels last."""
    return floats(name, array, LAYOUTS["value", axes])


def like(name: str, array: Any, shape: tuple[int, ...], axes: int) -> Floats:
    """Images of exactly this shape, as the gradient of an output."""
    if images(name, array, axes).shape != shape:
        raise ParameterError(f"{name} has shape {array.shape}; it must be the output's, {shape}")
    return array  # type: ignore[no-any-return]


def vector(name: str, array: Any, length: int, of: str) -> Floats:
    """One value per channel."""
    if floats(name, array, "(channels,)").shape != (length,):
        raise ParameterError(f"{name} has shape {array.shape}; it must be ({length},), one per channel of {of}")
    return array  # type: ignore[no-any-return]


def per_axis(name: str, value: Any, axes: int) -> tuple[int, ...]:
    """Positive integers, one per axis; TensorFlow's form with a 1 for batch and channels is accepted too."""
    if isinstance(value, (int, np.integer)):
        return (positive_int(name, value),) * axes
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be integers")
    values = tuple(positive_int(f"{name}[{i}]", one) for i, one in enumerate(value))
    if len(values) == axes + 2 and values[0] == values[-1] == 1:
        return values[1:-1]
    if len(values) not in (1, axes):
        raise ParameterError(f"{name}={value!r} must be an integer or {axes} of them: {', '.join(AXES[axes])}")
    return values * axes if len(values) == 1 else values


def pairs(name: str, value: Any, axes: int, rule: str) -> tuple[tuple[int, int], ...]:
    """Two numbers per axis, before and after; TensorFlow's form with [0, 0] for batch and channels is accepted too."""
    try:
        found = [tuple(pair) for pair in value]
    except TypeError:
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be {rule}") from None
    if len(found) == axes + 2 and found[0] == found[-1] == (0, 0):
        found = found[1:-1]
    if len(found) != axes or any(len(pair) != 2 for pair in found):
        raise ParameterError(f"{name}={value!r} must be {rule}")
    return tuple((count(f"{name}[{i}][0]", a), count(f"{name}[{i}][1]", b)) for i, (a, b) in enumerate(found))


def each_axis(padding: Any, axes: int, choices: Sequence[str] = ("SAME", "VALID", "CAUSAL")) -> tuple[AxisPadding, ...]:
    """The padding of each axis: a rule or a pair."""
    if isinstance(padding, str) and padding in choices:
        return ("CAUSAL", "SAME")[:axes] if padding == "CAUSAL" else (padding,) * axes
    rule = f"one of {', '.join(choices)}, or a pair (zeros before, after) for each of: {', '.join(AXES[axes])}"
    if isinstance(padding, str):
        raise ParameterError(f"padding={padding!r} must be {rule}")
    return pairs("padding", padding, axes, rule)
