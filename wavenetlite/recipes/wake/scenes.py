"""Scenes of a phrase: said somewhere among silence, talk and noise, as frames of features with a target each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.recipes.wake.channels import through_a_channel
from wavenetlite.recipes.wake.network import STRIDE, features
from wavenetlite.recipes.wake.other_speakers import another_speaker
from wavenetlite.recipes.wake.rooms import room
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Floats
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import in_threads
from wavenetlite.train.augment import Augment
from wavenetlite.train.segments import IGNORED

FRAMES = 300
"""Of a window that is trained on, 10 ms each."""
STEPS = FRAMES // STRIDE
BEFORE_S = 0.6
"""Heard before a window, while the front end finds the level of the noise."""
SAMPLES = round(BEFORE_S * SR) + (FRAMES - 1) * 160 + 480
FROM_S, TO_S = -0.03, 0.27
"""The word is to be detected at these times, from its end."""
AFTER_S = 0.6
HALF = 0.5
"""From this share of a phrase on, it may be detected or not."""
TOGETHER = 32
MOST_SAID = SAMPLES - round(0.7 * SR)
"""Samples of a phrase that fit into a scene; of a longer one, the last."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scenes:
    """Windows of features, float16 (scenes, FRAMES, 40), and the end of the phrase and its length in each, seconds."""

    frames: npt.NDArray[np.float16]
    ends_s: Floats
    lengths_s: Floats

    def __len__(self) -> int:
        return len(self.frames)

    def targets(self, chosen: Integers, label: int, background: int) -> Integers:
        """A target for every step of some scenes, (scenes, STEPS)."""
        times = (np.arange(STEPS) * STRIDE + STRIDE - 1) * 0.01 + 0.03
        since = times - self.ends_s[chosen, np.newaxis]
        targets = np.full(since.shape, background, np.int64)
        targets[(since > -HALF * self.lengths_s[chosen, np.newaxis]) & (since < AFTER_S)] = IGNORED
        targets[(since >= FROM_S) & (since <= TO_S)] = label
        return targets


def scenes_of(
    phrases: Sequence[Floats], talk: Sequence[Floats], noises: Sequence[Floats], count: int, *, seed: int,
    threads: int = 1, progress: Progress | None = None,
) -> Scenes:  # fmt: skip
    """`count` scenes of some recordings of a phrase, each recording as often as the others.

    Parameters
    ----------
    phrases
        Recordings of the phrase, without silence around it.
    talk
        Recordings that may stand before and after it.
    noises
        That may lie under it, in whose manner it may be said, and through whose channel.
    """
    around, spec = room(noises), features()
    places = list(range(0, count, TOGETHER))

    def some(first: int) -> tuple[Floats, Floats, Floats]:
        rng = np.random.default_rng([seed, 2, first])
        made = [scene(phrases[index % len(phrases)], talk, noises, rng)
                for index in range(first, min(first + TOGETHER, count))]  # fmt: skip
        audio = loud_enough(around, np.stack([one[0] for one in made]), rng)
        frames = spec(audio)[:, -FRAMES:]
        return frames, np.array([one[1] for one in made], np.float32), np.array([one[2] for one in made], np.float32)

    frames = np.empty((count, FRAMES, spec.out_channels), np.float16)
    ends, lengths = np.empty(count, np.float32), np.empty(count, np.float32)
    for first, (x, end, length) in zip(places, in_threads(some, places, threads, name="scenes"), strict=True):
        frames[first : first + len(x)], ends[first : first + len(x)] = x, end
        lengths[first : first + len(x)] = length
        if progress is not None:
            progress(first + len(x), count)
    return Scenes(frames, ends, lengths)


def loud_enough(around: Augment, audio: Floats, rng: np.random.Generator) -> Floats:
    """The audio in its rooms, no louder than a sound card gives it."""
    return np.clip(around(audio, rng), -1.0, 1.0)


def scene(
    phrase: Floats, talk: Sequence[Floats], manners: Sequence[Floats], rng: np.random.Generator
) -> tuple[Floats, float, float]:
    """The audio, and the end and the length of the phrase, seconds from the start of the window."""
    audio = np.zeros(SAMPLES, np.float32)
    said = through_a_channel(another_speaker(phrase, rng, manners), manners, rng)[-MOST_SAID:]
    window = round(BEFORE_S * SR)
    least = max(window + round(0.9 * SR), len(said))
    end = int(rng.integers(least, max(least + 1, SAMPLES - round(0.3 * SR))))
    audio[end - len(said) : end] = said
    if len(talk) and rng.random() < 0.4:
        lay_before(audio, talk[int(rng.integers(len(talk)))], end - len(said) - gap(rng), rng)
    if len(talk) and rng.random() < 0.4:
        lay_after(audio, talk[int(rng.integers(len(talk)))], end + gap(rng), rng)
    return audio, (end - window) / SR, len(said) / SR


def gap(rng: np.random.Generator) -> int:
    return int(rng.uniform(0.05, 0.6) * SR)


def lay_before(audio: Floats, talk: Floats, end: int, rng: np.random.Generator) -> None:
    if end > 0:
        part = talk[-end:]
        audio[end - len(part) : end] = part * np.float32(10 ** (rng.uniform(-9, 3) / 20))


def lay_after(audio: Floats, talk: Floats, start: int, rng: np.random.Generator) -> None:
    if start < len(audio):
        part = talk[: len(audio) - start]
        audio[start : start + len(part)] = part * np.float32(10 ** (rng.uniform(-9, 3) / 20))
