"""What a network learns from teachers: what they say to a clip, instead of its label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wavenetlite.recipes.outputs import softmax
from wavenetlite.support.arrays import Floats

Teachers = Sequence[Callable[[Floats, float], Floats]]
"""Each gives the probabilities of the labels, (clips, labels), for frames and a temperature."""
Targets = Callable[[Floats, Floats], Floats]
"""Targets for frames, (clips, frames, bins), and their labels, (clips, labels)."""

LABELLED = 0.5
"""Part of the label in the targets of a background: what all teachers take for a word is to be rejected still."""


def mean_of(teachers: Teachers, temperature: float) -> Targets:
    """The mean output of the teachers."""

    def targets(x: Floats, labels: Floats) -> Floats:
        mean: Floats = np.mean([teacher(x, temperature) for teacher in teachers], axis=0, dtype=np.float32)
        return mean

    return targets


def mean_and_label(teachers: Teachers, temperature: float, label_smoothing: float) -> Targets:
    """The mean of the teachers' output and of the label, for segments of a background.

    The label alone would be as sure as no teacher is, of what differs little from words that the teachers are in doubt
    about; so it is smoothed as the teachers' labels were, and the temperature is applied to it, too.
    """

    def targets(x: Floats, labels: Floats) -> Floats:
        said = np.mean([teacher(x, 1.0) for teacher in teachers], axis=0)
        smoothed = (1 - label_smoothing) * labels + label_smoothing / labels.shape[1]
        p = (1 - LABELLED) * said + LABELLED * smoothed
        return tempered(p, temperature)

    return targets


def tempered(p: np.ndarray, temperature: float) -> Floats:
    """Probabilities at a temperature: the softmax of their logarithms, divided by it."""
    return softmax(np.log(np.maximum(p, 1e-30)) / temperature).astype(np.float32)
