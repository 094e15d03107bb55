"""Which parameters of a network are not trained, by the names of layers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ArrayTypeError, ParameterError


def checked_names(freeze: Any) -> tuple[str, ...]:
    """Names of layers, as a tuple."""
    if not isinstance(freeze, list | tuple) or not all(isinstance(name, str) for name in freeze):
        raise ArrayTypeError(f"freeze={freeze!r} must be a list of names of layers")
    return tuple(freeze)


def frozen_names(model: Module, freeze: tuple[str, ...]) -> frozenset[str]:
    """The parameters and running statistics of the layers of these names, which may hold wildcards.

    Raises
    ------
    ParameterError
        There is no such layer, or it has no parameters.
    """
    names = list(model.all_parameter_shapes())
    frozen = set()
    for pattern in freeze:
        found = [name for name in names if any(fnmatchcase(part, pattern) for part in parts_of(name))]
        if not found:
            layers = dict.fromkeys(part for name in names for part in parts_of(name))
            raise ParameterError(f"freeze has {pattern!r}; it must be one of the layers {', '.join(layers)}")
        frozen.update(found)
    return frozenset(frozen)


def parts_of(name: str) -> list[str]:
    """The layers that a parameter lies in, from the outermost: "a" and "a.0" of "a.0.weight"."""
    path = name.split(".")[:-1]
    return [".".join(path[:end]) for end in range(1, len(path) + 1)]
