"""Paths counted over the bins of frames: exactly, however many they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[Any]
"""(frames, bins), int64, or Python's integers (dtype object) where those would overflow; one bin: all are alike."""


def rebinned(counts: Counts, bins: int) -> Counts:
    """Counts over other bins of the same channels: what has a part in a bin is read with it."""
    given = counts.shape[1]
    if bins == given:
        return counts
    counts = exact(counts, given)
    parts = [counts[:, at * given // bins : -(-(at + 1) * given // bins)].sum(axis=1) for at in range(bins)]
    return np.stack(parts, axis=1)


def exact(counts: Counts, times: int) -> Counts:
    """Python's integers if int64 might not hold `times` the counts."""
    if counts.dtype == object or int(counts.max(initial=0)) * times < 2**62:
        return counts
    return counts.astype(object)
