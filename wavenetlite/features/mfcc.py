"""MFCC: the cosine transform of mel bands in decibels."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._steps import project
from wavenetlite.features.filter_banks import Tables
from wavenetlite.features.mel import _Decibels, _Mel
from wavenetlite.features.spectrogram import Window, _Spectral
from wavenetlite.features.steps import CausalStep, FrameState, Stateless, Step, StepState
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError


class MFCC(_Decibels):
    """Mel-frequency cepstral coefficients.

    Parameters
    ----------
    n_mfcc
        Number of coefficients, the zeroth included.
    dct_type
        2 or 3.
    lifter
        Sine lifter of that length; 0: none.
    sr, n_fft, hop_length, n_mels, win_length, window, center, power, fmin, fmax, htk, norm, amin, ref, top_db
        Of the :class:`LogMel` beneath. librosa.feature.mfcc limits the range to top_db=80, which cannot stream; here
        the default is no limit.
    tables
        What `state_dict` returned for these parameters; then librosa is not imported.

    Notes
    -----
    ``librosa.feature.mfcc(S=librosa.power_to_db(S, top_db=None), ...)``, transposed: (frames, n_mfcc); orthonormal DCT.
    Coefficients are differences of decibels: the error is within 1e-5 of the largest of a frame.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.MFCC(sr=16000, n_mfcc=13)(np.zeros(16000, np.float32)).shape
    (97, 13)
    """

    options = (
        *_Spectral.spectral_options, *_Mel.mel_options, *_Decibels.decibel_options, "n_mfcc", "dct_type", "lifter",
    )  # fmt: skip

    def __init__(
        self,
        *,
        sr: int = 16000,
        n_mfcc: int = 20,
        n_fft: int = 512,
        hop_length: int = 160,
        n_mels: int = 40,
        win_length: int | None = None,
        window: Window = "hann",
        center: bool = False,
        power: float = 2.0,
        fmin: float = 0.0,
        fmax: float | None = None,
        htk: bool = False,
        norm: str | float | None = "slaney",
        amin: float = 1e-10,
        ref: Any = 1.0,
        top_db: float | None = None,
        dct_type: int = 2,
        lifter: float = 0.0,
        tables: Tables | None = None,
    ) -> None:
        self.set_spectral(sr, n_fft, hop_length, win_length, window, center, power)
        self.set_mel(n_mels, fmin, fmax, htk, norm)
        self.set_decibels(amin, ref, top_db)
        self.n_mfcc = positive_int("n_mfcc", n_mfcc)
        if n_mfcc > n_mels:
            raise ParameterError(f"n_mfcc={n_mfcc} must be at most n_mels={n_mels}")
        self.dct_type = positive_int("dct_type", dct_type)
        if dct_type not in (2, 3):
            raise ParameterError(f"dct_type={dct_type} must be 2 or 3")
        self.lifter = number("lifter", lifter, least=0.0)
        self.set_tables(tables)
        self._transform = Cepstrum(tabular.joined(self._tables["dct"]))

    def compute_tables(self) -> dict[str, Floats]:
        return {**super().compute_tables(), "dct": tabular.split(self.transform())}

    def transform(self) -> Doubles:
        """(n_mels, n_mfcc): the cosine transform of each band alone, with the lifter."""
        import scipy.fft

        matrix: Doubles = scipy.fft.dct(np.eye(self.n_mels), axis=1, type=self.dct_type, norm="ortho")
        matrix = matrix[:, : self.n_mfcc]
        if self.lifter > 0:
            matrix = matrix * (1 + self.lifter / 2 * np.sin(np.pi * np.arange(1, 1 + self.n_mfcc) / self.lifter))
        return matrix

    def table_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**super().table_shapes(), "dct": (2, self.n_mels, self.n_mfcc)}

    def own_steps(self) -> tuple[Step, ...]:
        return (*super().own_steps(), self._transform)


class Cepstrum(CausalStep, internal=True):
    """A matrix applied to every frame."""

    def __init__(self, matrix: Doubles) -> None:
        self.matrix = np.ascontiguousarray(matrix)

    def out_channels(self, channels: int) -> int:
        return int(self.matrix.shape[1])

    def open(self, signals: int, channels: int) -> StepState:
        return FrameState(Stateless(lambda x: project(x, self.matrix)))
