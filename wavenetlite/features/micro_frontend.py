"""MicroFrontend: the fixed-point front end of microcontroller wake words."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.features import c_micro
from wavenetlite.features import filter_banks as tabular
from wavenetlite.features import micro_tables as tables
from wavenetlite.features._frames import FrameStream
from wavenetlite.features._micro import MicroFrontEnd
from wavenetlite.features.spec import Features
from wavenetlite.support.c_builder import CBuilder
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ParameterError

SHORTEST_WINDOW, LONGEST_WINDOW = 33, 2048
MOST_BANDS = 512
SHARE_BITS = 14
"""Smoothing and what remains of a band have 14 bits after the point."""
RATIO_BITS = 12
"""So has the signal relative to its past, before it is compressed."""


class MicroFrontend(Features):
    """The front end of microcontroller wake words: mel bands, noise reduction, gain control and logarithm, by integers.

    TensorFlow Lite's `microfrontend`, on which the models of microWakeWord and ESPHome were trained: a Hann window, a
    16-bit FFT, the square roots of mel bands, less a slowly smoothed estimate of their noise, relative to that estimate
    (PCAN), as logarithms. With the defaults every value equals that of ``pymicro-features`` 2.0.2. The arithmetic is on
    integers throughout, so the bits are the same on every machine.

    Parameters
    ----------
    sr
        Sample rate, Hz.
    win_length, hop_length
        Samples of a frame, 33 to 2,048, and between two frames, at most a frame. The next power of two is transformed.
    n_mels
        Mel bands.
    fmin, fmax
        Their range, Hz; fmax below half of `sr`.
    even_smoothing, odd_smoothing
        Share of a new frame in the estimate of the noise, 0 to 1, for bands 0, 2, 4, ... and 1, 3, 5, ...
    min_signal_remaining
        The least share of a band that is left by the noise reduction, 0 to 1.
    pcan
        Whether the gain is controlled: a band is multiplied by ``(noise + pcan_offset) ** -pcan_strength`` and then
        compressed.
    pcan_strength, pcan_offset
        As in the formula; 0 to 4, and at least 2 ** (6 / pcan_strength), so that the gains fit 16 bits.
    log
        Whether to take the logarithm; without it a band is cut off at 65,535.

    Notes
    -----
    Samples are float32, in -1..1 (times 32,768, to the nearest integer, halves to the even one, and clipped), or int16,
    which are taken as they are. Frames are (frames, n_mels), float32: the front end's integers times 10 / 256. A signal
    of n samples has 1 + (n - win_length) // hop_length frames, 98 for a second.

    The definition is ``tensorflow/lite/experimental/microfrontend`` with the 16-bit kissfft, overflows included, in the
    version of tflite-micro and pymicro-features, whose tables are float32's; TensorFlow's own ``audio_microfrontend``
    has the same arithmetic, but computes its bands in double, so that some weights differ by one. smoothing_bits,
    gain_bits and scale_shift stay at 10, 21 and 6. The gain control is that of Wang et al., "Trainable frontend for
    robust and far-field keyword spotting", 2017.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> front = wl.MicroFrontend()
    >>> tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> front(tone.astype(np.float32)).shape
    (98, 40)
    >>> stream = front.stream()
    >>> stream.process(np.zeros(640, np.int16)).shape
    (2, 40)
    """

    reach = math.inf
    exact_in_c: ClassVar[bool] = True

    def __init__(
        self,
        *,
        sr: int = 16000,
        win_length: int = 480,
        hop_length: int = 160,
        n_mels: int = 40,
        fmin: float = 125.0,
        fmax: float = 7500.0,
        even_smoothing: float = 0.025,
        odd_smoothing: float = 0.06,
        min_signal_remaining: float = 0.05,
        pcan: bool = True,
        pcan_strength: float = 0.95,
        pcan_offset: float = 80.0,
        log: bool = True,
    ) -> None:
        self.sr = positive_int("sr", sr)
        self.win_length = self.frame_length = positive_int("win_length", win_length, LONGEST_WINDOW)
        if win_length < SHORTEST_WINDOW:
            raise ParameterError(f"win_length={win_length} must be at least {SHORTEST_WINDOW}")
        self.hop_length = positive_int("hop_length", hop_length)
        if hop_length > win_length:
            raise ParameterError(f"hop_length={hop_length} must be at most win_length={win_length}")
        self.n_mels = positive_int("n_mels", n_mels, MOST_BANDS)
        self.fmin, self.fmax = number("fmin", fmin, least=0.0), number("fmax", fmax, least=0.0)
        self.even_smoothing = share("even_smoothing", even_smoothing)
        self.odd_smoothing = share("odd_smoothing", odd_smoothing)
        self.min_signal_remaining = share("min_signal_remaining", min_signal_remaining)
        self.pcan, self.log = flag("pcan", pcan), flag("log", log)
        self.pcan_strength = number("pcan_strength", pcan_strength, least=0.0)
        if self.pcan_strength > 4:
            raise ParameterError(f"pcan_strength={pcan_strength} must be between 0 and 4")
        self.pcan_offset = number("pcan_offset", pcan_offset, least=0.001)
        if self.pcan_offset > 1e9:
            raise ParameterError(f"pcan_offset={pcan_offset} must be between 0.001 and 1e9")
        self.versions = tabular.versions()
        self._front = self.make_front()

    @property
    def front_channels(self) -> int:
        return self.n_mels

    def front(self, streams: int, on_nonfinite: str, name: str) -> FrameStream:
        return FrameStream(self._front, streams=streams, on_nonfinite=on_nonfinite, name=name)

    @property
    def points(self) -> int:
        """Complex points of the transform."""
        return 1 << ((self.win_length - 1).bit_length() - 1)

    @property
    def correction(self) -> int:
        """Bits by which transform and weights scale the bands down."""
        return self.points.bit_length() - tables.WEIGHT_BITS // 2

    def gains(self) -> tables.Integers:
        bits = tables.NOISE_BITS - self.correction
        return tables.gain_table(strength=self.pcan_strength, offset=self.pcan_offset, bits=bits)

    def c(self, write: CBuilder) -> None:
        n, channels = self.points, str(self.n_mels)
        z, spare = (write.kept("int16_t", 2 * n) for _ in range(2))
        power, signal, noise = (write.kept("uint32_t", count) for count in (n + 1, self.n_mels, self.n_mels))
        window = write.array(tables.hann(self.win_length).astype(np.int16))
        write.function(c_micro.WINDOW)
        write.line(f"const int shift = $micro_window({z}, samples, {window}, {self.win_length}, {2 * n});")
        write.function(c_micro.TRANSFORM)
        transform = f"$micro_transform({z}, {spare}, {n}, {write.array(complex_factors(np.arange(n) / n))})"
        write.call(c_micro.POWERS, power, transform, str(n), write.array(complex_factors(tables.half_angles(n))))
        bands, weights = sparse(self.bands(n))
        write.function(c_micro.BANDS)
        table = write.table("$micro_band", bands)
        write.call(c_micro.BANDS, signal, power, table, channels, write.array(weights.astype(np.int16)), "shift")
        shares = (self.even_smoothing, self.odd_smoothing, self.min_signal_remaining)
        write.call(c_micro.NOISE, signal, noise, channels, *(str(integral_share(share)) for share in shares))
        if self.pcan:
            gains, shift = write.array(self.gains().astype(np.int16)), tables.GAIN_BITS - self.correction - RATIO_BITS
            write.call(c_micro.GAIN, signal, noise, channels, gains, str(shift))
        if self.log:
            logs = write.array(tables.log_table().astype(np.uint16))
            write.call(c_micro.LOG, signal, channels, logs, str(self.correction))
        write.call(c_micro.TAKE, "y", signal, channels)

    def make_front(self) -> MicroFrontEnd:
        points, correction = self.points, self.correction
        return MicroFrontEnd(
            hop_length=self.hop_length,
            window=tables.hann(self.win_length),
            twiddles=tables.twiddles(points),
            halves=tables.halves(points),
            points=points,
            bands=self.bands(points),
            smoothing=(integral_share(self.even_smoothing), integral_share(self.odd_smoothing)),
            remaining=integral_share(self.min_signal_remaining),
            gains=self.gains() if self.pcan else None,
            logs=tables.log_table() if self.log else None,
            gain_shift=tables.GAIN_BITS - correction - RATIO_BITS,
            log_shift=correction,
        )

    def bands(self, points: int) -> tables.Integers:
        if not self.fmin < self.fmax < self.sr / 2:
            raise ParameterError(
                f"fmin={self.fmin} and fmax={self.fmax} must be in order and below {self.sr / 2}, half of sr"
            )
        table = tables.mel_bands(sr=self.sr, points=points, n_mels=self.n_mels, fmin=self.fmin, fmax=self.fmax)
        if not table.any():
            raise ParameterError(
                f"fmin={self.fmin} and fmax={self.fmax} must include a frequency of the transform,"
                f" the multiples of {self.sr / 2 / points:g} Hz"
            )
        if table[:, -1].any():
            raise ParameterError(f"fmax={self.fmax} must be below the transform's last frequency, {self.sr / 2:g} Hz")
        if not table.any(axis=1).all():
            warnings.warn(
                f"n_mels={self.n_mels} gives bands that are always silent, between two frequencies of the transform"
                f"; take fewer bands, or win_length above {2 * points}",
                stacklevel=4,
            )
        return table


def complex_factors(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """exp(-2 pi i x) of each x, real and imaginary part."""
    return np.ascontiguousarray(tables.factors(numbers)[:, [0, 2]].astype(np.int16))


def sparse(bands: tables.Integers) -> tuple[list[tuple[int, int]], tables.Integers]:
    """The first bin and the number of bins of each band, and their weights one after the other."""
    ends = [np.flatnonzero(row) for row in bands]
    places = [(int(used[0]), int(used[-1] - used[0]) + 1) if used.size else (0, 0) for used in ends]
    weights = [row[first : first + count] for row, (first, count) in zip(bands, places, strict=True)]
    return places, np.concatenate(weights)


def share(name: str, value: Any) -> float:
    if number(name, value, least=0.0) > 1:
        raise ParameterError(f"{name}={value} must be between 0 and 1")
    return float(value)


def integral_share(value: float) -> int:
    """As an integer, of which 16,384 stand for 1; rounded down, from float32."""
    return int(np.float32(value) * np.float32(1 << SHARE_BITS))
