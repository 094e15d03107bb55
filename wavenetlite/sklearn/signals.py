"""What an estimator takes for X: an array of signals, or a list of signals and paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier.signals import is_file, signal_from, signal_of_file
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


def signal_at(name: str, one: Any, sr: int, resample: bool) -> Floats:
    """The float32 signal of an item of X: samples, or the path of a file."""
    if is_file(one):
        return signal_of_file(one, sr, None, resample, "raise")
    signal = signal_from(one, name)
    if signal.ndim != 1 or not len(signal):
        raise ParameterError(f"{name} has shape {signal.shape}; it must be (samples,), with at least one")
    if not np.isfinite(signal).all():
        raise ParameterError(f"{name} has NaN or infinity; it must be finite")
    if problem := scale_problem(signal):
        raise ParameterError(f"{name} {problem}")
    return np.ascontiguousarray(signal)


def one_by_one(X: Any) -> list[Any] | None:  # noqa: N803
    """The items of a list of paths and signals; None: it is an array, or becomes one."""
    if isinstance(X, np.ndarray | Sequence) or hasattr(X, "tolist"):
        if getattr(X, "ndim", 1) != 1 or (isinstance(X, np.ndarray) and X.dtype.kind not in "OUT"):
            return None
        items = list(X)
        kinds = str, os.PathLike, audio.Encoded, np.ndarray
        lengths = {len(item) for item in items if isinstance(item, list | tuple)}
        if len(lengths) > 1 or any(isinstance(item, kinds) for item in items):
            return items
    return None
