"""Mel filters: triangular bands, evenly spaced on a mel scale.

Definitions: Slaney, "Auditory Toolbox, version 2", 1998 (linear below 1 kHz, logarithmic above); O'Shaughnessy, "Speech
communication: human and machine", 1987, in the form of HTK ("The HTK Book", section 5.4). The order of the operations
is librosa's, so that the values are its, to the bit.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from wavenetlite.features.elementwise import elementwise, power
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError

LINEAR_HZ = 200.0 / 3
"""Hz in a mel of Slaney's scale, below 1 kHz."""
BREAK_HZ, BREAK_MEL = 1000.0, 1000.0 / LINEAR_HZ
LOG_STEP = math.log(6.4) / 27
"""Logarithm of the ratio of two frequencies a mel apart, above 1 kHz."""


def mel(hz: float, htk: bool) -> float:
    """A frequency on Slaney's mel scale, or on HTK's."""
    if htk:
        return 2595.0 * math.log10(1.0 + hz / 700.0)
    return hz / LINEAR_HZ if hz < BREAK_HZ else BREAK_MEL + math.log(hz / BREAK_HZ) / LOG_STEP


def hertz(mel: float, htk: bool) -> float:
    """The inverse of :func:`mel`."""
    if htk:
        return 700.0 * (math.pow(10.0, mel / 2595.0) - 1.0)
    return LINEAR_HZ * mel if mel < BREAK_MEL else BREAK_HZ * math.exp(LOG_STEP * (mel - BREAK_MEL))


def mel_filters(
    *, sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float, htk: bool, norm: str | float | None
) -> Floats:
    """The weights of the bands, (n_mels, n_fft // 2 + 1), as ``librosa.filters.mel``.

    Parameters
    ----------
    sr, n_fft, n_mels, fmin, fmax, htk, norm
        As in :class:`wavenetlite.features.MelSpectrogram`; fmax in Hz.

    Raises
    ------
    ParameterError
        Two edges of bands are the same number.
    """
    mels = np.linspace(mel(fmin, htk), mel(fmax, htk), n_mels + 2)
    edges = elementwise(lambda value: hertz(value, htk), mels)
    if not (np.diff(edges) > 0).all():
        raise ParameterError(
            f"n_mels={n_mels} must be smaller, for the bands between fmin={fmin} and fmax={fmax} coincide"
        )
    bins = np.asarray(np.fft.rfftfreq(n_fft, 1.0 / sr), np.float64)
    weights = np.stack([triangle(bins, *edges[band : band + 3]) for band in range(n_mels)])
    weights = normalised(weights, edges, norm)
    if not weights.any(axis=1).all():
        warnings.warn(
            f"n_mels={n_mels} gives bands that are always silent, between two frequencies of the transform"
            f"; take fewer bands, or n_fft above {n_fft}",
            stacklevel=2,
        )
    return weights


def triangle(bins: Doubles, low: float, peak: float, high: float) -> Floats:
    rising, falling = (bins - low) / (peak - low), (high - bins) / (high - peak)
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32) + np.float32(0)  # no negative zeros


def normalised(weights: Floats, edges: Doubles, norm: str | float | None) -> Floats:
    if norm is None:
        return weights
    if isinstance(norm, str):  # "slaney"
        return (weights * (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis]).astype(np.float32)
    exact = weights.astype(np.float64)
    with np.errstate(over="ignore"):
        size = np.count_nonzero(exact, axis=1) if norm == 0 else power(np.sum(power(exact, norm), axis=1), 1.0 / norm)
    return (weights / np.where(size < np.finfo(np.float32).tiny, 1.0, size)[:, np.newaxis]).astype(np.float32)
