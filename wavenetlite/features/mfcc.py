"""MFCC: the cosine transform of mel bands in decibels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._steps import Projection
from wavenetlite.features.c_spectrum import REAL
from wavenetlite.features.cosine_transform import cosine_transform
from wavenetlite.features.elementwise import elementwise
from wavenetlite.features.mel import LogMel
from wavenetlite.features.steps import CausalStep, FrameStep, StepState
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.c_builder import CBuilder, CText
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError


@dataclass(kw_only=True, eq=False, repr=False)
class MFCC(LogMel):
    """Mel-frequency cepstral coefficients.

    Parameters
    ----------
    n_mfcc
        Number of coefficients, including the zeroth.
    dct_type
        2 or 3.
    lifter
        Length of the sine lifter; 0: none.
    sr, n_fft, hop_length, n_mels, win_length, window, center, power, fmin, fmax, htk, norm, amin, ref, top_db, tables
        As in :class:`LogMel`. librosa.feature.mfcc clips to top_db=80, which cannot stream; here the default is no
        clipping.

    Notes
    -----
    ``librosa.feature.mfcc(S=librosa.power_to_db(S, top_db=None), ...)``, transposed: (frames, n_mfcc); orthonormal DCT.
    Coefficients are differences of decibels: the error is within 1e-5 of the largest coefficient of a frame.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.MFCC(sr=16000, n_mfcc=13)(np.zeros(16000, np.float32)).shape
    (97, 13)
    """

    n_mfcc: int = 20
    dct_type: int = 2
    lifter: float = 0.0

    def check_parameters(self) -> None:
        super().check_parameters()
        self.n_mfcc = positive_int("n_mfcc", self.n_mfcc)
        if self.n_mfcc > self.n_mels:
            raise ParameterError(f"n_mfcc={self.n_mfcc} must be at most n_mels={self.n_mels}")
        self.dct_type = positive_int("dct_type", self.dct_type)
        if self.dct_type not in (2, 3):
            raise ParameterError(f"dct_type={self.dct_type} must be 2 or 3")
        self.lifter = number("lifter", self.lifter, least=0.0)

    def compute_tables(self) -> dict[str, Floats]:
        return {**super().compute_tables(), "dct": tabular.split(self.transform())}

    def transform(self) -> Doubles:
        """The DCT matrix with the lifter, (n_mels, n_mfcc)."""
        matrix = cosine_transform(self.n_mels, self.n_mfcc, self.dct_type)
        if self.lifter > 0:
            angle = np.pi * np.arange(1, 1 + self.n_mfcc) / self.lifter
            matrix *= 1 + self.lifter / 2 * elementwise(math.sin, angle)
        return matrix

    def table_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**super().table_shapes(), "dct": (2, self.n_mels, self.n_mfcc)}

    @cached_property
    def cepstrum(self) -> Cepstrum:
        """The step that applies the DCT."""
        return Cepstrum(tabular.join(self._tables["dct"]))

    def own_steps(self) -> tuple[FrameStep, ...]:
        return (*super().own_steps(), self.cepstrum)


PROJECT = CText(
    "project",
    """\
/* The n values of y, copied to x, times a matrix (n, outs). */
static inline void $project(float *y, float *x, int n, const $real *matrix, int outs)
{
    int i, o;
    memcpy(x, y, (size_t)n * sizeof(float));
    for (o = 0; o < outs; o++) {
        $real sum = 0;
        for (i = 0; i < n; i++) sum += x[i] * matrix[i * outs + o];
        y[o] = (float)sum;
    }
}
""",
    (REAL,),
)


class Cepstrum(CausalStep, internal=True):
    """Multiplies every frame by a matrix."""

    reach = 0

    def __init__(self, matrix: Doubles) -> None:
        self.matrix = np.ascontiguousarray(matrix)
        self.states: dict[int, StepState] = {}

    def out_channels(self, channels: int) -> int:
        return int(self.matrix.shape[1])

    def c(self, write: CBuilder, channels: int) -> None:
        x = write.kept("float", channels)
        write.call(PROJECT, "y", x, str(channels), write.array(self.matrix), str(self.matrix.shape[1]))

    def open(self, signals: int, channels: int) -> StepState:
        if signals not in self.states:  # it is empty, hence shared by all streams
            self.states[signals] = Projection(signals, self.matrix)
        return self.states[signals]
