"""Several specifications of one set: each gives an array of its own name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wavenetlite.features import Features
from wavenetlite.pipeline.assembly import COLUMNS
from wavenetlite.pipeline.specs import ONLY
from wavenetlite.support.errors import ArrayTypeError, ParameterError

OFFSETS = "offsets"
NAMES = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED = (
    *COLUMNS,
    "y",
    "extra",
    "cls",
    "json",
    "npy",
    "keys",
    "labels",
    "speakers",
    "splits",
    "label_names",
    OFFSETS,
)
"""What the forms of a set call other things than frames; an .npz has also NAME_offsets."""


def named(features: Features | Mapping[str, Features]) -> dict[str, Features]:
    """The specs of a set by the names of their arrays; one that is given without a name is `ONLY`.

    Raises
    ------
    ParameterError, ArrayTypeError
        There is none, one is no spec, a name cannot be used, or the sample rates differ: recordings could not be
        decoded and resampled once.
    """
    found: dict[Any, Any] = dict(features) if isinstance(features, Mapping) else {ONLY: features}
    if not found:
        raise ParameterError("features is empty; it must have at least one spec, such as {'logmel': LogMel()}")
    for name, spec in found.items():
        if not isinstance(name, str) or not NAMES.fullmatch(name) or is_taken(name):
            raise ParameterError(
                f"features has the name {name!r}; it must be of a-z, 0-9 and _, begin with a letter, and not be that "
                "of a column, such as 'label', nor end in '_offsets'"
            )
        if not isinstance(spec, Features):
            which = f"features[{name!r}]" if isinstance(features, Mapping) else "features"
            raise ArrayTypeError(f"{which} is a {type(spec).__name__}; it must be a spec of wavenetlite.features")
    check_rates(found)
    return found


def is_taken(name: str) -> bool:
    """Whether a form of the set has something else of this name."""
    return name in RESERVED or name.endswith(f"_{OFFSETS}")


def check_rates(specs: Mapping[str, Features]) -> None:
    (first, one), *others = specs.items()
    for name, spec in others:
        if spec.sr != one.sr:
            raise ParameterError(
                f"features: {name!r} has sr={spec.sr}, {first!r} has sr={one.sr}; they must be the same, as a "
                "recording is resampled once; or extract into two folders"
            )
