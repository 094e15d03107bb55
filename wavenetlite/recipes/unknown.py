"""More clips of unknown words: repeated ones, and new ones spliced from halves of different words."""

from __future__ import annotations

import numpy as np

from wavenetlite.corpora.clips import Clips
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count
from wavenetlite.support.errors import ParameterError

FADE_S = 0.02
REVERSED, CUT = 0.35, 0.25
"""Shares of the new clips that are reversed words, and with `cut` beginnings or ends of words."""
LEAST_CUT, MOST_CUT = 0.25, 0.6
"""Shares of a word's energy that are left of it."""


def more_unknown(
    clips: Clips,
    unknown: int,
    words: list[str],
    *,
    repeats: int,
    spliced: int,
    sr: int,
    seed: int = 0,
    cut: bool = False,
) -> Clips:
    """The clips, with those of the label `unknown` `repeats` times in all, and `spliced` new ones of it.

    Parameters
    ----------
    clips
        Of a corpus.
    unknown
        Number of the label.
    words
        The word in each clip, or "".
    repeats
        How often each clip of the label occurs; 1: unchanged.
    spliced
        Number of new clips: the first half of one word and the second of another, or a reversed word.
    sr
        Sample rate, Hz.
    seed
        Of the random choices.
    cut
        Whether some of the new clips are the beginning or the end of a word.
    """
    count("spliced", spliced)
    if repeats < 1:
        raise ParameterError(f"repeats={repeats} must be at least 1")
    again = clips.select(np.flatnonzero(clips.y == unknown).repeat(repeats - 1))
    spoken = [index for index, word in enumerate(words) if word]
    if not spliced or len({words[index] for index in spoken}) < 2:
        return clips + again
    rng = np.random.default_rng([seed, spliced])
    made = np.stack([new_word(clips.audio, spoken, words, rng, round(FADE_S * sr), cut) for _ in range(spliced)])
    return clips + again + Clips(made, np.full(spliced, unknown, np.int64), ["spliced"] * spliced)


def new_word(
    audio: Floats | LazyAudio, spoken: list[int], words: list[str], rng: np.random.Generator, fade: int, cut: bool
) -> Floats:
    """One clip of a made-up word."""
    first = int(rng.choice(spoken))
    kind = rng.random()
    if kind < REVERSED:
        return np.ascontiguousarray(audio[first][::-1])
    if cut and kind < REVERSED + CUT:
        return cut_word(audio[first], rng, fade)
    second = int(rng.choice([index for index in spoken if words[index] != words[first]]))
    a, b = audio[first], audio[second]
    level = float(np.sqrt(np.square(a).mean() / max(np.square(b).mean(), 1e-12)))
    at = middle(a)
    b = np.roll(b, at - middle(b)) * np.float32(level)
    share = np.clip((np.arange(len(a)) - at) / fade + 0.5, 0, 1).astype(np.float32)
    spliced: Floats = a * (1 - share) + b * share
    return spliced


def cut_word(y: Floats, rng: np.random.Generator, fade: int) -> Floats:
    """The beginning or the end of a word, in the middle of the clip."""
    kept, beginning = rng.uniform(LEAST_CUT, MOST_CUT), rng.random() < 0.5
    at = middle(y, kept if beginning else 1 - kept)
    share = np.clip((np.arange(len(y)) - at) / fade + 0.5, 0, 1).astype(np.float32)
    left: Floats = y * (1 - share if beginning else share)
    return np.roll(left, len(y) // 2 - middle(left))


def middle(y: Floats, share: float = 0.5) -> int:
    """The sample at which half of a clip's energy, or another share, has passed."""
    energy = np.cumsum(np.square(y, dtype=np.float64))
    return int(np.searchsorted(energy, energy[-1] * share))
