"""Cutting silence off both ends of recordings: by their energy, or by a classifier that hears speech."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from wavenetlite.audio.resampling import at_rate
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Span = tuple[int, int]
FRAME_S = 0.01
"""Of the energy."""
AT_ONCE = 1 << 10
"""Frames of the energy in memory: float64 of all of a long recording would be several times what it takes itself."""
SILENT = 2.0**-15
"""One step of 16 bits: a recording that never exceeds it is silent."""


class Trim(Protocol):
    """Says which samples of a recording are kept."""

    def span(self, y: Floats, sr: int) -> Span | None:
        """First sample that is kept, and one past the last; None: there is nothing but silence."""

    def config(self) -> dict[str, Any]:
        """What decides it, JSON-serialisable."""


class EnergyTrim:
    """Keep what lies between the first and the last 10 ms that are not much softer than the loudest.

    Parameters
    ----------
    below_db
        How much softer than the loudest 10 ms of the recording silence is, dB.
    margin_ms
        How much is kept on both sides, ms.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.pipeline import EnergyTrim
    >>> y = np.zeros(16000, np.float32)
    >>> y[4000:6000] = 0.5
    >>> EnergyTrim(margin_ms=10).span(y, 16000)
    (3840, 6240)
    """

    def __init__(self, *, below_db: float = 40.0, margin_ms: float = 50.0) -> None:
        self.below_db = number("below_db", below_db, least=0.0)
        self.margin_ms = number("margin_ms", margin_ms, least=0.0)

    def span(self, y: Floats, sr: int) -> Span | None:
        """See `Trim`."""
        size = max(1, round(FRAME_S * sr))
        blocks = [powers(y[first : first + size * AT_ONCE], size) for first in range(0, len(y), size * AT_ONCE)]
        power = np.concatenate([np.empty(0), *blocks])
        if power.max(initial=0.0) <= SILENT**2:
            return None
        loud = np.flatnonzero(power >= power.max() * 10.0 ** (-self.below_db / 10))
        return widened(int(loud[0]) * size, min(int(loud[-1] + 1) * size, len(y)), self.margin_ms, sr, len(y))

    def config(self) -> dict[str, Any]:
        """See `Trim`."""
        return {"type": "energy", "below_db": self.below_db, "margin_ms": self.margin_ms}


class VoiceTrim:
    """Keep what lies between the first and the last speech that a classifier hears.

    Parameters
    ----------
    classifier
        Such as ``wl.load("voice-activity")``: an :class:`wavenetlite.AudioClassifier`, in which speech is what is not
        background. Recordings of another rate are resampled for it.
    threshold
        Probability from which on a frame is speech.
    least_ms
        Speech that is shorter is not taken for it, ms.
    margin_ms
        How much is kept on both sides, ms.
    """

    def __init__(
        self, classifier: Any, *, threshold: float = 0.5, least_ms: float = 50.0, margin_ms: float = 100.0
    ) -> None:
        if not hears(classifier):
            raise ArrayTypeError(f"classifier is a {type(classifier).__name__}; it must be an AudioClassifier, such as "
                                 "wl.load('voice-activity')")  # fmt: skip
        self.classifier = classifier
        self.threshold = number("threshold", threshold, least=0.0)
        if self.threshold > 1:
            raise ParameterError(f"threshold={threshold} must be at most 1, as a probability is")
        self.least_ms, self.margin_ms = (
            number("least_ms", least_ms, least=0.0),
            number("margin_ms", margin_ms, least=0.0),
        )
        if not self.spoken:
            raise ParameterError(
                f"classifier has the labels {', '.join(classifier.labels)}, of which all are background"
            )

    @cached_property
    def spoken(self) -> list[int]:
        """Numbers of the labels that are speech."""
        names = self.classifier.labels
        return [number for number, label in enumerate(names) if label not in self.classifier.background]

    def span(self, y: Floats, sr: int) -> Span | None:
        """See `Trim`."""
        speech = (
            self.probabilities(y if sr == self.classifier.sr else at_rate(y, sr, self.classifier.sr)) >= self.threshold
        )
        timing, scale = self.classifier.timing, sr / self.classifier.sr
        least = max(1, round(self.least_ms / 1000 * self.classifier.sr / timing.period))
        begins, ends = runs(speech, least)
        if not len(begins):
            return None
        first, last = (timing.first_end + np.array([begins[0] - 1, ends[-1] - 1]) * timing.period) * scale
        return widened(int(first), int(np.ceil(last)), self.margin_ms, sr, len(y))

    def probabilities(self, y: Floats) -> Floats:
        """Of speech, in each frame; those that a classifier with latency gives at the end too."""
        stream = self.classifier.stream()
        stream.process(y)
        before = stream.probabilities.copy()
        stream.flush()
        found: Floats = np.concatenate([before, stream.probabilities])[:, self.spoken].sum(axis=1)
        return found

    def config(self) -> dict[str, Any]:
        """See `Trim`."""
        return {"type": "voice", "classifier": self.classifier.design().fingerprint.hex(), "threshold": self.threshold,
                "least_ms": self.least_ms, "margin_ms": self.margin_ms}  # fmt: skip


def hears(classifier: Any) -> bool:
    """Whether it is an `AudioClassifier`, of a room above."""
    return all(hasattr(classifier, name) for name in ("stream", "labels", "background", "timing", "design", "sr"))


def trim_of(trim: Any) -> Trim | None:
    """What `extract` is given: a trim, "energy", a classifier, or None.

    Raises
    ------
    ParameterError, ArrayTypeError
    """
    if trim is None or isinstance(trim, EnergyTrim | VoiceTrim):
        return trim
    if isinstance(trim, str):
        if trim != "energy":
            raise ParameterError(f"trim={trim!r} must be 'energy', an EnergyTrim, a VoiceTrim or a classifier, such as "
                                 "wl.load('voice-activity')")  # fmt: skip
        return EnergyTrim()
    if hears(trim):
        return VoiceTrim(trim)
    raise ArrayTypeError(
        f"trim is a {type(trim).__name__}; it must be 'energy', an EnergyTrim, a VoiceTrim or a classifier"
    )


def powers(y: Floats, size: int) -> Doubles:
    """Mean square of each `size` samples, the last of fewer perhaps; summed in the order of time, on any CPU."""
    sums = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    begins = np.arange(0, len(y), size)
    ends = np.minimum(begins + size, len(y))
    found: Doubles = (sums[ends] - sums[begins]) / (ends - begins)
    return found


def runs(flags: npt.NDArray[np.bool_], least: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Begins and ends of the runs of true values that have at least this many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    begins, ends = edges[::2], edges[1::2]
    long = ends - begins >= least
    return begins[long], ends[long]


def widened(first: int, last: int, margin_ms: float, sr: int, samples: int) -> Span:
    margin = round(margin_ms / 1000 * sr)
    return max(0, min(first, samples) - margin), min(samples, max(last, 0) + margin)
