"""Exact counts of paths over the bins of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[Any]
"""(frames, bins), int64, or Python integers (dtype object) if that would overflow; one bin: the same for all."""


def rebinned(counts: Counts, bins: int) -> Counts:
    """Counts over a different number of bins of the same channels: overlapping bins are summed."""
    given = counts.shape[1]
    if bins == given:
        return counts
    counts = exact(counts, given)
    parts = [counts[:, at * given // bins : -(-(at + 1) * given // bins)].sum(axis=1) for at in range(bins)]
    return np.stack(parts, axis=1)


def exact(counts: Counts, times: int) -> Counts:
    """Python integers if `times` the counts might overflow int64."""
    if counts.dtype == object or int(counts.max(initial=0)) * times < 2**62:
        return counts
    return counts.astype(object)
