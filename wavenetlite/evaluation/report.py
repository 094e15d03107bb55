"""Confusion matrices and matched events, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import unmasked
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError

HEAD = "said \\ heard"

Counts = npt.NDArray[np.int64]


def confusion(truth: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Counts:
    """Confusion matrix.

    Parameters
    ----------
    truth, predicted
        Numbers of classes, integers in 0..classes - 1, (clips,).
    classes
        Number of classes.

    Returns
    -------
    int64, (classes, classes)
        Number of clips of the row's class that were classified as the column's.

    Examples
    --------
    >>> from wavenetlite.evaluation.report import confusion
    >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    rows, columns = np.asarray(unmasked("truth", truth)), np.asarray(unmasked("predicted", predicted))
    if rows.ndim != 1 or rows.shape != columns.shape:
        raise ParameterError(f"predicted has shape {columns.shape}; it must be (clips,), as truth, {rows.shape}")
    matrix = np.zeros((classes, classes), np.int64)
    for name, numbers in (("truth", rows), ("predicted", columns)):
        if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
            raise ArrayTypeError(f"{name} has dtype {numbers.dtype}; it must be of integers")
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < classes:
            raise ParameterError(
                f"{name} ranges from {numbers.min()} to {numbers.max()}; it must be in 0..{classes - 1}"
            )
    if rows.size:
        np.add.at(matrix, (rows, columns), 1)
    return matrix


def checked_matrix(matrix: npt.ArrayLike, labels: Sequence[str]) -> Counts:
    """The confusion matrix, if it fits its labels."""
    counts = np.asarray(unmasked("matrix", matrix))
    if not np.issubdtype(counts.dtype, np.integer):
        raise ArrayTypeError(f"matrix has dtype {counts.dtype}; it must be of integers, the numbers of clips")
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise ArrayTypeError(f"labels={labels!r} must be a sequence of strings")
    if counts.shape != (len(labels), len(labels)) or not counts.size:
        raise ParameterError(f"matrix has shape {counts.shape}; it must be ({len(labels)}, {len(labels)}), as labels")
    if counts.min() < 0:
        raise ParameterError(f"matrix has {counts.min()}; it must not be negative")
    return counts.astype(np.int64)


def confusion_text(matrix: npt.ArrayLike, labels: Sequence[str]) -> str:
    """A confusion matrix for the terminal, with the recall of each class.

    Parameters
    ----------
    matrix
        Integers, (labels, labels): number of clips of the row's label that were classified as the column's.
    labels
        Names of the classes.

    Returns
    -------
    str
        Lines, without a final newline.

    Examples
    --------
    >>> from wavenetlite.evaluation.report import confusion_text
    >>> print(confusion_text([[9, 1], [0, 12]], ["yes", "no"]))
    said \\ heard  yes   no  recognised
    yes             9    1        90 %
    no              .   12       100 %
    """
    counts = checked_matrix(matrix, labels)
    first = max(len(HEAD), *(len(label) for label in labels))
    width = max(3, len(str(counts.max())), *(len(label) for label in labels))
    lines = [f"{HEAD:{first}}  " + "  ".join(f"{label:>{width}}" for label in labels) + "  recognised"]
    for label, row, hits in zip(labels, counts, counts.diagonal(), strict=True):
        cells = "  ".join(f"{cell or '.':>{width}}" for cell in row.tolist())
        share = f"{100 * hits / row.sum():8.0f} %" if row.sum() else f"{'none said':>10}"
        lines.append(f"{label:{first}}  {cells}  {share}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Matches:
    """The result of :func:`match_events`."""

    found: tuple[tuple[int, int], ...]
    """(index into truth, index into events) of every word found, in order of time."""
    missed: tuple[int, ...]
    """Indices into truth of the words without a detection."""
    false: tuple[int, ...]
    """Indices into events of the detections without a word."""

    def __str__(self) -> str:
        words = len(self.found) + len(self.missed)
        alarms = f"{len(self.false)} false alarm{'s' * (len(self.false) != 1)}"
        return f"{len(self.found)} of {words} words found, {alarms}"


def match_events(
    truth: Sequence[Any], events: Sequence[Any], *, background: Sequence[str] = (), tolerance_s: float = 0.5
) -> Matches:
    """Match the events of a detector to the words that were said.

    In order of time, an event takes the first unmatched word of its label whose time, extended by `tolerance_s` at the
    end, contains the event's `time_s`.

    Parameters
    ----------
    truth
        What was said: objects or mappings with `label`, `start_s` and `end_s`.
    events
        What was detected: objects or mappings with `label` and `time_s`.
    background
        Labels that are not to be detected, such as ``"_unknown_"``.
    tolerance_s
        How long after its end a word may be detected, seconds.

    Examples
    --------
    >>> from wavenetlite.evaluation.report import match_events
    >>> truth = [{"label": "yes", "start_s": 1.0, "end_s": 1.4}, {"label": "no", "start_s": 2.0, "end_s": 2.5}]
    >>> print(match_events(truth, [{"label": "yes", "time_s": 1.5}, {"label": "up", "time_s": 2.4}]))
    1 of 2 words found, 1 false alarm
    """
    after = number("tolerance_s", tolerance_s, 0.0)
    words = [(field(word, "label"), field(word, "start_s"), field(word, "end_s")) for word in truth]
    times = [(field(event, "label"), field(event, "time_s")) for event in events]
    wanted = sorted((n for n, word in enumerate(words) if word[0] not in background), key=lambda n: words[n][1])
    open_words, found, false = list(wanted), [], []
    for n in sorted(range(len(times)), key=lambda n: times[n][1]):
        label, at = times[n]
        word = next((w for w in open_words if words[w][0] == label and words[w][1] <= at <= words[w][2] + after), None)
        if word is None:
            false.append(n)
        else:
            open_words.remove(word)
            found.append((word, n))
    return Matches(tuple(found), tuple(open_words), tuple(false))


def field(thing: Any, name: str) -> Any:
    """An attribute of an object or an item of a mapping."""
    if isinstance(thing, Mapping) and name in thing:
        return thing[name]
    if not hasattr(thing, name):
        raise ArrayTypeError(f"{thing!r} has no {name}; it must be an event, or a mapping with {name!r}")
    return getattr(thing, name)
