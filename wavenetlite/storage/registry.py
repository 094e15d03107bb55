"""Who makes what a file describes: the rooms above fill this table, so that a file can be read without knowing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError

ARRAYS: TypeAlias = Mapping[str, Floats]


class Storable(Protocol):
    """What can be written to a file: a network, or a classifier."""

    def config(self) -> dict[str, Any]:
        """All but the arrays, JSON-able; its "type" finds the restorer."""

    def state_dict(self) -> dict[str, Floats]:
        """The arrays by name."""

    def layer_types(self) -> list[tuple[str, type]]:
        """What its layers are, to see whether what a file makes is the same."""


@dataclass(frozen=True)
class Blueprint:
    """What a configuration describes, before any array has been read.

    Attributes
    ----------
    shapes
        Of the arrays that it asks for, by name.
    finish
        ``finish(arrays)``: the thing itself. What is wrong with the arrays raises a `ModelFileError`.
    free
        Arrays whose names begin so may be there too, of any shape; "": none.
    """

    shapes: dict[str, tuple[int, ...]]
    finish: Callable[[ARRAYS], Any]
    free: str = ""

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise where those of a file are not the ones that are asked for."""
        for name, shape in self.shapes.items():
            if name not in shapes:
                raise ModelFileError(f"it lacks the tensor {name!r}, shape {shape}")
            if shapes[name] != shape:
                raise ModelFileError(f"tensor {name!r} has shape {shapes[name]}; its config says {shape}")
        for name in shapes:
            if name not in self.shapes and not (self.free and name.startswith(self.free)):
                raise ModelFileError(f"it has a tensor {name!r}, which the model of its config has not")


Restorer: TypeAlias = Callable[[dict[str, Any], int], Blueprint]
"""``restorer(config, version)``: what a configuration in a file of that format version describes."""

_restorers: dict[str | None, Restorer] = {}
_homes: dict[str, str] = {}


def register(kind: str | None, restorer: Restorer) -> None:
    """Let `restorer` make what is of that type; None: whatever nobody else makes."""
    _restorers[kind] = restorer


def register_module(kind: str, module: str) -> None:
    """Let `module`, which registers the restorer of that type, be imported when a file holds one."""
    _homes[kind] = module


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """What a configuration describes."""
    kind = config.get("type")
    with config_errors():
        if isinstance(kind, str) and kind in _homes and kind not in _restorers:
            import_module(_homes[kind])
        return _restorers[kind if isinstance(kind, str) and kind in _restorers else None](config, version)


@contextmanager
def config_errors() -> Iterator[None]:
    """Whatever options of any kind do in the constructors of any layer is the file's fault."""
    try:
        yield
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(f"its config is wrong: {error}") from error
