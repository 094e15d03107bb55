"""ClassifierStream: one signal on its way through a classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

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
FAILED = "stream failed in an earlier call after it had taken the samples; call reset() before feeding it again"


class Network(Protocol):
    """The network of one signal: a stream of its own, or one of a pool."""

    def process(self, block: Floats, /) -> Floats: ...
    def flush(self) -> Floats: ...
    def reset(self) -> None: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes, /) -> None: ...


@dataclass(frozen=True)
class Event:
    """Something heard in a running signal. All times are seconds from the first sample that the stream was fed.

    Attributes
    ----------
    label
        What was heard.
    score
        Highest smoothed probability of the label since it reached its threshold.
    time_s
        When it became certain: the end of the audio that the frame covers with which the event came. What features and
        network look ahead is taken off: the stream could tell `clf.latency_s` later.
    start_s, end_s
        The audio in which the label was at or above its threshold so far: from the first sample of its first frame to
        the end of its last. An event is told when it is certain and not when it is over, so `end_s` is `time_s`.
    """

    label: str
    score: float
    time_s: float
    start_s: float
    end_s: float


class ClassifierStream:
    """One signal on its way through a classifier, fed in blocks of any length; made by ``clf.stream()``.

    Whatever the blocks, events and predictions are the same, bit for bit. A call that raises because of what it is
    given leaves the stream as it was. (If features or network overflow float32 on samples that are finite but absurdly
    large, the samples have been taken when that shows: the stream then raises until it is `reset`.) A stream serves one
    thread at a time; another gets a `StreamStateError`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
    >>> stream = clf.stream()
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
        self._heard = 0  # samples that were fed when it came
        self._failed = False

    @property
    def timing(self) -> Timing:
        """Labels of the probabilities, and where their frames lie in the signal."""
        return self._design.timing

    def process(self, samples: Floats) -> list[Event]:
        """Feed the next samples; returns the events that they make certain.

        Parameters
        ----------
        samples
            float32, (n,); any n from 0 on.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is as before.
        StreamStateError
            Another thread is in this stream, or it was flushed and not reset.
        """
        with self._alone:
            self._check_sound()
            frames = self._features.process(samples)
            self._heard = self._features.samples_in
            return self._hear(frames, self._network.process)

    def flush(self) -> list[Event]:
        """End the signal; returns the events of the frames that features and network with latency still owe.

        A signal shorter than the classifier's `clip_s` is followed by silence first. After this the stream must be
        `reset` before it is fed again.
        """
        with self._alone:
            self._check_sound()
            self._heard = self._features.samples_in
            missing = self._silence()
            frames = self._features.flush()
            return self._hear(frames if missing is None else np.concatenate([missing, frames]), self._last)

    def _check_sound(self) -> None:
        if self._failed:
            raise StreamStateError(FAILED)

    def _silence(self) -> Floats | None:
        """Frames of the silence that makes a signal as long as a clip; None: it is, or too short to be predicted."""
        if not self.timing.least <= self._heard < self.timing.clip:
            return None
        return self._features.process(np.zeros(self.timing.clip - self._heard, np.float32))

    def _last(self, frames: Floats) -> Floats:
        """The network on its last frames, and what it still owes after them."""
        return np.concatenate([self._network.process(frames), self._network.flush()])

    def _hear(self, frames: Floats, network: Callable[[Floats], Floats]) -> list[Event]:
        """Frames of features to events."""
        self._failed = True  # until all parts of the stream have gone the same way
        return self.decide(network(frames))

    # The two halves of `process`, between which a pool runs the network for all its signals

    def check(self, samples: Floats) -> None:
        """Raise what `hear` would raise about `samples`."""
        self._check_sound()
        self._features.check(samples)

    def hear(self, samples: Floats) -> Floats:
        """The frames of features that the next samples complete; until `decide` is given their logits, calls fail."""
        self._failed = True
        frames = self._features.process(samples)
        self._heard = self._features.samples_in
        return frames

    def decide(self, logits: Floats) -> list[Event]:
        """The events that the next frames of logits make certain."""
        try:
            probabilities = self._softmax.process(logits)
        except ParameterError:  # a softmax of its own, since it says of infinities what any number would give
            frame = self._frames + int(np.argmin(np.isfinite(logits).all(axis=1)))
            raise ParameterError(
                f"the network gives logits that are not finite at frame {frame}; weights or samples are too large"
            ) from None
        found = self._scanner.process(probabilities)
        self._decision.add(logits, probabilities)
        self._probabilities = probabilities
        self._first = self._frames
        self._frames += len(probabilities)
        self._failed = False
        return [self._event(*one) for one in found] if found else []

    def _event(self, label: int, score: float, start: int, frame: int) -> Event:
        timing = self.timing
        end_s = min(timing.end_s(frame), self._heard / timing.sr)
        return Event(timing.labels[label], score, end_s, timing.start_s(start), end_s)

    def reset(self) -> None:
        """Forget the signal: the next sample is the first."""
        with self._alone:
            for part in (self._features, self._network, self._scanner, self._decision):
                part.reset()
            self._start()

    def snapshot(self) -> bytes:
        """All that the stream remembers, as bytes; the same bytes for the same signal, however it was fed.

        Features, network, detector and prediction go on from them in another stream of the same classifier, here or in
        another process; `probabilities` of the last call are not in them.

        Raises
        ------
        StreamStateError
            Another thread is in this stream, or it failed.

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
            self._check_sound()
            return self._saved()

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Become the stream that a snapshot was taken of; what this stream was fed is forgotten.

        Parameters
        ----------
        snapshot
            What `snapshot` of a stream, or of a pool, of the same classifier returned: the same features, weights,
            labels, decision and detector; `info` may differ.

        Raises
        ------
        SnapshotError
            It is no snapshot, truncated, damaged, of another format, or of another classifier; the stream is as before.
        StreamStateError
            Another thread is in this stream.
        """
        with self._alone:
            self._become(self._twin(snapshot))

    def fork(self) -> ClassifierStream:
        """A new stream that has heard the same; from now on each goes its own way."""
        with self._alone:
            self._check_sound()
            return self._twin(self._saved())

    def _saved(self) -> bytes:
        newest, kept = self._decision.save()
        parts = [STATE.pack(self._frames, self._heard), newest, self._features.snapshot(), self._network.snapshot()]
        return seal("classifier", self._design.fingerprint, pack(*parts, self._scanner.save(), kept))

    def _twin(self, snapshot: object) -> ClassifierStream:
        """The stream that a snapshot was taken of; its network is its own, even if this one's is in a pool."""
        head, newest, features, network, scanner, kept = unpack(
            unseal("classifier", self._design.fingerprint, snapshot), 6, UNFIT
        )
        twin = ClassifierStream(self._design, on_nonfinite=self._on_nonfinite)
        twin._features.restore(features)
        twin._network.restore(network)
        twin._scanner.load(scanner)
        twin._decision.load(newest, kept)
        if len(head) != STATE.size:
            raise SnapshotError(UNFIT)
        twin._frames, twin._heard = STATE.unpack(head)
        twin._first = twin._frames
        return twin

    def _become(self, twin: ClassifierStream) -> None:
        self._network.restore(twin._network.snapshot())
        self._features, self._scanner, self._decision = twin._features, twin._scanner, twin._decision
        self._first, self._frames, self._heard = twin._first, twin._frames, twin._heard
        self._probabilities, self._failed = self._none, False

    def prediction(self) -> Prediction:
        """What the signal so far is, as a whole; after a flush, with the bits of ``clf.predict`` on all of it.

        Raises
        ------
        StreamStateError
            No frame of probabilities has come yet, or another thread is in this stream.
        """
        with self._alone:
            self._check_sound()
            found = self._decision.prediction(self.timing.labels)
            if found is None:
                raise StreamStateError(
                    f"stream has no frame yet: it was fed {self._heard} samples;"
                    f" at least {self.timing.least} are needed"
                )
            return found

    @property
    def probabilities(self) -> Floats:
        """Of the frames that the last `process` or `flush` completed, (frames, labels) float32; read-only."""
        view = self._probabilities.view()
        view.flags.writeable = False
        return view

    @property
    def frame_times_s(self) -> npt.NDArray[np.float64]:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        return self.timing.ends_s(self._first, len(self._probabilities), self._heard)

    @property
    def frames_out(self) -> int:
        """Frames of probabilities since the start or the last reset."""
        return self._frames

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset."""
        return self._heard
