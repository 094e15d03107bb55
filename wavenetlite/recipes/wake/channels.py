"""The channel of a recording: its microphone, line and codec, laid over what a program says.

What is recorded sounds duller, and often ends at 3.4 kHz; what programs say does not. A network would know the phrase
by that, and not hear it from voices that are as dull.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.recipes.wake.envelopes import HOP, average, match_level, overlap_add, spectra
from wavenetlite.recipes.wake.other_speakers import some_talk
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Doubles, Floats

CHANNELLED = 0.5
"""Share of the utterances that go through the channel of a recording."""
MOST_S = 4.0
"""Of a recording that is listened to."""
SMOOTH = 8
"""Bins on either side over which a mean spectrum is averaged."""
STRENGTH = (0.4, 1.0)
"""Range of the share of the difference, in decibels, that is made up for: some of it is what is being said."""
LEAST, MOST = -4.5, 1.4
"""Logarithms of the gain: -39 and 12 dB."""


def through_a_channel(y: Floats, recordings: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """The utterance, or the utterance through the channel of one of some recordings."""
    if rng.random() >= CHANNELLED:
        return y
    heard = some_talk(recordings, rng)
    return y if heard is None else with_channel(y, heard[: round(MOST_S * SR)], float(rng.uniform(*STRENGTH)))


def with_channel(y: Floats, recording: Floats, strength: float = 1.0) -> Floats:
    """The signal with the mean spectrum of a recording, as loud as before; `strength` is the share of the change."""
    ours, theirs = mean_spectrum(y), mean_spectrum(recording)
    if not ours.max() > 0 or not theirs.max() > 0:
        return y
    change = 0.5 * (np.log(theirs / theirs.max() + 1e-9) - np.log(ours / ours.max() + 1e-9))
    change -= np.average(change, weights=ours)  # what is loud stays so
    gain = np.exp(np.clip(strength * change, LEAST, MOST))
    frames = spectra(y) * gain
    return match_level(overlap_add(frames, min(len(y), HOP * (len(frames) - 1))), y)


def mean_spectrum(y: Floats) -> Doubles:
    """Smooth, (bins,)."""
    power = (np.abs(spectra(y)).astype(np.float64) ** 2).mean(axis=0)
    smooth: Doubles = average(power[np.newaxis], SMOOTH)[0]
    return smooth
