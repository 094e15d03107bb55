"""Other speakers from a voice: a longer or shorter vocal tract, another rhythm, breath in place of tone.

Programs that speak have few voices, and all of one program have something in common by which a network would know them.
"""

from __future__ import annotations

import numpy as np

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.train.augment import fourier

SHRUNK = (-0.16, 0.32)
"""Range of the logarithm of the factor: most voices of programs are men's."""
RHYTHM = 0.18
"""Standard deviation of the logarithm of the local speed."""
BREATHY = 0.3
"""Share of the utterances whose tone becomes noise, in part or whole."""
WINDOW, HOP = 512, 128
SMOOTH = 4
"""Bins on either side over which the spectrum is averaged: harmonics vanish, formants remain."""


def another_speaker(y: Floats, rng: np.random.Generator) -> Floats:
    """The utterance as another speaker would say it."""
    if rng.random() < BREATHY:
        y = breathy(y, float(rng.uniform(0.3, 1.0)), float(np.exp(rng.uniform(-0.12, 0.15))), rng)
    return uneven(y, float(np.exp(rng.uniform(*SHRUNK))), rng)


def uneven(y: Floats, factor: float, rng: np.random.Generator) -> Floats:
    """Resampled by a factor that wanders: faster and higher, slower and lower."""
    count = max(2, len(y) // 3200 + 2)
    drift = np.interp(np.linspace(0, count - 1, len(y)), np.arange(count), rng.normal(0.0, RHYTHM, count))
    clock = np.cumsum(np.exp(-np.clip(drift, -0.4, 0.4)) / factor)
    length = int(clock[-1])
    places = np.interp(np.arange(length), clock, np.arange(len(y)))
    return np.interp(places, np.arange(len(y)), y).astype(np.float32)


def breathy(y: Floats, share: float, warp: float, rng: np.random.Generator) -> Floats:
    """Its envelope in time and frequency filled with noise, which has this share of the power.

    `warp` moves the formants of the noise, above 1 up.
    """
    if len(y) < WINDOW:
        return y
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, WINDOW), WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    power = np.abs(fourier().rfft(frames * window, axis=1)) ** 2
    smooth = averaged(power)
    bins = np.minimum(np.arange(smooth.shape[1]) / warp, smooth.shape[1] - 1)
    low = bins.astype(int)
    part = (bins - low)[np.newaxis]
    moved = smooth[:, low] * (1 - part) + smooth[:, np.minimum(low + 1, smooth.shape[1] - 1)] * part
    phases = np.exp(2j * np.pi * rng.random(moved.shape))
    pieces = fourier().irfft(np.sqrt(moved) * phases, WINDOW, axis=1) * window
    noise = np.zeros(HOP * (len(pieces) - 1) + WINDOW)
    for index, piece in enumerate(pieces):
        noise[index * HOP : index * HOP + WINDOW] += piece
    noise = noise[WINDOW : WINDOW + len(y)]
    level = np.sqrt(float((y.astype(np.float64) ** 2).sum()) / max(float((noise**2).sum()), 1e-12))
    made: Floats = (np.sqrt(1 - share) * y + np.sqrt(share) * level * noise).astype(np.float32)
    return made


def averaged(power: Floats) -> Doubles:
    """The mean over neighbouring bins."""
    padded = np.pad(power.astype(np.float64), ((0, 0), (SMOOTH + 1, SMOOTH)), mode="edge")
    summed = np.cumsum(padded, axis=1)
    made: Doubles = (summed[:, 2 * SMOOTH + 1 :] - summed[:, : -2 * SMOOTH - 1]) / (2 * SMOOTH + 1)
    return made
