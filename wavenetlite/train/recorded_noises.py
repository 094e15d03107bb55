"""Noise of recordings: to measure in, and, varied, to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wavenetlite import audio
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.augment import Generator, take_periodic, white_noise

NoiseOf = Callable[[int, Generator], Floats]
"""Takes a number of samples and a generator."""
LONG_S = 3.0
"""Longer recordings go on; shorter ones are single sounds, several of which are heard after one another."""
SPEEDS = (0.6, 1.7)
MOST_SOUNDS = 4
"""Different ones in a noise of single sounds."""
LONGEST_GAP_S = 1.0
"""Of the mean pauses between them."""
LOUDNESS_DB = 5.0
"""By which the levels of single sounds differ, standard deviation."""
OVERLAPPING = 0.2
"""Share of the sounds that the next one interrupts."""
HISS = 1e-4
"""Between single sounds, against their peaks: no recording is of zeros."""


def levelled(noise: Floats) -> Floats:
    """The noise with a mean square of 1."""
    made: Floats = noise / np.float32(max(float(np.sqrt(np.square(noise).mean())), 1e-9))
    return made


def usable(recordings: Sequence[Floats]) -> list[Floats]:
    """Those that are neither empty nor silent, each at the same level."""
    for number, one in enumerate(recordings):
        if one.ndim != 1 or not np.isfinite(one).all():
            raise ParameterError(f"noise[{number}] has shape {one.shape}; it must be (samples,), and all of it finite")
    made = [levelled(one) for one in recordings if len(one) and np.square(one).mean() > 1e-9]
    if not made:
        raise ParameterError("recordings of noise are empty or silent; at least one must be neither")
    return made


def recorded_noise(recordings: Sequence[Floats]) -> NoiseOf:
    """Noise of one of the recordings, again and again, as it is: to measure in."""
    levels = usable(recordings)

    def noise(n: int, rng: Generator) -> Floats:
        one = levels[int(rng.integers(len(levels)))]
        return take_periodic(one, int(rng.integers(len(one))), n)

    return noise


class RecordedNoises:
    """Noise of recordings at other speeds: a part of a long one, or some short ones with pauses between them.

    A call with a number of samples and a generator gives float32, (samples,), of any level.

    Parameters
    ----------
    recordings
        Without speech, float32, (samples,).
    sr
        Their sample rate, Hz.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.train.recorded_noises import RecordedNoises
    >>> click = np.exp(-np.arange(800, dtype=np.float32) / 100)
    >>> noise = RecordedNoises([click], 16000)(16000, np.random.default_rng(0))
    >>> noise.shape, noise.dtype, bool(noise.max() > 0.5)
    ((16000,), dtype('float32'), True)
    """

    def __init__(self, recordings: Sequence[Floats], sr: int) -> None:
        self.sr, levels = sr, usable(recordings)
        self.long = [one for one in levels if len(one) >= LONG_S * sr]
        self.short = [one / np.abs(one).max() for one in levels if len(one) < LONG_S * sr]

    def __call__(self, n: int, rng: Generator) -> Floats:
        often = len(self.long) / (len(self.long) + len(self.short) / 2)
        return self.going_on(n, rng) if rng.random() < often else self.sounds(n, rng)

    def going_on(self, n: int, rng: Generator) -> Floats:
        """A part of a long recording."""
        one = self.long[int(rng.integers(len(self.long)))]
        start = int(rng.integers(len(one)))
        return take_periodic(self.varied(take_periodic(one, start, 2 * n), rng), 0, n)

    def sounds(self, n: int, rng: Generator) -> Floats:
        """A few short recordings in random order, at random times."""
        some = [self.short[int(rng.integers(len(self.short)))] for _ in range(int(rng.integers(1, MOST_SOUNDS + 1)))]
        gap_s = rng.uniform(0.0, LONGEST_GAP_S)
        made = np.float32(HISS) * white_noise((n,), rng)
        at = int(self.sr * rng.exponential(gap_s))
        while at < n:
            sound = self.varied(some[int(rng.integers(len(some)))], rng)[: n - at]
            made[at : at + len(sound)] += sound * np.float32(10 ** (rng.normal(0.0, LOUDNESS_DB) / 20))
            heard = rng.random() if rng.random() < OVERLAPPING else 1.0
            at += int(heard * len(sound)) + int(self.sr * rng.exponential(gap_s)) + 1
        return made

    def varied(self, y: Floats, rng: Generator) -> Floats:
        """The recording at another speed, and so of another pitch."""
        low, high = SPEEDS
        return audio.resample(np.ascontiguousarray(y), round(self.sr * low * (high / low) ** rng.random()), self.sr)
