# cython: boundscheck=False, initializedcheck=False
"""ClassifierStream: streaming classification of one signal."""

cimport cython
cimport numpy as cnp

from wavenetlite.audio._peak cimport peak
from wavenetlite.detection.scanner cimport LogSoftmaxSums, Peak, Scanner
from wavenetlite.engine.stream cimport Stream
from wavenetlite.features.stream cimport FeatureStream

from dataclasses import replace
from struct import Struct

import numpy as np

from wavenetlite.audio.scale import LOUDEST, scale_problem
from wavenetlite.classifier.event import Event
from wavenetlite.detection.scanner import UNFIT
from wavenetlite.support.errors import ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.snapshots import seal, unseal

cdef extern from "simd.h" nogil:
    bint try_acquire(int*)
    void release(int*)

cnp.import_array()

STATE = Struct("<qq")
FAILED = "stream failed in an earlier call after consuming its samples; call reset() before feeding it again"
cdef double MOST = LOUDEST
cdef float HIGHEST = 1.0001             # a probability may round to a little above 1


cdef check_scale(object samples):
    """Refuse integers stored as floats; whatever else is wrong is found by the features."""
    if not cnp.PyArray_Check(samples) or cnp.PyArray_TYPE(<cnp.ndarray>samples) != cnp.NPY_FLOAT32:
        return
    if not peak(samples) <= MOST and (problem := scale_problem(samples)):
        raise ParameterError(f"samples {problem}".replace("samples reaches", "samples reach"))


cdef cnp.ndarray with_rest(cnp.ndarray words, Py_ssize_t first):
    """Independent probabilities of words, and the rest: 1 less that of the most probable word.

    `first` is the number of the first of these frames, for messages. Compiled, because a wake word may give a frame at every
    call: in NumPy this took 10 us of them.
    """
    cdef Py_ssize_t frames = cnp.PyArray_DIM(words, 0), count = cnp.PyArray_DIM(words, 1), frame, word
    cdef cnp.npy_intp[2] shape = [frames, count + 1]
    cdef cnp.ndarray made = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT32, 0)
    cdef const float* p = <const float*>cnp.PyArray_DATA(words)
    cdef float* out = <float*>cnp.PyArray_DATA(made)
    cdef float best
    for frame in range(frames):
        best = 0.0
        for word in range(count):
            if not 0.0 <= p[word] <= HIGHEST:       # false for NaN
                raise ParameterError(
                    f"the network gives {words[frame].tolist()} at frame {first + frame}; with outputs='probabilities' it"
                    " must give numbers between 0 and 1: let it end with a sigmoid")
            best = max(best, p[word])
            out[word] = p[word]
        out[count] = max(<float>1.0 - best, <float>0.0)
        p += count
        out += count + 1
    return made


@cython.final
cdef class ClassifierStream:
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

    # The attributes stand in stream.pxd.

    def __init__(
        self, design: object, *, on_nonfinite: str = "raise", network: object = None, softmax: object = None
    ) -> None:
        self.design = design
        self.timing = design.timing
        self.on_nonfinite = on_nonfinite
        self.features = design.features.stream(on_nonfinite=on_nonfinite)
        self.network = Stream(design.network, on_nonfinite=on_nonfinite, name="features") if network is None else network
        self.own = self.network if network is None else None
        self.softmax = Stream(design.softmax) if softmax is None and design.softmax is not None else softmax
        self.scanner = design.open_scanner()
        self.set_decision(design.open_decision())
        self.none = design.none
        self.start()

    cdef start(self):
        self.kept = self.none
        self.first = self.frames = self.samples = 0
        self.failed = False

    cdef set_decision(self, object decision):
        self.decision, self.sums, self.peak = decision, decision.sums, decision.peak

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("stream is in use by another thread; give each thread its own stream")

    cdef check_usable(self):
        if self.failed:
            raise StreamStateError(FAILED)

    cdef Py_ssize_t fed(self):
        """Samples fed to the features."""
        return self.features.front.samples_in if self.features.frames is None else self.features.frames.samples_in

    def process(self, samples: object) -> list:
        """Feed the next samples; returns the events detected.

        Parameters
        ----------
        samples
            float32, (n,), in -1..1; n >= 0. Integers stored as floats are refused; int16 is taken if the features are a
            `MicroFrontend`.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            Another thread is using the stream, or it was flushed and not reset.
        """
        self.acquire()
        try:
            self.check_usable()
            check_scale(samples)
            return self.decide(self.through_network(self.extract(samples)))
        finally:
            release(&self.busy)

    # The parts of `process`, between which a pool runs the network for all its signals

    cdef cnp.ndarray check(self, object samples):
        """Raise what `extract` would raise about `samples`; returns them as `extract_to` takes them, or None: it cannot."""
        self.check_usable()
        check_scale(samples)
        return self.features.checked(samples)

    cdef int extract_to(self, cnp.ndarray samples, float* frames) except -1:
        """`extract` for samples that `check` has returned; the frames are written to `frames`."""
        self.features.advance_to(samples, frames)
        self.failed = True
        self.samples = self.features.frames.samples_in
        return 0

    cdef cnp.ndarray extract(self, object samples):
        """The frames of features that the next samples complete; calls fail until `decide` has got their logits."""
        cdef cnp.ndarray frames = self.features.advance(samples)
        self.failed = True
        self.samples = self.fed()
        return frames

    cdef cnp.ndarray through_network(self, cnp.ndarray frames):
        return self.network.process(frames) if self.own is None else self.own.process_alone(frames, None, None)

    cdef list decide(self, cnp.ndarray logits):
        """The events detected in the next frames of logits."""
        return self.hear(self.probabilities_of(logits), <const float*>cnp.PyArray_DATA(logits))

    cdef list hear(self, cnp.ndarray probabilities, const float* logits):
        """The events detected in the next frames of probabilities."""
        cdef Py_ssize_t frames = cnp.PyArray_DIM(probabilities, 0)
        cdef list events = self.detect(probabilities)
        self.add(probabilities, logits)
        self.kept = probabilities
        self.first = self.frames
        self.frames += frames
        self.failed = False
        return events

    cdef add(self, cnp.ndarray probabilities, const float* logits):
        """Give the next frames to the decision."""
        cdef Py_ssize_t frames = cnp.PyArray_DIM(probabilities, 0)
        if frames:
            if self.sums is not None:
                self.sums.add_rows(logits, frames)
            if self.peak is not None:
                self.peak.add_rows(<const float*>cnp.PyArray_DATA(probabilities), frames)
            self.decision.last = probabilities

    cdef cnp.ndarray probabilities_of(self, cnp.ndarray logits):
        if self.softmax is None:
            return with_rest(logits, self.frames)
        try:
            return self.softmax.process_alone(logits, None, None)
        except ParameterError:  # the network's output overflowed
            frame = self.frames + int(np.argmin(np.isfinite(logits).all(axis=1)))
            raise ParameterError(
                f"the network gives logits that are not finite at frame {frame}; weights or samples are too large"
            ) from None

    cdef list detect(self, cnp.ndarray probabilities):
        """The events in the next frames of probabilities."""
        cdef list found = self.scanner.events_of(
            <const float*>cnp.PyArray_DATA(probabilities), cnp.PyArray_DIM(probabilities, 0))
        return [self.event(*one) for one in found] if found else []

    def event(self, label: int, score: float, start: int, frame: int) -> object:
        """An event that the scanner found."""
        timing = self.timing
        end_s = min(timing.end_s(frame), self.samples / timing.sr)
        return Event(timing.labels[label], score, end_s, timing.start_s(start), end_s)

    def flush(self) -> list:
        """End the signal; returns the events of the frames held back by the latency of features and network.

        A signal shorter than the classifier's `clip_s` is first padded with silence. A word at the very end is heard as
        if silence followed: the events of that silence are included, with times inside the signal, and so is its part
        of the decision "peak" where the signal is longer than a clip; no frame of `probabilities` is added or changed.
        Afterwards the stream must be `reset` before it can be fed again.
        """
        self.acquire()
        try:
            return self.finish(True)
        finally:
            release(&self.busy)

    def end(self) -> None:
        """What `flush` does, without the events of the silence after a signal that is no longer than a clip."""
        self.acquire()
        try:
            self.finish(self.fed() > self.timing.clip)
        finally:
            release(&self.busy)

    cdef list finish(self, bint hear_silence):
        cdef cnp.ndarray logits, probabilities
        self.check_usable()
        samples = self.samples = self.fed()
        missing = self.silence()
        hear_silence &= samples >= self.timing.least
        silent = self.in_silence(missing, samples + self.design.tail) if hear_silence else None
        frames = self.features.flush()
        self.failed = True
        before = self.frames
        frames = frames if missing is None else np.concatenate([missing, frames])
        events = self.decide(np.concatenate([self.through_network(frames), self.network.flush()]))
        if silent is None:
            return events
        self.failed = True
        logits = np.ascontiguousarray(silent()[self.frames - before :])
        probabilities = self.probabilities_of(logits)
        late = self.detect(probabilities)
        if self.design.decision == "peak" and samples > self.timing.clip:
            self.add(probabilities, <const float*>cnp.PyArray_DATA(logits))
        self.failed = False
        last_start_s = self.timing.start_s(self.frames - 1)
        return events + [replace(event, start_s=min(event.start_s, last_start_s)) for event in late]

    cdef object silence(self):
        """Frames of the silence that pads a signal to a clip; None: it is long enough, or too short to be predicted."""
        if not self.timing.least <= self.samples < self.timing.clip:
            return None
        return self.features.process(np.zeros(self.timing.clip - self.samples, np.float32))

    def in_silence(self, missing: object, samples: int) -> object:
        """The logits of a copy of the stream that is fed silence up to so many samples; to be called later."""
        features = self.features.fork()
        network = Stream(self.design.network, on_nonfinite=self.on_nonfinite, name="features")
        network.restore(self.network.snapshot())

        def logits():
            frames = features.process(np.zeros(max(0, samples - features.samples_in), np.float32))
            return network.process(frames if missing is None else np.concatenate([missing, frames]))

        return logits

    def reset(self) -> None:
        """Forget the signal: the next sample is the first."""
        self.acquire()
        try:
            for part in (self.features, self.network, self.scanner, self.decision):
                part.reset()
            self.start()
        finally:
            release(&self.busy)

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
        self.acquire()
        try:
            self.check_usable()
            return self.saved()
        finally:
            release(&self.busy)

    def restore(self, snapshot: object) -> None:
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
        cdef ClassifierStream twin
        self.acquire()
        try:
            twin = self.twin(snapshot)
            self.network.restore(twin.network.snapshot())
            self.features, self.scanner = twin.features, twin.scanner
            self.set_decision(twin.decision)
            self.first, self.frames, self.samples = twin.first, twin.frames, twin.samples
            self.kept, self.failed = self.none, False
        finally:
            release(&self.busy)

    def fork(self) -> ClassifierStream:
        """An independent copy of the stream."""
        self.acquire()
        try:
            self.check_usable()
            return self.twin(self.saved())
        finally:
            release(&self.busy)

    def __reduce__(self) -> object:
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with clf.stream()"
        )

    cdef bytes saved(self):
        newest, kept = self.decision.save()
        parts = [STATE.pack(self.frames, self.samples), newest, self.features.snapshot(), self.network.snapshot()]
        return seal("classifier", self.design.fingerprint, *parts, self.scanner.save(), kept)

    cdef ClassifierStream twin(self, object snapshot):
        """A new stream restored from a snapshot; it has its own network, even if this one's is in a pool."""
        cdef ClassifierStream twin = ClassifierStream(self.design, on_nonfinite=self.on_nonfinite)
        twin.load(snapshot)
        return twin

    cdef load(self, object snapshot):
        """Resume from a snapshot; only on a new stream, which is useless if this raises."""
        head, newest, features, network, scanner, kept = unseal(
            "classifier", self.design.fingerprint, snapshot, 6, UNFIT
        )
        self.features.load(features)
        self.network.restore(network)
        self.scanner.load(scanner)
        self.decision.load(newest, kept)
        if len(head) != STATE.size:
            raise SnapshotError(UNFIT)
        self.frames, self.samples = STATE.unpack(head)
        ahead = self.scanner.frames - self.frames       # in the silence after the signal
        if self.frames != self.network.frames_out or ahead < 0 or not 0 <= self.samples <= self.fed():
            raise SnapshotError(UNFIT)
        self.first = self.frames

    def prediction(self) -> object:
        """The prediction for the signal so far; after a flush, bit-identical to ``clf.predict`` on all of it.

        Raises
        ------
        StreamStateError
            There is no frame of probabilities yet, or another thread is using the stream.
        """
        self.acquire()
        try:
            self.check_usable()
            found = self.decision.prediction(self.timing.labels)
            if found is None:
                raise StreamStateError(
                    f"stream has no frame yet: it was fed {self.samples} samples;"
                    f" at least {self.timing.least} are needed"
                )
            return found
        finally:
            release(&self.busy)

    @property
    def probabilities(self) -> np.ndarray:
        """Probabilities of the frames of the last `process` or `flush`, (frames, labels) float32; read-only."""
        view = self.kept.view()
        view.flags.writeable = False
        return view

    @property
    def frame_times_s(self) -> np.ndarray:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        return self.timing.ends_s(self.first, len(self.kept), self.samples)

    @property
    def frames_out(self) -> int:
        """Frames of probabilities since the start or the last reset."""
        return self.frames

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset."""
        return self.samples
