"""Other speakers from a voice: a longer or shorter vocal tract, another rhythm, breath in place of tone.

Programs that speak have few voices, and all of one program have something in common by which a network would know them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.train.augment import fourier

SHRUNK = (-0.16, 0.32)
"""Range of the logarithm of the factor: most voices of programs are men's."""
RHYTHM = 0.18
"""Standard deviation of the logarithm of the local speed."""
BREATHY = 0.3
"""Share of the utterances whose tone becomes noise, in part or whole."""
REVOICED = 0.35
"""Share of those that are said at another pitch, whatever the formants, as no voice of the programs does."""
PITCH_HZ = (85.0, 270.0)
WINDOW, HOP = 512, 128
LOW, HIGH = slice(3, 48), slice(96, 257)
"""Bins that are strong where a voice sounds, 0.1 to 1.5 kHz, and where it hisses, above 3 kHz."""
SMOOTH = 4
"""Bins on either side over which the spectrum is averaged: harmonics vanish, formants remain."""

Spectra = npt.NDArray[np.complexfloating[Any, Any]]


def another_speaker(y: Floats, rng: np.random.Generator) -> Floats:
    """The utterance as another speaker would say it."""
    how = rng.random()
    if how < BREATHY:
        y = breathy(y, float(rng.uniform(0.3, 1.0)), float(np.exp(rng.uniform(-0.12, 0.15))), rng)
    elif how < BREATHY + REVOICED:
        pitch = float(np.exp(rng.uniform(*np.log(PITCH_HZ))))
        y = revoiced(y, pitch, float(np.exp(rng.uniform(-0.18, 0.2))), rng)
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
    shape = envelope(y, warp)
    noise = laid_over(np.sqrt(shape) * np.exp(2j * np.pi * rng.random(shape.shape)), len(y))
    made: Floats = (np.sqrt(1 - share) * y + np.sqrt(share) * levelled(noise, y)).astype(np.float32)
    return made


def revoiced(y: Floats, hz: float, warp: float, rng: np.random.Generator) -> Floats:
    """Its envelope said by other vocal folds: pulses at about this pitch where it is voiced, noise where it hisses."""
    if len(y) < WINDOW:
        return y
    shape = envelope(y, warp)
    low, high = (shape[:, LOW].sum(axis=1), shape[:, HIGH].sum(axis=1))
    voiced = low / np.maximum(low + high, 1e-12)
    pulses, noise = (spectra(one) for one in (pulse_train(len(y), hz, rng), rng.standard_normal(len(y))))
    folds = flat(pulses) * np.sqrt(voiced)[:, np.newaxis] + flat(noise) * np.sqrt(1 - voiced)[:, np.newaxis]
    return levelled(laid_over(np.sqrt(shape) * folds, len(y)), y).astype(np.float32)


def pulse_train(samples: int, hz: float, rng: np.random.Generator) -> Doubles:
    """An impulse for each period of a pitch that falls a little and wanders."""
    count = max(2, samples // 3200 + 2)
    wander = np.interp(np.arange(samples), np.linspace(0, samples, count), rng.normal(0.0, 0.12, count))
    phase = np.cumsum(hz / SR * np.exp(wander + np.linspace(0.08, -0.12, samples)))
    made = np.zeros(samples)
    made[np.flatnonzero(np.diff(np.floor(phase), prepend=0.0))] = 1.0
    return made


def spectra(y: Floats | Doubles) -> Spectra:
    """Of overlapping frames, (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, WINDOW), WINDOW)[::HOP]
    made: Spectra = fourier().rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=1)
    return made


def laid_over(frames: Spectra, samples: int) -> Doubles:
    """The signal of overlapping frames."""
    pieces = fourier().irfft(frames, WINDOW, axis=1) * np.hanning(WINDOW)
    made = np.zeros(HOP * (len(pieces) - 1) + WINDOW)
    for index, piece in enumerate(pieces):
        made[index * HOP : index * HOP + WINDOW] += piece
    return made[WINDOW : WINDOW + samples]


def envelope(y: Floats, warp: float) -> Doubles:
    """The power of its formants, (frames, bins), moved up by a factor."""
    smooth = averaged(np.abs(spectra(y)) ** 2)
    bins = np.minimum(np.arange(smooth.shape[1]) / warp, smooth.shape[1] - 1)
    low = bins.astype(int)
    part = (bins - low)[np.newaxis]
    moved: Doubles = smooth[:, low] * (1 - part) + smooth[:, np.minimum(low + 1, smooth.shape[1] - 1)] * part
    return moved


def flat(frames: Spectra) -> Spectra:
    """Each frame with a mean power of 1."""
    made: Spectra = frames / np.sqrt(np.maximum((np.abs(frames) ** 2).mean(axis=1, keepdims=True), 1e-12))
    return made


def levelled(y: Doubles, like: Floats) -> Doubles:
    """As loud as another signal."""
    power = float((like.astype(np.float64) ** 2).sum())
    made: Doubles = y * np.sqrt(power / max(float((y**2).sum()), 1e-12))
    return made


def averaged(power: Floats | Doubles) -> Doubles:
    """The mean over neighbouring bins."""
    padded = np.pad(power.astype(np.float64), ((0, 0), (SMOOTH + 1, SMOOTH)), mode="edge")
    summed = np.cumsum(padded, axis=1)
    made: Doubles = (summed[:, 2 * SMOOTH + 1 :] - summed[:, : -2 * SMOOTH - 1]) / (2 * SMOOTH + 1)
    return made
