"""Checks of parameters: each returns the value or raises one line with the parameter, the value and the rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite.support.errors import ArrayTypeError, ParameterError


def integer(name: str, value: Any) -> int:
    """An integer, not a boolean or a float."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be an integer")
    return int(value)


def positive_int(name: str, value: Any, most: int = 2**31 - 1) -> int:
    """An integer from 1 to `most`."""
    if integer(name, value) < 1:
        raise ParameterError(f"{name}={value} must be a positive integer")
    if value > most:
        raise ParameterError(f"{name}={value} must be at most {most}")
    return int(value)


def count(name: str, value: Any) -> int:
    """A non-negative integer."""
    if integer(name, value) < 0:
        raise ParameterError(f"{name}={value} must not be negative")
    return int(value)


def channels_error(name: str, shape: tuple[int, ...], channels: int) -> ParameterError:
    """The error of an array whose last axis is not the channels; where another one is, with the remedy."""
    said = f"{name} has {shape[-1]} channels; it must have {channels}"
    if len(shape) > 1 and shape[-2] == channels:
        array = (name if name.isidentifier() else "x") + (".T" if len(shape) == 2 else ".swapaxes(1, 2)")
        said += f". Its shape {tuple(shape)} looks like (channels, frames): transpose it, np.ascontiguousarray({array})"
    return ParameterError(said)


def number(name: str, value: Any, least: float = -math.inf) -> float:
    """A finite real number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be a number")
    exact = float(value) if isinstance(value, np.floating) else value  # a float32 would make an infinity of 1e300
    if not -1e300 < exact < 1e300 or exact < least:
        raise ParameterError(f"{name}={value} must be finite{'' if least == -math.inf else f' and at least {least}'}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be True or False")
    return value


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(f"{name}={value!r} must be one of {', '.join(choices)}")
    return value


def divides(divisor_name: str, divisor: int, name: str, value: int) -> None:
    if value % divisor:
        raise ParameterError(f"{divisor_name}={divisor} must divide {name}={value}")
