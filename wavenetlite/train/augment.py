"""Augmentation of batches: waveforms (clips, samples) and feature frames (clips, frames, bins), float32.

A transform is configuration without state: its effect on a batch depends only on the generator passed. It never
modifies its input.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.blake2 import blake2b
from wavenetlite.support.checks import count, flag, number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.optional import optional
from wavenetlite.support.options import option_names

Ints = npt.NDArray[np.int64]
Generator = np.random.Generator
Range = tuple[float, float]
Recordings = Floats | Sequence[Floats]

WAVEFORM, FRAMES = 2, 3
SHAPES = {WAVEFORM: "(clips, samples)", FRAMES: "(clips, frames, bins)"}
LARGEST = 1e9
"""Values above this are rejected as a mistake, so that the result of any one transform is finite."""
MOST_DB = 120.0
SILENT_DB = -40.0
"""Assumed level of a silent clip when noise is added to it."""
CLIPS_AT_ONCE = 64
"""A batch is processed in pieces of this size to limit the memory needed."""


def fourier() -> Any:
    """SciPy's Fourier transforms, of batches twice as fast as NumPy's."""
    return optional("scipy.fft", "train", "augmentation")


class Transform:
    """Base of all transforms: ``transform(batch, rng)`` returns a new batch of the same shape.

    Attributes
    ----------
    dimensions
        2 for transforms of waveforms (clips, samples), 3 for those of frames (clips, frames, bins).
    probability
        Probability with which each clip is changed, independently.

    The arguments of a constructor are attributes of the same names, JSON-serialisable.
    """

    registry: ClassVar[dict[str, type[Transform]]] = {}
    dimensions: ClassVar[int] = WAVEFORM
    probability: float

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not cls.__name__.startswith("_"):
            Transform.registry[cls.__name__] = cls

    def __call__(self, batch: Floats, rng: Generator) -> Floats:
        """Transform a batch; float32, of the same shape. Raises if it is not finite, or of wrong shape or dtype."""
        return Augment([self])(batch, rng)

    def on_some(self, x: Floats, rng: Generator) -> Floats:
        """Transform randomly chosen clips; may modify `x`."""
        chosen = np.flatnonzero(rng.random(len(x)) < self.probability)
        if not chosen.size or not x.size:
            return x
        if len(chosen) == len(x):
            return self.change(x, rng)
        x[chosen] = self.change(x[chosen], rng)
        return x

    def change(self, x: Floats, rng: Generator) -> Floats:
        """Transform all clips of a non-empty batch; may modify `x`."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """The constructor's arguments, except recordings."""
        return {name: getattr(self, name) for name in option_names(type(self)) if name != "recordings"}

    def config(self) -> dict[str, Any]:
        """The transform as JSON-serialisable data; `from_config` restores it."""
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in self.options().items()}
        return {"type": type(self).__name__, **plain}

    @classmethod
    def restore(cls, options: dict[str, Any], recordings: Recordings | None) -> Transform:
        return cls(**options)

    def __repr__(self) -> str:
        values = (f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({', '.join(values)})"


class Augment:
    """A sequence of transforms.

    Parameters
    ----------
    transforms
        Transforms, all of waveforms or all of frames.

    Raises
    ------
    ParameterError, ArrayTypeError
        Both kinds are mixed; on a call: the batch is not float32, not finite, or of the wrong shape.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Augment, Gain, SpecAugment, TimeShift, from_config
    >>> augment = Augment([TimeShift(100, sr=16000), Gain(-6, 6, probability=0.5)])
    >>> augment(np.zeros((8, 16000), np.float32), np.random.default_rng(0)).shape
    (8, 16000)
    >>> from_config(augment.config())
    Augment([TimeShift(most_ms=100.0, sr=16000, fill='noise', probability=1.0), Gain(low_db=-6.0, high_db=6.0, \
probability=0.5)])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Sequence):
            raise ArrayTypeError(f"transforms is a {type(transforms).__name__}; it must be a list of transforms")
        for transform in transforms:
            if not isinstance(transform, Transform):
                raise ArrayTypeError(f"a transform is a {type(transform).__name__}; it must be one of {__name__}")
        self.transforms = tuple(transforms)
        dimensions = {transform.dimensions for transform in transforms}
        if len(dimensions) > 1:
            raise ParameterError("transforms of waveforms and of frames are mixed; they must be of one kind")
        self.dimensions = next(iter(dimensions), None)

    def __call__(self, batch: Floats, rng: Generator) -> Floats:
        """Transform a batch.

        Parameters
        ----------
        batch
            float32, (clips, samples) or (clips, frames, bins), finite; may be empty.
        rng
            Random generator.

        Returns
        -------
        A new float32 array of the same shape.
        """
        check_batch("batch", batch, self.dimensions)
        check_generator(rng)
        made = np.array(batch, np.float32, order="C")
        for at in range(0, len(made), CLIPS_AT_ONCE):
            piece = made[at : at + CLIPS_AT_ONCE]
            x = piece
            for transform in self.transforms:
                x = transform.on_some(x, rng)
            if x is not piece:
                piece[...] = x
        return made

    @property
    def fingerprint(self) -> bytes:
        """Equal for the same transforms and recordings."""
        digest = blake2b(json.dumps(self.config(), sort_keys=True).encode(), digest_size=16, person=b"augmentation")
        for transform in self.transforms:
            for recording in getattr(transform, "recordings", None) or ():
                digest.update(str(len(recording)).encode() + np.ascontiguousarray(recording, np.float32).tobytes())
        return digest.digest()

    def config(self) -> dict[str, Any]:
        """The transforms as JSON-serialisable data."""
        return {"type": "Augment", "transforms": [transform.config() for transform in self.transforms]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, recordings: Recordings | None = None) -> Augment:
        """Restore from `config()`; see :func:`from_config`."""
        made = from_config(config, recordings=recordings)
        return made if isinstance(made, Augment) else Augment([made])

    def __repr__(self) -> str:
        return f"Augment([{', '.join(map(repr, self.transforms))}])"


def from_config(config: Mapping[str, Any], *, recordings: Recordings | None = None) -> Augment | Transform:
    """Restore an `Augment` or a transform from its `config()`.

    Parameters
    ----------
    config
        The result of `config()`, also via JSON.
    recordings
        Recordings for `BackgroundNoise`, which are not part of a config.

    Raises
    ------
    ParameterError
        An unknown type or unknown options.

    Examples
    --------
    >>> from wavenetlite.train.augment import Gain, from_config
    >>> from_config(Gain(-6, 0).config())
    Gain(low_db=-6.0, high_db=0.0, probability=1.0)
    """
    if not isinstance(config, Mapping):
        raise ArrayTypeError(f"config is a {type(config).__name__}; it must be a dict")
    options = dict(config)
    kind = one_of("type of a transform", options.pop("type", None), ("Augment", *Transform.registry))
    if kind == "Augment":
        inner = options.pop("transforms", None)
        if options or not isinstance(inner, list):
            raise ParameterError("config of Augment must contain a list of transforms and nothing else")
        return Augment([transform_from(one, recordings) for one in inner])
    return transform_from(config, recordings)


def transform_from(config: Any, recordings: Recordings | None) -> Transform:
    if not isinstance(config, Mapping):
        raise ArrayTypeError(f"config of a transform is a {type(config).__name__}; it must be a dict")
    options = dict(config)
    kind = one_of("type of a transform", options.pop("type", None), tuple(Transform.registry))
    try:
        return Transform.registry[kind].restore(options, recordings)
    except TypeError as error:
        if isinstance(error, ArrayTypeError):
            raise
        raise ParameterError(f"config of {kind} is invalid: {error}") from None


# Waveforms: place and level


class TimeShift(Transform):
    """Shift each clip in time by a random amount, in either direction.

    Parameters
    ----------
    most_ms
        Largest shift, ms; whole samples are drawn uniformly from -most_ms to most_ms.
    sr
        Sample rate, Hz.
    fill
        What fills the vacated end: "noise" as loud as the quietest tenth of the clip, "zero", or "wrap", the samples
        shifted out at the other end.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import TimeShift
    >>> TimeShift(0, sr=16000)(np.ones((1, 3), np.float32), np.random.default_rng(0)).tolist()
    [[1.0, 1.0, 1.0]]
    """

    def __init__(
        self,
        most_ms: float,
        *,
        sr: int,
        fill: Literal["noise", "zero", "wrap"] = "noise",
        probability: float = 1.0,
    ) -> None:
        self.most_ms = number("most_ms", most_ms, least=0.0)
        self.sr = positive_int("sr", sr)
        self.fill = one_of("fill", fill, ("noise", "zero", "wrap"))
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        n = x.shape[1]
        most = int(min(n, self.most_ms * self.sr / 1000))
        shifts = rng.integers(-most, most + 1, len(x)).tolist()
        if self.fill == "wrap":
            return np.stack([take_periodic(row, -shift, n) for row, shift in zip(x, shifts, strict=True)])
        gap = np.zeros((len(x), most), np.float32)
        if self.fill == "noise":
            gap = white_noise(gap.shape, rng) * quiet_level(x)
        y = np.empty_like(x)
        for i, shift in enumerate(shifts):
            if shift >= 0:
                y[i, :shift], y[i, shift:] = gap[i, :shift], x[i, : n - shift]
            else:
                y[i, : n + shift], y[i, n + shift :] = x[i, -shift:], gap[i, :-shift]
        return y


class Trim(Transform):
    """Cut off the beginning and the end of each recording, as cutting by level or by hand does to weak consonants.

    A recording is what lies between the first and the last sample of a clip that are not 0; what is cut off becomes 0.
    So it must come before transforms that fill a clip to its ends.

    Parameters
    ----------
    most_ms
        Most that is cut off at either end, ms; drawn uniformly for each.
    sr
        Sample rate, Hz.
    least_left
        Least share of a recording that is left, 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Trim
    >>> padded = np.zeros((1, 1000), np.float32)
    >>> padded[:, 200:800] = 1.0
    >>> trimmed = Trim(10, sr=10000)(padded, np.random.default_rng(0))
    >>> trimmed[0, 300:700].all(), 400 <= trimmed.sum() < 600
    (np.True_, np.True_)
    """

    def __init__(self, most_ms: float, *, sr: int, least_left: float = 0.5, probability: float = 1.0) -> None:
        self.most_ms = number("most_ms", most_ms, least=0.0)
        self.sr = positive_int("sr", sr)
        self.least_left = share("least_left", least_left)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        first, last = extents(x)
        most = np.minimum(self.most_ms * self.sr / 1000, (1 - self.least_left) / 2 * (last - first))
        cut = (rng.random((2, len(x))) * most).astype(np.int64)
        x[~between(first + cut[0], last - cut[1], x.shape[1])] = 0
        return x


class Gain(Transform):
    """Make each clip louder or softer.

    Parameters
    ----------
    low_db, high_db
        Range of the gain, dB; drawn uniformly. Samples may exceed -1..1: nothing is clipped.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Gain
    >>> Gain(6.0206, 6.0206)(np.ones((1, 1), np.float32), np.random.default_rng(0)).round(4).tolist()
    [[2.0]]
    """

    def __init__(self, low_db: float, high_db: float, *, probability: float = 1.0) -> None:
        self.low_db, self.high_db = checked_range("low_db, high_db", (low_db, high_db), -MOST_DB, MOST_DB)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        gains_db = rng.uniform(self.low_db, self.high_db, (len(x), 1))
        x *= (10.0 ** (gains_db / 20)).astype(np.float32)
        return x


class Clipping(Transform):
    """Clip the peaks of each clip, as an overdriven microphone does.

    Parameters
    ----------
    low_db, high_db
        Range of the clipping level below the clip's peak, dB, at least 0; drawn uniformly.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Clipping
    >>> Clipping(6.0206, 6.0206)(np.ones((1, 1), np.float32), np.random.default_rng(0)).round(4).tolist()
    [[0.5]]
    """

    def __init__(self, low_db: float, high_db: float, *, probability: float = 1.0) -> None:
        self.low_db, self.high_db = checked_range("low_db, high_db", (low_db, high_db), 0.0, MOST_DB)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        below = 10.0 ** (-rng.uniform(self.low_db, self.high_db, (len(x), 1)) / 20)
        peaks = np.maximum(x.max(axis=1, keepdims=True), -x.min(axis=1, keepdims=True))
        most = peaks * below.astype(np.float32)
        return np.clip(x, -most, most, out=x)


# Waveforms: noise

COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Name -> exponent of the amplitude's decay with frequency, f ** -exponent."""
FLAT_BELOW = 1 / 400
"""Fraction of the sample rate below which coloured noise is flat: otherwise brown noise would be all infrasound."""
TALKERS = (3, 6)
CLIPS_A_NOISE = 8
"""This many clips share one synthetic noise, each from a different position."""


class BackgroundNoise(Transform):
    """Add noise at a random signal-to-noise ratio.

    Parameters
    ----------
    kinds
        One is drawn per clip. Synthetic: "white", "pink" (power ~ 1 / f), "brown" (1 / f ** 2). From `recordings`:
        "recording", a piece of one; "babble", the sum of 3 to 6 equally loud pieces: with speech, a room of talkers.
    snr_db
        Range of the signal-to-noise ratio over the whole clip, dB; drawn uniformly. A silent clip is assumed to have
        -40 dB (of full scale).
    recordings
        float32, (n, samples), or a list of (samples,) of any lengths; those shorter than a clip are repeated.
    everywhere
        Whether the noise fills the clip; False: only the recording in it, from its first to its last sample that are
        not 0, as the noise of a microphone begins and ends with it where clips are padded. A silent clip stays so.

    Notes
    -----
    `config` contains the kinds but not the recordings: pass those to `from_config` again.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import BackgroundNoise
    >>> speech = np.random.default_rng(0).normal(0, 0.1, (4, 16000)).astype(np.float32)
    >>> noisy = BackgroundNoise(("pink",), snr_db=(10, 10))(speech, np.random.default_rng(1))
    >>> (10 * np.log10((speech**2).sum(axis=1) / ((noisy - speech) ** 2).sum(axis=1))).round(1).tolist()
    [10.0, 10.0, 10.0, 10.0]
    """

    def __init__(
        self,
        kinds: Sequence[str] = tuple(COLOURS),
        *,
        snr_db: Range = (5.0, 30.0),
        recordings: Recordings | None = None,
        everywhere: bool = True,
        probability: float = 1.0,
    ) -> None:
        self.everywhere = flag("everywhere", everywhere)
        self.kinds = several("kinds", kinds, (*COLOURS, "recording", "babble"))
        self.snr_db = checked_range("snr_db", snr_db, -MOST_DB, MOST_DB)
        self.recordings = checked_recordings(recordings)
        for kind in self.kinds:
            if kind not in COLOURS and not self.recordings:
                raise ParameterError(f"recordings must be given for the kind {kind!r}")
        self.probability = share("probability", probability)

    @classmethod
    def restore(cls, options: dict[str, Any], recordings: Recordings | None) -> Transform:
        return cls(**options, recordings=recordings)

    def change(self, x: Floats, rng: Generator) -> Floats:
        kinds = rng.integers(len(self.kinds), size=len(x))
        ratio = 10.0 ** (rng.uniform(*self.snr_db, len(x)) / 10)
        noise = np.empty_like(x)
        for k, kind in enumerate(self.kinds):
            rows = np.flatnonzero(kinds == k)
            if rows.size:
                noise[rows] = self.noise(kind, (len(rows), x.shape[1]), rng)
        if not self.everywhere:
            noise *= between(*extents(x), x.shape[1])
        signal_power, noise_power = power(x), power(noise)
        wanted = np.where(signal_power > 0, signal_power, 10 ** (SILENT_DB / 10)) / ratio
        noise *= ratio_of_levels(wanted, noise_power)[:, np.newaxis]
        x += noise
        return x

    def noise(self, kind: str, shape: tuple[int, int], rng: Generator) -> Floats:
        if kind == "white":
            return white_noise(shape, rng)
        if kind in COLOURS:
            return coloured_noise(COLOURS[kind], shape, rng)
        noise = np.zeros(shape, np.float32)
        for row in noise:
            if kind == "recording":
                row += self.piece(shape[1], rng)
                continue
            for _ in range(int(rng.integers(TALKERS[0], TALKERS[1] + 1))):
                piece = self.piece(shape[1], rng)
                energy = float(np.einsum("i,i->", piece, piece))
                if energy > 0:
                    row += piece * np.float32(energy**-0.5)
        return noise

    def piece(self, n: int, rng: Generator) -> Floats:
        """n samples of a recording from a random position; a recording that is too short is repeated."""
        recording = self.recordings[int(rng.integers(len(self.recordings)))]
        room = len(recording) - n
        if room > 0:
            at = int(rng.integers(room + 1))
            return recording[at : at + n]
        return take_periodic(recording, int(rng.integers(len(recording))), n)


# Waveforms: speed, filters, rooms


class Speed(Transform):
    """Play each clip faster or slower, about its middle: pitch and tempo change together.

    Parameters
    ----------
    low, high
        Range of the factor; above 1 is faster and higher. Drawn uniformly, then rounded to the nearest value within the
        range with a fast Fourier transform (for clips of 16000 samples: about every hundredth).

    Notes
    -----
    Band-limited: the spectrum of the clip, assumed periodic, is truncated or extended, as in
    ``scipy.signal.resample``. So a faster clip is extended with its other end, not with silence.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Speed
    >>> tone = np.sin(2 * np.pi * 100 / 1600 * np.arange(1600, dtype=np.float32))[np.newaxis]
    >>> faster = Speed(1.25, 1.25)(tone, np.random.default_rng(0))
    >>> int(np.abs(np.fft.rfft(faster[0])).argmax())
    125
    """

    def __init__(self, low: float, high: float, *, probability: float = 1.0) -> None:
        self.low, self.high = checked_range("low, high", (low, high), 0.25, 4.0)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        n = x.shape[1]
        lengths = self.lengths(n, rng.uniform(self.low, self.high, len(x)))
        spectra = fourier().rfft(x, axis=1, norm="forward")  # normalised by n here instead of by the new length below
        for length in np.unique(lengths).tolist():
            if length == n:
                continue
            rows = np.flatnonzero(lengths == length)
            x[rows] = middle(fourier().irfft(spectra[rows], length, axis=1, norm="forward"), n)
        return x

    def lengths(self, n: int, factors: npt.NDArray[np.float64]) -> Ints:
        """Length of each clip at its factor, samples."""
        exact = np.maximum(1, np.rint(n / factors).astype(np.int64))
        fast = fast_lengths(math.ceil(n / self.high), math.floor(n / self.low))
        if not fast:
            return exact
        choice = np.array(fast, np.int64)
        nearest: Ints = choice[np.abs(choice - exact[:, np.newaxis]).argmin(axis=1)]
        return nearest


class _Filter(Transform):
    """Base of transforms that multiply the spectrum of a clip without changing its phase."""

    def change(self, x: Floats, rng: Generator) -> Floats:
        n = x.shape[1]
        n_fft = fourier().next_fast_len(n + n // 40, real=True)  # room for ringing beyond the ends
        spectra = fourier().rfft(x, n_fft, axis=1)
        spectra *= self.response(len(x), n_fft, rng)
        filtered: Floats = fourier().irfft(spectra, n_fft, axis=1, overwrite_x=True)[:, :n]
        return filtered

    def response(self, clips: int, n_fft: int, rng: Generator) -> Floats:
        """Gain of each frequency, float32 (clips, n_fft // 2 + 1)."""
        raise NotImplementedError


class BandLimit(_Filter):
    """Remove high or low frequencies, as cheap microphones and telephones do.

    Parameters
    ----------
    kinds
        One is drawn per clip: "lowpass", "highpass", or "telephone": 300 to 3400 Hz.
    sr
        Sample rate, Hz.
    lowpass_hz, highpass_hz
        Ranges of the cut-off frequencies, Hz; drawn log-uniformly. lowpass_hz None: sr / 8 to 0.45 sr.

    Notes
    -----
    Gains of Butterworth filters of order 6: -3 dB at the cut-off frequency, 36 dB per octave beyond.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import BandLimit
    >>> y = BandLimit(("highpass",), sr=16000)(np.ones((1, 16000), np.float32), np.random.default_rng(0))
    >>> bool(abs(y[0, 8000]) < 0.01)
    True
    """

    def __init__(
        self,
        kinds: Sequence[str] = ("lowpass", "highpass", "telephone"),
        *,
        sr: int,
        lowpass_hz: Range | None = None,
        highpass_hz: Range = (50.0, 400.0),
        probability: float = 1.0,
    ) -> None:
        self.kinds = several("kinds", kinds, ("lowpass", "highpass", "telephone"))
        self.sr = positive_int("sr", sr)
        lowpass = (self.sr / 8, 0.45 * self.sr) if lowpass_hz is None else lowpass_hz
        self.lowpass_hz = checked_range("lowpass_hz", lowpass, 1.0, self.sr / 2)
        self.highpass_hz = checked_range("highpass_hz", highpass_hz, 1.0, self.sr / 2)
        self.probability = share("probability", probability)

    def response(self, clips: int, n_fft: int, rng: Generator) -> Floats:
        f = np.fft.rfftfreq(n_fft, 1 / self.sr).astype(np.float32)
        kinds = rng.integers(len(self.kinds), size=clips)
        lowpass = drawn_cutoffs(self.lowpass_hz, clips, rng)
        highpass = drawn_cutoffs(self.highpass_hz, clips, rng)
        gains = np.empty((clips, len(f)), np.float32)
        for i in range(clips):
            kind = self.kinds[kinds[i]]
            if kind == "telephone":
                gains[i] = butterworth(f, 3400.0, high=False) * butterworth(f, 300.0, high=True)
            else:
                high = kind == "highpass"
                gains[i] = butterworth(f, highpass[i] if high else lowpass[i], high=high)
        return gains


class Equalise(_Filter):
    """Apply a random smooth gain over frequency: another microphone or room.

    Parameters
    ----------
    most_db
        Largest gain or loss, dB.
    points
        Number of frequencies, evenly spaced on a mel-like scale from 0 to sr / 2, for which a gain is drawn, uniformly
        in dB; it is interpolated in between.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Equalise
    >>> Equalise(6)(np.zeros((2, 100), np.float32), np.random.default_rng(0)).shape
    (2, 100)
    """

    def __init__(self, most_db: float, *, points: int = 6, probability: float = 1.0) -> None:
        self.most_db = number("most_db", most_db, least=0.0)
        if most_db > MOST_DB:
            raise ParameterError(f"most_db={most_db} must be at most {MOST_DB:g}")
        self.points = positive_int("points", points, 64)
        self.probability = share("probability", probability)

    def response(self, clips: int, n_fft: int, rng: Generator) -> Floats:
        gains_db = rng.uniform(-self.most_db, self.most_db, (clips, self.points)).astype(np.float32)
        nepers = gains_db * np.float32(np.log(10) / 20) @ interpolation_matrix(self.points, n_fft // 2 + 1)
        return np.exp(nepers, out=nepers)


class Reverb(Transform):
    """Add reverberation: convolve each clip with exponentially decaying noise.

    Parameters
    ----------
    rt60_ms
        Range of the reverberation time (decay by 60 dB), ms; drawn uniformly.
    sr
        Sample rate, Hz.
    direct_db
        Range of the direct-to-reverberant energy ratio, dB; drawn uniformly.

    Notes
    -----
    The reverberation begins 2 ms after the direct sound; the response has energy 1, so that loudness stays about the
    same. The tail beyond the end of the clip is cut off. (Polack's model: Kuttruff, "Room Acoustics".)

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Reverb
    >>> click = np.zeros((1, 8000), np.float32)
    >>> click[0, 0] = 1
    >>> y = Reverb((200, 200), sr=16000)(click, np.random.default_rng(0))
    >>> bool(np.square(y[0, 32:1600]).sum() > 100 * np.square(y[0, 1600:]).sum() > 0)
    True
    """

    def __init__(
        self,
        rt60_ms: Range = (100.0, 500.0),
        *,
        sr: int,
        direct_db: Range = (0.0, 12.0),
        probability: float = 1.0,
    ) -> None:
        self.rt60_ms = checked_range("rt60_ms", rt60_ms, 1.0, 10_000.0)
        self.sr = positive_int("sr", sr)
        self.direct_db = checked_range("direct_db", direct_db, -MOST_DB, MOST_DB)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        n = x.shape[1]
        rt60_ms = rng.uniform(*self.rt60_ms, (len(x), 1))
        direct_db = rng.uniform(*self.direct_db, (len(x), 1))
        first = max(1, self.sr // 500)
        samples = min(n - first, math.ceil(self.rt60_ms[1] * self.sr / 1000))
        if samples < 1:
            return x
        fall = (-math.log(1000.0) * 1000 / self.sr / rt60_ms).astype(np.float32)
        room = white_noise((len(x), samples), rng)
        room *= np.exp(fall * np.arange(samples, dtype=np.float32))
        room_energy = 1 / (1 + 10.0 ** (direct_db / 10))
        response = np.zeros((len(x), first + samples), np.float32)
        response[:, :1] = np.sqrt(1 - room_energy)
        response[:, first:] = room * ratio_of_levels(room_energy, power(room)[:, np.newaxis] * samples)
        n_fft = fourier().next_fast_len(n + response.shape[1], real=True)
        spectra = fourier().rfft(x, n_fft, axis=1)
        spectra *= fourier().rfft(response, n_fft, axis=1)
        filtered: Floats = fourier().irfft(spectra, n_fft, axis=1, overwrite_x=True)[:, :n]
        return filtered


# Frames


class SpecAugment(Transform):
    """Mask random time segments and frequency bands of the frames.

    Parameters
    ----------
    time_masks, most_frames
        Number of time masks, and their maximum length, frames.
    frequency_masks, most_bins
        Number of frequency masks, and their maximum width, bins.
    fill
        "mean" of the clip, or a number.

    Notes
    -----
    Widths are drawn uniformly from 0 to the maximum, then positions. Park et al., "SpecAugment", 2019, without time
    warping.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import SpecAugment
    >>> y = SpecAugment(0, 0, 1, 2, fill=0.0)(np.ones((1, 5, 8), np.float32), np.random.default_rng(0))
    >>> bool((y == 0).any(axis=1).sum() <= 2)
    True
    """

    dimensions = FRAMES

    def __init__(
        self,
        time_masks: int = 2,
        most_frames: int = 20,
        frequency_masks: int = 2,
        most_bins: int = 6,
        *,
        fill: Literal["mean"] | float = "mean",
        probability: float = 1.0,
    ) -> None:
        self.time_masks = count("time_masks", time_masks)
        self.most_frames = count("most_frames", most_frames)
        self.frequency_masks = count("frequency_masks", frequency_masks)
        self.most_bins = count("most_bins", most_bins)
        if isinstance(fill, str):
            self.fill: str | float = one_of("fill", fill, ("mean",))
        else:
            self.fill = checked_range("fill", (fill, fill), -LARGEST, LARGEST)[0]
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        fill = x.mean(axis=(1, 2), keepdims=True) if self.fill == "mean" else np.float32(self.fill)
        times = random_intervals(len(x), x.shape[1], self.time_masks, self.most_frames, rng)
        bands = random_intervals(len(x), x.shape[2], self.frequency_masks, self.most_bins, rng)
        return np.where(times[:, :, np.newaxis] | bands[:, np.newaxis, :], fill, x)


class FrequencyWarp(Transform):
    """Stretch or shrink the frequency axis of the frames, as a shorter or longer vocal tract does.

    Parameters
    ----------
    low, high
        Range of the factor; above 1 moves everything up. Drawn uniformly.

    Notes
    -----
    Bin b gets the linearly interpolated value at b / factor, clipped to the last bin. On mel bands the factor applies
    to the mel scale. After Jaitly and Hinton, "Vocal Tract Length Perturbation", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import FrequencyWarp
    >>> x = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    >>> FrequencyWarp(2, 2)(x, np.random.default_rng(0)).tolist()
    [[[0.0, 0.5, 1.0, 1.5, 2.0]]]
    """

    dimensions = FRAMES

    def __init__(self, low: float, high: float, *, probability: float = 1.0) -> None:
        self.low, self.high = checked_range("low, high", (low, high), 0.25, 4.0)
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        bins = x.shape[2]
        factors = rng.uniform(self.low, self.high, (len(x), 1))
        places = np.minimum(np.arange(bins) / factors, bins - 1)
        # matrix[i, a, b]: weight of bin a in bin b of clip i; a product is faster than indexing.
        distance = np.abs(np.arange(bins)[:, np.newaxis] - places[:, np.newaxis, :])
        matrix = np.maximum(0.0, 1.0 - distance).astype(np.float32)
        warped: Floats = np.matmul(x, matrix)
        return warped


class Colouring(Transform):
    """Add a smooth random curve over the bins to all frames of a clip, in decibels: another microphone, room or voice.

    Parameters
    ----------
    deviation
        Standard deviation of the curve, in units of the frames.
    points
        Number of evenly spaced bins at which the curve is drawn; linear in between.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import Colouring
    >>> y = Colouring(4.0)(np.zeros((1, 2, 40), np.float32), np.random.default_rng(0))
    >>> bool((y[0, 0] == y[0, 1]).all()), bool(y.any())
    (True, True)
    """

    dimensions = FRAMES

    def __init__(self, deviation: float, *, points: int = 5, probability: float = 1.0) -> None:
        self.deviation = number("deviation", deviation, least=0.0)
        self.points = positive_int("points", points, 1000)
        if self.points < 2:
            raise ParameterError(f"points={points} must be at least 2")
        self.probability = share("probability", probability)

    def change(self, x: Floats, rng: Generator) -> Floats:
        drawn = rng.standard_normal((len(x), self.points), dtype=np.float32) * np.float32(self.deviation)
        places = np.linspace(0, self.points - 1, x.shape[2])
        between = np.maximum(0, 1 - np.abs(places - np.arange(self.points)[:, np.newaxis])).astype(np.float32)
        x += (drawn @ between)[:, np.newaxis]
        return x


# Both


def mixup(
    X: Floats,  # noqa: N803
    Y: Floats,  # noqa: N803
    rng: Generator,
    alpha: float = 0.2,
    probability: float = 1.0,
) -> tuple[Floats, Floats]:
    """Blend each clip and its target with another one of the batch.

    Parameters
    ----------
    X
        float32, (clips, ...): waveforms or frames.
    Y
        float32, (clips, labels): targets, such as one-hot rows.
    rng
        Random generator.
    alpha
        Parameter of the Beta distribution of the shares; 0: no blending. A clip keeps at least half.
    probability
        Probability with which each clip is blended.

    Returns
    -------
    X, Y
        New arrays: ``share * X + (1 - share) * X[others]``, and the same of Y.

    Notes
    -----
    Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.augment import mixup
    >>> X, Y = mixup(np.ones((2, 5), np.float32), np.eye(2, dtype=np.float32), np.random.default_rng(0))
    >>> Y.sum(axis=1).tolist()
    [1.0, 1.0]
    """
    check_batch("X", X, None)
    check_batch("Y", Y, 2)
    check_generator(rng)
    if len(X) != len(Y):
        raise ParameterError(f"Y has {len(Y)} rows; it must have one for each of the {len(X)} clips of X")
    if number("alpha", alpha, least=0.0) == 0 or not len(X):
        return X.copy(), Y.copy()
    drawn = rng.beta(alpha, alpha, len(X))
    blend = rng.random(len(X)) < share("probability", probability)
    shares = np.where(blend, np.maximum(drawn, 1 - drawn), 1.0).astype(np.float32)
    others = rng.permutation(len(X))
    return blended(X, shares, others), blended(Y, shares, others)


def blended(x: Floats, shares: Floats, others: Ints) -> Floats:
    weights = shares.reshape(-1, *[1] * (x.ndim - 1))
    made = x * weights
    made += x[others] * (1 - weights)
    return made


# Checks


def check_batch(name: str, batch: Any, dimensions: int | None) -> None:
    """Check a finite float32 array with this number of dimensions; None: two or three."""
    if not is_array(batch):
        raise ArrayTypeError(f"{name} is a {type(batch).__name__}; it must be a NumPy array")
    if batch.dtype != np.float32:
        raise ArrayTypeError(f"{name} has dtype {batch.dtype}; it must be float32")
    if batch.ndim not in ((WAVEFORM, FRAMES) if dimensions is None else (dimensions,)):
        wanted = " or ".join(SHAPES.values()) if dimensions is None else SHAPES[dimensions]
        raise ParameterError(f"{name} has shape {batch.shape}; it must be {wanted}")
    if batch.size and not (batch.min() >= -LARGEST and batch.max() <= LARGEST):  # NaN is neither
        raise ParameterError(f"{name} reaches {batch.min()}..{batch.max()}; it must be finite, at most {LARGEST:g}")


def check_generator(rng: Any) -> None:
    if not isinstance(rng, np.random.Generator):
        raise ArrayTypeError(f"rng is a {type(rng).__name__}; it must be a numpy.random.Generator")


def share(name: str, value: Any) -> float:
    if number(name, value, least=0.0) > 1:
        raise ParameterError(f"{name}={value} must be from 0 to 1")
    return float(value)


def checked_range(name: str, value: Any, least: float, most: float) -> Range:
    """Two numbers, the first not above the second."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ParameterError(f"{name}={value!r} must be two numbers, lowest and highest")
    low, high = (number(name, one) for one in value)
    if not least <= low <= high <= most:
        raise ParameterError(f"{name}={low:g}, {high:g} must be ascending, within {least:g} to {most:g}")
    return low, high


def several(name: str, value: Any, choices: Sequence[str]) -> tuple[str, ...]:
    """One or more different choices."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not value or len(set(value)) < len(value):
        raise ParameterError(f"{name}={value!r} must be one or more of {', '.join(choices)}")
    return tuple(one_of(name, one, choices) for one in value)


def checked_recordings(recordings: Any) -> list[Floats]:
    if recordings is None:
        return []
    if not isinstance(recordings, np.ndarray | Sequence) or isinstance(recordings, str):
        raise ArrayTypeError(f"recordings is a {type(recordings).__name__}; it must be an array or a list of arrays")
    for i, one in enumerate(recordings):
        if not is_array(one) or one.dtype != np.float32 or one.ndim != 1 or not one.size:
            raise ArrayTypeError(f"recordings[{i}] must be a non-empty float32 array (samples,)")
        if not (one.min() >= -LARGEST and one.max() <= LARGEST):
            raise ParameterError(f"recordings[{i}] must be finite")
    return list(recordings)


# Signals


def white_noise(shape: tuple[int, ...], rng: Generator) -> Floats:
    """White noise of variance 1; uniform: 15 times as fast as normal, with the same spectrum."""
    samples = math.prod(shape)
    noise = np.frombuffer(rng.bytes(2 * samples), "<i2").astype(np.float32).reshape(shape)
    noise += np.float32(0.5)
    noise *= np.float32(math.sqrt(12) / 65536)
    return noise


def coloured_noise(exponent: float, shape: tuple[int, int], rng: Generator) -> Floats:
    """Noise with an amplitude proportional to f ** -exponent, of any level."""
    clips, n = shape
    n_fft = fourier().next_fast_len(n, real=True)
    spectra = fourier().rfft(white_noise((-(-clips // CLIPS_A_NOISE), n_fft), rng), axis=1)
    spectra *= colour(exponent, n_fft)
    noise = fourier().irfft(spectra, n_fft, axis=1)
    sources, places = rng.integers(len(noise), size=clips).tolist(), rng.integers(n_fft, size=clips).tolist()
    return np.stack([take_periodic(noise[i], at, n) for i, at in zip(sources, places, strict=True)])


@lru_cache(32)
def colour(exponent: float, n_fft: int) -> Floats:
    bins = np.maximum(np.arange(n_fft // 2 + 1), FLAT_BELOW * n_fft)
    gains = bins**-exponent
    gains[0] = 0
    return frozen(gains)


@lru_cache(32)
def interpolation_matrix(points: int, bins: int) -> Floats:
    """Linear interpolation between points on a mel-like scale, as a matrix (points, bins)."""
    scale = np.log1p(25 * np.arange(bins) / max(1, bins - 1)) / np.log1p(25) * (points - 1)
    return frozen(np.maximum(0, 1 - np.abs(scale - np.arange(points)[:, np.newaxis])))


def frozen(values: npt.NDArray[np.float64]) -> Floats:
    table = values.astype(np.float32)
    table.flags.writeable = False
    return table


@lru_cache(64)
def fast_lengths(least: int, most: int) -> tuple[int, ...]:
    """Numbers in a range without prime factors above 7, for which the Fourier transform is fast."""
    found = []
    for length in range(max(1, least), most + 1):
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            found.append(length)
    return tuple(found)


def drawn_cutoffs(range_hz: Range, clips: int, rng: Generator) -> list[float]:
    low, high = range_hz
    drawn: list[float] = (low * (high / low) ** rng.random(clips)).tolist()
    return drawn


def butterworth(f: Floats, cutoff: float, *, high: bool) -> Floats:
    """Gain of a Butterworth filter of order 6."""
    ratio = np.minimum(f * np.float32(1 / cutoff), np.float32(100.0))  # larger twelfth powers overflow float32
    ratio *= ratio
    twelfth = ratio * ratio * ratio
    twelfth *= twelfth
    gain: Floats = np.sqrt(twelfth / (1 + twelfth)) if high else 1 / np.sqrt(1 + twelfth)
    return gain


def power(x: Floats) -> npt.NDArray[np.float64]:
    """Mean square of each row."""
    mean: npt.NDArray[np.float64] = np.einsum("ij,ij->i", x, x).astype(np.float64) / x.shape[1]
    return mean


def ratio_of_levels(wanted: npt.NDArray[np.float64], powers: npt.NDArray[np.float64]) -> Floats:
    """Amplitude factor from each power to the desired one; 0 if the power is 0."""
    good = powers > 0
    factor: Floats = np.sqrt(np.where(good, wanted / np.where(good, powers, 1.0), 0.0)).astype(np.float32)
    return factor


def extents(x: Floats) -> tuple[Ints, Ints]:
    """The first sample of each clip that is not 0, and that behind the last one; of a silent clip both are 0."""
    sounds = x != 0
    first, ending = sounds.argmax(axis=1), sounds[:, ::-1].argmax(axis=1)
    return first, np.where(sounds.any(axis=1), x.shape[1] - ending, 0)


def between(first: Ints, last: Ints, samples: int) -> npt.NDArray[np.bool_]:
    """Which samples of each clip lie from `first` to before `last`, (clips, samples)."""
    at = np.arange(samples)
    inside: npt.NDArray[np.bool_] = (at >= first[:, np.newaxis]) & (at < last[:, np.newaxis])
    return inside


def quiet_level(x: Floats) -> Floats:
    """Root mean square of the quietest tenth of 100 pieces of each clip, (clips, 1)."""
    n = x.shape[1]
    size = max(1, n // 100)
    pieces = x[:, : n // size * size].reshape(len(x), -1, size)
    powers = np.einsum("ijk,ijk->ij", pieces, pieces) / np.float32(size)
    tenth = powers.shape[1] // 10
    return np.sqrt(np.partition(powers, tenth, axis=1)[:, tenth : tenth + 1])


def take_periodic(y: Floats, at: int, n: int) -> Floats:
    """n samples of a periodic signal from a position on."""
    at %= len(y)
    made = np.empty(n, np.float32)
    to = 0
    while to < n:
        piece = y[at : at + n - to]
        made[to : to + len(piece)] = piece
        to, at = to + len(piece), 0
    return made


def middle(y: Floats, n: int) -> Floats:
    """The middle n samples of each row; rows that are too short are repeated."""
    at = (y.shape[1] - n) // 2
    if at >= 0:
        return y[:, at : at + n]
    if n > 3 * y.shape[1]:
        return np.stack([take_periodic(row, at, n) for row in y])
    return np.concatenate([y[:, at:], y, y[:, : n + at - y.shape[1]]], axis=1)


def random_intervals(clips: int, length: int, masks: int, most: int, rng: Generator) -> npt.NDArray[np.bool_]:
    """A mask that covers random intervals, (clips, length)."""
    covered = np.zeros((clips, length), np.bool_)
    places = np.arange(length)
    for _ in range(masks):
        widths = rng.integers(0, min(most, length) + 1, (clips, 1))
        starts = rng.integers(0, length - widths + 1)
        covered |= (places >= starts) & (places < starts + widths)
    return covered
