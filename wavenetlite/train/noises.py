"""Synthetic noises without speech, for training a voice activity detector: (samples,) float32 of any level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.train.augment import Generator, coloured_noise, fourier, interpolation_matrix, white_noise

SCALE = 2 ** (1 / 12)
"""The ratio of two neighbouring notes."""


def white(n: int, sr: int, rng: Generator) -> Floats:
    return white_noise((n,), rng)


def coloured(n: int, sr: int, rng: Generator) -> Floats:
    """Noise whose amplitude falls with a random power of the frequency, from white over pink to brown and below."""
    made: Floats = coloured_noise(float(rng.uniform(0.0, 1.3)), (1, n), rng)[0]
    return made


def shaped(n: int, sr: int, rng: Generator) -> Floats:
    """Stationary noise with a random spectrum: fans, engines, rain and traffic differ in it."""
    n_fft = fourier().next_fast_len(n, real=True)
    spectrum = fourier().rfft(white_noise((n_fft,), rng))
    levels_db = rng.normal(0.0, 12.0, 10).astype(np.float32)
    spectrum *= 10 ** (levels_db @ interpolation_matrix(10, len(spectrum)) / 20)
    made: Floats = fourier().irfft(spectrum, n_fft)[:n]
    return made


def band(n: int, sr: int, rng: Generator) -> Floats:
    """Noise in a band of frequencies between two random limits."""
    n_fft = fourier().next_fast_len(n, real=True)
    spectrum = fourier().rfft(white_noise((n_fft,), rng))
    low, high = np.sort(rng.uniform(np.log(60.0), np.log(sr / 2), 2))
    f = np.linspace(0, sr / 2, len(spectrum))
    spectrum[(f < np.exp(low)) | (f > np.exp(high + 0.1))] = 0
    made: Floats = fourier().irfft(spectrum, n_fft)[:n]
    return made


def hum(n: int, sr: int, rng: Generator) -> Floats:
    """A mains or engine hum: harmonics of a low frequency, with a little noise."""
    base = float(rng.choice([50.0, 60.0, 100.0, 120.0])) if rng.random() < 0.6 else float(rng.uniform(25.0, 400.0))
    numbers = np.arange(1, max(2, min(40, int(sr / 2 / base))))
    levels = rng.exponential(size=len(numbers)) * numbers ** -rng.uniform(0.3, 1.5)
    return tone(base * np.ones(n), levels, sr, rng) + np.float32(0.02) * coloured(n, sr, rng)


def tone(frequency: np.ndarray, levels: np.ndarray, sr: int, rng: Generator) -> Floats:
    """Harmonics of a frequency (samples,), with random phases."""
    phase = 2 * np.pi * np.cumsum(frequency) / sr
    made = np.zeros(len(frequency), np.float32)
    for number, level in enumerate(levels, 1):
        if number * frequency.max() < sr / 2:
            made += (level * np.sin(number * phase + rng.uniform(0, 2 * np.pi))).astype(np.float32)
    return made


def fade(n: int, sr: int, rise_s: float, fall_s: float) -> Floats:
    """An envelope that rises in a time and falls by a factor of e in another."""
    t = np.arange(n, dtype=np.float32) / sr
    envelope: Floats = np.minimum(1, t / max(rise_s, 1e-4)) * np.exp(-t / fall_s).astype(np.float32)
    return envelope


def music(n: int, sr: int, rng: Generator) -> Floats:
    """Chords and a melody of decaying harmonic notes on a random beat, with drums in every other piece."""
    made = np.zeros(n, np.float32)
    beat = int(sr * rng.uniform(0.12, 0.7))
    root, drums = 55.0 * SCALE ** rng.integers(0, 24), rng.random() < 0.5
    steps = rng.choice([0, 2, 3, 4, 5, 7, 9, 11, 12, 14, 16, 19], 7)
    harmonics = int(rng.integers(1, 12))
    levels = np.arange(1, harmonics + 1) ** -rng.uniform(0.5, 2.0)
    rise_s, fall_s = rng.uniform(0.002, 0.15), rng.uniform(0.08, 1.5)
    vibrato = rng.uniform(0.0, 0.012) * (rng.random() < 0.5)
    for at in range(0, n, beat):
        held = min(n - at, int(beat * rng.uniform(0.5, 4)))
        envelope = fade(held, sr, rise_s, fall_s)
        for step in rng.choice(steps, int(rng.integers(1, 4))):
            t = np.arange(held) / sr
            frequency = root * SCALE ** int(step) * (1 + vibrato * np.sin(2 * np.pi * rng.uniform(4, 7) * t))
            made[at : at + held] += envelope * tone(frequency, levels, sr, rng)
        if drums:
            hit = min(n - at, sr // 5)
            made[at : at + hit] += fade(hit, sr, 0.001, rng.uniform(0.01, 0.06)) * coloured(hit, sr, rng) * 3
    return made


def impulses(n: int, sr: int, rng: Generator) -> Floats:
    """Clicks, knocks and clatter: short bursts, each ringing at a frequency of its own."""
    made = np.zeros(n, np.float32)
    at = 0
    spacing = rng.uniform(0.02, 0.8)
    while (at := at + 1 + int(sr * rng.exponential(spacing))) < n:
        length = min(n - at, int(sr * rng.uniform(0.005, 0.25)))
        envelope = fade(length, sr, 0.0005, rng.uniform(0.001, 0.06)) * np.float32(rng.exponential())
        ringing = np.sin(2 * np.pi * rng.uniform(80, 0.45 * sr) / sr * np.arange(length)).astype(np.float32)
        share = np.float32(rng.random())
        made[at : at + length] += envelope * (share * ringing + (1 - share) * white_noise((length,), rng))
    return made + np.float32(1e-4) * white(n, sr, rng)


def signals(n: int, sr: int, rng: Generator) -> Floats:
    """Beeps, sweeps and sirens: tones of random frequency and length, with pauses."""
    made = np.zeros(n, np.float32)
    at = 0
    levels = np.arange(1, int(rng.integers(2, 6))) ** -rng.uniform(0.5, 3.0)
    length_s, pause_s = rng.uniform(0.05, 1.5), rng.uniform(0.02, 1.5)
    while at < n:
        length = min(n - at, max(64, int(sr * length_s * rng.uniform(0.7, 1.3))))
        ends = 100 * (sr / 250) ** rng.random(2)
        frequency = np.linspace(ends[0], ends[1] if rng.random() < 0.5 else ends[0], length)
        made[at : at + length] = tone(frequency, levels, sr, rng) * np.minimum(1, np.arange(length)[::-1] / 64)
        at += length + int(sr * pause_s * rng.uniform(0.3, 1.7))
    return made + np.float32(1e-3) * coloured(n, sr, rng)


def fluctuating(n: int, sr: int, rng: Generator) -> Floats:
    """Wind, surf, passing cars and machines that knock: noise whose level moves slowly or at a steady rate."""
    made = (shaped if rng.random() < 0.5 else coloured)(n, sr, rng)
    t = np.arange(n) / sr
    if rng.random() < 0.4:
        wave = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 20) * t)
        level_db = 20 * np.log10(np.maximum(wave ** rng.uniform(0.3, 4), 1e-2))
    else:
        points = max(2, int(n / sr * rng.uniform(0.3, 6)))
        level_db = np.interp(t, np.linspace(0, n / sr, points), rng.normal(0.0, rng.uniform(3, 14), points))
    return made * (10 ** (level_db / 20)).astype(np.float32)


NOISES: dict[str, Callable[[int, int, Generator], Floats]] = {
    made.__name__: made for made in (white, coloured, shaped, band, hum, music, impulses, signals, fluctuating)
}
"""Each takes the number of samples, the sample rate and a generator."""
