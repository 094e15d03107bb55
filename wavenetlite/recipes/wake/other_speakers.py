"""Other speakers from a voice: another vocal tract, other vocal folds, another rhythm, the manner of a real voice.

Programs that speak have few voices, and all of one program have something in common by which a network would know them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.recipes.wake.envelopes import HOP, WINDOW, envelope, match_level, overlap_add, voiced
from wavenetlite.recipes.wake.likeness import in_manner_of
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.recipes.wake.vocal_folds import folds
from wavenetlite.recipes.wake.vocal_tracts import colour, move, stretch
from wavenetlite.support.arrays import Floats

SHRUNK = (-0.16, 0.32)
"""Range of the logarithm of the factor: most voices of programs are men's."""
RHYTHM = 0.18
"""Standard deviation of the logarithm of the local speed."""
ANEW = 0.65
"""Share of the utterances that are said anew; the others are resampled."""
IN_MANNER = 0.5
"""Share of those in the manner of somebody who was recorded."""
LEAST_S, MOST_S = 2.0, 10.0
"""Of a recording that shows the manner of a voice."""


def another_speaker(y: Floats, rng: np.random.Generator, recordings: Sequence[Floats] = ()) -> Floats:
    """The utterance as another speaker would say it.

    Parameters
    ----------
    y
        The utterance.
    rng
        Of what is drawn.
    recordings
        Talk in whose manner it may be said.
    """
    if len(y) < 4 * WINDOW or rng.random() > ANEW:
        return uneven(y, float(np.exp(rng.uniform(*SHRUNK))), rng)
    return said_anew(y, rng, some_talk(recordings, rng) if rng.random() < IN_MANNER else None)


def some_talk(recordings: Sequence[Floats], rng: np.random.Generator) -> Floats | None:
    """A stretch of a recording that is long enough; None if there is none."""
    least, most = round(LEAST_S * SR), round(MOST_S * SR)
    enough = [one for one in recordings if len(one) >= least]
    if not enough:
        return None
    found = enough[int(rng.integers(len(enough)))]
    start = int(rng.integers(max(1, len(found) - most + 1)))
    return found[start : start + most]


def uneven(y: Floats, factor: float, rng: np.random.Generator) -> Floats:
    """Resampled by a factor that wanders: faster and higher, slower and lower."""
    count = max(2, len(y) // 3200 + 2)
    drift = np.interp(np.linspace(0, count - 1, len(y)), np.arange(count), rng.normal(0.0, RHYTHM, count))
    clock = np.cumsum(np.exp(-np.clip(drift, -0.4, 0.4)) / factor)
    length = int(clock[-1])
    places = np.interp(np.arange(length), clock, np.arange(len(y)))
    return np.interp(places, np.arange(len(y)), y).astype(np.float32)


def said_anew(y: Floats, rng: np.random.Generator, talk: Floats | None = None) -> Floats:
    """By another vocal tract and other vocal folds, at another rhythm; in the manner of some talk, if there is any."""
    shape = envelope(y)
    sounds = voiced(shape)
    if talk is not None:
        shape = in_manner_of(shape, talk, rng)
    log = np.log(np.maximum(shape, 1e-6 * max(float(shape.max()), 1e-12)))
    frames = stretch(np.concatenate([log, sounds[:, np.newaxis]], axis=1), rng)
    log, sounds = colour(move(frames[:, :-1], rng), rng), frames[:, -1]
    return match_level(overlap_add(np.exp(0.5 * log) * folds(sounds, rng), HOP * len(log)), y)
