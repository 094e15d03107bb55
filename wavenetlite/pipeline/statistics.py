"""Mean and variance in one pass, in an order of additions that does not depend on the workers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles


class Statistics:
    """Number of frames, and for each channel their mean and sum of squared deviations.

    Two sets of frames are merge by the formula of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
    for computing sample variances", 1979: no large sums are subtracted from each other, so a mean far from zero
    costs no precision.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.pipeline.statistics import Statistics
    >>> x = 1e6 + np.random.default_rng(0).standard_normal((1000, 2))
    >>> whole = Statistics.of(x[:10]) + Statistics.of(x[10:])
    >>> bool(np.allclose(whole.variance, x.var(axis=0), rtol=1e-10))
    True
    """

    __slots__ = ("count", "deviations", "mean")

    def __init__(self, count: int, mean: Doubles, deviations: Doubles) -> None:
        self.count, self.mean, self.deviations = count, mean, deviations

    @classmethod
    def none(cls, channels: int) -> Statistics:
        return cls(0, np.zeros(channels), np.zeros(channels))

    @classmethod
    def of(cls, frames: npt.NDArray[np.floating]) -> Statistics:
        """Those of frames, (frames, channels), in two passes."""
        exact = frames.astype(np.float64)
        if not len(exact):
            return cls.none(exact.shape[1])
        mean = exact.mean(axis=0)
        exact -= mean
        np.square(exact, out=exact)
        return cls(len(exact), mean, exact.sum(axis=0))

    def __add__(self, other: Statistics) -> Statistics:
        if not self.count or not other.count:
            return other if not self.count else self
        count, difference = self.count + other.count, other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        between = np.square(difference) * (self.count * (other.count / count))
        return Statistics(count, mean, self.deviations + other.deviations + between)

    @property
    def variance(self) -> Doubles:
        """Population variance."""
        variance: Doubles = self.deviations / max(self.count, 1)
        return variance


def merge(parts: Sequence[Statistics], channels: int) -> Statistics:
    """Merge neighbours pairwise, then the results, and so on, in an order fixed by that of the parts.

    All pairs of a level are merged at once, by the operations of `Statistics.__add__`.
    """
    if not parts:
        return Statistics.none(channels)
    counts = np.array([part.count for part in parts], np.float64)
    means, deviations = np.array([part.mean for part in parts]), np.array([part.deviations for part in parts])
    while len(counts) > 1:
        end = len(counts) // 2 * 2
        left, right = slice(0, end, 2), slice(1, end, 2)
        count, difference = counts[left] + counts[right], means[right] - means[left]
        share = counts[right] / np.maximum(count, 1)
        mean = means[left] + difference * share[:, None]
        deviation = deviations[left] + deviations[right] + np.square(difference) * (counts[left] * share)[:, None]
        counts = np.concatenate([count, counts[end:]])
        means, deviations = np.concatenate([mean, means[end:]]), np.concatenate([deviation, deviations[end:]])
    return Statistics(int(counts[0]), means[0], deviations[0])
