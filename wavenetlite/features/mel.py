"""Mel bands: energies and their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.features.c_spectrum import BANDS, LOUDNESS, TAKE
from wavenetlite.features.mel_filters import mel_filters
from wavenetlite.features.spectrogram import Spectrogram
from wavenetlite.features.steps import FrameStep
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CBuilder
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ParameterError

LEAST_AMIN = 1e-37
"""Smallest lower limit of energies in C, which are floats there by choice."""


@dataclass(kw_only=True, eq=False, repr=False)
class MelSpectrogram(Spectrogram):
    """Energies of mel bands.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, power, tables
        As in :class:`Spectrogram`.
    n_mels
        Number of bands.
    fmin, fmax
        Lowest and highest frequency, Hz; fmax None: sr / 2.
    htk
        Whether to use HTK's formula of the mel scale instead of Slaney's.
    norm
        Normalisation of the bands: "slaney" divides each by its width; a number is the order of a norm; None leaves
        peaks of 1.

    Notes
    -----
    ``librosa.feature.melspectrogram(y=y, ...)``, transposed: (frames, n_mels), within 1e-5 relative.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.features.MelSpectrogram(n_mels=64, fmax=7000)(np.zeros(16000, np.float32)).shape
    (97, 64)
    """

    n_mels: int = 40
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | float | None = "slaney"

    def check_parameters(self) -> None:
        super().check_parameters()
        self.n_mels = positive_int("n_mels", self.n_mels, 65_536)
        self.fmin = number("fmin", self.fmin, least=0.0)
        self.fmax = None if self.fmax is None else number("fmax", self.fmax, least=0.0)
        highest = self.sr / 2 if self.fmax is None else self.fmax
        if highest > self.sr / 2:
            raise ParameterError(f"fmax={self.fmax} must be at most half of sr={self.sr}")
        if self.fmin >= highest:
            raise ParameterError(f"fmin={self.fmin} must be below fmax={highest}")
        self.htk = flag("htk", self.htk)
        if isinstance(self.norm, str) and self.norm != "slaney":
            raise ParameterError(f"norm={self.norm!r} must be 'slaney', None or a number")
        self.norm = (
            self.norm if self.norm is None or isinstance(self.norm, str) else number("norm", self.norm, least=0.0)
        )

    def compute_tables(self) -> dict[str, Floats]:
        return {**super().compute_tables(), "mel": self.mel_basis()}

    def mel_basis(self) -> Floats:
        return mel_filters(
            sr=self.sr,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self.sr / 2 if self.fmax is None else self.fmax,
            htk=self.htk,
            norm=self.norm,
        )

    def table_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**super().table_shapes(), "mel": (self.n_mels, self.n_fft // 2 + 1)}

    def reduction(self) -> dict[str, Any]:
        return {"basis": self._tables["mel"]}

    def c_reduction(self, write: CBuilder, free: str, power: str) -> None:
        self.c_bands(write, free, power)
        write.call(TAKE, "y", free, str(self.n_mels))

    def c_bands(self, write: CBuilder, energy: str, power: str) -> None:
        """Append C that sums the powers of each band."""
        bands, weights = [], []
        for row in self._tables["mel"]:
            (used,) = np.nonzero(row)
            first, end = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
            bands.append((first, end - first))
            weights.append(row[first:end])
        write.function(BANDS)
        table = write.table("$band", bands)
        write.call(BANDS, energy, power, table, str(self.n_mels), write.floats(np.concatenate(weights)))


@dataclass(kw_only=True, eq=False, repr=False)
class LogMel(MelSpectrogram):
    """Mel bands in decibels: ``10 log10(max(S, amin)) - 10 log10(max(ref, amin))``.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, power, n_mels, fmin, fmax, htk, norm, tables
        As in :class:`MelSpectrogram`.
    amin
        Lower limit of the energy.
    ref
        Energy of 0 dB; or "max", the maximum of the signal, which cannot stream.
    top_db
        Clip values this far below the maximum of the signal, which cannot stream; None: no clipping.

    Notes
    -----
    ``librosa.power_to_db(librosa.feature.melspectrogram(y=y, ...), top_db=None)``, transposed: (frames, n_mels). The
    energies are within 1e-5 relative, so the decibels are within 4.4e-5 dB and the rounding of float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(sr=16000, n_fft=512, hop_length=160, n_mels=40)
    >>> X = spec(np.zeros(16000, np.float32))
    >>> X.shape, float(X.max())
    ((97, 40), -100.0)
    """

    amin: float = 1e-10
    ref: Any = 1.0
    top_db: float | None = None

    def check_parameters(self) -> None:
        super().check_parameters()
        amin, self.amin = self.amin, number("amin", self.amin)
        if self.amin < 1e-300:
            raise ParameterError(f"amin={amin} must be positive, at least 1e-300")
        if isinstance(self.ref, str) and self.ref != "max":
            raise ParameterError(f"ref={self.ref!r} must be a number or 'max'")
        self.ref = "max" if self.ref is np.max or self.ref == "max" else number("ref", self.ref, least=0.0)
        self.top_db = None if self.top_db is None else number("top_db", self.top_db, least=0.0)

    def reduction(self) -> dict[str, Any]:
        reference = 0.0 if isinstance(self.ref, str) else 10.0 * float(np.log10(max(self.amin, self.ref)))
        return {**super().reduction(), "decibels": True, "amin": self.amin, "reference_db": reference}

    def c_reduction(self, write: CBuilder, free: str, power: str) -> None:
        if self.amin < LEAST_AMIN:
            raise ParameterError(f"amin={self.amin} of LogMel must be at least {LEAST_AMIN} to be exported to C")
        self.c_bands(write, free, power)
        reference = repr(self.reduction()["reference_db"])
        write.call(LOUDNESS, "y", free, str(self.n_mels), f"($real){self.amin!r}", f"($real){reference}")

    def own_steps(self) -> tuple[FrameStep, ...]:
        if self.ref == "max" or self.top_db is not None:
            return (DynamicRange(ref=self.ref, top_db=self.top_db),)
        return ()


class DynamicRange(FrameStep, internal=True):
    """Decibels relative to the maximum of the whole signal, clipped to `top_db` below it."""

    reach = 0

    def __init__(self, *, ref: str | float = 1.0, top_db: float | None = None) -> None:
        self.ref = ref
        self.top_db = top_db

    @property
    def cannot_stream(self) -> str:
        name, value, rule = (
            ("ref", "'max'", "give a fixed ref such as 1.0, or add RunningCMVN or use PCEN")
            if self.ref == "max"
            else ("top_db", self.top_db, "use top_db=None with a larger amin, or PCEN")
        )
        return f"{name}={value} needs the loudest value of the whole signal and cannot stream; {rule}"

    def apply(self, x: Floats) -> Floats:
        if not x.shape[1]:
            return x
        loudest = x.max(axis=(1, 2), keepdims=True)
        if self.ref == "max":
            x, loudest = x - loudest, np.zeros_like(loudest)
        return x if self.top_db is None else np.maximum(x, loudest - np.float32(self.top_db))
