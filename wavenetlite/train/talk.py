"""Speech in noise whose truth is known: scenes of clean talk, pauses and noise at a known level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.features.normalisation import MeanVariance
from wavenetlite.features.spec import Features
from wavenetlite.support.arrays import Floats
from wavenetlite.support.digests import digest
from wavenetlite.train.augment import Equalise, Generator, Reverb, fourier
from wavenetlite.train.batches import Batch, Integers, all_of
from wavenetlite.train.noises import NOISES
from wavenetlite.train.recorded_noises import NoiseOf, RecordedNoises, levelled

UNIT_S = 0.01
"""Truth is known for units of this length."""
BELOW_PEAK_DB, ABOVE_FLOOR_DB = 38.0, 10.0
"""A unit is speech if its level is no further below the loud parts of its recording, and this far above the quiet."""
SURE_DB, PAUSE_DB, PAUSE_ABOVE_FLOOR_DB = 22.0, 60.0, 3.0
"""A unit is surely speech if its level is less than the first below the loud parts of its recording, and surely a pause
if it is the second below them, or hardly above the quiet. What lies between may be speech, a breath or an echo."""
GAP_S = 0.1
"""Shorter pauses, such as closures before plosives, belong to the speech."""
LEAST_RANGE_DB = 32.0
"""A recording whose loud and quiet parts are no further apart is too noisy for the truth to be told from it."""
MOST_EQUALISED_DB = 9.0
"""How much the spectrum of speech is bent: microphones and voices differ so."""
LEVEL_DB = 10.0
"""Most that the level of a scene is changed by in a batch."""
NOISE, SPEECH, IGNORED = 0, 1, -1

Truth = npt.NDArray[np.bool_]


def levels_db(y: Floats, unit: int) -> npt.NDArray[np.float64]:
    """The level of each unit, over a window of two units about its middle."""
    units = len(y) // unit
    energies = np.square(y[: units * unit], dtype=np.float64).reshape(units, unit).mean(axis=1)
    padded = np.pad(energies, 1, mode="edge") if units else energies
    return 10 * np.log10(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:] + 1e-12) if units else energies


def spoken(y: Floats, sr: int) -> Truth | None:
    """Where somebody speaks in a clean recording, for each unit of `UNIT_S`; None: it is too noisy, short or silent.

    Parameters
    ----------
    y
        float32, (samples,).
    sr
        Sample rate, Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.talk import spoken
    >>> y = np.zeros(16000, np.float32)
    >>> y[4000:12000] = np.random.default_rng(0).standard_normal(8000)
    >>> truth = spoken(y, 16000)
    >>> len(truth), int(truth.argmax()), int(truth.sum())
    (100, 24, 52)
    """
    level = levels_db(y, round(UNIT_S * sr))
    if len(level) < 5:
        return None
    loud, quiet = np.percentile(level, [95, 5])
    digital = quiet < -80
    if loud < -60 or (loud - quiet < LEAST_RANGE_DB and not digital):
        return None
    threshold = loud - BELOW_PEAK_DB if digital else max(loud - BELOW_PEAK_DB, quiet + ABOVE_FLOOR_DB)
    return without_gaps(level > threshold, round(GAP_S / UNIT_S))


def doubtful(y: Floats, truth: Truth) -> Truth:
    """The units of a recording whose level does not tell whether somebody speaks, or the room still does.

    In a room with much echo it is quiet only a second after the last word, and `spoken` counts half of that as speech.

    Parameters
    ----------
    y, truth
        The recording, and what `spoken` says of it.
    """
    level = levels_db(y, len(y) // len(truth))
    loud, quiet = np.percentile(level, [95, 5])
    speech = without_gaps(level > loud - SURE_DB, round(GAP_S / UNIT_S)) & truth
    pause = level <= max(loud - PAUSE_DB, quiet + PAUSE_ABOVE_FLOOR_DB)
    unsure: Truth = ~speech & (truth | ~pause)
    return unsure


def without_gaps(speech: Truth, gap: int) -> Truth:
    """The same with pauses of fewer than `gap` units filled."""
    filled = speech.copy()
    edges = np.flatnonzero(np.diff(speech.astype(np.int8)))
    for end, start in pairwise(edges):
        if not speech[end + 1] and start - end < gap:
            filled[end + 1 : start + 1] = True
    return filled


@dataclass(frozen=True, eq=False)
class Talk:
    """A clean recording, where somebody speaks in it, and where that is doubtful."""

    audio: Floats
    spoken: Truth
    doubtful: Truth

    @staticmethod
    def of(audio: Floats, sr: int) -> Talk | None:
        """None: the recording is too noisy, short or silent for the truth to be told from it."""
        truth = spoken(audio, sr)
        if truth is None or not truth.any():
            return None
        whole = audio[: len(truth) * round(UNIT_S * sr)]
        return Talk(whole, truth, doubtful(whole, truth))


@dataclass(frozen=True, eq=False)
class Scene:
    """A mixture, and its truth for each unit of `UNIT_S`: whether somebody speaks, and whether that is doubtful."""

    audio: Floats
    spoken: Truth
    doubtful: Truth


@dataclass(frozen=True)
class SceneMaker:
    """Makes scenes: recordings with pauses between them, in rooms, with noise, at many levels.

    Attributes
    ----------
    sr, seconds
        Sample rate, and length of a scene.
    snr_db
        Range of the ratio of speech, where there is any, to noise.
    pause_s
        Longest pause between two recordings.
    level_db
        Range of the level of the speech, below full scale.
    speed
        Range of the speed, and with it the pitch, that recordings are played at.
    equalised, silent, clean, rooms, narrow
        Share of the scenes with another spectrum of the speech, without speech, without noise, in a room, and
        band-limited like a telephone.
    rt60_ms, direct_db
        Reverberation times of rooms, and ratios of direct to reverberant energy, see
        :class:`wavenetlite.train.augment.Reverb`.
    echoes
        Whether an echo counts as it would in a recording made in that room, as speech while it is loud; if not, what
        was spoken in the dry recordings is the truth, and the echo is doubtful.
    recorded, recorded_share
        Recordings of noise, and how often a noise is of them; the others are of `NOISES`.
    """

    sr: int
    seconds: float = 12.0
    snr_db: tuple[float, float] = (-6.0, 30.0)
    pause_s: float = 3.0
    level_db: tuple[float, float] = (-50.0, -12.0)
    speed: tuple[float, float] = (0.7, 1.4)
    equalised: float = 0.6
    silent: float = 0.12
    clean: float = 0.06
    rooms: float = 0.4
    narrow: float = 0.25
    rt60_ms: tuple[float, float] = (60.0, 600.0)
    direct_db: tuple[float, float] = (-2.0, 15.0)
    echoes: bool = False
    recorded: RecordedNoises | None = None
    recorded_share: float = 0.5

    @property
    def unit(self) -> int:
        """Samples of a unit."""
        return round(UNIT_S * self.sr)

    def scene(self, talk: Sequence[Talk], rng: Generator, noise_of: NoiseOf | None = None) -> Scene:
        """One scene; `noise_of` gives its noise, None: `noise`."""
        units = round(self.seconds / UNIT_S)
        speech = np.zeros(units * self.unit, np.float32)
        truth, doubt = np.zeros(units, np.bool_), np.zeros(units, np.bool_)
        if rng.random() >= self.silent:
            self.talk(speech, truth, doubt, talk, rng)
            speech = Equalise(MOST_EQUALISED_DB, probability=self.equalised)(speech[np.newaxis], rng)[0]
        if rng.random() < self.rooms and truth.any():
            speech, truth, doubt = self.in_room(speech, truth, doubt, rng)
        level = 10 ** (rng.uniform(*self.level_db) / 20)
        energy = np.square(speech.reshape(units, -1)[truth]).mean() if truth.any() else 1.0
        speech *= np.float32(level / np.sqrt(max(energy, 1e-12)))
        if rng.random() >= self.clean:
            noise = self.noise(len(speech), rng) if noise_of is None else noise_of(len(speech), rng)
            ratio = 10 ** (rng.uniform(*self.snr_db) / 20)
            speech += noise * np.float32(level / ratio / max(float(np.sqrt(np.square(noise).mean())), 1e-9))
        if rng.random() < self.narrow:
            speech = self.band_limited(speech, rng)
        np.clip(speech, -1, 1, out=speech)
        return Scene(speech, truth, doubt)

    def talk(self, speech: Floats, truth: Truth, doubt: Truth, talk: Sequence[Talk], rng: Generator) -> None:
        """Put recordings with pauses between them, each of about the same loudness."""
        at = int(rng.uniform(0, self.pause_s) / UNIT_S)
        while at < len(truth):
            one = self.varied(talk[int(rng.integers(len(talk)))], rng)
            units = min(len(one.spoken), len(truth) - at)
            loudness = np.sqrt(np.square(one.audio.reshape(len(one.spoken), -1)[one.spoken]).mean())
            gain = np.float32(10 ** (rng.normal(0.0, 2.0) / 20) / max(loudness, 1e-6))
            speech[at * self.unit : (at + units) * self.unit] = gain * one.audio[: units * self.unit]
            truth[at : at + units], doubt[at : at + units] = one.spoken[:units], one.doubtful[:units]
            at += units + int(rng.uniform(0, self.pause_s) ** 2 / max(self.pause_s, 1e-9) / UNIT_S)

    def varied(self, one: Talk, rng: Generator) -> Talk:
        """The recording at another speed."""
        played = round(self.sr * rng.uniform(*self.speed))
        if played == self.sr:
            return one
        y = audio.resample(one.audio, played, self.sr)
        units = len(y) // self.unit
        places = np.minimum(((np.arange(units) + 0.5) * played / self.sr).astype(np.int64), len(one.spoken) - 1)
        truth = one.spoken[places]
        return Talk(y[: units * self.unit], truth, one.doubtful[places]) if truth.any() else one

    def in_room(self, speech: Floats, truth: Truth, doubt: Truth, rng: Generator) -> tuple[Floats, Truth, Truth]:
        """The same with the echo of a room."""
        wet = Reverb(self.rt60_ms, sr=self.sr, direct_db=self.direct_db)(speech[np.newaxis], rng)[0]
        heard = spoken(wet, self.sr) if self.echoes else None
        return (wet, truth, doubt | doubtful(wet, truth)) if heard is None else (wet, heard, doubtful(wet, heard))

    def noise(self, n: int, rng: Generator) -> Floats:
        """One noise, or two, of which the second may begin or end in the middle."""
        made = levelled(self.one_noise(n, rng))
        if rng.random() < 0.4:
            other = levelled(self.one_noise(n, rng))
            cut = int(rng.integers(n))
            if rng.random() < 0.6:
                other[:cut] = 0
            elif rng.random() < 0.5:
                other[cut:] = 0
            made += other * np.float32(10 ** (rng.uniform(-15, 15) / 20))
        return made

    def one_noise(self, n: int, rng: Generator) -> Floats:
        """A recorded noise or a synthetic one."""
        if self.recorded is not None and rng.random() < self.recorded_share:
            return self.recorded(n, rng)
        kinds = list(NOISES.values())
        return kinds[int(rng.integers(len(kinds)))](n, self.sr, rng)

    def band_limited(self, y: Floats, rng: Generator) -> Floats:
        """Without what is above or below random limits."""
        n_fft = fourier().next_fast_len(len(y), real=True)
        spectrum = fourier().rfft(y, n_fft)
        f = np.linspace(0, self.sr / 2, len(spectrum))
        low, high = rng.uniform(0.0, 350.0), rng.uniform(3000.0, self.sr / 2)
        spectrum *= 1 / (1 + np.exp(np.clip((f - high) / 80, -50, 50))) / (1 + np.exp(np.clip((low - f) / 20, -50, 50)))
        limited: Floats = fourier().irfft(spectrum, n_fft)[: len(y)].astype(np.float32)
        return limited


class Scenes:
    """Training data: normalised features of scenes, with a target per frame, -1 where it is doubtful.

    Parameters
    ----------
    talk
        Clean recordings.
    maker
        Makes the scenes.
    features
        Of the scenes, kept as float16.
    count
        How many scenes.
    normalisation
        Of the features; None: by the statistics of these scenes.
    seed, threads, progress
        As in :class:`wavenetlite.train.segments.Spoken`.
    """

    def __init__(
        self, talk: Sequence[Talk], maker: SceneMaker, features: Features, count: int, *,
        normalisation: MeanVariance | None = None, seed: int = 0, threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> None:  # fmt: skip
        def make(number: int) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int8]]:
            scene = maker.scene(talk, np.random.default_rng([seed, number]))
            frames = features(scene.audio)
            return frames.astype(np.float16), frame_truth(scene, features, len(frames), maker.unit)

        made = all_of(make, list(range(count)), threads, progress)
        self.frames, self.truth = np.stack([one for one, _ in made]), np.stack([one for _, one in made])
        self.normalisation = normalisation or MeanVariance.fit(frames.astype(np.float32) for frames in self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        x = self.normalised(self.frames[indices])
        x += self.level(len(x), rng)
        return x, self.truth[indices].astype(np.int64)

    def normalised(self, frames: npt.NDArray[np.float16]) -> Floats:
        """Frames as the network takes them, (frames, bins) or (scenes, frames, bins)."""
        x = frames.astype(np.float32)
        made = self.normalisation.apply(x if x.ndim == 3 else x[np.newaxis])
        return made if x.ndim == 3 else made[0]

    def level(self, scenes: int, rng: np.random.Generator) -> Floats:
        """Another level for each scene: what a gain adds to logarithmic features."""
        assert self.normalisation.variance is not None
        gains_db = rng.uniform(-LEVEL_DB, LEVEL_DB, (scenes, 1, 1)).astype(np.float32)
        gains: Floats = gains_db / np.sqrt(self.normalisation.variance + np.float32(self.normalisation.eps))
        return gains

    def contents(self) -> dict[str, str]:
        return {"frames": digest(self.frames), "truth": digest(self.truth)}


def newest_units(features: Features, frames: int, unit: int) -> Integers:
    """The unit in the middle of what is new in each frame."""
    ends = features.frame_length - features.left_pad + np.arange(frames) * features.hop_length
    return np.maximum(0, ends - features.hop_length // 2 - 1) // unit


def frame_truth(scene: Scene, features: Features, frames: int, unit: int) -> npt.NDArray[np.int8]:
    """The target of each frame, `IGNORED` where it is doubtful."""
    units = np.minimum(newest_units(features, frames, unit), len(scene.spoken) - 1)
    return np.where(scene.doubtful[units], IGNORED, np.where(scene.spoken[units], SPEECH, NOISE)).astype(np.int8)
