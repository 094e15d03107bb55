"""Plain descriptions of objects and functions, by which a run recognises that its options are the same."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from wavenetlite.support.digests import digest

DEEPEST = 12
"""Levels of objects inside objects; what lies deeper counts by its type only."""


def description(value: Any, depth: int = 0) -> Any:
    """A value as JSON-serialisable data: equal for equal options, closures and arrays, in any process.

    Examples
    --------
    >>> from functools import partial
    >>> from wavenetlite.support.descriptions import description
    >>> description(partial(round, ndigits=1)) == description(partial(round, ndigits=2))
    False
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return digest(np.asarray(value))
    if depth > DEEPEST:
        return named(type(value))
    inner = functools.partial(description, depth=depth + 1)
    if isinstance(value, Mapping):
        return {str(key): inner(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [inner(one) for one in value]
    if isinstance(value, Set):
        return sorted((inner(one) for one in value), key=repr)
    if isinstance(value, bytes | type):
        return value.hex() if isinstance(value, bytes) else named(value)
    if isinstance(value, functools.partial):
        return ["partial", *map(inner, (value.func, value.args, value.keywords))]
    if isinstance(value, types.FunctionType):
        return [named(value), code(value.__code__), *map(inner, (value.__defaults__, value.__kwdefaults__)),
                [inner(cell.cell_contents) for cell in value.__closure__ or () if not is_empty(cell)]]  # fmt: skip
    if isinstance(value, types.MethodType | types.BuiltinMethodType):
        owner = None if isinstance(value.__self__, types.ModuleType) else inner(value.__self__)
        return [named(value), owner]
    return {"type": named(type(value)), **inner(state_of(value))}


def state_of(value: Any) -> dict[str, Any]:
    """What an object is made of: a network's configuration and weights, or its attributes."""
    if hasattr(value, "state_dict") and hasattr(value, "config"):
        return {"config": value.config(), "state": value.state_dict()}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return {**held, **getattr(value, "__dict__", {})}


def code(of: types.CodeType) -> str:
    """The digest of what a function does."""
    constants = [code(one) if isinstance(one, types.CodeType) else repr(one) for one in of.co_consts]
    return digest(of.co_code.hex(), constants, list(of.co_names))


def is_empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is cell  # never
    except ValueError:
        return True


def named(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
