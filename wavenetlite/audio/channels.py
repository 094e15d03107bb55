"""Checks of signals in memory, and mixing of their channels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Mono = Literal["mean"] | int | None


def to_mono(y: Floats, how: Literal["mean"] | int) -> Floats:
    """Mix several channels down to one, or select one.

    Parameters
    ----------
    y
        float32, (samples, channels), or (samples,), which is returned unchanged.
    how
        Index of the channel, or "mean" of all channels.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> audio.to_mono(np.array([[1, 0], [0, 1]], np.float32), "mean").tolist()
    [0.5, 0.5]
    """
    if checked_mono(how) is None:
        raise ParameterError("how=None must be 'mean' or the index of a channel")
    y = checked_signal("y", y)
    if y.ndim == 1:
        return y
    if how == "mean":
        mean: Floats = y.mean(axis=1, dtype=np.float32)
        return mean
    if int(how) >= y.shape[1]:
        raise ParameterError(f"how={how} must be below the number of channels, {y.shape[1]}")
    return np.ascontiguousarray(y[:, int(how)])


def checked_signal(name: str, y: Any) -> Floats:
    """A finite float32 signal, (samples,) or (samples, channels), C-contiguous."""
    if not is_array(y):
        raise ArrayTypeError(f"{name} is a {type(y).__name__}; it must be a NumPy array")
    if y.dtype != np.float32:
        raise ArrayTypeError(f"{name} has dtype {y.dtype}; it must be float32, in -1..1")
    if y.ndim not in (1, 2) or (y.ndim == 2 and y.shape[1] == 0):
        raise ParameterError(f"{name} has shape {y.shape}; it must be (samples,) or (samples, channels)")
    if not np.isfinite(y).all():
        raise ParameterError(f"{name} is not finite at sample {int(np.argwhere(~np.isfinite(y))[0][0])}; it must be")
    return np.ascontiguousarray(y)


def checked_mono(mono: Any) -> Mono:
    if mono is None or mono == "mean":
        return None if mono is None else "mean"
    if isinstance(mono, bool) or not isinstance(mono, int) or mono < 0:
        raise ParameterError(f"mono={mono!r} must be None, 'mean' or the index of a channel")
    return mono
