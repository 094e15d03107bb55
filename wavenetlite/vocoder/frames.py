"""Frames that a vocoder takes, and where they lie in a signal."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.features import LogMel
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.errors import ArrayTypeError, ParameterError

LARGEST_DB = 200.0
"""Levels beyond it are no levels of audio, whose samples are from -1 to 1."""


def aligned(y: Floats, spec: LogMel, lead: int = 0) -> Floats:
    """A signal with a frame for every `hop_length` samples begun: with silence after it, and `lead` samples before."""
    return np.pad(y, (lead, spec.frame_length - spec.hop_length - lead + -len(y) % spec.hop_length))


def checked_frames(frames: Any, features: LogMel) -> Floats:
    """Frames that these features can have given."""
    if not is_array(frames) or frames.dtype != np.float32:
        given = f"{frames.dtype} array" if is_array(frames) else type(frames).__name__
        remedy = "; frames.astype(np.float32) converts" if is_array(frames) and frames.dtype.kind == "f" else ""
        raise ArrayTypeError(f"frames is a {given}; it must be a float32 array{remedy}")
    bins = features.out_channels
    if frames.ndim != 2 or frames.shape[1] != bins:
        turned = "; librosa's (n_mels, frames) must be transposed" if frames.shape[:1] == (bins,) else ""
        raise ParameterError(f"frames has shape {frames.shape}; it must be (frames, {bins}){turned}")
    if not np.isfinite(frames).all():
        raise ParameterError("frames has infinities or NaN; levels in dB must be finite")
    if frames.size and np.abs(frames).max() > LARGEST_DB:
        raise ParameterError(f"frames reaches {float(np.abs(frames).max()):g}; levels in dB are within {LARGEST_DB:g}")
    return np.ascontiguousarray(frames)
