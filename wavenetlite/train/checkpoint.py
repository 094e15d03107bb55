"""Checkpoints: everything needed to resume training exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.errors import ModelFileError, ParameterError
from wavenetlite.support.version import __version__

CHECKPOINT = "checkpoint.npz"
FORMAT = 3
"""Number of the layout of checkpoints; those before did not say all that they belong to."""
ANEW = "pass resume=False to train anew"


@dataclass
class State:
    """The state of a training run: the current values, their average, the optimiser, the best values so far."""

    epoch: int
    arrays: dict[str, Floats]
    notes: dict[str, Any]


def write(folder: Path, state: State, settings: dict[str, Any], contents: dict[str, str]) -> None:
    """Replace the checkpoint in a folder, atomically."""
    head = json.dumps({"format": FORMAT, "wavenetlite": __version__, "epoch": state.epoch, "notes": state.notes,
                       "settings": settings, "contents": contents}, sort_keys=True)  # fmt: skip
    with replacing(folder / CHECKPOINT) as file:
        np.savez(file, **state.arrays, head=np.frombuffer(head.encode(), np.uint8))  # type: ignore[arg-type]


def read(folder: Path, settings: dict[str, Any], contents: dict[str, str]) -> State | None:
    """The checkpoint in a folder; None if there is none.

    Raises
    ------
    ParameterError
        It was written with other settings, weights to start from or data, or by another version of the package.
    ModelFileError
        It is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        # Opened here: np.load leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop("head").tobytes())
        check_version(path, head.get("format", 1), head.get("wavenetlite", "an earlier one"))
        epoch, notes, given = int(head["epoch"]), dict(head["notes"]), dict(head["settings"])
        known = dict(head["contents"])
    except ParameterError:
        raise
    except Exception as error:
        raise damaged(path, error) from None
    wanted = json.loads(json.dumps(settings))
    if wanted != given:
        name, now, was = difference("", wanted, given)
        raise ParameterError(f"{name}={short(now)} must be {short(was)} to resume {path}; or pass resume=False")
    changed = [name for name in sorted({*contents, *known}) if contents.get(name) != known.get(name)]
    if changed:
        raise ParameterError(f"{path} belongs to other data or options: {', '.join(changed)} changed since; {ANEW}")
    return State(epoch, arrays, notes)


def difference(name: str, now: Any, was: Any) -> tuple[str, Any, Any]:
    """The first value, inside of two that differ, that differs itself, and its name."""
    if isinstance(now, dict) and isinstance(was, dict):
        pairs = [(f"{name}.{key}" if name else key, now.get(key), was.get(key)) for key in sorted({*now, *was})]
    elif isinstance(now, list) and isinstance(was, list) and len(now) == len(was):
        pairs = [(f"{name}[{at}]", *pair) for at, pair in enumerate(zip(now, was, strict=True))]
    else:
        return name, now, was
    return next((difference(*pair) for pair in pairs if pair[1] != pair[2]), (name, now, was))


def check_version(path: Path, format_number: Any, version: Any) -> None:
    """Raise unless this version of the package wrote it: another one may train to other bits."""
    if (format_number, version) != (FORMAT, __version__):
        raise ParameterError(
            f"{path} was written by wavenetlite {version} (checkpoint format {format_number}), and this is"
            f" {__version__} (format {FORMAT}); {ANEW}"
        )


def damaged(path: Path, error: Exception) -> ModelFileError:
    reason = " ".join(f"{type(error).__name__} {error}".split())
    return ModelFileError(f"{path}: damaged ({short(reason)}); delete it to start over")


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
