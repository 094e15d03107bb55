"""Other vocal folds for what is said: pulses at a pitch of their own, and breath."""

from __future__ import annotations

import numpy as np

from wavenetlite.recipes.wake.envelopes import BINS, HOP, Spectra, flatten, spectra
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Doubles

PITCH_HZ = (80.0, 300.0)
INTONATION = (0.02, 0.2)
"""Range of the standard deviation of the logarithm of the pitch."""
JITTER, SHIMMER = 0.02, 0.25
"""At most: standard deviation of a pulse's time, periods, and of the logarithm of its height."""
WHISPERED = 0.12
"""Share of the utterances without any voice."""
BREATH_HZ = (1500.0, 8000.0)
"""Above a frequency in this range breath takes the place of the voice."""


def folds(voiced: Doubles, rng: np.random.Generator) -> Spectra:
    """Flat spectra of an excitation, (frames, bins): of a voice by this share in each frame, else of breath."""
    samples = len(voiced) * HOP
    pulses, breath = (flatten(spectra(one))[: len(voiced)] for one in (pulse_train(samples, rng),
                                                                    rng.standard_normal(samples)))  # fmt: skip
    hz = np.linspace(0, SR / 2, BINS)
    clear = rng.uniform(0.75, 1.0) / (1 + np.exp((hz - rng.uniform(*BREATH_HZ)) / 400))
    if rng.random() < WHISPERED:
        clear = np.zeros(BINS)
    share = voiced[:, np.newaxis] * clear
    made: Spectra = pulses * np.sqrt(share) + breath * np.sqrt(1 - share)
    return made


def pulse_train(samples: int, rng: np.random.Generator) -> Doubles:
    """An impulse for each period of a drawn pitch that rises, falls and wanders."""
    hz = float(np.exp(rng.uniform(*np.log(PITCH_HZ))))
    time = np.arange(samples)
    melody = np.interp(time, np.linspace(0, samples, 6), rng.normal(0.0, rng.uniform(*INTONATION), 6))
    phase = np.cumsum(hz / SR * np.exp(melody + np.interp(time, (0, samples), rng.uniform(-0.15, 0.15, 2))))
    at = np.flatnonzero(np.diff(np.floor(phase), prepend=0.0))
    late = rng.normal(0.0, rng.uniform(0, JITTER) * SR / hz, len(at))
    made = np.zeros(samples)
    made[np.clip(at + np.round(late).astype(int), 0, samples - 1)] = np.exp(
        rng.normal(0.0, rng.uniform(0, SHIMMER), len(at)))  # fmt: skip
    return made
