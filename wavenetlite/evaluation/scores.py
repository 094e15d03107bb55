"""The scores of a network on recordings of running speech, and the events that a detector finds in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.classifier import AudioClassifier, GatedClassifier, GatedStream, Timing
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
    """The output of a network for a recording, and the words in the recording.

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
        Words at unknown times.
    anywhere
        Whether a word may be found anywhere in the recording, and not only where it is annotated.
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
        """The words, with the times in which an event finds them."""
        return (
            tuple(ReferenceEvent(one.label, 0.0, self.duration_s) for one in self.said) if self.anywhere else self.said
        )


class DetectedEvent(NamedTuple):
    """An event: label and time of detection."""

    label: str
    time_s: float


def scored(
    name: str,
    classifier: AudioClassifier | GatedClassifier,
    blocks: Iterable[Floats],
    *,
    progress: Progress | None = None,
    total: int = 0,
) -> ScoredRecording:
    """The scores of a new stream that is fed these blocks.

    Frames that a gated classifier does not hear have probabilities of 0.
    """
    stream = classifier.stream()
    probabilities, times, numbers, samples = [], [], [], 0

    def take() -> None:
        probabilities.append(stream.probabilities.copy())
        times.append(stream.frame_times_s)
        if isinstance(stream, GatedStream):
            numbers.append(stream.frame_numbers)

    for block in blocks:
        stream.process(block)
        take()
        samples += len(block)
        if progress is not None:
            progress(samples, total)
    stream.flush()
    take()
    p, times_s = np.concatenate(probabilities), np.concatenate(times)
    if numbers:
        p, times_s = with_unheard(p, np.concatenate(numbers), stream.timing, samples)
    return ScoredRecording(name, p, times_s, samples / classifier.sr)


def listen(
    classifier: AudioClassifier | GatedClassifier, item: Utterance, *, block: int | None = None
) -> ScoredRecording:
    """Feed an utterance to a new stream, at once or in blocks of `block` samples."""
    step = max(1, len(item.audio) if block is None else block)
    found = scored(item.name, classifier, (item.audio[at : at + step] for at in range(0, len(item.audio), step)))
    return replace(found, said=tuple(ReferenceEvent(*one) for one in item.said), untimed=item.untimed)


def with_unheard(p: Floats, numbers: Counts, timing: Timing, samples: int) -> tuple[Floats, Doubles]:
    """The probabilities of all frames of a recording, and their times, from those of the frames heard."""
    count = max(0, (samples - timing.first_end) // timing.period + 1, int(numbers.max(initial=-1)) + 1)
    every = np.zeros((count, p.shape[1]), np.float32)
    every[numbers] = p
    return every, timing.ends_s(0, count, samples)


def listen_to_all(
    classifier: AudioClassifier | GatedClassifier,
    items: Sequence[Utterance],
    *,
    block: int | None = None,
    progress: Progress | None = None,
) -> list[ScoredRecording]:
    """`listen` to each of some utterances."""
    recordings = []
    for done, item in enumerate(items, 1):
        recordings.append(listen(classifier, item, block=block))
        if progress is not None:
            progress(done, len(items))
    return recordings


def by_recording(recordings: Sequence[ScoredRecording]) -> list[ScoredRecording]:
    """The same recordings, but an event finds a word anywhere in its recording.

    Use it where annotated times are unreliable. Delays are then meaningless.
    """
    return [replace(recording, anywhere=True) for recording in recordings]


class ConcatenatedScores:
    """Concatenated recordings, which a detector processes in one call.

    Recordings are separated by enough frames of probability 0 to clear the detector's state: its events are those of a
    new stream for each recording.

    Parameters
    ----------
    recordings
        At least one.
    labels
        Of the probabilities.
    frame_rate
        Frames per second.
    """

    def __init__(self, recordings: Sequence[ScoredRecording], labels: Sequence[str], frame_rate: float) -> None:
        if not recordings:
            raise ParameterError("recordings is empty; it must have at least one")
        self.recordings, self.labels, self.frame_rate = list(recordings), list(labels), frame_rate
        self.cached: tuple[int, Floats, Counts] = (-1, np.zeros((0, 0), np.float32), np.zeros(0, np.int64))

    def events(self, detector: Detector, background: Iterable[str]) -> dict[int, list[DetectedEvent]]:
        """The events of each recording that has any, by its number."""
        limits = detector.limits(self.labels, self.frame_rate, background)
        if min(limits["releases"].min(), limits["thresholds"].min()) <= 0:
            raise ParameterError("detector has a threshold or release of 0; it must be above 0")
        scores, starts = self.with_gaps(limits["smoothing"] + limits["refractory"] + 1)
        stream = detector.stream(self.labels, self.frame_rate, background=background)
        found: dict[int, list[DetectedEvent]] = {}
        for event in stream.process(scores):
            number_of = int(np.searchsorted(starts, event.frame, "right")) - 1
            times = self.recordings[number_of].times_s
            frame = event.frame - starts[number_of]
            if frame < len(times):
                found.setdefault(number_of, []).append(DetectedEvent(event.label, float(times[frame])))
        return found

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
    classifier: AudioClassifier | GatedClassifier,
    paths: Sequence[str | os.PathLike[str]],
    *,
    progress: Progress | None = None,
) -> tuple[dict[str, int], float]:
    """Count the false alarms of a classifier in recordings without its words, concatenated to one stream.

    Parameters
    ----------
    classifier
        With its own detector.
    paths
        Audio files; those of another sample rate are resampled, with one continuous resampler per rate.
    progress
        Called with (files done, files in total).

    Returns
    -------
    Number of events of each label but the background, and hours of audio.
    """
    stream = classifier.stream()
    counts = {label: 0 for label in classifier.labels if label not in classifier.background}
    resamplers: dict[int, audio.Resampler] = {}
    samples = 0

    def play(y: Floats) -> None:
        nonlocal samples
        samples += len(y)
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
    return counts, samples / classifier.sr / 3600
