"""Levels of frames in dB: less their mean, as networks are told of them, and as powers."""

from __future__ import annotations

import math

import numpy as np

from wavenetlite.kernels import ACTIVATIONS, padded, training
from wavenetlite.support.arrays import Doubles, Floats

PER_10_DB = 0.1
"""Scale of levels in the conditioning, and in what a network says of magnitudes."""
NEPERS_PER_DB = math.log(10) / 10
"""Of powers: ``exp(x * NEPERS_PER_DB)`` is ``10 ** (x / 10)``."""
MOST_NEPERS = 80.0
"""Powers are kept within what float32 has."""
NO_PARAMETERS = np.zeros(1, np.float32)


def mean_levels(frames: Floats) -> Doubles:
    """The mean of each frame's bins: exact sums, so that it is the same on every machine."""
    return np.array([math.fsum(frame.tolist()) / len(frame) for frame in frames.astype(np.float64)])


def conditioning(frames: Floats, before: float | None) -> tuple[Floats, Doubles]:
    """What a network is told of frames, (frames, bins + 1), and their levels.

    Each frame less its level, and how much that differs from the level of the frame before; `before` is that of the
    frame before the first, None: there is none.
    """
    levels = mean_levels(frames)
    condition = np.empty((len(frames), frames.shape[1] + 1), np.float32)
    condition[:, :-1] = (frames - levels[:, np.newaxis]) * PER_10_DB
    condition[:, -1] = np.diff(levels, prepend=levels[:1] if before is None else before) * PER_10_DB
    return condition, levels


def powers(decibels: Floats | Doubles) -> Floats:
    """``10 ** (decibels / 10)``, (frames, bins): by the engine's exponential, the same on every machine."""
    frames, bins = decibels.shape
    if not frames:
        return np.zeros((0, bins), np.float32)
    nepers = np.zeros((1, frames, padded(bins)), np.float32)
    nepers[0, :, :bins] = np.clip(decibels.astype(np.float64) * NEPERS_PER_DB, -MOST_NEPERS, MOST_NEPERS)
    made = np.empty_like(nepers)
    training.activate(ACTIVATIONS.index("exp"), nepers, bins, NO_PARAMETERS, made)
    return np.ascontiguousarray(made[0, :, :bins])
