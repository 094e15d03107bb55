"""Introspection of constructors."""

from __future__ import annotations

import inspect
from typing import Any

_names: dict[type, tuple[str, ...]] = {}


def option_names(kind: type) -> tuple[str, ...]:
    """Names of the constructor's arguments, except ``*args`` and ``**kwargs``."""
    if kind not in _names:
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = inspect.signature(kind).parameters.values()
        _names[kind] = tuple(parameter.name for parameter in parameters if parameter.kind in named)
    return _names[kind]


def option_defaults(kind: type) -> dict[str, Any]:
    """The defaults of those arguments that have one."""
    parameters = inspect.signature(kind).parameters
    given = {name: parameters[name].default for name in option_names(kind)}
    return {name: value for name, value in given.items() if value is not inspect.Parameter.empty}
