"""Detection of words in running speech: false rejects against false alarms, and the delay.

A word is found if an event of its label comes between its start and half a second after its end; one event finds one
word. Every other event is a false alarm. A recording in which a word is said at an unknown time counts neither as audio
nor with its alarms for that word (`ScoredRecording.untimed`).

That is the count by the marks. Marks may be wrong: an event outside the mark of its word, in a recording that does hold
the word, is then a miss and an alarm, though the detector was right. So the alarms are counted a second time, against
what was said: each word that is missed where it is marked explains one event of its label elsewhere in its recording.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.report import match_events
from wavenetlite.evaluation.scores import ConcatenatedScores, ScoredRecording
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.checks import number
from wavenetlite.support.progress import Progress

TOLERANCE_S = 0.5
ALL = "all together"
THRESHOLDS: Doubles = 1 / (1 + np.exp(-np.linspace(-5.0, 8.0, 131)))
"""The thresholds of curves: evenly spaced in log-odds, 0.007 to 0.9997."""


@dataclass(frozen=True)
class Outcome:
    """The result of a detector for one word, or for all of them.

    Attributes
    ----------
    words, found
        Number of words at known times, and of those that were found.
    alarms
        Number of false alarms.
    excused
        Events that do not count, because the word is said at an unknown time in the recording.
    hours
        Hours of audio in which an event is a false alarm.
    delays_s
        Of each word found, from its end to the event; negative: before the end.
    said
        Those of the alarms whose word is said in their recording, but marked elsewhere; each word counts for one.
    """

    words: int
    found: int
    alarms: int
    excused: int
    hours: float
    delays_s: tuple[float, ...] = ()
    said: int = 0

    @property
    def false_rejects(self) -> float:
        """Fraction of words that were not found, 0..1; NaN without words."""
        return 1 - self.found / self.words if self.words else float("nan")

    @property
    def false_alarms_per_hour(self) -> float:
        return self.alarms / self.hours if self.hours else float("nan")

    @property
    def unsaid(self) -> int:
        """Number of false alarms whose word is not said in their recording."""
        return self.alarms - self.said

    @property
    def unsaid_per_hour(self) -> float:
        return self.unsaid / self.hours if self.hours else float("nan")

    def delay_s(self, quantile: float) -> float:
        """A quantile of the delays; NaN if no word was found."""
        return float(np.quantile(self.delays_s, quantile)) if self.delays_s else float("nan")


def outcomes(
    scores: ConcatenatedScores, detector: Detector, words: Sequence[str], background: Iterable[str] = ()
) -> dict[str, Outcome]:
    """The result of a detector for each word, and for all of them together (under the name `ALL`).

    Parameters
    ----------
    scores
        The recordings.
    detector
        The detector, with its thresholds.
    words
        Labels to detect.
    background
        Labels that never give events.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.evaluation.det import outcomes
    >>> from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording
    >>> p = np.zeros((100, 2), np.float32)
    >>> p[[50, 90], 0] = 0.9                                       # once in the word, once elsewhere
    >>> recording = ScoredRecording("a", p, np.arange(1, 101) / 50, 2.0, (ReferenceEvent("go", 0.7, 1.0),))
    >>> detector = wl.detection.Detector(0.6, smoothing_ms=0, min_duration_ms=0)
    >>> made = outcomes(ConcatenatedScores([recording], ["go", "_"], 50.0), detector, ["go"], ["_"])["go"]
    >>> made.words, made.found, made.alarms, round(made.delay_s(0.5), 3)
    (1, 1, 1, 0.02)
    """
    delays: dict[str, list[float]] = {word: [] for word in words}
    alarms, excused, elsewhere = Counter[str](), Counter[str](), Counter[str]()
    for number_of, events in scores.events(detector, background).items():
        recording = scores.recordings[number_of]
        matches = match_events(recording.sought, events, tolerance_s=TOLERANCE_S)
        for word, at in matches.found:
            delays[recording.said[word].label].append(events[at].time_s - recording.said[word].end_s)
        missed = Counter(recording.said[word].label for word in matches.missed)
        for at in matches.false:
            label = events[at].label
            if label in recording.untimed:
                excused[label] += 1
                continue
            alarms[label] += 1
            if missed[label]:
                missed[label] -= 1
                elsewhere[label] += 1

    def outcome(some: Sequence[str]) -> Outcome:
        said, hours = said_and_hours(scores.recordings, some)
        found = tuple(delay for word in some for delay in delays[word])
        counts = [sum(counter[word] for word in some) for counter in (alarms, excused, elsewhere)]
        return Outcome(said, len(found), counts[0], counts[1], hours, found, counts[2])

    return {word: outcome([word]) for word in words} | {ALL: outcome(words)}


def said_and_hours(recordings: Sequence[ScoredRecording], words: Sequence[str]) -> tuple[int, float]:
    """How often some words are said at known times, and the hours in which an event of them is a false alarm."""
    said = [one for recording in recordings for one in recording.said if one.label in words]
    seconds = sum(recording.duration_s for recording in recordings if not set(words) <= recording.untimed)
    seconds -= sum(one.end_s - one.start_s for recording in recordings for one in recording.said
                   if one.label in words and not set(words) <= recording.untimed)  # fmt: skip
    return len(said), seconds / 3600


def pooled(some: Sequence[Outcome]) -> Outcome:
    """The outcomes of several words added up, hours of audio included."""
    return Outcome(
        sum(one.words for one in some),
        sum(one.found for one in some),
        sum(one.alarms for one in some),
        sum(one.excused for one in some),
        sum(one.hours for one in some),
        tuple(delay for one in some for delay in one.delays_s),
        sum(one.said for one in some),
    )


@dataclass(frozen=True, eq=False)
class Curve:
    """False rejects against false alarms as the threshold moves (detection error trade-off, DET).

    Attributes
    ----------
    label
        A word, or `ALL`: one threshold for all words, whose alarms are counted together.
    thresholds
        Ascending, (n,).
    outcomes
        At each threshold.

    Notes
    -----
    Martin et al., "The DET curve in assessment of detection task performance", 1997. The thresholds of a curve's points
    are chosen on the data of the curve itself, as on every DET curve.
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

    def at(self, false_alarms_per_hour: float, *, count_said: bool = True) -> tuple[float, Outcome]:
        """The threshold with the fewest false rejects at a false alarm rate, and its outcome.

        The highest of several; 1, which rejects everything, if no threshold has so few alarms. `count_said` False: an
        alarm whose word is said in its recording, but marked elsewhere, does not count.
        """
        rate = number("false_alarms_per_hour", false_alarms_per_hour, 0.0)
        allowed = [
            at for at, one in enumerate(self.outcomes) if (one.alarms if count_said else one.unsaid) <= rate * one.hours
        ]
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
    """The curve of each word alone, and of all words with one threshold.

    Parameters
    ----------
    scores
        The recordings.
    detector
        Each point of a curve is the outcome of this detector with the point's threshold in place of its own, and its
        release in proportion.
    words, background
        Labels to detect, and those that never give events.
    together
        Whether to add the curve `ALL`.
    thresholds
        Ascending, (n,), in 0..1.
    progress
        Called with (points done, points in total).
    """
    made: dict[str, Curve] = {}
    labels = [*words, *([ALL] if together else [])]
    for at, label in enumerate(labels):
        detected = list(words) if label == ALL else [label]
        ignored = [*background, *(word for word in words if word not in detected)]
        points = []
        for done, threshold in enumerate(thresholds.tolist(), 1):
            points.append(outcomes(scores, at_threshold(detector, threshold), detected, ignored)[label])
            if progress is not None:
                progress(at * len(thresholds) + done, len(labels) * len(thresholds))
        made[label] = Curve(label, thresholds, tuple(points))
    return made


def merge_curves(some: Sequence[Curve]) -> Curve:
    """The curve of several sets of recordings together, from their curves at the same thresholds."""
    points = zip(*(curve.outcomes for curve in some), strict=True)
    return Curve(some[0].label, some[0].thresholds, tuple(pooled(point) for point in points))


def at_threshold(detector: Detector, threshold: float) -> Detector:
    """The same detector with one threshold for all labels, and its release in the same proportion."""
    release = None if detector.release is None else detector.release * threshold / detector.threshold
    return detector.replace(threshold=threshold, release=release, thresholds={})


def with_thresholds(detector: Detector, thresholds: dict[str, float]) -> Detector:
    """The same detector with separate thresholds for some labels, and its release in proportion to the lowest."""
    release = None
    if detector.release is not None:
        release = detector.release / detector.threshold * min(thresholds.values())
    threshold = max(thresholds.values())
    return detector.replace(threshold=threshold, release=release, thresholds=thresholds)
