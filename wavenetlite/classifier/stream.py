"""ClassifierStream: streaming classification of one signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import Struct
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier.decision import Prediction
from wavenetlite.classifier.design import Design
from wavenetlite.classifier.timing import Timing
from wavenetlite.detection.scanner import UNFIT
from wavenetlite.engine.stream import Stream
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.one_thread import OneThread
from wavenetlite.support.snapshots import pack, seal, unpack, unseal

NonFinite: TypeAlias = Literal["raise", "zero"]

STATE = Struct("<qq")
FAILED = "stream failed in an earlier call after consuming its samples; call reset() before feeding it again"


class Network(Protocol):
    """The network of one signal: a `Stream`, or one stream of a pool."""

    def process(self, block: Floats, /) -> Floats: ...
    def flush(self) -> Floats: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes, /) -> None: ...


@dataclass(frozen=True)
class Event:
    """A detected event. All times are in seconds from the first sample fed to the stream.

    Attributes
    ----------
    label
        The detected label.
    score
        Highest smoothed probability of the label since it crossed its threshold.
    time_s
        Detection time: the end of the audio covered by the frame that triggered the event. The lookahead of features
        and network is subtracted: the event was available `clf.latency_s` later.
    start_s, end_s
        The audio in which the label was at or above its threshold: from the first sample of its first frame to the
        end of its last so far. An event is reported on detection, not at its end, so `end_s` equals `time_s`.
    """

    label: str
    score: float
    time_s: float
    start_s: float
    end_s: float


class ClassifierStream:
    """Streaming classification of one signal in blocks of any length; made by ``clf.stream()``.

    Events and predictions are bit-identical for any partition into blocks. A call with invalid arguments leaves the
    stream unchanged. (If features or network overflow float32 on finite but absurdly large samples, the samples have
    been consumed when that is detected: the stream then raises until it is `reset`.) A stream serves one thread at a
    time; another gets a `StreamStateError`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
    >>> stream = clf.stream(sr=16000)
    >>> events = stream.process(np.zeros(672, np.float32))
    >>> stream.probabilities.shape, stream.frame_times_s.tolist()
    ((2, 2), [0.032, 0.042])
    """

    def __init__(self, design: Design, *, on_nonfinite: NonFinite = "raise", network: Network | None = None) -> None:
        self._design = design
        self._on_nonfinite: NonFinite = on_nonfinite
        self._features = design.features.stream(on_nonfinite=on_nonfinite)
        self._network = network or Stream(design.network, on_nonfinite=on_nonfinite, name="features")
        self._softmax = Stream(design.softmax)
        self._scanner = design.open_scanner()
        self._decision = design.open_decision()
        self._none: Floats = np.zeros((0, len(design.timing.labels)), np.float32)
        self._alone = OneThread("stream")
        self._start()

    def _start(self) -> None:
        self._probabilities = self._none  # of the last call
        self._first = self._frames = 0  # frames before the last call, and all
        self._samples = 0  # fed up to that call
        self._failed = False

    @property
    def timing(self) -> Timing:
        """Labels of the probabilities, and the positions of their frames in the signal."""
        return self._design.timing

    def process(self, samples: Floats) -> list[Event]:
        """Feed the next samples; returns the events detected.

        Parameters
        ----------
        samples
            float32, (n,), in -1..1; n >= 0. Integers stored as floats are refused.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            Another thread is using the stream, or it was flushed and not reset.
        """
        with self._alone:
            self._check_usable()
            check_scale(samples)
            frames = self._features.process(samples)
            self._samples = self._features.samples_in
            return self._advance(frames, self._network.process)

    def flush(self) -> list[Event]:
        """End the signal; returns the events of the frames held back by the latency of features and network.

        A signal shorter than the classifier's `clip_s` is first padded with silence. A word at the very end is heard as
        if silence followed: the events of that silence are included, with times inside the signal, and so is its part
        of the decision "peak" where the signal is longer than a clip; no frame of `probabilities` is added or changed.
        Afterwards the stream must be `reset` before it can be fed again.
        """
        with self._alone:
            return self._flush()

    def end(self) -> None:
        """What `flush` does, without the events of the silence after a signal that is no longer than a clip."""
        with self._alone:
            self._flush(self._features.samples_in > self.timing.clip)

    def _flush(self, hear_silence: bool = True) -> list[Event]:
        self._check_usable()
        samples = self._samples = self._features.samples_in
        missing = self._silence()
        hear_silence &= samples >= self.timing.least
        silent = self._in_silence(missing, samples + self._design.tail) if hear_silence else None
        frames = self._features.flush()
        before = self._frames
        events = self._advance(frames if missing is None else np.concatenate([missing, frames]), self._last)
        if silent is None:
            return events
        self._failed = True
        logits = silent()[self._frames - before :]
        probabilities, late = self._detect(logits)
        if self._design.decision == "peak" and samples > self.timing.clip:
            self._decision.add(logits, probabilities)
        self._failed = False
        last_start_s = self.timing.start_s(self._frames - 1)
        return events + [replace(event, start_s=min(event.start_s, last_start_s)) for event in late]

    def _in_silence(self, missing: Floats | None, samples: int) -> Callable[[], Floats]:
        """The logits of a copy of the stream that is fed silence up to so many samples; to be called later."""
        features = self._features.fork()
        network = Stream(self._design.network, on_nonfinite=self._on_nonfinite, name="features")
        network.restore(self._network.snapshot())

        def logits() -> Floats:
            frames = features.process(np.zeros(max(0, samples - features.samples_in), np.float32))
            return network.process(frames if missing is None else np.concatenate([missing, frames]))

        return logits

    def _check_usable(self) -> None:
        if self._failed:
            raise StreamStateError(FAILED)

    def _silence(self) -> Floats | None:
        """Frames of the silence that pads a signal to a clip; None: it is long enough, or too short to be predicted."""
        if not self.timing.least <= self._samples < self.timing.clip:
            return None
        return self._features.process(np.zeros(self.timing.clip - self._samples, np.float32))

    def _last(self, frames: Floats) -> Floats:
        """The network on the last frames, and its flush."""
        return np.concatenate([self._network.process(frames), self._network.flush()])

    def _advance(self, frames: Floats, network: Callable[[Floats], Floats]) -> list[Event]:
        """Turn frames of features into events."""
        self._failed = True  # until all parts of the stream have advanced
        return self.decide(network(frames))

    # The two halves of `process`, between which a pool runs the network for all its signals

    def check(self, samples: Floats) -> None:
        """Raise what `extract` would raise about `samples`."""
        self._check_usable()
        self._features.check(samples)
        check_scale(samples)

    def extract(self, samples: Floats) -> Floats:
        """The frames of features that the next samples complete; calls fail until `decide` has got their logits."""
        self._failed = True
        frames = self._features.process(samples)
        self._samples = self._features.samples_in
        return frames

    def decide(self, logits: Floats) -> list[Event]:
        """The events detected in the next frames of logits."""
        probabilities, events = self._detect(logits)
        self._decision.add(logits, probabilities)
        self._probabilities = probabilities
        self._first = self._frames
        self._frames += len(probabilities)
        self._failed = False
        return events

    def _detect(self, logits: Floats) -> tuple[Floats, list[Event]]:
        """The probabilities of the next frames of logits, and the events detected in them."""
        try:
            probabilities = self._softmax.process(logits)
        except ParameterError:  # the network's output overflowed
            frame = self._frames + int(np.argmin(np.isfinite(logits).all(axis=1)))
            raise ParameterError(
                f"the network gives logits that are not finite at frame {frame}; weights or samples are too large"
            ) from None
        found = self._scanner.process(probabilities)
        return probabilities, [self._event(*one) for one in found] if found else []

    def _event(self, label: int, score: float, start: int, frame: int) -> Event:
        timing = self.timing
        end_s = min(timing.end_s(frame), self._samples / timing.sr)
        return Event(timing.labels[label], score, end_s, timing.start_s(start), end_s)

    def reset(self) -> None:
        """Forget the signal: the next sample is the first."""
        with self._alone:
            for part in (self._features, self._network, self._scanner, self._decision):
                part.reset()
            self._start()

    def snapshot(self) -> bytes:
        """The state of the stream as bytes, the same for any partition of the signal into blocks.

        Another stream of the same classifier, here or in another process, can resume from it; the `probabilities` of
        the last call are not included.

        Raises
        ------
        StreamStateError
            Another thread is using the stream, or it failed.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
        >>> y = np.random.default_rng(0).standard_normal(8000, dtype=np.float32)
        >>> stream, other = clf.stream(), clf.stream()
        >>> events = stream.process(y[:5000])
        >>> other.restore(stream.snapshot())
        >>> other.process(y[5000:]) == stream.process(y[5000:])
        True
        """
        with self._alone:
            self._check_usable()
            return self._saved()

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Restore the state of a snapshot; the present state is discarded.

        Parameters
        ----------
        snapshot
            A snapshot of a stream or pool of the same classifier: the same features, weights, labels, decision and
            detector; `info` may differ.

        Raises
        ------
        SnapshotError
            It is not a snapshot, truncated, damaged, of another format or classifier; the stream is unchanged.
        StreamStateError
            Another thread is using the stream.
        """
        with self._alone:
            self._become(self._twin(snapshot))

    def fork(self) -> ClassifierStream:
        """An independent copy of the stream."""
        with self._alone:
            self._check_usable()
            return self._twin(self._saved())

    def __reduce__(self) -> Any:
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with clf.stream()"
        )

    def _saved(self) -> bytes:
        newest, kept = self._decision.save()
        parts = [STATE.pack(self._frames, self._samples), newest, self._features.snapshot(), self._network.snapshot()]
        return seal("classifier", self._design.fingerprint, pack(*parts, self._scanner.save(), kept))

    def _twin(self, snapshot: object) -> ClassifierStream:
        """A new stream restored from a snapshot; it has its own network, even if this one's is in a pool."""
        head, newest, features, network, scanner, kept = unpack(
            unseal("classifier", self._design.fingerprint, snapshot), 6, UNFIT
        )
        own = Stream(self._design.network, on_nonfinite=self._on_nonfinite, name="features")
        twin = ClassifierStream(self._design, on_nonfinite=self._on_nonfinite, network=own)
        twin._features.restore(features)
        own.restore(network)
        twin._scanner.load(scanner)
        twin._decision.load(newest, kept)
        if len(head) != STATE.size:
            raise SnapshotError(UNFIT)
        twin._frames, twin._samples = STATE.unpack(head)
        ahead = twin._scanner.frames - twin._frames  # in the silence after the signal
        if twin._frames != own.frames_out or ahead < 0 or not 0 <= twin._samples <= twin._features.samples_in:
            raise SnapshotError(UNFIT)
        twin._first = twin._frames
        return twin

    def _become(self, twin: ClassifierStream) -> None:
        self._network.restore(twin._network.snapshot())
        self._features, self._scanner, self._decision = twin._features, twin._scanner, twin._decision
        self._first, self._frames, self._samples = twin._first, twin._frames, twin._samples
        self._probabilities, self._failed = self._none, False

    def prediction(self) -> Prediction:
        """The prediction for the signal so far; after a flush, bit-identical to ``clf.predict`` on all of it.

        Raises
        ------
        StreamStateError
            There is no frame of probabilities yet, or another thread is using the stream.
        """
        with self._alone:
            self._check_usable()
            found = self._decision.prediction(self.timing.labels)
            if found is None:
                raise StreamStateError(
                    f"stream has no frame yet: it was fed {self._samples} samples;"
                    f" at least {self.timing.least} are needed"
                )
            return found

    @property
    def probabilities(self) -> Floats:
        """Probabilities of the frames of the last `process` or `flush`, (frames, labels) float32; read-only."""
        view = self._probabilities.view()
        view.flags.writeable = False
        return view

    @property
    def frame_times_s(self) -> npt.NDArray[np.float64]:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        return self.timing.ends_s(self._first, len(self._probabilities), self._samples)

    @property
    def frames_out(self) -> int:
        """Frames of probabilities since the start or the last reset."""
        return self._frames

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset."""
        return self._samples


def check_scale(samples: Floats) -> None:
    """Refuse integers stored as floats; whatever else is wrong is found by the features."""
    if isinstance(samples, np.ndarray) and samples.dtype == np.float32 and (problem := scale_problem(samples)):
        raise ParameterError(f"samples {problem}".replace("samples reaches", "samples reach"))
