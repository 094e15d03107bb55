"""The tables of specs and steps: computed once, then kept as float32 arrays.

Model files hold float32. A table that needs more precision is kept as two float32 arrays, its rounded values and the
remainders, which together carry 48 bits; since their sum is always used, a loaded spec gives the same bits as the saved
one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.blake2 import blake2b
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.version import __version__

Tables = Mapping[str, Floats]


def split(table: npt.ArrayLike) -> Floats:
    """A float64 table as float32, shape (2, ...): values and remainders."""
    exact = np.asarray(table, np.float64)
    rounded = exact.astype(np.float32)
    return np.stack([rounded, (exact - rounded).astype(np.float32)])


def join(table: Floats) -> Doubles:
    """Undo :func:`split`: the float64 table, to 48 bits.

    Examples
    --------
    >>> import numpy as np
    >>> float(join(split(np.array(0.1))) - 0.1) < 1e-16
    True
    """
    exact: Doubles = table[0].astype(np.float64) + table[1]
    return exact


def checked(tables: Tables, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Copies of the tables named in `shapes`; raises if one is missing, unexpected or of another dtype or shape."""
    for name in [*shapes, *tables]:
        if name not in tables:
            raise ParameterError(f"missing key {name!r} in tables, shape {shapes[name]}")
        if name not in shapes:
            raise ParameterError(f"unexpected key {name!r} in tables")
        check_table(name, np.asarray(tables[name]), shapes[name])
    return {name: np.array(tables[name], np.float32, order="C") for name in shapes}


MOST_COMPUTED = 2**18
"""Values of the tables that are computed when a file is loaded: a small file may ask for any number."""


def digest(tables: Tables) -> str:
    """A hash of tables, hexadecimal."""
    sums = blake2b(digest_size=8)
    for name, table in sorted(tables.items()):
        sums.update(f"{name}{table.shape}".encode() + np.ascontiguousarray(table, "<f4").tobytes())
    return sums.hexdigest()


def size_of(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Number of values in tables of these shapes."""
    return sum(math.prod(shape) for shape in shapes.values())


def check_table(name: str, value: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if value.dtype != np.float32:
        raise ArrayTypeError(f"tables[{name!r}] has dtype {value.dtype}; it must be float32")
    if value.shape != shape:
        raise ParameterError(f"tables[{name!r}] has shape {value.shape}; it must be {shape}")
    if not np.isfinite(value).all():
        raise ParameterError(f"tables[{name!r}] has infinities or NaN; it must be finite")


def versions(*packages: str) -> dict[str, str]:
    """Versions of what computed the tables: this package with NumPy, and others."""
    return {"wavenetlite": __version__, **{name: str(import_module(name).__version__) for name in (*packages, "numpy")}}
