"""Registry of restorers: higher rooms register how to restore their types, so that files can be read without importing
these rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError

ARRAYS: TypeAlias = Mapping[str, Floats]


class Storable(Protocol):
    """An object that can be saved: a network or a classifier."""

    def config(self) -> dict[str, Any]:
        """Everything except the arrays, JSON-serialisable; its "type" selects the restorer."""

    def stored_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of its file by name; of numbers of bf16 the upper halves."""

    def layer_types(self) -> list[tuple[str, type]]:
        """The types of its layers, to verify that a file restores the same."""


@dataclass(frozen=True, eq=False)
class Blueprint:
    """The object described by a configuration, before any array has been read.

    Attributes
    ----------
    shapes
        Shapes of the required arrays, by name.
    finish
        ``finish(arrays)`` returns the object; invalid arrays raise a `ModelFileError`.
    free
        Prefix of further arrays of any shape that may be present; "": none.
    dtypes
        NumPy's names of the types of those arrays that are not float32, and ``"bfloat16"``.
    """

    shapes: dict[str, tuple[int, ...]]
    finish: Callable[[ARRAYS], Any]
    free: str = ""
    dtypes: dict[str, str] = field(default_factory=dict)

    def check(self, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str]) -> None:
        """Raise unless the shapes and types of a file are the required ones."""
        for name, dtype in dtypes.items():
            if dtype != self.dtypes.get(name, "float32"):
                wanted = self.dtypes.get(name, "float32")
                raise ModelFileError(f"tensor {name!r} has dtype {dtype}; it must be {wanted}")
        for name, shape in self.shapes.items():
            if name not in shapes:
                raise ModelFileError(f"missing tensor {name!r}, shape {shape}")
            if shapes[name] != shape:
                raise ModelFileError(f"tensor {name!r} has shape {shapes[name]}; its config says {shape}")
        for name in shapes:
            if name not in self.shapes and not (self.free and name.startswith(self.free)):
                raise ModelFileError(f"unexpected tensor {name!r}")


Restorer: TypeAlias = Callable[[dict[str, Any], int], Blueprint]
"""``restorer(config, version)``: the blueprint of a configuration in a file of that format version."""

_restorers: dict[str | None, Restorer] = {}
_homes: dict[str | None, str] = {
    None: "wavenetlite.nn.files",
    "AudioClassifier": "wavenetlite.classifier.files",
    "Vocoder": "wavenetlite.vocoder.files",
}
"""The modules that register restorers, imported when one is needed."""


def register(kind: str | None, restorer: Restorer) -> None:
    """Register the restorer of a type; None: of all types without one."""
    _restorers[kind] = restorer


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """The blueprint of a configuration."""
    kind = config.get("type")
    with config_errors():
        known = kind if isinstance(kind, str) and (kind in _restorers or kind in _homes) else None
        if known not in _restorers:
            import_module(_homes[known])
        return _restorers[known](config, version)


def with_prefix(prefix: str, arrays: ARRAYS) -> dict[str, Floats]:
    """The arrays with this prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


@contextmanager
def config_errors() -> Iterator[None]:
    """Report any error raised by a constructor as an error of the file's configuration."""
    try:
        yield
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(f"its config is invalid: {error}") from error
