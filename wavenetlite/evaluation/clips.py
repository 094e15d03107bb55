"""Evaluate a classifier on labelled clips: accuracy and confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.classifier import AudioClassifier, Prediction
from wavenetlite.corpora.clips import Clips
from wavenetlite.evaluation.report import confusion
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, WavenetliteError
from wavenetlite.support.html import html
from wavenetlite.support.progress import Progress
from wavenetlite.support.tables import table_lines
from wavenetlite.support.threads import in_threads

Counts = npt.NDArray[np.int64]


class Wrong(NamedTuple):
    """A misclassified clip: name, label, predicted label and its score."""

    name: str
    truth: str
    predicted: str
    score: float


class Scores(NamedTuple):
    """How well a label is recognised, 0..1 each: None where it is not defined.

    `precision` is the share of the clips predicted as the label that are of it, `recall` the share of its clips that
    are predicted as it, `f1` their harmonic mean; `support` is the number of its clips.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What :func:`evaluate` returns.

    Attributes
    ----------
    labels
        The classifier's, in order.
    matrix
        int64, (labels, labels): number of clips of the row's label that were classified as the column's.
    predicted
        The predicted label of each clip.
    probabilities
        float32, (clips, labels).
    wrong
        The misclassified clips, in order.
    """

    labels: list[str]
    matrix: Counts
    predicted: list[str]
    probabilities: Floats
    wrong: list[Wrong]

    @property
    def count(self) -> int:
        """Number of clips."""
        return len(self.predicted)

    @property
    def accuracy(self) -> float:
        """Fraction of clips classified correctly, 0..1."""
        return 1 - len(self.wrong) / self.count

    @property
    def per_label(self) -> dict[str, float | None]:
        """Recall of each label, 0..1; None for a label without clips."""
        said = self.matrix.sum(axis=1).tolist()
        right = self.matrix.diagonal().tolist()
        return {label: r / n if n else None for label, r, n in zip(self.labels, right, said, strict=True)}

    @property
    def scores(self) -> dict[str, Scores]:
        """Precision, recall and F1 of each label."""
        right = self.matrix.diagonal().tolist()
        said, heard = self.matrix.sum(axis=1).tolist(), self.matrix.sum(axis=0).tolist()
        return {
            label: Scores(r / h if h else None, r / s if s else None, 2 * r / (s + h) if s else None, s)
            for label, r, s, h in zip(self.labels, right, said, heard, strict=True)
        }

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the labels that have clips: each label counts the same, however rare."""
        found = [one.f1 for one in self.scores.values() if one.f1 is not None]
        return sum(found) / len(found)

    def __repr__(self) -> str:
        return f"Evaluation({self.count} clips, {len(self.labels)} labels, accuracy={self.accuracy:.4f})"

    def _repr_html_(self) -> str:
        facts = {"accuracy": f"{100 * self.accuracy:.2f} %", "macro F1": f"{self.macro_f1:.4f}", "clips": self.count}
        rows = [[label, *map(shown, one)] for label, one in self.scores.items()]
        return html("Evaluation", facts, head=["label", *Scores._fields], rows=rows)

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.2f} % of {self.count:,} clips recognised, macro F1 {100 * self.macro_f1:.2f} %"


def evaluate(
    classifier: AudioClassifier,
    clips: Clips,
    labels: Sequence[str] | None = None,
    *,
    streamed: bool = False,
    block_ms: float = 10.0,
    threads: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Classify labelled clips and compare with their labels.

    Parameters
    ----------
    classifier
        The classifier to evaluate.
    clips
        At least one, at the classifier's sample rate; padded clips are used with their padding.
    labels
        Labels that ``clips.y`` indexes, such as ``corpus.labels``; each must be a label of the classifier. None: the
        classifier's own.
    streamed
        Whether to feed each clip through ``classifier.stream()`` in blocks, as from a microphone; the results are
        the same, bit for bit.
    block_ms
        Length of a block, milliseconds, rounded to samples.
    threads
        Number of clips to classify in parallel.
    progress
        Called with (clips done, clips in total).

    Raises
    ------
    ParameterError, ArrayTypeError
        There are no clips, a label is unknown to the classifier, or a clip cannot be classified: too short, or not
        finite; the message names it.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.corpora.clips import Clips
    >>> from wavenetlite.evaluation.clips import evaluate
    >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1], seed=0), ["yes", "no"])
    >>> audio = np.random.default_rng(0).standard_normal((6, 8000), dtype=np.float32)
    >>> offline = evaluate(clf, Clips(audio, np.arange(6) % 2), ["no", "yes"])
    >>> offline.matrix.sum(axis=1).tolist(), offline.count
    ([3, 3], 6)
    >>> streamed = evaluate(clf, Clips(audio, np.arange(6) % 2), ["no", "yes"], streamed=True)
    >>> bool((streamed.probabilities == offline.probabilities).all())
    True
    """
    if not isinstance(classifier, AudioClassifier):
        raise ArrayTypeError(f"classifier is a {type(classifier).__name__}; it must be an AudioClassifier")
    if not isinstance(clips, Clips):
        raise ArrayTypeError(f"clips is a {type(clips).__name__}; it must be Clips, such as corpus.test")
    if not len(clips):
        raise ParameterError("clips is empty; it must have at least one clip")
    known = classifier.labels
    truth = numbers_of(clips, known if labels is None else labels, known)
    block = block_samples(block_ms, classifier.sr) if flag("streamed", streamed) else None
    predictions = []
    for one in predicted_in_turn(classifier, clips, block, positive_int("threads", threads, 1024)):
        predictions.append(one)
        if progress is not None:
            progress(len(predictions), len(clips))
    heard = [known.index(one.label) for one in predictions]
    return Evaluation(
        labels=known,
        matrix=confusion(truth, heard, len(known)),
        predicted=[one.label for one in predictions],
        probabilities=np.stack([one.probabilities for one in predictions]),
        wrong=[
            Wrong(name, known[said], one.label, one.score)
            for name, said, one in zip(clips.names, truth, predictions, strict=True)
            if known[said] != one.label
        ],
    )


def scores_text(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each label as a table, without a final newline; labels without clips are left out."""
    found = {label: one for label, one in evaluation.scores.items() if one.support or one.precision is not None}
    rows = [[label, *map(percent, one[:3]), str(one.support)] for label, one in found.items()]
    return "\n".join(table_lines([["label", "precision", "recall", "F1", "clips"], *rows]))


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def numbers_of(clips: Clips, labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """The classifier's number of each clip's label, matched by name."""
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise ArrayTypeError(f"labels={labels!r} must be a sequence of strings")
    if int(clips.y.max()) >= len(labels):
        raise ParameterError(f"labels has {len(labels)} entries; clips.y has the number {int(clips.y.max())}")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ParameterError(f"labels has {unknown[0]!r}; it must be a label of the classifier: {', '.join(known)}")
    return [known.index(labels[number]) for number in clips.y.tolist()]


def block_samples(block_ms: float, sr: int) -> int:
    """Samples in a block of `block_ms` milliseconds."""
    samples = round(number("block_ms", block_ms) * sr / 1000)
    if samples < 1:
        raise ParameterError(f"block_ms={block_ms} is {samples} samples at {sr} Hz; it must be at least one")
    return samples


def predicted_in_turn(clf: AudioClassifier, clips: Clips, block: int | None, threads: int) -> Iterator[Prediction]:
    """The prediction of each clip, in order."""
    predict: Callable[[Floats], Prediction] = clf.predict if block is None else lambda y: streamed_whole(clf, y, block)

    def one(number: int) -> Prediction:
        try:
            made = predict(clips.audio[number])
        except WavenetliteError as error:
            raise ParameterError(f"clip {number} ({clips.names[number] or 'without a name'}): {error}") from None
        if not np.isfinite(made.probabilities).all():
            raise ParameterError(f"clip {number} ({clips.names[number]}): its probabilities are not finite")
        return made

    return map(one, range(len(clips))) if threads == 1 else in_threads(one, range(len(clips)), threads, name="evaluate")


def streamed_whole(clf: AudioClassifier, y: Floats, block: int) -> Prediction:
    """The prediction of a stream that is fed a signal in blocks."""
    stream = clf.stream()
    for first in range(0, len(y), block):
        stream.process(y[first : first + block])
    stream.flush()
    return stream.prediction()
