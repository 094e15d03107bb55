"""How well words are found in running speech: false rejects against false alarms, and the delay.

A word is found if an event of its label comes between its start and half a second after its end; one event finds one
word. Every other event is a false alarm. Where it is known that a word is said but not when, neither its alarms nor the
audio count for that word (`ScoredRecording.untimed`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.utterances import Progress, Utterance
from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.report import match_events
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ParameterError

Counts = npt.NDArray[np.int64]

TOLERANCE_S = 0.5
RATES = (0.5, 1.0, 2.0)
"""False alarms per hour that the tables are made for."""
ALL = "all together"
THRESHOLDS: Doubles = 1 / (1 + np.exp(-np.linspace(-5.0, 8.0, 131)))
"""Where curves are measured: evenly spaced in log-odds, 0.007 to 0.9997."""


class ReferenceEvent(NamedTuple):
    """A word that is said, and when, seconds from the first sample."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False)
class ScoredRecording:
    """What a network said of a recording, and what was said in it.

    Attributes
    ----------
    name
        Of the recording.
    probabilities
        float32, (frames, labels).
    times_s
        The time of each frame, (frames,).
    duration_s
        Of the recording.
    said
        The words whose times are known.
    untimed
        Words that are said at unknown times.
    anywhere
        Whether a word may be found wherever in the recording, and not only where it is marked.
    """

    name: str
    probabilities: Floats
    times_s: Doubles
    duration_s: float
    said: tuple[ReferenceEvent, ...] = ()
    untimed: frozenset[str] = frozenset()
    anywhere: bool = False

    @property
    def sought(self) -> tuple[ReferenceEvent, ...]:
        """The words that are said, and where events find them."""
        return (
            tuple(ReferenceEvent(one.label, 0.0, self.duration_s) for one in self.said) if self.anywhere else self.said
        )


class DetectedEvent(NamedTuple):
    """An event: what, and when it became certain."""

    label: str
    time_s: float


def listen(classifier: AudioClassifier, item: Utterance, *, block: int | None = None) -> ScoredRecording:
    """The recording of an utterance: a fresh stream is fed all of it, at once or in blocks of so many samples."""
    stream = classifier.stream()
    probabilities, times = [], []
    step = len(item.audio) if block is None else block
    for first in range(0, len(item.audio), max(step, 1)):
        stream.process(item.audio[first : first + step])
        probabilities.append(stream.probabilities.copy())
        times.append(stream.frame_times_s)
    stream.flush()
    said = (ReferenceEvent(item.word, item.start_s, item.end_s),) if item.word is not None else ()
    return ScoredRecording(
        item.name,
        np.concatenate([*probabilities, stream.probabilities]),
        np.concatenate([*times, stream.frame_times_s]),
        len(item.audio) / classifier.sr,
        said,
        item.untimed,
    )


def listen_to_all(
    classifier: AudioClassifier, items: Sequence[Utterance], *, progress: Progress | None = None
) -> list[ScoredRecording]:
    """The recordings of some utterances."""
    recordings = []
    for done, item in enumerate(items, 1):
        recordings.append(listen(classifier, item))
        if progress is not None:
            progress(done, len(items))
    return recordings


def by_recording(recordings: Sequence[ScoredRecording]) -> list[ScoredRecording]:
    """The same recordings, in which an event finds a word wherever in its recording it comes.

    That is what is left to count where marks cannot be trusted. Delays then mean nothing.
    """
    return [replace(recording, anywhere=True) for recording in recordings]


class ConcatenatedScores:
    """Scored recordings one after the other, so that a detector goes over all of them in one call.

    Between two recordings stand frames without any probability, as many as make the detector forget: its events are
    those of a fresh stream for each recording.

    Parameters
    ----------
    recordings
        At least one.
    labels
        Of the probabilities.
    frame_rate
        Frames a second.
    """

    def __init__(self, recordings: Sequence[ScoredRecording], labels: Sequence[str], frame_rate: float) -> None:
        if not recordings:
            raise ParameterError("recordings has no recording; it must have at least one")
        self.recordings, self.labels, self.frame_rate = list(recordings), list(labels), frame_rate
        self.cached: tuple[int, Floats, Counts] = (-1, np.zeros((0, 0), np.float32), np.zeros(0, np.int64))

    def events(self, detector: Detector, background: Iterable[str]) -> Iterator[tuple[int, DetectedEvent]]:
        """(number of the recording, event) of each event in turn."""
        limits = detector.limits(self.labels, self.frame_rate, background)
        if min(limits["releases"].min(), limits["thresholds"].min()) <= 0:
            raise ParameterError("detector has a threshold or release of 0; it must be above 0, else no run ever ends")
        scores, starts = self.with_gaps(limits["smoothing"] + limits["refractory"] + 1)
        stream = detector.stream(self.labels, self.frame_rate, background=background)
        for event in stream.process(scores):
            number_of = int(np.searchsorted(starts, event.frame, "right")) - 1
            times = self.recordings[number_of].times_s
            frame = event.frame - starts[number_of]
            if frame < len(times):
                yield number_of, DetectedEvent(event.label, float(times[frame]))

    def with_gaps(self, gap: int) -> tuple[Floats, Counts]:
        if self.cached[0] != gap:
            lengths = np.array([len(recording.probabilities) + gap for recording in self.recordings], np.int64)
            starts = np.cumsum(lengths) - lengths
            scores = np.zeros((int(lengths.sum()), len(self.labels)), np.float32)
            for recording, start in zip(self.recordings, starts.tolist(), strict=True):
                scores[start : start + len(recording.probabilities)] = recording.probabilities
            self.cached = gap, scores, starts
        return self.cached[1:]


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
    >>> from wavenetlite.evaluation.detections import ReferenceEvent, ConcatenatedScores, ScoredRecording, outcomes
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


EACH = "each at that rate"


@dataclass(frozen=True, eq=False)
class Report:
    """What a detector does on some recordings; `str` makes a table of it.

    Attributes
    ----------
    curves
        Of each word, and `ALL`.
    as_set
        With the detector's own thresholds, each word and `ALL`.
    rates
        False alarms per hour that the table is made for.
    recordings, hours
        How many, and how long together.
    untimed
        Recordings in which a word is said at an unknown time.
    timed
        Whether words were sought where they are marked, so that delays mean something; see `by_recording`.
    """

    curves: dict[str, Curve]
    as_set: dict[str, Outcome]
    rates: tuple[float, ...]
    recordings: int
    hours: float
    untimed: int
    timed: bool = True

    def points(self, label: str) -> list[tuple[float, Outcome]]:
        """The threshold and what it gives, at each of the rates; for `EACH` all words, each at its own threshold."""
        if label != EACH:
            return [self.curves[label].at(rate) for rate in self.rates]
        words = [curve for word, curve in self.curves.items() if word != ALL]
        return [(float("nan"), pooled([curve.at(rate)[1] for curve in words])) for rate in self.rates]

    @property
    def labels(self) -> list[str]:
        return [*(word for word in self.curves if word != ALL), EACH, ALL]

    def json(self) -> dict[str, Any]:
        """All of it as JSON-able data."""
        return {
            "recordings": self.recordings,
            "hours": self.hours,
            "recordings_with_a_word_at_an_unknown_time": self.untimed,
            "by_recording": not self.timed,
            "words": {
                label: [
                    {
                        "at_most_false_alarms_per_hour": rate,
                        "threshold": finite(threshold),
                        **outcome_json(one, self.timed),
                    }
                    for rate, (threshold, one) in zip(self.rates, self.points(label), strict=True)
                ]
                for label in self.labels
            },
            "as_set": {label: outcome_json(one, self.timed) for label, one in self.as_set.items()},
        }

    def __str__(self) -> str:
        width = max(len(label) for label in self.labels)
        head = [f"{rate:g}/h" for rate in self.rates]
        lines = [
            f"{self.recordings:,} recordings, {self.hours:.2f} h; false rejects at so many false alarms per hour, "
            + (
                f"and the delay at {self.rates[len(self.rates) // 2]:g}/h"
                if self.timed
                else "wherever in its recording a word is found"
            ),
            "",
            f"{'':{width}}  {'said':>5}  " + "  ".join(f"{one:>7}" for one in head) + "   median     95 %",
        ]
        for label in self.labels:
            points = [one for _, one in self.points(label)]
            cells = "  ".join(f"{percent(one):>7}" for one in points)
            delays = "  ".join(self.delay(points[len(points) // 2], q) for q in (0.5, 0.95))
            lines.append(f"{label:{width}}  {points[0].words:5}  {cells}  {delays}")
        one = self.as_set[ALL]
        lines += [
            "",
            f"As it is set: {percent(one)} false rejects, {one.alarms} false alarms of all words together, "
            f"{one.false_alarms_per_hour:.2f} per hour",
        ]
        if self.timed:
            lines[-1] += f"; delay {self.delay(one, 0.5).strip()}, 95 % within {self.delay(one, 0.95).strip()}"
        if self.untimed:
            lines += ["", f"In {self.untimed} recordings a word is said at a time that nobody has written down: there "
                          "they do not count for that word."]  # fmt: skip
        return "\n".join(lines)

    def delay(self, one: Outcome, quantile: float) -> str:
        seconds = one.delay_s(quantile)
        return f"{1000 * seconds:4.0f} ms" if self.timed and np.isfinite(seconds) else f"{'-':>7}"


def report(
    scores: ConcatenatedScores,
    detector: Detector,
    words: Sequence[str],
    background: Sequence[str] = (),
    *,
    rates: Sequence[float] = RATES,
    timed: bool = True,
    progress: Progress | None = None,
) -> Report:
    """The report of a detector on some recordings; parameters as of `curves`, and `timed` as in `Report`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.evaluation.detections import ReferenceEvent, ConcatenatedScores, ScoredRecording, report
    >>> p = np.zeros((100, 2), np.float32)
    >>> p[50:60, 0] = 0.9                                              # heard from 1.0 s on
    >>> times = np.arange(1, 101) / 50
    >>> word = ReferenceEvent("go", 0.7, 1.0)
    >>> recordings = [ScoredRecording("a", p, times, 2.0, (word,)), ScoredRecording("b", 0.5 * p, times, 2.0)]
    >>> detector = wl.detection.Detector(0.6, smoothing_ms=0, min_duration_ms=0)
    >>> found = report(ConcatenatedScores(recordings, ["go", "_"], 50.0), detector, ["go"], ["_"])
    >>> found.curves["go"].at(1.0)[1].false_rejects, round(found.as_set["go"].delay_s(0.5), 3)
    (0.0, 0.02)
    """
    return Report(
        curves(scores, detector, words, background, progress=progress),
        outcomes(scores, detector, words, background),
        tuple(rates),
        len(scores.recordings),
        sum(recording.duration_s for recording in scores.recordings) / 3600,
        sum(bool(recording.untimed) for recording in scores.recordings),
        timed,
    )


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


def outcome_json(one: Outcome, timed: bool) -> dict[str, Any]:
    return {
        "said": one.words,
        "found": one.found,
        "false_rejects": finite(one.false_rejects),
        "false_alarms": one.alarms,
        "hours": one.hours,
        "false_alarms_per_hour": finite(one.false_alarms_per_hour),
        "excused": one.excused,
        "delay_median_s": finite(one.delay_s(0.5)) if timed else None,
        "delay_p95_s": finite(one.delay_s(0.95)) if timed else None,
    }


def finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def percent(one: Outcome) -> str:
    return f"{100 * one.false_rejects:.1f} %" if one.words else "-"


def alarms_elsewhere(
    classifier: AudioClassifier, paths: Sequence[str | os.PathLike[str]], *, progress: Progress | None = None
) -> tuple[dict[str, int], float]:
    """What a classifier believes to hear in recordings without its words, played one after the other as one stream.

    Parameters
    ----------
    classifier
        Its detector decides.
    paths
        Audio files; those of another sample rate are resampled, each by a resampler that goes on from file to file.
    progress
        Called with (files played, files in all).

    Returns
    -------
    Events of each label but the background, and how many hours were played.
    """
    stream = classifier.stream()
    counts = {label: 0 for label in classifier.labels if label not in classifier.background}
    resamplers: dict[int, audio.Resampler] = {}
    heard = 0

    def play(y: Floats) -> None:
        nonlocal heard
        heard += len(y)
        for event in stream.process(y):
            counts[event.label] += 1

    for done, path in enumerate(paths, 1):
        y, sr = audio.read(path, mono="mean")
        if sr != classifier.sr:
            resampler = resamplers.setdefault(sr, audio.Resampler(sr, classifier.sr))
            y = resampler.process(y)
        play(y)
        if progress is not None:
            progress(done, len(paths))
    for resampler in resamplers.values():
        play(resampler.flush())
    for event in stream.flush():
        counts[event.label] += 1
    return counts, heard / classifier.sr / 3600
