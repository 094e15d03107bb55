"""Rooms, microphones and noise around what is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Floats
from wavenetlite.train import augment

COLOURS = ("white", "pink", "brown")


def room(noises: Sequence[Floats], *, snr_db: tuple[float, float] = (3.0, 35.0)) -> augment.Augment:
    """Reverberation, a microphone's colour and band, noise and level.

    Parameters
    ----------
    noises
        Recordings that are added as noise: talk, music, a street; may be empty.
    snr_db
        Range of the ratio of what is said to them.
    """
    transforms: list[augment.Transform] = [
        augment.Reverb((120.0, 600.0), sr=SR, direct_db=(-2.0, 15.0), probability=0.45),
        augment.Equalise(12.0, probability=0.7),
        augment.BandLimit(sr=SR, highpass_hz=(60.0, 400.0), lowpass_hz=(2800.0, 7600.0), probability=0.2),
    ]
    if len(noises):
        transforms.append(augment.BackgroundNoise(("recording", "babble"), snr_db=snr_db, recordings=list(noises),
                                                  probability=0.4))  # fmt: skip
    transforms += [
        augment.BackgroundNoise(COLOURS, snr_db=(5.0, 45.0), probability=0.6),
        augment.Clipping(0.0, 12.0, probability=0.05),
        augment.Gain(-30.0, 5.0),
    ]
    return augment.Augment(transforms)


def concatenate(parts: Sequence[Floats], samples: int, rng: np.random.Generator) -> Floats:
    """Signals one after the other in random order, with gaps between them, again from the start if too short."""
    made = np.zeros(samples, np.float32)
    at, order = int(rng.integers(SR // 2)), rng.permutation(len(parts)).tolist()
    turn = 0
    while at < samples and parts:
        part = parts[order[turn % len(order)]][: samples - at]
        made[at : at + len(part)] = part * np.float32(10 ** (rng.uniform(-12, 0) / 20))
        at, turn = at + len(part) + int(rng.exponential(0.3) * SR), turn + 1
    return made
