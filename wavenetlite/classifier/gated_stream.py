"""One signal through a gated classifier."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any

import numpy as np

from wavenetlite.audio.resampling import Resampler
from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier.event import Event
from wavenetlite.classifier.gating import Gating
from wavenetlite.detection.detector import Detection, DetectorStream
from wavenetlite.detection.scanner import UNFIT, Scanner
from wavenetlite.features._frames import checked_samples
from wavenetlite.support.arrays import Doubles, Floats, NonFinite
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.snapshots import seal, unseal

MOST_ROWS = 4096
COUNTS = ("samples_in", "heard_samples", "skipped", "vad_frames", "decided", "fed_from", "fed_to", "heard_from",
          "next_frame")  # fmt: skip
STATE = Struct(f"<{len(COUNTS)}qq?")
"""Of a snapshot: the counts, quiet frames of the gate, and whether it is open."""


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

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> gated = wl.load("speech-commands-12").gated(wl.load("voice-activity"))
    >>> y = np.random.default_rng(0).uniform(-0.3, 0.3, 32000).astype(np.float32)
    >>> stream, other = gated.stream(), gated.stream()
    >>> events = stream.process(y[:20000])
    >>> other.restore(stream.snapshot())
    >>> other.process(y[20000:]) == stream.process(y[20000:])
    True
    """

    def __init__(self, gating: Gating, on_nonfinite: NonFinite, vad: Any = None, own: Any = None) -> None:
        self.zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        self.on_nonfinite: NonFinite = on_nonfinite
        self.gating, self.timing = gating, gating.classifier.timing
        self.vad = gating.vad.stream() if vad is None else vad
        self.own = gating.classifier.stream() if own is None else own
        self.start()

    def start(self) -> None:
        classifier, vad = self.gating.classifier, self.gating.vad
        self.resampler = Resampler(classifier.sr, vad.sr) if self.gating.resampled else None
        self.gate = self.gating.gate.stream(vad.frame_rate)
        scanner = Scanner(**self.gating.limits, name="scores")
        self.detector = DetectorStream(classifier.labels, classifier.frame_rate, scanner)
        self.skipped = 0  # frames that the detector did not get: it would only have seen zeros
        self.samples_in = self.heard_samples = 0
        self.kept, self.kept_from = np.empty(0, np.float32), 0
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
        y = self.checked(samples)
        self.failed = True
        self.vad.process(self.for_vad(y))
        self.keep(y)
        events = self.follow()
        self.failed = False
        return events

    # The parts of `process`, between which a pool runs the networks for all its signals

    def checked(self, samples: Floats) -> Floats:
        """The samples, if they can be taken."""
        self.check_usable()
        y = checked_samples(samples, 0, self.zero, "samples")
        if problem := scale_problem(y):
            raise ParameterError(f"samples {problem}".replace("samples reaches", "samples reach"))
        return y

    def for_vad(self, y: Floats) -> Floats:
        """The samples at the vad's rate."""
        return y if self.resampler is None else self.resampler.process(y)

    def keep(self, y: Floats) -> None:
        """Append samples to those that may be needed; what no speech to come can need is dropped when room is short."""
        self.rows = []
        if not len(y):  # after a snapshot, what is kept is full, and not to be written
            return
        end = self.samples_in - self.kept_from + len(y)
        if end > len(self.kept):
            needed = self.oldest_needed()
            rest = self.kept[needed - self.kept_from : self.samples_in - self.kept_from]
            kept = np.empty(2 * (len(rest) + len(y)), np.float32)
            kept[: len(rest)] = rest
            self.kept, self.kept_from = kept, needed
            end = len(rest) + len(y)
        self.kept[end - len(y) : end] = y
        self.samples_in += len(y)

    def follow(self) -> list[Event]:
        """Feed the classifier what the next frames of the vad open the gate for."""
        events: list[Event] = []
        for until in self.spoken_spans():
            self.own.process(self.piece(until))
            events += self.heard(until)
        return events

    def spoken_spans(self) -> Iterator[int]:
        """Take the next frames of the vad; yields the ends of the spans of speech.

        Before the next one is asked for, the classifier must have been fed `piece`, and `heard` been called.
        """
        if self.vad.frames_out <= self.vad_frames:
            return
        vad, sr, spoken = self.gating.vad.timing, self.timing.sr, self.gating.spoken
        p = self.vad.probabilities
        p = p[:, spoken[0]] if len(spoken) == 1 else p[:, spoken].sum(axis=1)
        opened = self.gate.process(p)
        stops = [*(np.flatnonzero(np.diff(opened)) + 1).tolist(), len(opened)]
        first_end, start = vad.first_end + self.vad_frames * vad.period, 0
        self.vad_frames += len(p)
        for stop in stops if len(p) else ():
            until = min((first_end + (stop - 1) * vad.period) * sr // vad.sr, self.samples_in)
            open_ = bool(opened[start])
            if open_ and not self.open:
                self.begin()
            self.open = open_
            if open_:
                yield until
            self.decided, start = max(self.decided, until), stop

    def begin(self) -> None:
        """Somebody begins to speak: prepare the classifier's stream, from far enough in the past."""
        period = self.timing.period
        self.heard_from = max(0, self.decided - self.gating.lead)
        start = max(0, (self.heard_from - self.gating.warm) // period * period)
        if start > self.fed_to:  # else it goes on where it was
            self.own.reset()
            self.fed_from = self.fed_to = start

    def piece(self, until: int) -> Floats:
        """What the classifier is to be fed up to a sample."""
        return self.kept[self.fed_to - self.kept_from : until - self.kept_from]

    def heard(self, until: int) -> list[Event]:
        """The events in what the classifier has been fed, up to a sample."""
        before = self.decided if self.fed_to > self.heard_from else 0
        self.heard_samples += max(0, until - max(self.heard_from, before))
        self.fed_to = max(self.fed_to, until)
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
        """Let the detector see that frames were not heard."""
        clear = self.gating.clear
        self.skipped += max(0, frames - clear)
        seen = np.zeros((min(frames, clear), len(self.timing.labels)), np.float32)
        return [
            one for at in range(0, len(seen), MOST_ROWS) for one in self.detector.process(seen[at : at + MOST_ROWS])
        ]

    def event(self, found: Detection) -> Event:
        timing = self.timing
        end_s = min(timing.end_s(found.frame + self.skipped), self.samples_in / timing.sr)
        return Event(found.label, found.score, end_s, timing.start_s(found.start_frame + self.skipped), end_s)

    def oldest_needed(self) -> int:
        """The first sample that the classifier may still be fed."""
        needed = self.fed_to if self.open else max(self.fed_to, self.decided - self.gating.past)
        return max(0, min(needed, self.samples_in))

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
            events += self.follow()
        self.vad.flush()
        events += self.follow()
        if self.open and self.fed_to < self.samples_in:
            self.own.process(self.piece(self.samples_in))
            events += self.heard(self.samples_in)
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

    # Snapshots

    def snapshot(self) -> bytes:
        """The state of the stream as bytes, the same for any partition of the signal into blocks.

        Another stream of the same gated classifier, here or in another process, can resume from it; the
        `probabilities` of the last call are not included. A part of the signal is: what may still be fed to the
        classifier.

        Raises
        ------
        StreamStateError
            The stream failed, or was flushed, or the vad has another sample rate: a resampler cannot be saved.
        """
        self.check_usable()
        if self.resampler is not None:
            raise StreamStateError(
                f"vad has the sample rate {self.gating.vad.sr}, the classifier {self.timing.sr}: the resampler between"
                " them cannot be saved; use a vad of the classifier's rate"
            )
        counts = [getattr(self, name) for name in COUNTS]
        head = STATE.pack(*counts, self.gate.quiet, self.open)
        past = self.kept[self.oldest_needed() - self.kept_from : self.samples_in - self.kept_from]
        parts = (head, self.vad.snapshot(), self.own.snapshot(), self.detector.scanner.save(), past.tobytes())
        return seal("classifier", self.gating.fingerprint, *parts)

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Restore the state of a snapshot; the present state is discarded.

        Raises
        ------
        SnapshotError
            It is not a snapshot, truncated, damaged, of another format or gated classifier; the stream is unchanged.
        """
        twin = self.twin(snapshot)
        self.vad.restore(twin.vad.snapshot())
        self.own.restore(twin.own.snapshot())
        vad, own = self.vad, self.own
        self.__dict__.update(twin.__dict__)
        self.vad, self.own = vad, own

    def fork(self) -> GatedStream:
        """An independent copy of the stream."""
        return self.twin(self.snapshot())

    def twin(self, snapshot: bytes | bytearray | memoryview) -> GatedStream:
        """A new stream restored from a snapshot, with streams of its own."""
        twin = GatedStream(self.gating, self.on_nonfinite)
        head, vad, own, scanner, past = unsealed(self.gating, snapshot)
        twin.vad.restore(vad)
        twin.own.restore(own)
        twin.load(head, scanner, past)
        return twin

    def load(self, head: bytes, scanner: bytes, past: bytes) -> None:
        """Resume from the other parts of a snapshot; only on a new stream, whose vad and classifier have resumed."""
        if len(head) != STATE.size or len(past) % 4:
            raise SnapshotError(UNFIT)
        self.detector.scanner.load(scanner)
        *counts, quiet, self.open = STATE.unpack(head)
        for name, value in zip(COUNTS, counts, strict=True):
            setattr(self, name, value)
        self.gate.quiet, self.gate.open = quiet, self.open
        self.kept, self.kept_from = np.frombuffer(past, np.float32), self.oldest_needed()
        held = self.samples_in - self.kept_from
        if min(*counts, quiet) < 0 or held != len(self.kept) or not self.consistent():
            raise SnapshotError(UNFIT)

    def consistent(self) -> bool:
        """Whether the counts agree with each other and with the streams."""
        vad, own = self.vad, self.own
        return bool(
            (vad.samples_in, vad.frames_out, own.samples_in)
            == (self.samples_in, self.vad_frames, self.fed_to - self.fed_from)
            and self.samples_in >= self.decided >= self.fed_to
            and self.samples_in >= self.heard_samples
        )

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
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with gated.stream()"
        )


def unsealed(gating: Gating, snapshot: bytes | bytearray | memoryview) -> list[bytes]:
    """The parts of a snapshot: the counts, the vad, the classifier, the detector, and the past samples."""
    return unseal("classifier", gating.fingerprint, snapshot, 5, UNFIT)
