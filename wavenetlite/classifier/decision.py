"""From what the network gives to probabilities, and the prediction for a whole signal from all its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from wavenetlite.detection.scanner import UNFIT, LogSoftmaxSums, Peak, frame_of_scores
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import SnapshotError
from wavenetlite.support.html import html

DecisionName: TypeAlias = Literal["last", "mean", "peak"]
DECISIONS = ("last", "mean", "peak")

OutputName: TypeAlias = Literal["logits", "probabilities"]
OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The classification of a whole signal.

    Attributes
    ----------
    label
        The most probable label.
    score
        That probability.
    probabilities
        float32, (labels,); their sum is 1, unless the network gives independent probabilities of several words.
    labels
        Labels of the probabilities.
    """

    label: str
    score: float
    probabilities: Floats
    labels: list[str]

    def __repr__(self) -> str:
        return f"Prediction(label={self.label!r}, score={self.score:.4f}, of {len(self.labels)} labels)"

    def _repr_html_(self) -> str:
        best = np.argsort(-self.probabilities, kind="stable").tolist()
        rows = [[self.labels[n], f"{self.probabilities[n]:.4f}"] for n in best]
        return html(f"Prediction: {self.label}", head=["label", "probability"], rows=rows)


class Decision:
    """The state a prediction needs: the newest frame, and the running result of "mean" or "peak".

    Parameters
    ----------
    kind
        "last", "mean" or "peak"; see :class:`wavenetlite.AudioClassifier`.
    foreground
        For each label, whether "peak" considers it.
    first
        The first frame that "peak" considers.
    factors
        For each label, the factor of its probability in predictions; None: all are 1.

    Attributes
    ----------
    last
        The newest frames, (frames, labels), frames > 0; None: there has been none.
    sums, peak
        What "mean" and "peak" keep of all frames, else None. The stream adds the next frames to them.
    """

    def __init__(self, kind: str, foreground: npt.NDArray[np.uint8], first: int, factors: Floats | None = None) -> None:
        self.last: Floats | None = None
        self._factors = factors
        self._labels = len(foreground)
        self.sums = LogSoftmaxSums(self._labels) if kind == "mean" else None
        self.peak = Peak(foreground, first) if kind == "peak" else None

    @property
    def newest(self) -> Floats | None:
        """The newest frame of probabilities."""
        return None if self.last is None else self.last[-1]

    def prediction(self, labels: tuple[str, ...]) -> Prediction | None:
        """From all frames so far; None if there are none."""
        newest = self.newest
        if newest is None:
            return None
        kept = self.sums or self.peak
        p = weighted(newest.copy() if kept is None else kept.probabilities(), self._factors)
        best = int(p.argmax())
        return Prediction(labels[best], float(p[best]), p, list(labels))

    def reset(self) -> None:
        self.last = None
        if kept := self.sums or self.peak:
            kept.reset()

    def save(self) -> tuple[bytes, bytes]:
        """The newest frame, and the running result."""
        kept = self.sums or self.peak
        newest = self.newest
        return b"" if newest is None else newest.tobytes(), kept.save() if kept else b""

    def load(self, newest: bytes, kept: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        state = self.sums or self.peak
        if state is not None:
            state.load(kept)
        elif kept:
            raise SnapshotError(UNFIT)
        if len(newest) not in (0, 4 * self._labels) or (state is not None and bool(state.frames) != bool(newest)):
            raise SnapshotError(UNFIT)
        self.last = frame_of_scores(newest) if newest else None


def weighted(p: Floats, factors: Floats | None) -> Floats:
    """Probabilities for other priors: multiplied by a factor each, with the sum of 1.

    Notes
    -----
    Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori Probabilities", 2002.
    """
    if factors is None:
        return p
    made: Floats = p * factors
    total = made.sum(dtype=np.float64)
    if not total > 0:  # of what may be predicted, nothing is left: all of it is as probable
        made = np.where(factors > 0, factors, np.float32(0))
        total = made.sum(dtype=np.float64)
    made /= np.float32(total)
    return made
