# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""The work done for every frame of probabilities: detecting events, and the prediction for the whole signal.

Design: the events must not depend on the blocks that the frames come in, nor on how long the stream has run. So a frame
is a fixed chain of operations on what came before it, and the moving sums are integers: a probability is counted in units
of 2**-40, so that what was added is later taken off exactly and no rounding is left in the sum for ever. A block is checked
as a whole before its first frame changes anything.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport exp, log
from libc.stdint cimport int64_t, uint8_t

from struct import Struct

import numpy as np

from wavenetlite.support.arrays import is_masked
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError

cdef extern from "simd.h" nogil:
    bint try_acquire(int*)
    void release(int*)

cnp.import_array()


cdef enum:
    MUCH_WORK = 20_000      # scores per call above which the GIL is released

STATE = Struct("<qq")
COUNT = Struct("<q")
PEAK = Struct("<qd")
UNFIT = "snapshot is damaged: its state does not fit this classifier"

cdef double UNITS = 1099511627776.0         # 2**40: units in a probability of 1
cdef double MOST = 1.0001                   # a softmax may round to a little above 1


cdef const float* checked_scores(object scores, Py_ssize_t labels, str name, Py_ssize_t* frames) except NULL:
    """The data of `scores` when they are float32, C-contiguous, (frames, labels) and probabilities; else an error."""
    cdef Py_ssize_t i, size
    cdef const float* p
    cdef bint good = True
    if not cnp.PyArray_CheckExact(scores) and (not cnp.PyArray_Check(scores) or is_masked(scores)):        # whose mask would be ignored
        raise ArrayTypeError(f"{name} is a {type(scores).__name__}; it must be a NumPy array")
    cdef cnp.ndarray a = scores
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32:
        raise ArrayTypeError(f"{name} has dtype {a.dtype}; it must be float32")
    if cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 1) != labels:
        raise ParameterError(f"{name} has shape {scores.shape}; it must be (frames, {labels}), one score per label")
    if not cnp.PyArray_ISCARRAY_RO(a):
        raise ParameterError(f"{name} must be C-contiguous, aligned and in the machine's byte order")
    size = cnp.PyArray_SIZE(a)
    p = <const float*>cnp.PyArray_DATA(a)
    for i in range(size):
        good &= p[i] >= 0.0 and p[i] <= MOST         # false for NaN
    if not good:
        frame = int(np.flatnonzero(~((scores >= 0) & (scores <= MOST)).all(axis=1))[0])
        raise ParameterError(f"{name} has {scores[frame].max()} at frame {frame}; it must be between 0 and 1"
                             if np.isfinite(scores[frame]).all() and scores[frame].min() >= 0 else
                             f"{name} is negative or not finite at frame {frame}; it must be between 0 and 1")
    frames[0] = cnp.PyArray_DIM(a, 0)
    return p


@cython.final
cdef class Scanner:
    """The state of one stream of scores; see `wavenetlite.detection.Detector` for the rules.

    Parameters
    ----------
    thresholds, releases
        One per label; a threshold above 1 is never reached.
    smoothing, duration, refractory, warm_up, cool_off
        Frames: of the moving average (>= 1), that a run must last (>= 1), between two events (>= 0), before the first that
        may have an event (>= 0), and with a score below the release before an event and after the one before it (>= 0).
    name
        Name of the scores in messages.
    """
    # The attributes stand in scanner.pxd.

    def __init__(
        self, thresholds: np.ndarray, releases: np.ndarray, *, smoothing: int, duration: int, refractory: int,
        warm_up: int = 0, cool_off: int = 0, name: str = "scores",
    ) -> None:
        self.labels = len(thresholds)
        self.threshold = np.array(thresholds, np.float64)
        self.release_below = np.array(releases, np.float64)
        self.smoothing, self.duration, self.refractory, self.name = smoothing, duration, refractory, name
        self.warm_up, self.cool_off = warm_up, cool_off
        self.ring = np.zeros((smoothing, self.labels), np.float32)
        self.total = np.zeros(self.labels, np.int64)
        self.began = np.zeros(self.labels, np.int64)
        self.peak = np.zeros(self.labels)
        self.reported = np.zeros(self.labels, np.uint8)
        self.quiet = np.zeros(self.labels if cool_off else 0, np.int64)
        self.reset()

    def reset(self) -> None:
        """Start over: the next frame is the first."""
        self.acquire()
        self.ring[:] = 0.0
        self.total[:] = 0
        self.began[:] = -1
        self.peak[:] = 0.0
        self.reported[:] = 0
        self.quiet[:] = 0
        self.frame, self.silent_until = 0, self.warm_up
        self.slot = 0
        release(&self.busy)

    @property
    def frames(self) -> int:
        """Frames seen since the start or the last reset."""
        return self.frame

    def save(self) -> bytes:
        """The state as bytes; the sums follow from the scores."""
        self.acquire()
        try:
            return b"".join((STATE.pack(self.frame, self.silent_until), np.asarray(self.ring).tobytes(),
                             np.asarray(self.began).tobytes(), np.asarray(self.peak).tobytes(), np.asarray(self.reported).tobytes(),
                             np.asarray(self.quiet).tobytes()))
        finally:
            release(&self.busy)

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        cdef Py_ssize_t labels = self.labels, scores = self.labels * self.smoothing, row, label
        if len(state) != STATE.size + 4 * scores + 17 * labels + 8 * self.quiet.shape[0]:
            raise SnapshotError(UNFIT)
        frame, silent_until = STATE.unpack(state[:STATE.size])
        ring = np.frombuffer(state, np.float32, scores, STATE.size)
        began = np.frombuffer(state, np.int64, labels, STATE.size + 4 * scores)
        peak = np.frombuffer(state, np.float64, labels, STATE.size + 4 * scores + 8 * labels)
        reported = np.frombuffer(state, np.uint8, labels, STATE.size + 4 * scores + 16 * labels)
        quiet = np.frombuffer(state, np.int64, offset=STATE.size + 4 * scores + 17 * labels)
        if not (0 <= frame < 2**60 and 0 <= silent_until < max(frame + max(self.refractory, 1), self.warm_up + 1) and are_scores(ring)
                and ((began >= -1) & (began < frame)).all() and are_scores(peak) and (reported <= 1).all()
                and ((quiet >= 0) & (quiet <= frame)).all()):
            raise SnapshotError(UNFIT)
        np.asarray(self.ring)[:] = ring.reshape(self.smoothing, labels)
        np.asarray(self.began)[:] = began
        np.asarray(self.peak)[:] = peak
        np.asarray(self.reported)[:] = reported
        np.asarray(self.quiet)[:] = quiet
        self.frame, self.silent_until, self.slot = frame, silent_until, frame % self.smoothing
        self.total[:] = 0
        for row in range(self.smoothing):
            for label in range(labels):
                self.total[label] += units(self.ring[row, label])

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("stream is in use by another thread; give each thread its own stream")

    def process(self, scores: np.ndarray) -> list:
        """Feed the next scores, (frames, labels); returns (label's number, peak, first frame, frame) of every event."""
        cdef Py_ssize_t frames = 0, at = 0, label = -1
        cdef const float* p
        self.acquire()
        try:
            p = checked_scores(scores, self.labels, self.name, &frames)
            events = []
            while at < frames:
                if frames * self.labels > MUCH_WORK:
                    with nogil:
                        label = self.scan(p, frames, &at)
                else:
                    label = self.scan(p, frames, &at)
                if label >= 0:
                    events.append((label, self.peak[label], self.began[label], self.frame - 1))
            return events
        finally:
            release(&self.busy)

    cdef Py_ssize_t scan(self, const float* scores, Py_ssize_t frames, Py_ssize_t* at) noexcept nogil:
        """Process frames from `at` on, up to and including the first with an event; returns its label, or -1."""
        cdef Py_ssize_t label = -1
        while at[0] < frames and label < 0:
            label = self.step(scores + at[0] * self.labels)
            at[0] += 1
        return label

    cdef Py_ssize_t step(self, const float* scores) noexcept nogil:
        """Process one frame; returns the label that has an event, or -1."""
        cdef float* old = &self.ring[self.slot, 0]
        cdef double score, best_score = -1.0
        cdef Py_ssize_t label, best = -1
        cdef bint settled = True
        for label in range(self.labels):
            self.total[label] += units(scores[label]) - units(old[label])
            old[label] = scores[label]
            score = <double>self.total[label] / (UNITS * <double>self.smoothing)
            if self.cool_off:
                settled = self.quiet[label] >= self.cool_off
                self.quiet[label] += scores[label] < self.release_below[label]
                if settled and self.reported[label]:        # a run that has cooled off is over
                    self.began[label] = -1
                settled &= score >= self.threshold[label]
            if self.began[label] < 0:
                if score < self.threshold[label]:
                    continue
                self.began[label] = self.frame
                self.peak[label] = score
                self.reported[label] = False
            elif score < self.release_below[label]:
                self.began[label] = -1
                continue
            elif score > self.peak[label]:
                self.peak[label] = score
            if (score > best_score and not self.reported[label] and settled and self.frame >= self.silent_until
                    and self.frame - self.began[label] + 1 >= self.duration):
                best, best_score = label, score
        if best >= 0:
            self.reported[best] = True
            if self.cool_off:
                self.quiet[best] = 0
            self.silent_until = self.frame + self.refractory
        self.slot = self.slot + 1 if self.slot + 1 < self.smoothing else 0
        self.frame += 1
        return best


def are_scores(values: np.ndarray) -> bool:
    """Whether all are probabilities; false for NaN."""
    return bool(((values >= 0) & (values <= MOST)).all())


cdef int64_t units(float probability) noexcept nogil:
    return <int64_t>(<double>probability * UNITS + 0.5)


@cython.final
cdef class LogSoftmaxSums:
    """Sums of the log-softmax of all frames, in order and in float64: the state of the decision "mean"."""
    cdef double[::1] total
    cdef readonly Py_ssize_t frames

    def __init__(self, labels: int) -> None:
        self.total = np.zeros(labels)

    def reset(self) -> None:
        self.total[:] = 0.0
        self.frames = 0

    def save(self) -> bytes:
        return COUNT.pack(self.frames) + np.asarray(self.total).tobytes()

    def load(self, state: bytes) -> None:
        frames = COUNT.unpack(state[:8])[0] if len(state) == 8 + 8 * self.total.shape[0] else -1
        total = np.frombuffer(state, np.float64, offset=8) if 0 <= frames < 2**60 else np.array([np.nan])
        if not np.isfinite(total).all():
            raise SnapshotError(UNFIT)
        self.frames = frames
        np.asarray(self.total)[:] = total

    def add(self, const float[:, ::1] logits) -> None:
        cdef Py_ssize_t frame, label
        cdef double most, shares, norm
        with nogil:
            for frame in range(logits.shape[0]):
                most = logits[frame, 0]
                for label in range(1, logits.shape[1]):
                    most = max(most, <double>logits[frame, label])
                shares = 0.0
                for label in range(logits.shape[1]):
                    shares += exp(logits[frame, label] - most)
                norm = most + log(shares)
                for label in range(logits.shape[1]):
                    self.total[label] += logits[frame, label] - norm
        self.frames += logits.shape[0]

    def probabilities(self) -> np.ndarray:
        """The exponential of the mean, normalised to sum to 1; float32."""
        mean = np.asarray(self.total) / self.frames
        share = np.exp(mean - mean.max())
        return (share / share.sum()).astype(np.float32)


@cython.final
cdef class Peak:
    """The frame with the most probable foreground label, from frame `first` on: the state of the decision "peak"."""
    cdef uint8_t[::1] foreground
    cdef float[::1] kept
    cdef Py_ssize_t first
    cdef readonly Py_ssize_t frames
    cdef double best

    def __init__(self, foreground: np.ndarray, first: int) -> None:
        self.foreground = np.array(foreground, np.uint8)
        self.kept = np.zeros(len(foreground), np.float32)
        self.first = first
        self.reset()

    def reset(self) -> None:
        self.frames = 0
        self.best = -1.0
        self.kept[:] = 0.0

    def save(self) -> bytes:
        return PEAK.pack(self.frames, self.best) + np.asarray(self.kept).tobytes()

    def load(self, state: bytes) -> None:
        seen, best = PEAK.unpack(state[:16]) if len(state) == 16 + 4 * self.kept.shape[0] else (-1, 0.0)
        kept = np.frombuffer(state, np.float32, offset=16) if 0 <= seen < 2**60 else np.array([np.nan])
        if not (are_scores(kept) and -1.0 <= best <= MOST):
            raise SnapshotError(UNFIT)
        self.frames, self.best = seen, best
        np.asarray(self.kept)[:] = kept

    def add(self, const float[:, ::1] probabilities) -> None:
        cdef Py_ssize_t frame, label
        cdef double most
        for frame in range(probabilities.shape[0]):
            most = 0.0
            for label in range(probabilities.shape[1]):
                if self.foreground[label]:
                    most = max(most, <double>probabilities[frame, label])
            if self.frames < self.first or most > self.best:      # until a whole clip has been seen, the newest frame
                if self.frames >= self.first:
                    self.best = most
                self.kept[:] = probabilities[frame]
            self.frames += 1

    def probabilities(self) -> np.ndarray:
        """Probabilities of that frame; before `first`, of the newest; float32."""
        return np.array(self.kept)
