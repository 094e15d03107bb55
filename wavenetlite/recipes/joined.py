"""Talk made of a corpus: pieces of its words, joined to sounds that are none of them, in its own voices and rooms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.recipes.unknown import middle
from wavenetlite.support.arrays import Floats

FADE_S = 0.02
MOST_PAUSE_S = 0.15
REVERSED = 0.5
"""Share of the pieces that are reversed; the others are beginnings and ends."""
LEAST, MOST = 0.15, 0.45
"""Shares of a word's energy in its beginning or end."""
EDGE = 0.01
"""Share of the energy of a clip that is left out before and after a word."""


def joined_words(
    audio: Floats | LazyAudio, words: Sequence[int], rows: int, samples: int, sr: int, seed: int = 0
) -> Floats:
    """Rows of joined pieces of words.

    Parameters
    ----------
    audio
        Clips of a corpus, (clips, samples).
    words
        Numbers of those that are words.
    rows, samples
        Number of rows, and length of each.
    sr
        Sample rate, Hz.
    seed
        Of all choices.

    Returns
    -------
    float32, (rows, samples). No word is whole: a piece is a word played backwards, its beginning or its end.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.recipes.joined import joined_words
    >>> clips = np.random.default_rng(0).standard_normal((4, 8000)).astype(np.float32)
    >>> joined_words(clips, [0, 1, 2, 3], rows=2, samples=40000, sr=8000).shape
    (2, 40000)
    """
    made = np.zeros((rows, samples), np.float32)
    fade = max(1, round(FADE_S * sr))
    for number, row in enumerate(made):
        rng = np.random.default_rng([seed, number])
        at = 0
        while at < samples:
            piece = piece_of(audio[int(rng.choice(words))], rng)
            n = min(len(piece), samples - at)
            row[at : at + n] += faded(piece, fade)[:n]
            at += max(1, len(piece) - fade + round(rng.uniform(0, MOST_PAUSE_S) * sr) * int(rng.random() < 0.5))
    return made


def piece_of(y: Floats, rng: np.random.Generator) -> Floats:
    """A part of a word that is not the word."""
    first, last = middle(y, EDGE), middle(y, 1 - EDGE)
    if last <= first:
        return y
    if rng.random() < REVERSED:
        return y[first:last][::-1]
    share = rng.uniform(LEAST, MOST)
    return y[first : middle(y, share)] if rng.random() < 0.5 else y[middle(y, 1 - share) : last]


def faded(piece: Floats, fade: int) -> Floats:
    """A piece whose ends rise and fall."""
    n = min(fade, max(1, len(piece) // 2))
    made = np.array(piece, np.float32)
    rise = (np.arange(n, dtype=np.float32) + 0.5) / n
    made[:n] *= rise[: len(made)]
    made[len(made) - n :] *= rise[::-1][-len(made) :] if len(made) else rise[:0]
    return made
