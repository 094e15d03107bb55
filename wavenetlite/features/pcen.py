"""PCEN: per-channel energy normalisation, a causal and adaptive replacement of the logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from wavenetlite.features._steps import Compressor
from wavenetlite.features.c_spectrum import REAL
from wavenetlite.features.mel import MelSpectrogram
from wavenetlite.features.steps import CausalStep, FrameStep, StepState
from wavenetlite.support.c_builder import CBuilder, CText
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ParameterError

COMPRESS = CText(
    "compress",
    """\
/* (e + bias)^power - bias^power, with its limits for power 0 and bias 0. */
static inline $real $compress($real e, $real bias, $real power)
{
    if (power == 0) return ($real)log1p(e);
    if (bias == 0) return e > 0 ? ($real)pow(e, power) : 0;
    return ($real)(pow(bias, power) * expm1(power * log1p(e / bias)));
}
""",
    (REAL,),
)
PCEN_IN_C = CText(
    "pcen",
    """\
/* Per-channel energy normalisation; smooth: the energy's low-pass, which begins with 1. */
static inline void $pcen(float *y, int n, $real *smooth, int *begun, $real b, $real scale, $real gain, $real eps,
                         $real bias, $real power)
{
    int i;
    for (i = 0; i < n; i++) {
        const $real e = scale * y[i];
        smooth[i] = b * e + (1 - b) * (*begun ? smooth[i] : 1);
        y[i] = (float)$compress(e * ($real)exp(-gain * log(smooth[i] + eps)), bias, power);
    }
    *begun = 1;
}
""",
    (COMPRESS,),
)


@dataclass(kw_only=True, eq=False, repr=False)
class PCEN(MelSpectrogram):
    """Per-channel energy normalisation of mel bands.

    ``(E / (eps + M) ** gain + bias) ** compression - bias ** compression`` of the energy E, where M follows E with a
    first-order low-pass filter: causal automatic gain control and root compression.

    Parameters
    ----------
    sr, n_fft, hop_length, win_length, window, center, power, n_mels, fmin, fmax, htk, norm, tables
        As in :class:`MelSpectrogram`; power defaults to 1 here, as librosa advises.
    gain, bias, eps
        As in the formula.
    compression
        Exponent; librosa calls it power.
    time_constant_s
        Time constant of the low-pass filter, seconds.
    b
        Coefficient of the low-pass filter, 0 to 1; None: from `time_constant_s`.
    scale
        Factor applied to E first: 2**31 maps samples in -1..1 to the range the defaults are designed for.

    Notes
    -----
    ``librosa.pcen(S * scale, sr=sr, hop_length=hop_length, ...)``, transposed: (frames, n_mels), within 1e-5 relative.
    Wang et al., "Trainable frontend for robust and far-field keyword spotting", 2017.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.PCEN(sr=16000, n_mels=40)(np.zeros(16000, np.float32)).shape
    (97, 40)
    """

    power: float = 1.0
    gain: float = 0.98
    bias: float = 2.0
    compression: float = 0.5
    time_constant_s: float = 0.4
    eps: float = 1e-6
    b: float | None = None
    scale: float = 2.0**31

    def check_parameters(self) -> None:
        super().check_parameters()
        self.gain = number("gain", self.gain, least=0.0)
        self.bias = number("bias", self.bias, least=0.0)
        self.compression = number("compression", self.compression, least=0.0)
        self.time_constant_s = positive("time_constant_s", self.time_constant_s)
        self.eps = positive("eps", self.eps)
        self.scale = positive("scale", self.scale)
        self.b = None if self.b is None else number("b", self.b, least=0.0)
        if self.b is not None and self.b > 1:
            raise ParameterError(f"b={self.b} must be between 0 and 1")

    @cached_property
    def smoothing(self) -> float:
        """Coefficient of the low-pass filter, by librosa's approximation."""
        if self.b is not None:
            return self.b
        frames = self.time_constant_s * self.frame_rate
        return (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)

    def own_steps(self) -> tuple[FrameStep, ...]:
        return (*super().own_steps(), Normaliser(self))


class Normaliser(CausalStep, internal=True):
    """The recursion and the compression of a :class:`PCEN`."""

    def __init__(self, spec: PCEN) -> None:
        self.spec = spec

    def c(self, write: CBuilder, channels: int) -> None:
        spec = self.spec
        smooth, begun = write.kept("$real", channels), write.kept("int", 1)
        values = spec.smoothing, spec.scale, spec.gain, spec.eps, spec.bias, spec.compression
        write.call(PCEN_IN_C, "y", str(channels), smooth, begun, *(f"($real){value!r}" for value in values))

    def open(self, signals: int, channels: int) -> StepState:
        spec = self.spec
        return Compressor(
            signals,
            channels,
            b=spec.smoothing,
            scale=spec.scale,
            gain=spec.gain,
            bias=spec.bias,
            power=spec.compression,
            eps=spec.eps,
        )


def positive(name: str, value: float) -> float:
    if number(name, value) <= 0:
        raise ParameterError(f"{name}={value} must be positive")
    return float(value)
