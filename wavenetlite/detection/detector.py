"""Turning scores into timed events: smoothing, thresholds with hysteresis, a minimum duration, a refractory time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.detection.scanner import Scanner
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError

MOST_SMOOTHED = 2**24
"""Most scores in a moving average: 64 MB."""
MOST_FRAMES = 2**20
"""Most frames in a moving average: sums of up to this many are exact."""
MOST_MS = 1e9
NEVER = 2.0
"""A threshold that no probability reaches."""


@dataclass(frozen=True)
class Detection:
    """An event in a stream of scores.

    Attributes
    ----------
    label
        The detected label.
    score
        Highest smoothed score of the run of frames, up to the frame that triggered the event.
    frame, start_frame
        The frame that triggered the event, and the first of its run; counted from the start of the stream.
    time_s, start_s
        The end of `frame` and the beginning of `start_frame`, seconds from the start, at the frame rate of the stream.
    """

    label: str
    score: float
    frame: int
    start_frame: int
    time_s: float
    start_s: float


class Detector:
    """Turns scores into events. Immutable: the state is in the object that `stream` returns.

    The score of a label is first averaged over the last `smoothing_ms`. When it reaches the label's threshold, a run
    begins; it lasts until the score falls below `release`. A run triggers exactly one event, as soon as it has lasted
    `min_duration_ms`.

    Parameters
    ----------
    threshold
        Smoothed score at which a run begins, in 0..1.
    release
        Smoothed score below which a run ends, at most the threshold; None: the threshold of the label (no hysteresis).
    smoothing_ms
        Length of the moving average; rounded to frames, at least one. Zeros precede the first frame, so that a new
        stream needs as much evidence as any other.
    min_duration_ms
        How long a run must last, its first frame included; rounded up to frames, at least one.
    refractory_ms
        Minimum time between two events of any labels: the classes are mutually exclusive, and while a word passes
        through the window of a network its score may wander from label to label. A run that is still active afterwards
        triggers its event then, so two words in quick succession are two events. Rounded up to frames; one frame has
        at most one event, that of the highest score.
    thresholds
        Thresholds of individual labels, instead of `threshold`.
    warm_up_ms
        Time from the start of a stream in which there is no event, for features and networks that must settle first. A
        run that is still active afterwards triggers its event then. Rounded up to frames.
    cool_off_ms
        Time, in all, for which the score of a label, not averaged, must have been below its release before the label's
        first event, and again after each: a run that lasts as long is over. The event then comes with a score at the
        threshold. Unlike `refractory_ms` it does not pass while the score is high. Rounded up to frames.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> detector = wl.detection.Detector(threshold=0.6, smoothing_ms=20, min_duration_ms=20)
    >>> stream = detector.stream(["yes", "no"], frame_rate=100.0)
    >>> scores = np.array([[0, 1], [0, 1], [1, 0], [1, 0], [1, 0]], np.float32)
    >>> [(event.label, event.time_s, event.start_s) for event in stream.process(scores)]
    [('yes', 0.05, 0.03)]
    """

    def __init__(
        self,
        threshold: float = 0.6,
        release: float | None = None,
        *,
        smoothing_ms: float = 100.0,
        min_duration_ms: float = 50.0,
        refractory_ms: float = 500.0,
        thresholds: Mapping[str, float] | None = None,
        warm_up_ms: float = 0.0,
        cool_off_ms: float = 0.0,
    ) -> None:
        self.threshold = share("threshold", threshold)
        self.release = None if release is None else share("release", release)
        self.smoothing_ms = milliseconds("smoothing_ms", smoothing_ms)
        self.min_duration_ms = milliseconds("min_duration_ms", min_duration_ms)
        self.refractory_ms = milliseconds("refractory_ms", refractory_ms)
        self.warm_up_ms = milliseconds("warm_up_ms", warm_up_ms)
        self.cool_off_ms = milliseconds("cool_off_ms", cool_off_ms)
        if thresholds is not None and not isinstance(thresholds, Mapping):
            raise ArrayTypeError(f"thresholds is a {type(thresholds).__name__}; it must be a dict of labels to numbers")
        given = {} if thresholds is None else thresholds
        for label in given:
            if not isinstance(label, str):
                raise ArrayTypeError(f"thresholds has the key {label!r}; keys must be labels, which are strings")
        self._thresholds = {label: share(f"thresholds[{label!r}]", value) for label, value in given.items()}
        for name, value in [
            ("threshold", self.threshold),
            *((f"thresholds[{label!r}]", value) for label, value in self._thresholds.items()),
        ]:
            if self.release is not None and self.release > value:
                raise ParameterError(f"release={self.release} must be at most {name}={value}")

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds of individual labels."""
        return dict(self._thresholds)

    def replace(self, **changes: Any) -> Detector:
        """The detector with some arguments of the constructor changed.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.Detector(0.7, refractory_ms=300).replace(refractory_ms=1000).refractory_ms
        1000.0
        """
        return Detector.from_config({**self.config(), **changes})

    def with_threshold(self, threshold: float) -> Detector:
        """The detector with one threshold for all labels; a release above it is lowered to it.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> detector = wl.Detector(0.8, 0.6, thresholds={"go": 0.9}).with_threshold(0.5)
        >>> detector.threshold, detector.release, detector.thresholds
        (0.5, 0.5, {})
        """
        threshold = share("threshold", threshold)
        release = None if self.release is None else min(self.release, threshold)
        return self.replace(threshold=threshold, release=release, thresholds={})

    def stream(
        self, labels: Iterable[str], frame_rate: float, *, background: Iterable[str] = (), name: str = "scores"
    ) -> DetectorStream:
        """New state, for scores of these labels.

        Parameters
        ----------
        labels
            Labels of the scores' columns.
        frame_rate
            Frames per second.
        background
            Labels that never trigger events.
        name
            Name of the scores in messages.

        Raises
        ------
        ParameterError
            A label of `background` or `thresholds` is not in `labels`, or the moving average is too long.
        """
        labels = list(labels)
        return DetectorStream(labels, frame_rate, Scanner(**self.limits(labels, frame_rate, background), name=name))

    def limits(self, labels: Sequence[str], frame_rate: float, background: Iterable[str]) -> dict[str, Any]:
        """Arguments of `Scanner`: thresholds by label, durations in frames."""
        known, silent = frozenset(labels), frozenset(background)
        for what, some in (("background", silent), ("thresholds", self._thresholds)):
            for label in some:
                if label not in known:
                    raise ParameterError(f"{what} contains {label!r}; it must be one of the labels {', '.join(labels)}")
        rate = number("frame_rate", frame_rate)
        if rate <= 0:
            raise ParameterError(f"frame_rate={frame_rate} must be positive")
        starts = [self._thresholds.get(label, self.threshold) for label in labels]
        smoothing = max(1, round(self.smoothing_ms * rate / 1000))
        most = min(MOST_FRAMES, MOST_SMOOTHED // max(1, len(labels)))
        if smoothing > most:
            raise ParameterError(
                f"smoothing_ms={self.smoothing_ms} is {smoothing} frames of {len(labels)} labels;"
                f" it must be at most {most} frames"
            )
        return {
            "thresholds": np.array(
                [NEVER if label in silent else start for label, start in zip(labels, starts, strict=True)], np.float64
            ),
            "releases": np.array([start if self.release is None else self.release for start in starts], np.float64),
            "smoothing": smoothing,
            "duration": max(1, frames_of(self.min_duration_ms, rate)),
            "refractory": frames_of(self.refractory_ms, rate),
            "warm_up": frames_of(self.warm_up_ms, rate),
            "cool_off": frames_of(self.cool_off_ms, rate),
        }

    def config(self) -> dict[str, Any]:
        """The detector as JSON-serialisable data; `from_config` restores it."""
        return {
            "threshold": self.threshold,
            "release": self.release,
            "smoothing_ms": self.smoothing_ms,
            "min_duration_ms": self.min_duration_ms,
            "refractory_ms": self.refractory_ms,
            "thresholds": self.thresholds,
            **({"warm_up_ms": self.warm_up_ms} if self.warm_up_ms else {}),
            **({"cool_off_ms": self.cool_off_ms} if self.cool_off_ms else {}),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Detector:
        """The detector that `config` describes.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.detection.Detector.from_config(wl.detection.Detector(0.7, thresholds={"go": 0.9}).config()).thresholds
        {'go': 0.9}
        """
        if not isinstance(config, Mapping):
            raise ArrayTypeError(f"config of a detector is a {type(config).__name__}; it must be a dict")
        try:
            return cls(**config)
        except TypeError as error:
            if isinstance(error, ArrayTypeError):
                raise
            raise ParameterError(f"config of a detector is invalid: {error}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Detector) and self.config() == other.config()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Detector({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"


class DetectorStream:
    """Detection in one stream of scores, fed in blocks of any length; made by ``detector.stream(...)``.

    The events do not depend on the partition into blocks; each is returned with the block that contains the frame that
    triggered it. A call that raises leaves the stream unchanged; a stream serves one thread at a time, another gets a
    `StreamStateError`.
    """

    def __init__(self, labels: list[str], frame_rate: float, scanner: Scanner) -> None:
        self.labels = labels
        self.frame_rate = frame_rate
        self.scanner = scanner

    def process(self, scores: Floats) -> list[Detection]:
        """Feed the next scores; returns the events detected.

        Parameters
        ----------
        scores
            float32, C-contiguous, (n, labels), in 0..1; n >= 0.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            Another thread is using the stream.
        """
        return [
            Detection(self.labels[label], peak, frame, start, (frame + 1) / self.frame_rate, start / self.frame_rate)
            for label, peak, start, frame in self.scanner.process(scores)
        ]

    def reset(self) -> None:
        """Forget the signal: the next frame is the first."""
        self.scanner.reset()

    def __reduce__(self) -> Any:
        raise StreamStateError("a stream cannot be copied or pickled; make another with detector.stream()")

    @property
    def frames_in(self) -> int:
        """Frames fed since the start or the last reset."""
        return self.scanner.frames


def share(name: str, value: Any) -> float:
    """A number in 0..1."""
    if number(name, value, least=0.0) > 1:
        raise ParameterError(f"{name}={value} must be between 0 and 1")
    return float(value)


def milliseconds(name: str, value: Any) -> float:
    if number(name, value, least=0.0) > MOST_MS:
        raise ParameterError(f"{name}={value} must be at most {MOST_MS:g}")
    return float(value)


def frames_of(duration_ms: float, frame_rate: float) -> int:
    """Duration rounded up to whole frames; the tolerance absorbs the rounding error of the product."""
    return math.ceil(duration_ms * frame_rate / 1000 - 1e-6)
