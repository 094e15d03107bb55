"""The report of a detector on recordings of running speech, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.det import ALL, Curve, Outcome, curves, outcomes, pooled
from wavenetlite.evaluation.scores import ConcatenatedScores
from wavenetlite.support.progress import Progress

RATES = (0.5, 1.0, 2.0)
"""False alarms per hour in the tables."""
EACH = "each at that rate"
UNSAID = "each, said not counted"
"""The same, but an alarm whose word is said in its recording, outside its mark, does not count."""


@dataclass(frozen=True, eq=False)
class Report:
    """The results of a detector on some recordings; `str` gives a table.

    Attributes
    ----------
    curves
        Of each word, and `ALL`.
    as_set
        With the detector's own thresholds, each word and `ALL`.
    rates
        False alarms per hour in the table.
    recordings, hours
        Number of recordings, and their total duration.
    untimed
        Number of recordings in which a word is said at an unknown time.
    timed
        Whether words count where they are annotated, so that delays are meaningful; see `by_recording`.
    """

    curves: dict[str, Curve]
    as_set: dict[str, Outcome]
    rates: tuple[float, ...]
    recordings: int
    hours: float
    untimed: int
    timed: bool = True

    def points(self, label: str) -> list[tuple[float, Outcome]]:
        """Threshold and outcome at each of the rates; for `EACH` and `UNSAID` all words, each at its own threshold."""
        if label not in (EACH, UNSAID):
            return [self.curves[label].at(rate) for rate in self.rates]
        words = [curve for word, curve in self.curves.items() if word != ALL]
        each = [[curve.at(rate, count_said=label == EACH)[1] for curve in words] for rate in self.rates]
        return [(float("nan"), pooled(some)) for some in each]

    @property
    def labels(self) -> list[str]:
        return [*(word for word in self.curves if word != ALL), EACH, *([UNSAID] if self.timed else []), ALL]

    def json(self) -> dict[str, Any]:
        """The report as JSON-serialisable data."""
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
            f"{self.recordings:,} recordings, {self.hours:.2f} h; false rejects by false alarms per hour, "
            + (
                f"and the delay at {self.rates[len(self.rates) // 2]:g}/h"
                if self.timed
                else "words found anywhere in their recording"
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
            f"With its own thresholds: {percent(one)} false rejects, {one.alarms} false alarms of all words together, "
            f"{one.false_alarms_per_hour:.2f} per hour",
        ]
        if one.said:
            lines[-1] += f" ({one.unsaid}, {one.unsaid_per_hour:.2f} per hour, of words not said in their recording)"
        if self.timed:
            lines[-1] += f"; delay {self.delay(one, 0.5).strip()}, 95 % within {self.delay(one, 0.95).strip()}"
        if self.untimed:
            lines += [
                "",
                f"In {self.untimed} recordings a word is said at an unknown time; they do not count for that word.",
            ]
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
    >>> from wavenetlite.evaluation.detections import report
    >>> from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording
    >>> p = np.zeros((100, 2), np.float32)
    >>> p[50:60, 0] = 0.9                                              # from 1.0 s on
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


def outcome_json(one: Outcome, timed: bool) -> dict[str, Any]:
    return {
        "said": one.words,
        "found": one.found,
        "false_rejects": finite(one.false_rejects),
        "false_alarms": one.alarms,
        "hours": one.hours,
        "false_alarms_per_hour": finite(one.false_alarms_per_hour),
        "false_alarms_not_said": one.unsaid,
        "false_alarms_not_said_per_hour": finite(one.unsaid_per_hour),
        "excused": one.excused,
        "delay_median_s": finite(one.delay_s(0.5)) if timed else None,
        "delay_p95_s": finite(one.delay_s(0.95)) if timed else None,
    }


def finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def percent(one: Outcome) -> str:
    return f"{100 * one.false_rejects:.1f} %" if one.words else "-"
