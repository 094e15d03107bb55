"""Log-mel features as the front ends are asked for them in `benchmarks.features`, and what their adapters share.

40 bands, n_fft 512, hop 160, 16 kHz, frames that do not reach beyond the signal. Each peer's adapter gives `Ways`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SR, N_FFT, HOP, MELS = 16000, 512, 160, 40
FLOOR = 1e-10
"""Powers below this are taken for this."""
TOLERANCE = 1e-4
"""Largest difference in units of the largest value, in decibels or natural logarithms."""


@dataclass(frozen=True)
class Ways:
    """A peer's front end.

    Attributes
    ----------
    version
        Of the library.
    whole
        All frames of a signal, (frames, `MELS`).
    live
        Feed one stream on and on with chunks of `HOP` samples each; returns the frames that came.
    expected
        The same features in float64, by the peer's own definition.
    given
        Makes of samples what `whole` and `live` take fastest, before they are timed.
    """

    version: str
    whole: Callable[[Any], np.ndarray]
    live: Callable[[Sequence[Any]], list[np.ndarray]]
    expected: Callable[[np.ndarray], np.ndarray]
    given: Callable[[np.ndarray], Any] = np.asarray


def frames(y: np.ndarray) -> np.ndarray:
    """The signal's frames, a view of (frames, `N_FFT`)."""
    return np.lib.stride_tricks.sliding_window_view(y, N_FFT)[::HOP]


def from_powers(y: np.ndarray, window: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Float64 energies of a signal in a filter bank (bands, bins)."""
    spectrum = np.fft.rfft(frames(y.astype(np.float64)) * window)
    return (spectrum.real**2 + spectrum.imag**2)[:, : bank.shape[1]] @ bank.T


def decibels(window: np.ndarray, bank: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """librosa's definition in float64, with its window and filter bank."""
    return lambda y: 10 * np.log10(np.maximum(from_powers(y, window, bank.astype(np.float64)), FLOOR))


class Kept:
    """What a library without a stream must be given: a buffer of the last chunks; each new one ends a frame."""

    def __init__(self, frame: Callable[[np.ndarray], np.ndarray]):
        self._frame = frame
        self._kept = np.zeros(-(-N_FFT // HOP) * HOP, np.float32)
        self._filled = 0

    def __call__(self, chunks: Sequence[np.ndarray]) -> list[np.ndarray]:
        found, kept = [], self._kept
        for chunk in chunks:
            kept[:-HOP] = kept[HOP:]
            kept[-HOP:] = chunk
            self._filled += HOP
            if self._filled >= len(kept):
                found.append(self._frame(kept[:N_FFT]))
        return found
