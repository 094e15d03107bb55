"""AudioClassifier: features, a network and labels as one thing; a whole signal to a label, a running one to events."""

from __future__ import annotations

import copy
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from wavenetlite import features as feature_specs
from wavenetlite.detection.detector import Detector
from wavenetlite.detection.scanner import UNFIT, LogSoftmaxSums, Peak, Scanner
from wavenetlite.engine.stream import Stream
from wavenetlite.features import Features, FeatureStream
from wavenetlite.features._frames import checked_samples
from wavenetlite.features.stream import IN_USE
from wavenetlite.nn import Activation, Module
from wavenetlite.storage.files import TABLES, WEIGHTS, save
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.snapshots import pack, seal, unpack, unseal

if TYPE_CHECKING:
    from wavenetlite.classifier.pool import ClassifierPool
    from wavenetlite.engine.plan import Plan

NonFinite = Literal["raise", "zero"]

BACKGROUND = ("_silence_", "_unknown_")
"""What Speech Commands calls the two classes that are no words."""
DECISIONS = ("last", "mean", "peak")
SLICE_SAMPLES = 2**20
"""Samples of a long signal that are worked on at a time: between two slices a call can be interrupted."""

STATE = Struct("<qq")
FAILED = "stream failed in an earlier call after it had taken the samples; call reset() before feeding it again"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a signal is, as a whole.

    Attributes
    ----------
    label
        The label of the highest probability.
    score
        That probability.
    probabilities
        float32, (labels,); their sum is 1.
    labels
        Of the probabilities.
    """

    label: str
    score: float
    probabilities: Floats
    labels: list[str]


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


class AudioClassifier:
    """Features, a network and labels: what turns audio into a label, or into events while it is still coming.

    Immutable in use and safe to share between threads; every stream has its own state. There is one way through it:
    `predict` is a fresh stream fed with the whole signal and flushed, so probabilities, decisions and events are the
    same, bit for bit, whatever blocks a signal comes in.

    Parameters
    ----------
    features
        A spec that streams, such as ``wl.LogMel(...)``.
    model
        A network without conditioning from the spec's channels to one logit a label and frame. It may have strides and
        latency.
    labels
        Of the network's channels: different, non-empty strings.
    decision
        What the prediction is made of: "last", the softmax of the newest frame; "mean", the mean of the log-softmax
        of all frames so far, made to sum to 1; or "peak", the softmax of the frame in which any label but the
        background is most probable, of all frames from the last one of a clip of `clip_s` on: it finds a word in a
        longer signal.
    clip_s
        Length of the clips that the network learned from, seconds: when a signal ends that is shorter, silence
        follows it up to that length, offline and in a stream. None: nothing follows.
    background
        Labels that never make events, though they can be predicted. `BACKGROUND`'s two need not be among the labels.
    detector
        How probabilities become events; None: ``Detector()``.
    info
        Notes that are saved with the classifier, JSON-able: recipe, data, measured accuracy, attribution.

    Attributes
    ----------
    features, model, decision, background, detector
        As given.
    info
        The notes; yours to change.

    Raises
    ------
    ParameterError, ArrayTypeError
        The parts do not fit together, or the features cannot stream.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.AudioClassifier(
    ...     features=wl.LogMel(sr=16000, n_mels=40),
    ...     model=wl.TCN(40, 3, channels=16, dilations=[1, 2, 4]),
    ...     labels=["yes", "no", "_unknown_"],
    ... )
    >>> y = np.random.default_rng(0).standard_normal(16000, dtype=np.float32)
    >>> p = clf.predict(y, sr=16000)
    >>> p.probabilities.shape, p.label in clf.labels
    ((3,), True)
    >>> stream = clf.stream()
    >>> for block in np.array_split(y, 100):
    ...     events = stream.process(block)
    >>> events = stream.flush()
    >>> bool((stream.prediction().probabilities == p.probabilities).all())
    True
    """

    def __init__(
        self,
        features: Features,
        model: Module,
        labels: Sequence[str],
        *,
        decision: Literal["last", "mean", "peak"] = "last",
        clip_s: float | None = None,
        background: Iterable[str] = BACKGROUND,
        detector: Detector | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.features = checked_features(features)
        self.model = checked_model(model, features)
        self._labels = checked_labels(labels)
        self.decision = one_of("decision", decision, DECISIONS)
        if info is not None and not isinstance(info, Mapping):
            raise ArrayTypeError(f"info is a {type(info).__name__}; it must be a dict")
        self.info: dict[str, Any] = copy.deepcopy(dict(info or {}))
        self._softmax = Activation("softmax")
        output = model.graph(features.out_channels)
        if len(self._labels) != output.channels:
            raise ParameterError(
                f"labels has {len(self._labels)} entries; it must have {output.channels}, the model's out_channels"
            )
        self.background = checked_background(background, self._labels)
        self.detector = Detector() if detector is None else detector
        if not isinstance(self.detector, Detector):
            raise ArrayTypeError(f"detector is a {type(detector).__name__}; it must be a Detector or None")
        clock = output.clock
        period, start = int(clock.rate), int(clock.start)
        if (period, start) != (clock.rate, clock.start):
            raise ParameterError(f"model gives a frame every {clock.rate}; a classifier's must be a whole number apart")
        self.clip_s = None if clip_s is None else number("clip_s", clip_s, least=0.0)
        self.clip_samples = round((self.clip_s or 0.0) * features.sr)
        self._frames_needed = start + 1
        self._ahead_frames = clock.latency - start + features.latency
        self._first_start, self._first_end = features.frame_span(start)
        self._period = period * features.hop_length
        self._limits = self.detector.limits(self._labels, self.frame_rate, self.background)

    # What it is like

    @property
    def labels(self) -> list[str]:
        """Labels of the probabilities, in order."""
        return list(self._labels)

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return self.features.sr

    @property
    def frame_rate(self) -> float:
        """Frames of probabilities a second."""
        return self.sr / self._period

    @property
    def latency_s(self) -> float:
        """Seconds of audio after the end of a frame that must have come before its probabilities do; 0: causal."""
        return self._ahead_frames * self.features.hop_length / self.sr

    @property
    def least_samples(self) -> int:
        """Samples of the shortest signal that can be predicted."""
        spec = self.features
        return max(1, spec.frame_length + (self._frames_needed - 1) * spec.hop_length - 2 * spec.left_pad)

    def frame_time_s(self, frame: int) -> float:
        """The end of the audio that a frame of probabilities covers, seconds from the first sample.

        That is the end of the frame of features which stands at the same place in time: strides are counted in, and
        what features and network look ahead is taken off. (With centred features, the last frames of a signal reach
        into the padding: a stream gives the signal's end for them.)

        Examples
        --------
        >>> import wavenetlite as wl
        >>> spec = wl.LogMel(sr=16000, n_fft=512, hop_length=160)
        >>> clf = wl.AudioClassifier(spec, wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
        >>> clf.frame_time_s(0), clf.frame_time_s(100)
        (0.032, 1.032)
        """
        return (self._first_end + count("frame", frame) * self._period) / self.sr

    def __repr__(self) -> str:
        return (
            f"AudioClassifier({len(self._labels)} labels, {self.features!r}, {type(self.model).__name__},"
            f" decision={self.decision!r})"
        )

    # Use

    @overload
    def predict(
        self, y: Sequence[Floats], *, sr: int | None = None, on_nonfinite: NonFinite = "raise", threads: int = 1
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self, y: Floats, *, sr: int | None = None, on_nonfinite: NonFinite = "raise", threads: int = 1
    ) -> Any: ...

    def predict(self, y: Any, *, sr: int | None = None, on_nonfinite: NonFinite = "raise", threads: int = 1) -> Any:
        """What a signal is, as a whole; or each of several signals.

        Parameters
        ----------
        y
            float32, (samples,); a list of such; or (signals, samples).
        sr
            Sample rate of `y`, Hz; given, it must be the classifier's: nothing is resampled silently.
        on_nonfinite
            What to do with infinities and NaN in `y`: "raise", or take them for "zero".
        threads
            How many signals to work on at once.

        Returns
        -------
        A `Prediction`; of a list or of (signals, samples) a list of them, each with the bits it has alone.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype, values or sample rate, or fewer samples than one frame of probabilities needs.
        """
        self.features.check_rate(sr)
        positive_int("threads", threads, 1024)
        if isinstance(y, list | tuple) or self.features.signals_in(y):
            signals = [self.checked(signal, f"y[{index}]", on_nonfinite) for index, signal in enumerate(y)]
            if threads == 1 or len(signals) < 2:
                return [self.predict_checked(signal) for signal in signals]
            with ThreadPoolExecutor(min(threads, len(signals))) as pool:
                return list(pool.map(self.predict_checked, signals))
        return self.predict_checked(self.checked(y, "y", on_nonfinite))

    def checked(self, y: Any, name: str, on_nonfinite: str) -> Floats:
        """A signal that can be predicted, or an error that says why not."""
        zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        signal = checked_samples(y, 0, zero, name)
        if len(signal) < self.least_samples:
            frames = "one frame" if self._frames_needed == 1 else f"{self._frames_needed} frames"
            raise ParameterError(
                f"{name} has {len(signal)} samples; at least {self.least_samples} ({frames}) are needed"
            )
        return signal

    def new_peak(self) -> Peak:
        """State of the decision "peak"."""
        foreground = np.array([label not in self.background for label in self._labels])
        frames = self.features.frames(self.clip_samples)
        plan = self.model.plan(self.features.out_channels)
        return Peak(foreground, max(0, plan.output_frames(frames, ended=True) - 1) if frames else 0)

    def predict_checked(self, y: Floats) -> Prediction:
        stream = self.stream()
        for first in range(0, len(y), SLICE_SAMPLES):
            stream.process(y[first : first + SLICE_SAMPLES])
        stream.flush()
        return stream.prediction()

    def stream(self, *, sr: int | None = None, on_nonfinite: NonFinite = "raise") -> ClassifierStream:
        """A new stream; see :class:`ClassifierStream`.

        Parameters
        ----------
        sr
            Sample rate of what it will be fed, Hz; given, it must be the classifier's.
        on_nonfinite
            What to do with infinities and NaN in the samples: "raise", or take them for "zero".
        """
        self.features.check_rate(sr)
        one_of("on_nonfinite", on_nonfinite, ("raise", "zero"))
        return self.stream_of(self.model.plan(self.features.out_channels), on_nonfinite)

    def stream_of(self, plan: Plan, on_nonfinite: NonFinite) -> ClassifierStream:
        return ClassifierStream(
            self,
            self.features.stream(on_nonfinite=on_nonfinite),
            Stream(plan, on_nonfinite=on_nonfinite, name="features"),
            self._softmax.stream(channels=len(self._labels)),
            Scanner(**self._limits, name="probabilities"),
        )

    def pool(
        self, capacity: int, *, sr: int | None = None, threads: int = 1, on_nonfinite: NonFinite = "raise"
    ) -> ClassifierPool:
        """A new pool for many signals at once; see :class:`wavenetlite.classifier.pool.ClassifierPool`.

        Parameters
        ----------
        capacity
            Signals that can be open at the same time.
        sr
            Sample rate of what it will be fed, Hz; given, it must be the classifier's.
        threads
            How many threads share the network's work of a call; the results do not depend on it.
        on_nonfinite
            What to do with infinities and NaN in the samples: "raise", or take them for "zero".
        """
        from wavenetlite.classifier.pool import ClassifierPool

        self.features.check_rate(sr)
        return ClassifierPool(self, capacity, threads=threads, on_nonfinite=on_nonfinite)

    # Writing down

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file; see :func:`wavenetlite.load`.

        What is read from it needs no librosa: the tables of the features, and the versions of what computed them, are
        in the file.

        Raises
        ------
        ParameterError
            A part cannot be made again from its configuration, or `info` is not JSON-able.
        OSError
            The file cannot be written.

        Examples
        --------
        >>> import os, tempfile, wavenetlite as wl
        >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
        >>> clf.info["data"] = "none"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "classifier.safetensors")
        ...     clf.save(path)
        ...     again = wl.load(path)
        >>> again.labels, again.info
        (['yes', 'no'], {'data': 'none'})
        """
        save(self, path)

    def config(self) -> dict[str, Any]:
        """The classifier as JSON-able data, without weights and tables."""
        return {
            "type": "AudioClassifier",
            "labels": self.labels,
            "decision": self.decision,
            "clip_s": self.clip_s,
            "background": list(self.background),
            "detector": self.detector.config(),
            "features": self.features.config(),
            "model": self.model.config(),
            "info": self.info,
        }

    def state_dict(self) -> dict[str, Floats]:
        """Copies of all tables and weights by name: those of the features begin with ``features.``, the network's with
        ``model.``."""
        return {
            **{TABLES + name: table for name, table in self.features.state_dict().items()},
            **{WEIGHTS + name: weight for name, weight in self.model.state_dict().items()},
        }


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

    def __init__(
        self,
        classifier: AudioClassifier,
        features: FeatureStream,
        network: Stream,
        softmax: Stream,
        scanner: Scanner,
    ) -> None:
        self.classifier = classifier
        self._features = features
        self._network = network
        self._softmax = softmax
        self._scanner = scanner
        self._sums = LogSoftmaxSums(len(classifier._labels)) if classifier.decision == "mean" else None
        self._peak = classifier.new_peak() if classifier.decision == "peak" else None
        self._none: Floats = np.zeros((0, len(classifier._labels)), np.float32)
        self._lock = threading.Lock()
        self._hash: bytes | None = None
        self._start()

    def _start(self) -> None:
        self._probabilities = self._none  # of the last call
        self._newest: Floats | None = None
        self._first = self._frames = self._heard = (
            0  # frames before the last call, and all; samples that were heard then
        )
        self._failed = False

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
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            if self._failed:
                raise StreamStateError(FAILED)
            frames = self._features.process(samples)
            self._heard = self._features.samples_in
            return self._hear(frames, self._network.process)
        finally:
            self._lock.release()

    def flush(self) -> list[Event]:
        """End the signal; returns the events of the frames that features and network with latency still owe.

        A signal shorter than the classifier's `clip_s` is followed by silence first. After this the stream must be
        `reset` before it is fed again.
        """
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            if self._failed:
                raise StreamStateError(FAILED)
            self._heard = self._features.samples_in
            missing = self._silence()
            frames = self._features.flush()
            return self._hear(frames if missing is None else np.concatenate([missing, frames]), self._last)
        finally:
            self._lock.release()

    def _silence(self) -> Floats | None:
        """Frames of the silence that makes a signal as long as a clip; None: it is, or too short to be predicted."""
        clf = self.classifier
        if not clf.least_samples <= self._heard < clf.clip_samples:
            return None
        return self._features.process(np.zeros(clf.clip_samples - self._heard, np.float32))

    def _last(self, frames: Floats) -> Floats:
        """The network on its last frames, and what it still owes after them."""
        return np.concatenate([self._network.process(frames), self._network.flush()])

    def _hear(self, frames: Floats, network: Any) -> list[Event]:
        """Frames of features to events."""
        self._failed = True  # until all parts of the stream have gone the same way
        return self._decide(network(frames))

    def _decide(self, logits: Floats) -> list[Event]:
        """Frames of logits to events."""
        try:
            probabilities = self._softmax.process(logits)
        except ParameterError:  # a softmax of its own, since it says of infinities what any number would give
            frame = self._frames + int(np.argmin(np.isfinite(logits).all(axis=1)))
            raise ParameterError(
                f"the network gives logits that are not finite at frame {frame}; weights or samples are too large"
            ) from None
        found = self._scanner.process(probabilities)
        fresh = len(probabilities)
        if fresh:
            if self._sums is not None:
                self._sums.add(logits)
            if self._peak is not None:
                self._peak.add(probabilities)
            self._newest = probabilities[-1]
        self._probabilities = probabilities
        self._first = self._frames
        self._frames += fresh
        self._failed = False
        return [self._event(*one) for one in found] if found else []

    def _event(self, label: int, score: float, start: int, frame: int) -> Event:
        clf = self.classifier
        end_s = min(clf._first_end + frame * clf._period, self._heard) / clf.sr
        start_s = max(clf._first_start + start * clf._period, 0) / clf.sr
        return Event(clf._labels[label], score, end_s, start_s, end_s)

    def reset(self) -> None:
        """Forget the signal: the next sample is the first."""
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            self._features.reset()
            self._network.reset()
            self._scanner.reset()
            if self._sums is not None:
                self._sums.reset()
            if self._peak is not None:
                self._peak.reset()
            self._start()
        finally:
            self._lock.release()

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
        with self._alone():
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
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            self._become(self._twin(snapshot))
        finally:
            self._lock.release()

    def fork(self) -> ClassifierStream:
        """A new stream that has heard the same; from now on each goes its own way."""
        with self._alone():
            return self._twin(self._saved())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            if self._failed:
                raise StreamStateError(FAILED)
            yield
        finally:
            self._lock.release()

    def _fingerprint(self) -> bytes:
        if self._hash is None:
            clf = self.classifier
            parts = [clf.labels, clf.decision, clf.clip_s, clf.background, clf.detector.config()]
            digest = blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16, person=b"wavenetlite clf")
            digest.update(clf.features.fingerprint + self._network.plan.fingerprint)
            self._hash = digest.digest()
        return self._hash

    def _saved(self) -> bytes:
        kept = self._sums or self._peak
        newest = b"" if self._newest is None else self._newest.tobytes()
        parts = [STATE.pack(self._frames, self._heard), newest, self._features.snapshot(), self._network.snapshot()]
        return seal("classifier", self._fingerprint(), pack(*parts, self._scanner.save(), kept.save() if kept else b""))

    def _twin(self, snapshot: object) -> ClassifierStream:
        """The stream that a snapshot was taken of."""
        head, newest, features, network, scanner, kept = unpack(
            unseal("classifier", self._fingerprint(), snapshot), 6, UNFIT
        )
        twin = ClassifierStream(
            self.classifier,
            self._features.fork(),
            self._network.fork(),
            self._softmax.fork(),
            Scanner(**self.classifier._limits, name="probabilities"),
        )
        twin._features.restore(features)
        twin._network.restore(network)
        twin._scanner.load(scanner)
        if state := twin._sums or twin._peak:
            state.load(kept)
        if len(head) != STATE.size or len(newest) not in (0, 4 * len(self.classifier._labels)):
            raise SnapshotError(UNFIT)
        twin._frames, twin._heard = STATE.unpack(head)
        twin._first = twin._frames
        twin._newest = np.frombuffer(newest, np.float32).copy() if newest else None
        return twin

    def _become(self, twin: ClassifierStream) -> None:
        self._features, self._network, self._scanner = twin._features, twin._network, twin._scanner
        self._sums, self._peak, self._newest = twin._sums, twin._peak, twin._newest
        self._first, self._frames, self._heard = twin._first, twin._frames, twin._heard
        self._probabilities, self._failed = self._none, False

    def prediction(self) -> Prediction:
        """What the signal so far is, as a whole; after a flush, with the bits of ``clf.predict`` on all of it.

        Raises
        ------
        StreamStateError
            No frame of probabilities has come yet, or another thread is in this stream.
        """
        if not self._lock.acquire(False):
            raise StreamStateError(IN_USE)
        try:
            if self._failed:
                raise StreamStateError(FAILED)
            if self._newest is None:
                raise StreamStateError(
                    f"stream has no frame yet: it was fed {self._heard} samples;"
                    f" at least {self.classifier.least_samples} are needed"
                )
            kept = self._sums or self._peak
            p = self._newest.copy() if kept is None else kept.probabilities()
        finally:
            self._lock.release()
        best = int(p.argmax())
        labels = self.classifier.labels
        return Prediction(labels[best], float(p[best]), p, labels)

    @property
    def probabilities(self) -> Floats:
        """Of the frames that the last `process` or `flush` completed, (frames, labels) float32; read-only."""
        view = self._probabilities.view()
        view.flags.writeable = False
        return view

    @property
    def frame_times_s(self) -> npt.NDArray[np.float64]:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        clf = self.classifier
        ends = clf._first_end + np.arange(self._first, self._first + len(self._probabilities)) * clf._period
        return np.minimum(ends, self._heard) / clf.sr

    @property
    def frames_out(self) -> int:
        """Frames of probabilities since the start or the last reset."""
        return self._frames

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset."""
        return self._heard


def restored(config: Mapping[str, Any], model: Module, tables: Mapping[str, Floats]) -> AudioClassifier:
    """The classifier of a file: what `AudioClassifier.config` returned, the network, and the tables of the features."""
    wanted = {"type", "labels", "decision", "clip_s", "background", "detector", "features", "model", "info"}
    if set(config) != wanted:
        raise ParameterError(f"config of a classifier has {', '.join(sorted(config))}; it must have {sorted(wanted)}")
    spec = config["features"]
    if isinstance(spec, Mapping) and spec.get("type") == "Librosa":  # asked first: it would import librosa to say so
        raise ParameterError("features are of type Librosa, which cannot stream")
    return AudioClassifier(
        feature_specs.from_config(spec, tables),
        model,
        config["labels"],
        decision=config["decision"],
        clip_s=config["clip_s"],
        background=config["background"],
        detector=Detector.from_config(config["detector"]),
        info=config["info"],
    )


# Checks


def checked_features(features: Any) -> Features:
    if not isinstance(features, Features):
        raise ArrayTypeError(f"features is a {type(features).__name__}; it must be a spec such as wl.LogMel()")
    if not features.causal:
        features.stream()  # raises, and names what streams instead
        raise ParameterError(f"features={features!r} must stream")
    return features


def checked_model(model: Any, features: Features) -> Module:
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module")
    if model.in_channels not in (None, features.out_channels):
        raise ParameterError(
            f"model has in_channels={model.in_channels}; it must be {features.out_channels}, the features' out_channels"
        )
    if model.condition_channels_needed:
        raise ParameterError(
            f"model has condition_channels={model.condition_channels_needed}; it must have none: nothing conditions it"
        )
    return model


def checked_labels(labels: Any) -> tuple[str, ...]:
    if not isinstance(labels, list | tuple):
        raise ArrayTypeError(f"labels is a {type(labels).__name__}; it must be a list of strings")
    for index, label in enumerate(labels):
        if not isinstance(label, str):
            raise ArrayTypeError(f"labels[{index}]={label!r} is a {type(label).__name__}; it must be a string")
        if not label:
            raise ParameterError(f"labels[{index}]='' must not be empty")
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        raise ParameterError(f"labels has {twice!r} twice; labels must differ")
    if len(labels) < 2:
        raise ParameterError(
            f"labels has {len(labels)} entries; it must have at least 2: the softmax of one is always 1"
        )
    return tuple(labels)


def checked_background(background: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The background labels that there are, in the order of the labels."""
    if isinstance(background, str) or not isinstance(background, Iterable):
        raise ArrayTypeError(f"background is a {type(background).__name__}; it must be a list of labels")
    named, known = list(background), frozenset((*labels, *BACKGROUND))
    for label in named:
        if not isinstance(label, str):
            raise ArrayTypeError(f"background has {label!r}, a {type(label).__name__}; it must be a list of labels")
        if label not in known:
            raise ParameterError(f"background has {label!r}; it must be one of the labels {', '.join(labels)}")
    chosen = frozenset(named)
    return tuple(label for label in labels if label in chosen)
