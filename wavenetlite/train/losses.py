"""Losses: value and gradient from the outputs and targets of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import count, number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Targets = npt.NDArray[Any]
LOGITS_AT_ONCE = 2**20
"""More than these are gone through part by part: in float64, and several times, they would fill the memory."""


@dataclass(frozen=True)
class Outcome:
    """The loss summed over the `count` items of a batch, its gradient, and the number of correct items."""

    total: float
    gradient: Floats
    correct: float
    count: int


class Loss(Protocol):
    """A loss; `items` is the number of items in the whole batch, of which `y` may be a part."""

    def items(self, targets: Targets) -> int: ...
    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome: ...


class CrossEntropy:
    """Cross-entropy of the softmax of logits.

    Parameters
    ----------
    label_smoothing
        Share of the target spread uniformly over all classes, 0 to 1. Soft targets are smoothed too.
    temperature
        Logits are divided by it and the loss is multiplied by its square, as for soft targets from a teacher with the
        same temperature.
    at
        "last": one target per clip, for the last frame; "frames": one per frame, -1 for ignored frames.
    class_weights
        A weight of each class, by which its share of the loss is multiplied; None: all 1. As PyTorch's ``weight``, but
        the mean is over items, not over their weights.

    Notes
    -----
    Targets: classes, (clips,) or (clips, frames) integers, or soft ones, (clips, classes) float32 that sum to 1.
    Szegedy et al., "Rethinking the Inception Architecture", 2016 (label smoothing); Hinton et al., "Distilling the
    Knowledge in a Neural Network", 2015 (temperature).

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss = wl.train.CrossEntropy()
    >>> outcome = loss(np.zeros((1, 5, 4), np.float32), np.array([2]), items=1)
    >>> round(outcome.total, 4), outcome.gradient[0, -1].tolist()
    (1.3863, [0.25, 0.25, -0.75, 0.25])
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        temperature: float = 1.0,
        at: Literal["last", "frames"] = "last",
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self.temperature = number("temperature", temperature, least=1e-3)
        self.label_smoothing = number("label_smoothing", label_smoothing, least=0.0)
        if self.label_smoothing > 1:
            raise ParameterError(f"label_smoothing={label_smoothing} must be at most 1")
        self.at = one_of("at", at, ("last", "frames"))
        self.class_weights = None if class_weights is None else checked_weights(class_weights)

    def items(self, targets: Targets) -> int:
        return int((targets >= 0).sum()) if self.at == "frames" else len(targets)

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        clips, frames, classes = y.shape
        at_once = max(1, LOGITS_AT_ONCE // (clips * classes))
        if self.at == "last" or frames <= at_once or targets.shape != (clips, frames):
            return self.at_once(y, targets, items)
        parts = [slice(first, first + at_once) for first in range(0, frames, at_once)]
        outcomes = [self.at_once(y[:, part], targets[:, part], items) for part in parts]
        return Outcome(
            sum(one.total for one in outcomes), np.concatenate([one.gradient for one in outcomes], axis=1),
            sum(one.correct for one in outcomes), sum(one.count for one in outcomes),
        )  # fmt: skip

    def at_once(self, y: Floats, targets: Targets, items: int) -> Outcome:
        logits = (y[:, -1:] if self.at == "last" else y).astype(np.float64)
        logits /= self.temperature
        if targets.dtype.kind in "iu" and not self.label_smoothing and self.class_weights is None:
            return self.of_classes(y, logits, self.classes(targets, logits.shape), items)
        wanted, counted = self.soft(targets, logits.shape)
        log_p = log_softmax(logits)
        right = (logits.argmax(axis=2) == wanted.argmax(axis=2)) & counted
        smooth = (1 - self.label_smoothing) * wanted + self.label_smoothing / logits.shape[2]
        weighted, mass = self.weighted(smooth)
        share = (np.exp(log_p) * mass - weighted) * counted[..., np.newaxis] * (self.temperature / max(items, 1))
        gradient = np.zeros(y.shape, np.float32)
        gradient[:, -1:] = share[:, -1:]
        if self.at == "frames":
            gradient[:] = share
        loss = -(weighted * log_p).sum(axis=2) * counted * self.temperature**2
        return Outcome(float(loss.sum()), gradient, float(right.sum()), int(counted.sum()))

    def of_classes(self, y: Floats, logits: Doubles, classes: Targets, items: int) -> Outcome:
        """The same for one class each, bit for bit, without a number for every other class."""
        counted = classes >= 0
        at = np.where(counted, classes, 0)[..., np.newaxis]
        right = (logits.argmax(axis=2) == classes) & counted
        log_p = log_softmax(logits)
        loss = -np.take_along_axis(log_p, at, axis=2)[..., 0] * counted * self.temperature**2
        share = np.exp(log_p, out=log_p)
        np.put_along_axis(share, at, np.take_along_axis(share, at, axis=2) - 1.0, axis=2)
        share *= counted[..., np.newaxis] * (self.temperature / max(items, 1))
        gradient = np.zeros(y.shape, np.float32)
        gradient[:, -share.shape[1] :] = share
        return Outcome(float(loss.sum()), gradient, float(right.sum()), int(counted.sum()))

    def weighted(self, smooth: Doubles) -> tuple[Doubles, Doubles | float]:
        """Target probabilities by the weights of their classes, and the sum of each."""
        if self.class_weights is None:
            return smooth, 1.0
        if len(self.class_weights) != smooth.shape[2]:
            raise ParameterError(
                f"class_weights has {len(self.class_weights)} entries; it must have {smooth.shape[2]}, one per class"
            )
        weighted: Doubles = smooth * np.array(self.class_weights)
        return weighted, weighted.sum(axis=2, keepdims=True)

    def soft(self, targets: Targets, shape: tuple[int, ...]) -> tuple[Doubles, npt.NDArray[np.bool_]]:
        """Target probabilities (clips, frames, classes), and a mask of the frames that count."""
        clips, _, classes = shape
        if targets.dtype.kind == "f":
            if targets.shape != (clips, classes) or self.at != "last":
                raise ParameterError(
                    f"targets have shape {targets.shape}; soft ones must be {(clips, classes)}, at='last'"
                )
            return targets[:, np.newaxis].astype(np.float64), np.ones((clips, 1), bool)
        given = self.classes(targets, shape)
        return np.eye(classes)[given], given >= 0

    def classes(self, targets: Targets, shape: tuple[int, ...]) -> Targets:
        """Classes (clips, frames), checked."""
        clips, frames, classes = shape
        if targets.dtype.kind not in "iu":
            raise ArrayTypeError(f"targets are {targets.dtype}; they must be integers, or float32 if soft")
        given = targets.reshape(clips, 1) if self.at == "last" and targets.size == clips else targets
        if given.shape != (clips, frames):
            raise ParameterError(
                f"targets have shape {targets.shape}; they must be {(clips, frames)} or, at='last', ({clips},)"
            )
        if given.size and (given.max() >= classes or given.min() < (-1 if self.at == "frames" else 0)):
            raise ParameterError(
                f"targets go from {given.min()} to {given.max()}; they must be classes, 0 to {classes - 1}"
            )
        return given


def checked_weights(weights: Any) -> list[float]:
    """Weights of classes: finite, not negative, and not all 0."""
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        raise ArrayTypeError(
            f"class_weights is a {type(weights).__name__}; it must be a list of numbers, one per class"
        )
    given = [number(f"class_weights[{index}]", weight, least=0.0) for index, weight in enumerate(weights)]
    if not any(given):
        raise ParameterError(f"class_weights={given} must not all be 0")
    return given


def balanced_weights(y: Targets, classes: int) -> list[float]:
    """Weights in inverse proportion to how frequent classes are, 1 on average over the items; 0 for unused ones.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.train.balanced_weights(np.array([0, 0, 0, 1]), 2)
    [0.6666666666666666, 2.0]
    """
    counts = np.bincount(y, minlength=classes)
    used = int(np.count_nonzero(counts))
    return [len(y) / (used * n) if n else 0.0 for n in counts.tolist()]


class MeanSquaredError:
    """Mean squared error for targets of the outputs' shape: for signals, such as an amplifier's.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss, y = wl.train.MeanSquaredError(), np.ones((1, 2, 1), np.float32)
    >>> loss(y, np.zeros_like(y), items=2).gradient.ravel().tolist()
    [1.0, 1.0]
    """

    def items(self, targets: Targets) -> int:
        return targets.size

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        if targets.shape != y.shape:
            raise ParameterError(f"targets have shape {targets.shape}; they must be {y.shape}, like the output")
        difference = y.astype(np.float64) - targets
        gradient = (2 / max(items, 1) * difference).astype(np.float32)
        return Outcome(float((difference**2).sum()), gradient, 0.0, targets.size)


class CTC:
    """Connectionist temporal classification: the label sequence of a clip, without alignment in time.

    Parameters
    ----------
    blank
        Class of the blank symbol.

    Notes
    -----
    Targets: (clips, labels) integers, -1 after the last label of a clip. The loss of a clip is ``-log p(labels)``, or 0
    if the clip has too few frames for its labels, as with PyTorch's ``zero_infinity``. Graves et al.,
    "Connectionist Temporal Classification", 2006, equations 6 to 16, in logarithms.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss = wl.train.CTC()
    >>> outcome = loss(np.zeros((1, 2, 2), np.float32), np.array([[1]]), items=1)    # "1-", "-1", "11" of four
    >>> round(float(np.exp(-outcome.total)), 4)
    0.75
    """

    def __init__(self, *, blank: int = 0) -> None:
        self.blank = count("blank", blank)

    def items(self, targets: Targets) -> int:
        return len(targets)

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        self.check(targets, y.shape)
        logits = y.astype(np.float64)
        log_p = log_softmax(logits)
        gradient, total, right = np.zeros(y.shape), 0.0, 0
        for clip, labels in enumerate(targets):
            label = labels[labels >= 0]
            with np.errstate(invalid="ignore"):
                loss, occupied = self.one(log_p[clip], label)
            if loss != np.inf:  # NaN is propagated
                gradient[clip] = np.exp(log_p[clip]) - occupied
                total += loss
            right += list(label) == collapse(logits[clip].argmax(axis=1), self.blank)
        return Outcome(total, (gradient / max(items, 1)).astype(np.float32), right, len(targets))

    def check(self, targets: Targets, shape: tuple[int, ...]) -> None:
        clips, _, classes = shape
        if self.blank >= classes:
            raise ParameterError(f"blank={self.blank} must be a class, 0 to {classes - 1}")
        if targets.dtype.kind not in "iu":
            raise ArrayTypeError(f"targets are {targets.dtype}; they must be integers")
        if targets.ndim != 2 or len(targets) != clips:
            raise ParameterError(f"targets have shape {targets.shape}; they must be ({clips}, labels)")
        if targets.size and (targets.max() >= classes or targets.min() < -1 or (targets == self.blank).any()):
            raise ParameterError(
                f"targets go from {targets.min()} to {targets.max()}; they must be classes, 0 to {classes - 1}, but "
                f"not blank={self.blank}, or -1 after the last"
            )
        if targets.shape[1] and ((targets[:, :-1] < 0) & (targets[:, 1:] >= 0)).any():
            raise ParameterError("targets have -1 before a label; it must come after the last")

    def one(self, log_p: Doubles, labels: Targets) -> tuple[float, Doubles]:
        """Loss of one clip, and the probability of each class at each frame given the labels."""
        frames, classes = log_p.shape
        path = np.full(2 * len(labels) + 1, self.blank)
        path[1::2] = labels
        may_skip = np.zeros(len(path), bool)
        may_skip[3::2] = labels[1:] != labels[:-1]
        scores = log_p[:, path]
        alpha = self.forwards(scores, may_skip)
        # The backward pass is the forward pass on the reversed path, where skips are shifted by two positions.
        skip_back = np.zeros(len(path), bool)
        skip_back[2:] = may_skip[2:][::-1][: len(path) - 2] if len(path) > 2 else may_skip[2:]
        beta = self.forwards(scores[::-1, ::-1], skip_back)[::-1, ::-1] - scores
        ends = alpha[-1, -2:] if len(path) > 1 else alpha[-1, -1:]
        log_likelihood = np.logaddexp.reduce(ends)
        occupied = np.zeros((frames, classes))
        if log_likelihood != -np.inf:
            occupied = np.exp(alpha + beta - log_likelihood) @ np.eye(classes)[path]
        return -float(log_likelihood), occupied

    @staticmethod
    def forwards(scores: Doubles, may_skip: npt.NDArray[np.bool_]) -> Doubles:
        """Log-probability of all prefixes of the path that are at position s in frame t."""
        alpha = np.full(scores.shape, -np.inf)
        alpha[0, :2] = scores[0, :2]
        for t in range(1, len(scores)):
            before = alpha[t - 1]
            reached = before.copy()
            reached[1:] = np.logaddexp(reached[1:], before[:-1])
            reached[2:] = np.where(may_skip[2:], np.logaddexp(reached[2:], before[:-2]), reached[2:])
            alpha[t] = reached + scores[t]
        return alpha


def log_softmax(logits: Doubles) -> Doubles:
    """Over the classes, the last axis."""
    shifted = logits - logits.max(axis=2, keepdims=True)
    log_p: Doubles = shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))
    return log_p


def collapse(classes: Targets, blank: int) -> list[int]:
    """The labels of a path, without repetitions and blanks."""
    new = np.concatenate([[True], classes[1:] != classes[:-1]])
    return [int(c) for c in classes[new] if c != blank]
