"""Reels: long stretches of features in which no phrase is said, and windows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.nn import Module
from wavenetlite.recipes.wake.channels import through_a_channel
from wavenetlite.recipes.wake.network import STRIDE, features
from wavenetlite.recipes.wake.other_speakers import another_speaker
from wavenetlite.recipes.wake.rooms import concatenate, room
from wavenetlite.recipes.wake.scenes import FRAMES, loud_enough
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import in_threads

REEL_S = 30.0
REEL_SAMPLES = round(REEL_S * SR)
TOGETHER = 4


@dataclass(frozen=True)
class Reels:
    """float16, (reels, frames, 40), and a name that says what they are of."""

    name: str
    frames: npt.NDArray[np.float16]

    @property
    def hours(self) -> float:
        return len(self.frames) * int(self.frames.shape[1]) / 360_000

    def windows(self, count: int, rng: np.random.Generator) -> Floats:
        """Random windows, (count, FRAMES, 40)."""
        reels = rng.integers(len(self.frames), size=count)
        starts = rng.integers(self.frames.shape[1] - FRAMES + 1, size=count)
        return self.take(zip(reels.tolist(), starts.tolist(), strict=True))

    def take(self, places: Iterable[tuple[int, int]]) -> Floats:
        """The windows at some places, (reel, first frame)."""
        found = [self.frames[reel, start : start + FRAMES] for reel, start in places]
        return np.array(found, np.float32).reshape(-1, FRAMES, self.frames.shape[2])

    def logits(self, model: Module, threads: int = 1) -> Floats:
        """What a network says to every step, (reels, steps, labels)."""
        plain = list(range(len(self.frames)))
        return np.stack(list(in_threads(lambda i: model(self.frames[i].astype(np.float32)), plain, threads)))

    def hardest(self, scores: Doubles, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Windows that hold a step with a high score, (reels, steps), somewhere in their second half."""
        peaks = np.argsort(scores, axis=None)[::-1]
        taken: list[tuple[int, int]] = []
        near = np.zeros(scores.shape, np.bool_)
        for peak in peaks.tolist():
            if len(taken) >= count:
                break
            reel, step = divmod(peak, scores.shape[1])
            if near[reel, step]:
                continue
            near[reel, max(0, step - 10) : step + 11] = True
            start = step * STRIDE - int(rng.integers(FRAMES // 2, FRAMES - STRIDE))
            taken.append((reel, min(max(0, start), self.frames.shape[1] - FRAMES)))
        return taken


def reels_of(
    name: str, parts: Sequence[Floats], noises: Sequence[Floats], count: int, *, seed: int, around: bool = True,
    channels: Sequence[Floats] = (), threads: int = 1, progress: Progress | None = None,
) -> Reels:  # fmt: skip
    """`count` reels of recordings: in order through all of them, each time at another speed, in other rooms.

    Too few reels for all of them have some from beginning to end.

    Parameters
    ----------
    name
        What they are of.
    parts
        The recordings.
    noises
        That may lie under them, and in whose manner they may be said.
    around
        Whether rooms and noise are put around them; otherwise they are as they are.
    channels
        Recordings through whose channel they may be heard.
    """
    outside, spec = room(noises), features()
    groups = list(range(0, count, TOGETHER))
    shares = divide(parts)

    def some(first: int) -> Floats:
        rng = np.random.default_rng([seed, 3, first])
        audio = np.zeros((min(TOGETHER, count - first), REEL_SAMPLES), np.float32)
        for row, number in enumerate(range(first, first + len(audio))):
            chosen = [parts[index] for index in shares[share_of(number, count, len(shares))]]
            # The phrases are said by other speakers, too: what was done to a voice must not give it away.
            said = [another_speaker(one, rng, noises) if around else one for one in chosen]
            said = [through_a_channel(one, channels, rng) for one in said] if channels else said
            audio[row] = concatenate(said, REEL_SAMPLES, rng)
        return spec(loud_enough(outside, audio, rng) if around else audio)

    made = np.empty((count, spec.frames(REEL_SAMPLES), spec.out_channels), np.float16)
    for first, frames in zip(groups, in_threads(some, groups, threads, name="reels"), strict=True):
        made[first : first + len(frames)] = frames
        if progress is not None:
            progress(first + len(frames), count)
    return Reels(name, made)


def share_of(number: int, reels: int, shares: int) -> int:
    """Which share of the recordings a reel has: each in turn, or, of more shares than reels, some from everywhere."""
    return number % shares if reels >= shares else number * shares // reels


def divide(parts: Sequence[Floats]) -> list[list[int]]:
    """Numbers of parts that fill a reel together, in order."""
    made: list[list[int]] = [[]]
    seconds = 0.0
    for index, part in enumerate(parts):
        if seconds >= REEL_S:
            made.append([])
            seconds = 0.0
        made[-1].append(index)
        seconds += len(part) / SR + 0.3
    return made


def reels_for(parts: Sequence[Floats]) -> int:
    """How many reels hold all parts once."""
    return len(divide(parts))
