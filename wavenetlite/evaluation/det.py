"""How well words are found in running speech: false rejects against false alarms, and the delay.

A word is found if an event of its label comes between its start and half a second after its end; one event finds one
word. Every other event is a false alarm. Where it is known that a word is said but not when, neither its alarms nor the
audio count for that word (`ScoredRecording.untimed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.report import match_events
from wavenetlite.evaluation.scores import ConcatenatedScores, DetectedEvent, ScoredRecording
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.checks import number
from wavenetlite.support.progress import Progress

TOLERANCE_S = 0.5
ALL = "all together"
THRESHOLDS: Doubles = 1 / (1 + np.exp(-np.linspace(-5.0, 8.0, 131)))
"""Where curves are measured: evenly spaced in log-odds, 0.007 to 0.9997."""


@dataclass(frozen=True)
class Outcome:
    """What a detector did with one word, or with all of them.

    Attributes
    ----------
    words, found
        How often it is said at known times, and how often it was found.
    alarms
        False alarms.
    excused
        Events in recordings in which the word is said at an unknown time: they do not count.
    hours
        Of audio in which an event would be a false alarm.
    delays_s
        Of each word found, from its end to the event; negative: before it.
    """

    words: int
    found: int
    alarms: int
    excused: int
    hours: float
    delays_s: tuple[float, ...] = ()

    @property
    def false_rejects(self) -> float:
        """Share of the words that were not found, 0..1; NaN where none is said."""
        return 1 - self.found / self.words if self.words else float("nan")

    @property
    def false_alarms_per_hour(self) -> float:
        return self.alarms / self.hours if self.hours else float("nan")

    def delay_s(self, quantile: float) -> float:
        """A quantile of the delays; NaN where no word was found."""
        return float(np.quantile(self.delays_s, quantile)) if self.delays_s else float("nan")


def outcomes(
    scores: ConcatenatedScores, detector: Detector, words: Sequence[str], background: Iterable[str] = ()
) -> dict[str, Outcome]:
    """What a detector does with each of some words, and with all of them together (under the name `ALL`).

    Parameters
    ----------
    scores
        The recordings.
    detector
        As it would be used.
    words
        Labels that are looked for.
    background
        Labels that never make events.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.evaluation.det import outcomes
    >>> from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording
    >>> p = np.zeros((100, 2), np.float32)
    >>> p[[50, 90], 0] = 0.9                                       # once for the word, and once for nothing
    >>> recording = ScoredRecording("a", p, np.arange(1, 101) / 50, 2.0, (ReferenceEvent("go", 0.7, 1.0),))
    >>> detector = wl.detection.Detector(0.6, smoothing_ms=0, min_duration_ms=0)
    >>> made = outcomes(ConcatenatedScores([recording], ["go", "_"], 50.0), detector, ["go"], ["_"])["go"]
    >>> made.words, made.found, made.alarms, round(made.delay_s(0.5), 3)
    (1, 1, 1, 0.02)
    """
    events: dict[int, list[DetectedEvent]] = {}
    for number_of, event in scores.events(detector, background):
        events.setdefault(number_of, []).append(event)
    tally = {word: Tally() for word in words}
    for number_of, heard in events.items():
        recording = scores.recordings[number_of]
        matches = match_events(recording.sought, heard, tolerance_s=TOLERANCE_S)
        for word, at in matches.found:
            tally[recording.said[word].label].delays_s.append(heard[at].time_s - recording.said[word].end_s)
        for at in matches.false:
            label = heard[at].label
            if label in recording.untimed:
                tally[label].excused += 1
            else:
                tally[label].alarms += 1
    made = {word: tally[word].outcome(scores.recordings, [word]) for word in words}
    return made | {ALL: sum(tally.values(), Tally()).outcome(scores.recordings, words)}


class Tally:
    """What is counted of one word."""

    def __init__(self) -> None:
        self.alarms = self.excused = 0
        self.delays_s: list[float] = []

    def __add__(self, other: Tally) -> Tally:
        both = Tally()
        both.alarms, both.excused = self.alarms + other.alarms, self.excused + other.excused
        both.delays_s = self.delays_s + other.delays_s
        return both

    def outcome(self, recordings: Sequence[ScoredRecording], words: Sequence[str]) -> Outcome:
        said = [one for recording in recordings for one in recording.said if one.label in words]
        seconds = sum(recording.duration_s for recording in recordings if not set(words) <= recording.untimed)
        seconds -= sum(one.end_s - one.start_s for recording in recordings for one in recording.said
                       if one.label in words and not set(words) <= recording.untimed)  # fmt: skip
        return Outcome(len(said), len(self.delays_s), self.alarms, self.excused, seconds / 3600, tuple(self.delays_s))


def pooled(some: Sequence[Outcome]) -> Outcome:
    """Several words' outcomes as one: the audio is that of all of them, one after the other."""
    return Outcome(
        sum(one.words for one in some),
        sum(one.found for one in some),
        sum(one.alarms for one in some),
        sum(one.excused for one in some),
        sum(one.hours for one in some),
        tuple(delay for one in some for delay in one.delays_s),
    )


@dataclass(frozen=True, eq=False)
class Curve:
    """False rejects against false alarms as the threshold moves (detection error trade-off, DET).

    Attributes
    ----------
    label
        A word, or `ALL`: then one threshold serves all words, and their alarms are counted together.
    thresholds
        Rising, (n,).
    outcomes
        At each of them.

    Notes
    -----
    Martin et al., "The DET curve in assessment of detection task performance", 1997. The thresholds of a curve's points
    are found on the data that it is drawn of, as on every such curve.
    """

    label: str
    thresholds: Doubles
    outcomes: tuple[Outcome, ...]

    @property
    def false_rejects(self) -> Doubles:
        return np.array([one.false_rejects for one in self.outcomes])

    @property
    def false_alarms_per_hour(self) -> Doubles:
        return np.array([one.false_alarms_per_hour for one in self.outcomes])

    def at(self, false_alarms_per_hour: float) -> tuple[float, Outcome]:
        """The threshold with the fewest false rejects at so many false alarms per hour at most, and what it gives.

        Of several the highest. Where none has so few alarms, a threshold of 1 rejects all.
        """
        rate = number("false_alarms_per_hour", false_alarms_per_hour, 0.0)
        allowed = [at for at, one in enumerate(self.outcomes) if one.alarms <= rate * one.hours]
        if not allowed:
            one = self.outcomes[-1]
            return 1.0, Outcome(one.words, 0, 0, 0, one.hours)
        best = max(allowed, key=lambda at: (self.outcomes[at].found, at))
        return float(self.thresholds[best]), self.outcomes[best]


def curves(
    scores: ConcatenatedScores,
    detector: Detector,
    words: Sequence[str],
    background: Sequence[str] = (),
    *,
    together: bool = True,
    thresholds: Doubles = THRESHOLDS,
    progress: Progress | None = None,
) -> dict[str, Curve]:
    """The curve of each word, listened for alone, and of all of them with one threshold.

    Parameters
    ----------
    scores
        The recordings.
    detector
        Every point of a curve is what this detector does when it is run with the point's threshold; its own thresholds
        do not count, and its release is kept in proportion.
    words, background
        Labels that are looked for, and those that never make events.
    together
        Whether to add the curve `ALL`.
    thresholds
        Rising, (n,), in 0..1.
    progress
        Called with (points done, points in all).
    """
    made: dict[str, Curve] = {}
    labels = [*words, *([ALL] if together else [])]
    for at, label in enumerate(labels):
        heard = list(words) if label == ALL else [label]
        deaf = [*background, *(word for word in words if word not in heard)]
        points = []
        for done, threshold in enumerate(thresholds.tolist(), 1):
            points.append(outcomes(scores, at_threshold(detector, threshold), heard, deaf)[label])
            if progress is not None:
                progress(at * len(thresholds) + done, len(labels) * len(thresholds))
        made[label] = Curve(label, thresholds, tuple(points))
    return made


def merge_curves(some: Sequence[Curve]) -> Curve:
    """The curve of several sets of recordings together, from those of each at the same thresholds."""
    points = zip(*(curve.outcomes for curve in some), strict=True)
    return Curve(some[0].label, some[0].thresholds, tuple(pooled(point) for point in points))


def at_threshold(detector: Detector, threshold: float) -> Detector:
    """The same detector with one threshold for all labels, and its release in the same proportion."""
    release = None if detector.release is None else detector.release * threshold / detector.threshold
    return Detector(**{**detector.config(), "threshold": threshold, "release": release, "thresholds": {}})


def with_thresholds(detector: Detector, thresholds: dict[str, float]) -> Detector:
    """The same detector with thresholds of its own for some labels; its release is the lowest one's share."""
    release = None
    if detector.release is not None:
        release = detector.release / detector.threshold * min(thresholds.values())
    threshold = max(thresholds.values())
    return Detector(**{**detector.config(), "threshold": threshold, "release": release, "thresholds": thresholds})
