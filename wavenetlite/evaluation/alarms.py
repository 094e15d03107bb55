"""How quiet a live model is: its alarms in talk without its words, thresholds for a wanted rate, words still heard.

A model is played a background as one stream, and clips of its words, each alone in a few seconds of faint noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite.classifier import AudioClassifier, GatedClassifier
from wavenetlite.corpora.background import Background
from wavenetlite.corpora.clips import Clips
from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.det import ALL, Curve, Outcome, at_threshold, outcomes
from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording, scored
from wavenetlite.evaluation.tails import Tail, log_odds, odds_to_probability, peaks, smoothed
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.progress import Progress

FAINT = 1e-3
"""Standard deviation of the noise around a clip: -60 dB of full scale."""
AROUND_S = 1.0
"""Noise before and after a clip, seconds."""
LEAST_ODDS = -1.5
"""Logarithm of the odds from which scores in a background count for the tail of its distribution."""
LEAST_ALARMS = 0.25
"""Alarms of all words in the talk at hand below which thresholds are not set."""
USUAL_EXCESS, USUAL_PEAKS = 1.0, 4
"""Mean excess of scores above `LEAST_ODDS` before any are seen, and the peaks that this expectation counts for."""
ALIKE = 3
"""How alike words are expected to be: the shape of the gamma distribution of their rates of peaks."""
LEAST_THRESHOLD, MOST_THRESHOLD = 0.3, 0.995
THRESHOLDS: Doubles = 1 / (1 + np.exp(-np.linspace(-2.5, 7.0, 96)))
"""The thresholds of curves: evenly spaced in log-odds, 0.08 to 0.999."""


def words_of(classifier: AudioClassifier | GatedClassifier) -> list[str]:
    """The labels that give events."""
    return [label for label in classifier.labels if label not in classifier.background]


def listen_to_background(
    classifier: AudioClassifier | GatedClassifier, background: Background, *, progress: Progress | None = None
) -> ScoredRecording:
    """The scores of a classifier for a background, played to it as one stream.

    Parameters
    ----------
    classifier, background
        Of the same sample rate; the words of the classifier should not be said in the background.
    progress
        Called with (samples done, samples in total).

    Raises
    ------
    ParameterError
        The sample rates differ.
    """
    if background.sr != classifier.sr:
        raise ParameterError(
            f"background has the sample rate {background.sr}; it must be {classifier.sr}, the classifier's: read it so"
        )
    total = sum(len(file.samples) for file in background.files)
    return scored("background", classifier, background.blocks(), progress=progress, total=total)


def listen_to_clips(
    classifier: AudioClassifier | GatedClassifier,
    clips: Clips,
    labels: Sequence[str],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[ScoredRecording]:
    """The scores for clips of words, each alone in faint noise: a second before it and a second after.

    Clips of labels that give no events are left out.
    """
    words, sr = words_of(classifier), classifier.sr
    rng = np.random.default_rng(seed)
    made = []
    chosen = [at for at, y in enumerate(clips.y.tolist()) if labels[y] in words]
    around = round(AROUND_S * sr)
    for at in chosen:
        clip: Floats = clips.audio[at]
        y = (FAINT * rng.standard_normal(len(clip) + 2 * around)).astype(np.float32)
        y[around : around + len(clip)] += clip
        one = scored(clips.names[at], classifier, [np.clip(y, -1.0, 1.0)])
        start, length = AROUND_S + clips.starts[at] / sr, clips.lengths[at] / sr
        event = ReferenceEvent(labels[clips.y[at]], float(start), float(start + length))
        made.append(replace(one, said=(event,)))
        if progress is not None:
            progress(len(made), len(chosen))
    return made


def quiet_thresholds(
    heard: ScoredRecording, classifier: AudioClassifier, false_alarms_per_hour: float, detector: Detector | None = None
) -> dict[str, float]:
    """For each word, the threshold at which all words together have a wanted number of false alarms an hour.

    Each word gets the same part of that number. So few alarms cannot be counted in an hour or less of talk: the rate of
    a word is taken to fall exponentially with the log-odds of the threshold, from its alarms at low thresholds, with a
    slope that is common to all words; but not below a quarter of an alarm in all of the talk, as of less than that a
    short talk says nothing. Minutes of talk have few alarms even at low thresholds: what is expected of a word is drawn
    to the mean of all words, and the slope to that of usual models, the more so the fewer there are.

    Parameters
    ----------
    heard
        What `listen_to_background` returned, for talk that the classifier was not trained on.
    classifier
        The classifier.
    false_alarms_per_hour
        Of all words together; above 0.
    detector
        Its smoothing and times; None: the classifier's.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.evaluation.alarms import listen_to_background, quiet_thresholds
    >>> from wavenetlite.corpora.background import Background, BackgroundFile
    >>> noise = (3000 * np.random.default_rng(0).standard_normal(160000)).astype(np.int16)
    >>> clf = wl.load("speech-commands-12")
    >>> heard = listen_to_background(clf, Background([BackgroundFile("noise", noise)], 16000, []))
    >>> sorted(quiet_thresholds(heard, clf, 1.0)) == sorted(set(clf.labels) - {"_silence_", "_unknown_"})
    True
    """
    rate = number("false_alarms_per_hour", false_alarms_per_hour, 0.0)
    if rate <= 0:
        raise ParameterError(f"false_alarms_per_hour={false_alarms_per_hour} must be above 0")
    words, hours = words_of(classifier), heard.duration_s / 3600
    found = peaks_by_word(heard, classifier, detector or classifier.detector)
    above = np.concatenate([found[word] for word in words]) - LEAST_ODDS
    # The mean excess of an exponential tail is its scale.
    slope = float(above.sum() + USUAL_PEAKS * USUAL_EXCESS) / (len(above) + USUAL_PEAKS)
    rate = max(rate, LEAST_ALARMS / hours) / len(words)
    mean = max(len(above), 0.5) / len(words)
    tails = {word: Tail(LEAST_ODDS, expected(len(found[word]), mean) / hours, slope) for word in words}
    wanted = {word: odds_to_probability(tail.at(rate)) for word, tail in tails.items()}
    return {word: round(float(np.clip(p, LEAST_THRESHOLD, MOST_THRESHOLD)), 4) for word, p in wanted.items()}


def expected(count: int, mean: float) -> float:
    """How many peaks to expect of a word that had `count` where words have `mean`: the mean of the posterior."""
    return mean * (count + ALIKE) / (mean + ALIKE)


def peaks_by_word(heard: ScoredRecording, classifier: AudioClassifier, detector: Detector) -> dict[str, Doubles]:
    """The log-odds of each event that a low threshold gives, by word."""
    low = at_threshold(detector, odds_to_probability(LEAST_ODDS)).replace(min_duration_ms=0.0)
    limits = low.limits(classifier.labels, classifier.frame_rate, classifier.background)
    made = {}
    for word in words_of(classifier):
        p = heard.probabilities[:, classifier.labels.index(word)].astype(np.float64)
        odds = log_odds(smoothed(p, limits["smoothing"]))
        made[word] = peaks(odds, max(limits["refractory"], 1), LEAST_ODDS)
    return made


def quiet_detector(heard: ScoredRecording, classifier: AudioClassifier, false_alarms_per_hour: float = 1.0) -> Detector:
    """The classifier's detector with the thresholds of `quiet_thresholds`."""
    detector = classifier.detector
    return detector.replace(thresholds=quiet_thresholds(heard, classifier, false_alarms_per_hour), release=None)


@dataclass(frozen=True, eq=False)
class Alarms:
    """What `count_alarms` returns: alarms in a background, and words heard in clips.

    Attributes
    ----------
    background
        Outcome of each word, and of `ALL`, in the background: alarms and hours.
    clips
        Outcome of each word, and of `ALL`, in the clips: words, found and delays; None without clips.
    curve
        False rejects against false alarms as one threshold for all words moves; None without clips.
    """

    background: Mapping[str, Outcome]
    clips: Mapping[str, Outcome] | None = None
    curve: Curve | None = None

    def note(self) -> dict[str, Any]:
        """What `listen` tells at its start; saved with a classifier as ``info["live"]``."""
        talk = self.background[ALL]
        made: dict[str, Any] = {
            "false_alarms": talk.alarms,
            "hours": round(talk.hours, 3),
            "false_alarms_per_hour": round(talk.false_alarms_per_hour, 2),
        }
        if self.clips is not None and self.clips[ALL].words:
            heard = self.clips[ALL]
            made["recall"] = round(1 - heard.false_rejects, 4)
            made["words"] = heard.words
            if heard.found:
                made["delay_median_s"], made["delay_p95_s"] = (round(heard.delay_s(q), 3) for q in (0.5, 0.95))
        return made

    def json(self) -> dict[str, Any]:
        """The numbers of each word, and of all together."""
        return {
            word: {
                "false_alarms": one.alarms,
                "false_alarms_per_hour": round(one.false_alarms_per_hour, 3),
                **({} if self.clips is None else {"said": self.clips[word].words, "found": self.clips[word].found}),
            }
            for word, one in self.background.items()
        }

    def __str__(self) -> str:
        width = max(len(word) for word in self.background)
        head = f"{'':{width}}  alarms  an hour" + ("" if self.clips is None else "    said   found")
        lines = [f"{self.background[ALL].hours:.2f} h of background", "", head]
        for word, one in self.background.items():
            line = f"{word:{width}}  {one.alarms:6}  {one.false_alarms_per_hour:7.2f}"
            if self.clips is not None:
                heard = self.clips[word]
                found = f"{100 - 100 * heard.false_rejects:.1f} %" if heard.words else "-"
                line += f"  {heard.words:6}  {found:>6}"
            lines.append(line)
        return "\n".join(lines)


def count_alarms(
    classifier: AudioClassifier,
    background: ScoredRecording,
    clips: Sequence[ScoredRecording] = (),
    *,
    progress: Progress | None = None,
) -> Alarms:
    """The alarms of a classifier in a background, and what it hears of clips, with its own detector.

    Parameters
    ----------
    classifier
        The classifier.
    background
        What `listen_to_background` returned.
    clips
        What `listen_to_clips` returned; empty: only alarms are counted.
    progress
        Called with (points of the curve done, points in total).
    """
    words, silent = words_of(classifier), classifier.background
    talk = ConcatenatedScores([background], classifier.labels, classifier.frame_rate)
    alarms = outcomes(talk, classifier.detector, words, silent)
    if not clips:
        return Alarms(alarms)
    said = ConcatenatedScores(clips, classifier.labels, classifier.frame_rate)
    points = []
    for done, threshold in enumerate(THRESHOLDS.tolist(), 1):
        detector = at_threshold(classifier.detector, threshold)
        in_talk, in_clips = (outcomes(some, detector, words, silent)[ALL] for some in (talk, said))
        points.append(merged(in_talk, in_clips))
        if progress is not None:
            progress(done, len(THRESHOLDS))
    return Alarms(alarms, outcomes(said, classifier.detector, words, silent), Curve(ALL, THRESHOLDS, tuple(points)))


def merged(talk: Outcome, clips: Outcome) -> Outcome:
    """The alarms of one outcome and the words of another."""
    return Outcome(clips.words, clips.found, talk.alarms, 0, talk.hours, clips.delays_s)


def live_text(note: Mapping[str, Any]) -> str:
    """What ``info["live"]`` says, in a sentence; "" if it says nothing."""
    rate, hours = note.get("false_alarms_per_hour"), note.get("hours")
    if not isinstance(rate, int | float) or not isinstance(hours, int | float):
        return ""
    text = f"measured: {rate:g} false alarms an hour in {hours:g} h of talk"
    if isinstance(on := note.get("background"), str):
        text += f" ({on})"
    if isinstance(recall := note.get("recall"), int | float):
        text += f"; hears {100 * recall:.1f} % of clips of its words"
    if isinstance(delay := note.get("delay_median_s"), int | float):
        text += f", {abs(1000 * delay):.0f} ms {'after' if delay >= 0 else 'before'} their end"
    return text
