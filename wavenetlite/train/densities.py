"""Losses of networks that put out the density of the next sample: a Gaussian, or a mixture of logistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.train.losses import Outcome, Targets

HALF_LOG_2_PI = 0.5 * float(np.log(2 * np.pi))
MOST_LEVELS = 2**24
"""More could not be told apart in float32."""


class GaussianNLL:
    """Negative log-likelihood of samples under Gaussians: two channels, the mean and the log of the deviation.

    Parameters
    ----------
    least_log_scale
        Lower log deviations count as this one, so that silence does not outweigh everything else.

    Notes
    -----
    Targets: float32, (clips, frames) or (clips, frames, 1); frames of NaN are ignored. Ping et al., "ClariNet", 2018,
    section 3.1. In nats per sample; no item is ever "correct".

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss, y = wl.train.GaussianNLL(), np.zeros((1, 1, 2), np.float32)
    >>> outcome = loss(y, np.ones((1, 1), np.float32), items=1)
    >>> round(outcome.total, 4), outcome.gradient.ravel().tolist()
    (1.4189, [-1.0, 0.0])
    """

    def __init__(self, *, least_log_scale: float = -7.0) -> None:
        self.least_log_scale = number("least_log_scale", least_log_scale)

    def items(self, targets: Targets) -> int:
        return counted(targets)

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        if y.shape[2] != 2:
            raise ParameterError(f"output has {y.shape[2]} channels; a Gaussian has 2: its mean and log deviation")
        samples, known = checked(targets, y.shape)
        log_scale, free = clamped(y[..., 1], self.least_log_scale)
        inverse = np.exp(-log_scale)
        z = (samples - y[..., 0]) * inverse
        loss = HALF_LOG_2_PI + log_scale + 0.5 * z * z
        gradient = np.stack([-z * inverse, (1 - z * z) * free], axis=2) * (known / max(items, 1))[..., np.newaxis]
        return Outcome(float((loss * known).sum()), gradient.astype(np.float32), 0.0, int(known.sum()))


class LogisticMixtureNLL:
    """Negative log-likelihood of quantised samples under mixtures of logistics.

    The output has ``3 K`` channels: the logits, means and log scales of K components. A sample, from -1 to 1, counts as
    the interval of one of `levels` levels around it; the first and the last reach to infinity.

    Parameters
    ----------
    levels
        Number of levels between -1 and 1, both included: 65,536 for 16 bits.
    least_log_scale
        Lower log scales count as this one.

    Notes
    -----
    Targets: float32, (clips, frames) or (clips, frames, 1); frames of NaN are ignored. Salimans et al., "PixelCNN++",
    2017, section 2.1; van den Oord et al., "Parallel WaveNet", 2017, section 2. The probability of an interval is
    computed without approximation, also where both of its ends are far from the mean. In nats per sample.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss, y = wl.train.LogisticMixtureNLL(levels=256), np.zeros((1, 3, 3), np.float32)
    >>> outcome = loss(y, np.array([[-1, 0, 1]], np.float32), items=3)
    >>> round(outcome.total, 4), outcome.count
    (8.8552, 3)
    """

    def __init__(self, *, levels: int = 65_536, least_log_scale: float = -7.0) -> None:
        self.levels = positive_int("levels", levels, MOST_LEVELS)
        if self.levels < 2:
            raise ParameterError(f"levels={levels} must be at least 2")
        self.least_log_scale = number("least_log_scale", least_log_scale)

    def items(self, targets: Targets) -> int:
        return counted(targets)

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        if y.shape[2] % 3:
            raise ParameterError(
                f"output has {y.shape[2]} channels; a mixture of K logistics has 3 K: logits, means, log scales"
            )
        samples, known = checked(targets, y.shape)
        if known.any() and np.abs(samples).max() > 1:
            raise ParameterError(f"targets reach {np.abs(samples).max():g}; samples must be from -1 to 1")
        logits, means, scales = np.split(y.astype(np.float64), 3, axis=2)
        log_scale, free = clamped(scales, self.least_log_scale)
        log_p, by_mean, by_scale = self.interval(samples[..., np.newaxis], means, log_scale)
        log_weight = logits - log_sum(logits)
        joint = log_weight + log_p
        total = log_sum(joint)
        share = np.exp(joint - total)
        parts = [np.exp(log_weight) - share, -share * by_mean, -share * by_scale * free]
        gradient = np.concatenate(parts, axis=2) * (known / max(items, 1))[..., np.newaxis]
        return Outcome(float(-(total[..., 0] * known).sum()), gradient.astype(np.float32), 0.0, int(known.sum()))

    def interval(self, x: Doubles, means: Doubles, log_scale: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Log-probability of the intervals around `x`, and its derivatives by the mean and by the log scale.

        With the ends ``a > b`` in scales from the mean, it is ``log(sigmoid(a) - sigmoid(b))``, which is
        ``-softplus(-a) - softplus(b) + log(1 - exp(b - a))``.
        """
        half = 1 / (self.levels - 1)
        inverse = np.exp(-log_scale)
        a, b = (x - means + half) * inverse, (x - means - half) * inverse
        width = 2 * half * inverse  # a - b
        first, last = x < -1 + half, x > 1 - half  # whose lower or upper end is infinite
        upper, above = softplus(-a)
        lower, below = softplus(b)
        upper, above = np.where(last, 0.0, upper), np.where(last, 0.0, above)
        lower, below = np.where(first, 0.0, lower), np.where(first, 0.0, below)
        inner = ~(first | last)
        log_p = -upper - lower + np.where(inner, np.log(-np.expm1(-width)), 0.0)
        narrowing = np.where(inner, width / np.expm1(np.minimum(width, 700.0)), 0.0)
        return log_p, inverse * (below - above), b * below - a * above - narrowing


def softplus(x: Doubles) -> tuple[Doubles, Doubles]:
    """``log(1 + exp(x))`` and its derivative, the sigmoid."""
    small = np.exp(-np.abs(x))
    sigmoid: Doubles = np.where(x >= 0, 1.0, small) / (1.0 + small)
    return np.maximum(x, 0.0) + np.log1p(small), sigmoid


def log_sum(x: Doubles) -> Doubles:
    """``log(sum(exp(x)))`` over the last axis, which is kept."""
    most = x.max(axis=-1, keepdims=True)
    total: Doubles = most + np.log(np.exp(x - most).sum(axis=-1, keepdims=True))
    return total


def clamped(log_scale: npt.NDArray[Any], least: float) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Log scales of at least `least`, and a mask of those that were: the gradient of the others is 0."""
    given = log_scale.astype(np.float64)
    return np.maximum(given, least), given >= least


def counted(targets: Targets) -> int:
    """Number of targets that are not ignored."""
    return int(targets.size - np.isnan(as_floats(targets)).sum())


def as_floats(targets: Targets) -> Targets:
    if targets.dtype.kind != "f":
        raise ArrayTypeError(f"targets are {targets.dtype}; they must be samples, float32")
    return targets


def checked(targets: Targets, shape: tuple[int, ...]) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Samples (clips, frames), 0 where they are ignored, and a mask of those that count."""
    given = as_floats(targets)[..., 0] if targets.ndim == 3 and targets.shape[2] == 1 else as_floats(targets)
    if given.shape != shape[:2]:
        raise ParameterError(f"targets have shape {targets.shape}; they must be {shape[:2]}, one sample per frame")
    known = ~np.isnan(given)
    samples = np.where(known, given, 0.0).astype(np.float64)
    if not np.isfinite(samples).all():
        raise ParameterError("targets have infinities; they must be samples, or NaN where they are ignored")
    return samples, known
