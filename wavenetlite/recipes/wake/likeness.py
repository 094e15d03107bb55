"""A voice in the manner of a real one: its envelopes become like those of a recording that are nearest to them.

As voices are converted by nearest neighbours (Baas, van Niekerk and Kamper, "Voice conversion with just nearest
neighbors", 2023), but by plain spectra: these need no network, and serve where the words may blur a little.
"""

from __future__ import annotations

import numpy as np

from wavenetlite.recipes.wake.envelopes import envelope
from wavenetlite.support.arrays import Doubles, Floats

BANDS = np.unique(np.round(np.concatenate([np.linspace(2, 32, 16), np.geomspace(34, 250, 15)])).astype(int))
"""First bins of bands, narrow at the bottom."""
FLOOR = 1e-7
HEARD = 1e-4
"""Power of the frames that are speech, by that of the loudest."""
NEIGHBOURS = 4
SHARE = (0.3, 0.8)
"""Range of the share that the real voice has."""
LIKE = 0.7
"""Mean likeness to the nearest frames from which on a recording serves: noise is like nothing that is said."""
CONTEXT = 2
"""Frames before and after that must be alike, too."""


def in_manner_of(shape: Doubles, recording: Floats, rng: np.random.Generator) -> Doubles:
    """The envelopes of an utterance, (frames, bins), in the manner of who speaks in a recording, if somebody does."""
    other = envelope(recording)
    if not shape.max(initial=0.0) > 0 or not other.max(initial=0.0) > 0:
        return shape
    ours, theirs = (np.log(one / one.max() + FLOOR) for one in (shape, other))
    likeness = describe(ours) @ describe(theirs).T
    if likeness.max(axis=1).mean() < LIKE:
        return shape
    nearest = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    real = theirs[nearest].mean(axis=1)
    real += ours.mean(axis=1, keepdims=True) - real.mean(axis=1, keepdims=True)
    share = rng.uniform(*SHARE)
    made: Doubles = np.exp((1 - share) * ours + share * real)
    return made


def describe(log: Doubles) -> Doubles:
    """Each frame and those around it, whatever the speaker and the microphone, as a vector of length 1."""
    edges = zip(BANDS[:-1].tolist(), BANDS[1:].tolist(), strict=True)
    power = np.exp(log)
    bands = np.log(np.stack([power[:, first:last].mean(axis=1) for first, last in edges], axis=1) + 1e-9)
    loud = bands.max(axis=1)
    speech = bands[loud > loud.max() + np.log(HEARD)]
    white = (bands - speech.mean(axis=0)) / (speech.std(axis=0) + 0.3)
    padded = np.pad(white, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    around = np.concatenate([padded[: -2 * CONTEXT], white, padded[2 * CONTEXT :]], axis=1)
    made: Doubles = around / np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-12)
    return made
