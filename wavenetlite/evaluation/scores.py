"""What a network says of recordings with words in them, and the events that a detector makes of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.detection.detector import Detector
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.progress import Progress

Counts = npt.NDArray[np.int64]


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
