"""What `predict` takes for a signal: arrays of several types, lists of numbers, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from wavenetlite import audio
from wavenetlite.support.arrays import Floats, is_masked
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Signal: TypeAlias = str | os.PathLike[str] | audio.Encoded | np.ndarray[tuple[int], np.dtype[Any]] | Sequence[float]
"""What stands for one signal. An array whose type does not say its dimensions counts as one."""
Signals: TypeAlias = np.ndarray[tuple[int, int], np.dtype[Any]] | Sequence[Signal]
"""What stands for several."""

INT16_SCALE = np.float32(32768)


def holds_signals(y: Any) -> bool:
    """Whether it is a list of signals; a list of numbers is one signal."""
    return isinstance(y, list | tuple) and not (y and all(isinstance(value, Real) for value in y))


def is_file(y: Any) -> bool:
    return isinstance(y, str | os.PathLike | audio.Encoded)


def signal_from(y: Any, name: str) -> Floats:
    """The float32 signal of an array or a list of numbers: int16 is divided by 32768, nothing else is scaled."""
    if isinstance(y, list | tuple):
        y = np.array(y, np.float64)
    if not isinstance(y, np.ndarray):
        raise ArrayTypeError(f"{name} is a {type(y).__name__}; it must be a NumPy array, a list of numbers or a path")
    if is_masked(y):
        raise ArrayTypeError(f"{name} is a masked array; pass its samples, such as {name}.filled(0)")
    if y.dtype == np.int16:
        return y.astype(np.float32) / INT16_SCALE
    if y.dtype not in (np.float32, np.float64):
        raise ArrayTypeError(f"{name} has dtype {y.dtype}; it must be float32, float64 or int16")
    with np.errstate(over="ignore"):  # what overflows is reported as not finite
        return y.astype(np.float32, copy=False)


def signal_of_file(path: Any, sr: int, given_sr: int | None, resample: bool, on_nonfinite: Any) -> Floats:
    """The signal of a file at the rate `sr`."""
    if given_sr is not None and (found := audio.info(path).sr) != given_sr:
        raise ParameterError(f"sr={given_sr} must be {found}, the rate of {audio.shown(path)}; a file needs no sr")
    y, _ = audio.read(path, sr=sr, resample=resample, on_nonfinite=on_nonfinite)
    if y.ndim == 2:
        raise audio.AudioFileError(
            f"{audio.shown(path)}: has {y.shape[1]} channels; read it with wavenetlite.audio.read(path, mono='mean')",
            "channels",
        )
    return y
