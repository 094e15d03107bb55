"""Spectra of speech and their envelopes: the formants, without the harmonics of the voice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.train.augment import fourier

WINDOW, HOP = 512, 128
BINS = WINDOW // 2 + 1
LOW, HIGH = slice(3, 48), slice(96, 257)
"""Bins that are strong where a voice sounds, 0.1 to 1.5 kHz, and where it hisses, above 3 kHz."""
SMOOTH = 4
"""Bins on either side over which the spectrum is averaged: harmonics vanish, formants remain."""

Spectra = npt.NDArray[np.complexfloating[Any, Any]]


def spectra(y: Floats | Doubles) -> Spectra:
    """Of overlapping frames, (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, WINDOW), WINDOW)[::HOP]
    made: Spectra = fourier().rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)
    return made


def overlap_add(frames: Spectra, samples: int) -> Doubles:
    """The signal of overlapping frames."""
    pieces = fourier().irfft(frames, WINDOW, axis=1) * np.hanning(WINDOW)
    made = np.zeros(HOP * (len(pieces) - 1) + WINDOW)
    for index, piece in enumerate(pieces):
        made[index * HOP : index * HOP + WINDOW] += piece
    return made[WINDOW : WINDOW + samples]


def envelope(y: Floats) -> Doubles:
    """The power of its formants, (frames, bins)."""
    return average(np.abs(spectra(y)).astype(np.float64) ** 2, SMOOTH)


def voiced(shape: Doubles) -> Doubles:
    """The share of each frame that a voice sounds, 0 to 1: the rest hisses."""
    low, high = (shape[:, part].sum(axis=1) for part in (LOW, HIGH))
    share: Doubles = low / np.maximum(low + high, 1e-12)
    return share


def average(x: Doubles, around: int) -> Doubles:
    """The mean over so many neighbours on either side along the last axis."""
    padded = np.pad(x, ((0, 0), (around + 1, around)), mode="edge")
    summed = np.cumsum(padded, axis=1)
    made: Doubles = (summed[:, 2 * around + 1 :] - summed[:, : -2 * around - 1]) / (2 * around + 1)
    return made


def flatten(frames: Spectra) -> Spectra:
    """Each frame with a mean power of 1."""
    made: Spectra = frames / np.sqrt(np.maximum((np.abs(frames) ** 2).mean(axis=1, keepdims=True), 1e-12))
    return made


def match_level(y: Doubles, like: Floats) -> Floats:
    """As loud as another signal."""
    power = float((like.astype(np.float64) ** 2).mean()) if len(like) else 0.0
    made: Floats = (y * np.sqrt(power / max(float((y**2).mean()), 1e-12))).astype(np.float32)
    return made
