"""Introspection of constructors."""

from __future__ import annotations

import inspect

_names: dict[type, tuple[str, ...]] = {}


def option_names(kind: type) -> tuple[str, ...]:
    """Names of the constructor's arguments, except ``*args`` and ``**kwargs``."""
    if kind not in _names:
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = inspect.signature(kind).parameters.values()
        _names[kind] = tuple(parameter.name for parameter in parameters if parameter.kind in named)
    return _names[kind]
