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

CHECKPOINT = "checkpoint.npz"


@dataclass
class State:
    """The state of a training run: the current values, their average, the optimiser, the best values so far."""

    epoch: int
    arrays: dict[str, Floats]
    notes: dict[str, Any]


def write(folder: Path, state: State, settings: dict[str, Any]) -> None:
    """Replace the checkpoint in a folder, atomically."""
    head = json.dumps({"epoch": state.epoch, "notes": state.notes, "settings": settings}, sort_keys=True)
    with replacing(folder / CHECKPOINT) as file:
        np.savez(file, **state.arrays, head=np.frombuffer(head.encode(), np.uint8))  # type: ignore[arg-type]


def read(folder: Path, settings: dict[str, Any]) -> State | None:
    """The checkpoint in a folder; None if there is none.

    Raises
    ------
    ParameterError
        It was written with other settings.
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
        epoch, notes, given = int(head["epoch"]), dict(head["notes"]), dict(head["settings"])
    except Exception as error:
        raise damaged(path, error) from None
    wanted = json.loads(json.dumps(settings))
    for name in sorted({*wanted, *given}):
        was, now = given.get(name), wanted.get(name)
        if was != now:
            raise ParameterError(f"{name}={short(now)} must be {short(was)} to resume {path}; or pass resume=False")
    return State(epoch, arrays, notes)


def damaged(path: Path, error: Exception) -> ModelFileError:
    reason = " ".join(f"{type(error).__name__} {error}".split())
    return ModelFileError(f"{path}: damaged ({short(reason)}); delete it to start over")


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
