"""A classifier that runs only where a voice activity detector hears speech."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wavenetlite.audio.resampling import Resampler
from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier.event import Event
from wavenetlite.detection.detector import Detection
from wavenetlite.detection.gate import Gate
from wavenetlite.features._frames import checked_samples
from wavenetlite.support.arrays import Doubles, Floats, NonFinite
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError

DEFAULT_WARM_S = 2.0
"""What is replayed before speech if the receptive field is infinite."""
MOST_ROWS = 4096


class GatedClassifier:
    """A classifier whose features and network run only while a detector hears speech; made by ``clf.gated(vad)``.

    When the detector's gate opens, the classifier is fed what came before, too: `Gate.lead_ms` of audio that is heard
    as the speech is, and before it the receptive field of the classifier, so that it remembers what it would remember.

    What is guaranteed: which frames are heard, their probabilities and the events do not depend on the partition of the
    signal into blocks. If `exact`, the probabilities of the frames heard have the bits of the classifier's own stream.
    The events are those of its detector over them, with probability 0 for all labels in frames that are not heard: a
    run of frames that lies within speech gives the same event, unless a frame that was not heard would have begun the
    run, counted in its moving average or had an event less than the refractory time before.

    Parameters
    ----------
    classifier
        What is to be run.
    vad
        A classifier with background labels, such as ``wl.load("voice-activity")`` or a file of silero-vad: speech is
        what is not background. At another sample rate it gets the signal resampled.
    gate
        When speech begins and ends; None: ``Gate()`` at the threshold and release of the vad's own detector.

    Attributes
    ----------
    exact
        Whether the receptive field is finite, and with it the promise about bits.
    warm_samples
        How much of the past is fed to the classifier before what is heard.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.load("speech-commands-12")
    >>> gated = clf.gated(wl.load("voice-activity"))
    >>> stream = gated.stream()
    >>> events = stream.process(np.zeros(32000, np.float32)) + stream.flush()
    >>> events, stream.heard_s, gated.exact
    ([], 0.0, True)
    """

    def __init__(self, classifier: Any, vad: Any, gate: Gate | None = None) -> None:
        if not vad.background:
            raise ParameterError("vad has no background label; speech is what is not background")
        if gate is None:
            gate = Gate(vad.detector.threshold, vad.detector.release)
        if not isinstance(gate, Gate):
            raise ArrayTypeError(f"gate is a {type(gate).__name__}; it must be a Gate or None")
        self.classifier, self.vad, self.gate = classifier, vad, gate
        reach = receptive_samples(classifier)
        self.exact = reach != math.inf
        warm = reach if self.exact else DEFAULT_WARM_S * classifier.sr
        self.warm_samples = max(int(warm), classifier.timing.clip)

    @property
    def labels(self) -> list[str]:
        """The classifier's labels."""
        return list(self.classifier.labels)

    @property
    def background(self) -> tuple[str, ...]:
        """Those of them that give no events."""
        return tuple(self.classifier.background)

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return int(self.classifier.sr)

    def stream(self, *, on_nonfinite: NonFinite = "raise") -> GatedStream:
        """A new stream; see :class:`GatedStream`."""
        return GatedStream(self, on_nonfinite)

    def __repr__(self) -> str:
        return f"GatedClassifier({self.classifier!r}, vad={self.vad!r}, gate={self.gate!r})"


def receptive_samples(classifier: Any) -> float:
    """How many samples a frame of probabilities depends on, at most; infinite with a memory without end."""
    features, model = classifier.features, classifier.model
    frames = features.reach + model.graph(features.out_channels).clock.receptive_field
    for step in features.all_steps:
        frames += step.reach
    return math.inf if frames == math.inf else float((frames - 1) * features.hop_length + features.frame_length)


class GatedStream:
    """The stream of a `GatedClassifier`: fed in blocks of any length, it returns events.

    A block that cannot be taken raises before anything has been consumed; after any other failure the stream raises
    until it is `reset`. A stream serves one thread.

    Attributes
    ----------
    samples_in
        Samples fed so far.
    heard_samples
        How many of them were heard as speech.
    """

    def __init__(self, gated: GatedClassifier, on_nonfinite: NonFinite) -> None:
        self.zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        self.gated, self.timing = gated, gated.classifier.timing
        self.vad, self.own = gated.vad.stream(), gated.classifier.stream()
        limits = gated.classifier.design().limits
        vad = gated.vad
        self.spoken = [n for n, label in enumerate(vad.labels) if label not in vad.background]
        self.lead = round(gated.gate.lead_ms * self.timing.sr / 1000)
        self.past = self.lead + gated.warm_samples + self.timing.period
        self.clear = limits["smoothing"] + limits["duration"] + limits["refractory"] + 1
        self.start()

    def start(self) -> None:
        gated = self.gated
        sr, vad_sr = gated.classifier.sr, gated.vad.sr
        self.resampler = None if sr == vad_sr else Resampler(sr, vad_sr)
        self.gate = gated.gate.stream(gated.vad.frame_rate)
        self.detector = gated.classifier.detector.stream(
            gated.classifier.labels, gated.classifier.frame_rate, background=gated.classifier.background
        )
        self.skipped = 0  # frames that the detector did not get: it would only have seen zeros
        self.samples_in = self.heard_samples = 0
        self.kept, self.kept_from = np.empty(2 * (self.past + self.timing.sr), np.float32), 0
        self.vad_frames = 0
        self.decided = 0  # up to which sample it is known whether somebody speaks
        self.fed_from = self.fed_to = 0  # the piece of the signal that the classifier's stream has been fed
        self.heard_from = 0
        self.next_frame = 0
        self.open = self.ended = self.failed = False
        self.rows: list[tuple[int, Floats]] = []

    def process(self, samples: Floats) -> list[Event]:
        """Feed the next samples; returns the events detected.

        Parameters
        ----------
        samples
            float32, (n,), in -1..1; n >= 0.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            The stream was flushed and not reset.
        """
        self.check_usable()
        if self.resampler is None and not self.zero:
            self.vad.process(samples)  # which checks them before it consumes anything
            y, self.failed = samples, True
        else:
            y = checked_samples(samples, 0, self.zero, "samples")
            if problem := scale_problem(y):
                raise ParameterError(f"samples {problem}".replace("samples reaches", "samples reach"))
            self.failed = True
            self.vad.process(y if self.resampler is None else self.resampler.process(y))
        self.keep(y)
        if self.rows:
            self.rows = []
        events = self.decide() if self.vad.frames_out > self.vad_frames else []
        self.failed = False
        return events

    def keep(self, y: Floats) -> None:
        """Append samples to those that may be needed; what no speech to come can need is dropped when room is short."""
        end = self.samples_in - self.kept_from + len(y)
        if end > len(self.kept):
            needed = self.oldest_needed()
            rest = self.kept[needed - self.kept_from : self.samples_in - self.kept_from]
            kept = np.empty(max(len(self.kept), 2 * (len(rest) + len(y))), np.float32)
            kept[: len(rest)] = rest
            self.kept, self.kept_from = kept, needed
            end = len(rest) + len(y)
        self.kept[end - len(y) : end] = y
        self.samples_in += len(y)

    def check_usable(self) -> None:
        if self.failed:
            raise StreamStateError("stream failed in an earlier call; call reset() before feeding it again")
        if self.ended:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")

    def flush(self) -> list[Event]:
        """End the signal; returns the last events. Afterwards the stream must be `reset` before it can be fed again."""
        self.check_usable()
        self.rows, self.failed = [], True
        events: list[Event] = []
        if self.resampler is not None:
            self.vad.process(self.resampler.flush())
            events += self.decide()
        self.vad.flush()
        events += self.decide()
        if self.open and self.fed_to < self.samples_in:
            events += self.hear(self.samples_in)
        if self.open:
            self.own.flush()
            events += self.detect()
        self.ended, self.failed = True, False
        return events

    def reset(self) -> None:
        """Forget the signal: the next sample is the first."""
        self.vad.reset()
        self.own.reset()
        self.start()

    def decide(self) -> list[Event]:
        """Take the next frames of the detector of speech, and feed the classifier accordingly."""
        vad, sr = self.gated.vad.timing, self.timing.sr
        p = self.vad.probabilities
        p = p[:, self.spoken[0]] if len(self.spoken) == 1 else p[:, self.spoken].sum(axis=1)
        end = vad.first_end + self.vad_frames * vad.period
        self.vad_frames += len(p)
        events: list[Event] = []
        for open_ in self.gate.process(p).tolist():
            until = min(end * sr // vad.sr, self.samples_in)
            end += vad.period
            if open_ and not self.open:
                self.begin()
            self.open = open_
            if open_:
                events += self.hear(until)
            self.decided = max(self.decided, until)
        return events

    def begin(self) -> None:
        """Somebody begins to speak: prepare the classifier's stream, from far enough in the past."""
        gated, timing = self.gated, self.timing
        self.heard_from = max(0, self.decided - self.lead)
        start = max(0, (self.heard_from - gated.warm_samples) // timing.period * timing.period)
        if start > self.fed_to:  # else it goes on where it was
            self.own.reset()
            self.fed_from = self.fed_to = start

    def hear(self, end: int) -> list[Event]:
        """Feed the classifier up to a sample."""
        self.heard_samples += max(0, end - max(self.heard_from, self.decided if self.fed_to > self.heard_from else 0))
        self.own.process(self.kept[self.fed_to - self.kept_from : end - self.kept_from])
        self.fed_to = max(self.fed_to, end)
        return self.detect()

    def detect(self) -> list[Event]:
        """The events in the frames that the classifier has just given and that are heard."""
        timing = self.timing
        p = self.own.probabilities
        first = self.fed_from // timing.period + self.own.frames_out - len(p)
        unheard = max(0, (self.heard_from - timing.first_end) // timing.period + 1 - first, self.next_frame - first)
        if unheard >= len(p):
            return []
        frame, heard = first + unheard, p[unheard:].copy()
        self.rows.append((frame, heard))
        found = self.silence(frame - self.next_frame) + self.detector.process(heard)
        self.next_frame = frame + len(heard)
        return [self.event(one) for one in found]

    def silence(self, frames: int) -> list[Detection]:
        """Let the detector see that frames were not heard; after `clear` of them it has forgotten everything."""
        self.skipped += max(0, frames - self.clear)
        seen = np.zeros((min(frames, self.clear), len(self.timing.labels)), np.float32)
        return [
            one for at in range(0, len(seen), MOST_ROWS) for one in self.detector.process(seen[at : at + MOST_ROWS])
        ]

    def event(self, found: Detection) -> Event:
        timing = self.timing
        end_s = min(timing.end_s(found.frame + self.skipped), self.samples_in / timing.sr)
        return Event(found.label, found.score, end_s, timing.start_s(found.start_frame + self.skipped), end_s)

    def oldest_needed(self) -> int:
        """The first sample that the classifier may still be fed."""
        needed = self.fed_to if self.open else max(self.fed_to, self.decided - self.past)
        return max(self.kept_from, min(needed, self.samples_in))

    @property
    def probabilities(self) -> Floats:
        """Probabilities of the frames heard in the last `process` or `flush`, (frames, labels) float32."""
        rows = [one for _, one in self.rows]
        return np.concatenate(rows) if rows else np.zeros((0, len(self.timing.labels)), np.float32)

    @property
    def frame_numbers(self) -> np.ndarray:
        """Their numbers: those that the frames have in a stream of the classifier itself."""
        return np.concatenate([np.zeros(0, np.int64), *(np.arange(at, at + len(one)) for at, one in self.rows)])

    @property
    def frame_times_s(self) -> Doubles:
        """The end of the audio that each of them covers, seconds from the first sample."""
        timing = self.timing
        ends = timing.first_end + self.frame_numbers * timing.period
        times_s: Doubles = np.minimum(ends, self.samples_in) / timing.sr
        return times_s

    @property
    def heard_s(self) -> float:
        """Seconds of audio that were heard as speech so far."""
        return float(self.heard_samples / self.timing.sr)

    @property
    def in_speech(self) -> bool:
        """Whether the gate is open."""
        return self.open

    def __reduce__(self) -> Any:
        raise StreamStateError("a stream cannot be copied or pickled; make another with gated.stream()")
