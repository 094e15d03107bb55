# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""The work done for every frame of probabilities: detecting events, and the prediction for the whole signal.

Design: the events must not depend on the blocks that the frames come in, nor on how long the stream has run. So a frame
is a fixed chain of operations on what came before it, and the moving sums are integers: a probability is counted in units
of 2**-40, so that what was added is later taken off exactly and no rounding is left in the sum for ever. A block is checked
as a whole before its first frame changes anything.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport exp, isfinite, log
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

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
    cdef const float* p
    if not cnp.PyArray_CheckExact(scores) and (not cnp.PyArray_Check(scores) or is_masked(scores)):        # whose mask would be ignored
        raise ArrayTypeError(f"{name} is a {type(scores).__name__}; it must be a NumPy array")
    cdef cnp.ndarray a = scores
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32:
        raise ArrayTypeError(f"{name} has dtype {a.dtype}; it must be float32")
    if cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 1) != labels:
        raise ParameterError(f"{name} has shape {scores.shape}; it must be (frames, {labels}), one score per label")
    if not cnp.PyArray_ISCARRAY_RO(a):
        raise ParameterError(f"{name} must be C-contiguous, aligned and in the machine's byte order")
    p = <const float*>cnp.PyArray_DATA(a)
    if not are_scores(p, cnp.PyArray_SIZE(a)):
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

    def __cinit__(
        self, thresholds: np.ndarray, releases: np.ndarray, *, smoothing: int, duration: int, refractory: int,
        warm_up: int = 0, cool_off: int = 0, name: str = "scores",
    ):
        cdef Py_ssize_t labels = len(thresholds)
        self.labels, self.smoothing, self.duration, self.refractory, self.name = labels, smoothing, duration, refractory, name
        self.warm_up, self.cool_off = warm_up, cool_off
        self.threshold = <double*>calloc(1, labels * (6 * 8 + 4 * smoothing + 1) + 1)
        if self.threshold == NULL:
            raise MemoryError
        self.release_below = self.threshold + labels
        self.peak = self.release_below + labels
        self.began = <int64_t*>(self.peak + labels)
        self.total = self.began + labels
        self.quiet = self.total + labels
        self.ring = <float*>(self.quiet + labels)
        self.reported = <uint8_t*>(self.ring + self.smoothing * labels)
        copy_doubles(self.threshold, thresholds, labels)
        copy_doubles(self.release_below, releases, labels)
        self.reset()

    def __dealloc__(self):
        free(self.threshold)

    def reset(self) -> None:
        """Start over: the next frame is the first."""
        cdef Py_ssize_t label
        self.acquire()
        memset(self.ring, 0, self.smoothing * self.labels * sizeof(float))
        for label in range(self.labels):
            self.total[label] = 0
            self.quiet[label] = 0
            self.began[label] = -1
            self.peak[label] = 0.0
            self.reported[label] = 0
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
            return b"".join((STATE.pack(self.frame, self.silent_until),
                             (<char*>self.ring)[: 4 * self.smoothing * self.labels],
                             (<char*>self.began)[: 8 * self.labels], (<char*>self.peak)[: 8 * self.labels],
                             (<char*>self.reported)[: self.labels],
                             (<char*>self.quiet)[: 8 * self.labels if self.cool_off else 0]))
        finally:
            release(&self.busy)

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        cdef bytes whole = state
        cdef const char* source = whole
        cdef Py_ssize_t labels = self.labels, scores = self.labels * self.smoothing, i
        if len(whole) != STATE.size + 4 * scores + (25 if self.cool_off else 17) * labels:
            raise SnapshotError(UNFIT)
        frame, silent_until = STATE.unpack_from(whole)
        source += 16
        memcpy(self.ring, source, 4 * scores)
        memcpy(self.began, source + 4 * scores, 8 * labels)
        memcpy(self.peak, source + 4 * scores + 8 * labels, 8 * labels)
        memcpy(self.reported, source + 4 * scores + 16 * labels, labels)
        if self.cool_off:
            memcpy(self.quiet, source + 4 * scores + 17 * labels, 8 * labels)
        if not (0 <= frame < 2**60 and 0 <= silent_until < max(frame + max(self.refractory, 1), self.warm_up + 1)
                and are_scores(self.ring, scores)):
            raise SnapshotError(UNFIT)
        self.frame, self.silent_until, self.slot = frame, silent_until, frame % self.smoothing
        for i in range(labels):
            if not (-1 <= self.began[i] < self.frame and 0.0 <= self.peak[i] <= MOST and self.reported[i] <= 1
                    and 0 <= self.quiet[i] <= self.frame):
                raise SnapshotError(UNFIT)
            self.total[i] = 0
        for i in range(scores):
            self.total[i % labels] += units(self.ring[i])

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("stream is in use by another thread; give each thread its own stream")

    def process(self, scores: np.ndarray) -> list:
        """Feed the next scores, (frames, labels); returns (label's number, peak, first frame, frame) of every event."""
        cdef Py_ssize_t frames = 0
        cdef const float* p
        self.acquire()
        try:
            p = checked_scores(scores, self.labels, self.name, &frames)
            return self.events_of(p, frames)
        finally:
            release(&self.busy)

    cdef list events_of(self, const float* scores, Py_ssize_t frames):
        """`process` for an owner that lets one thread at a time in, and has checked the scores."""
        cdef Py_ssize_t at = 0, label = -1
        cdef list events = []
        while at < frames:
            if frames * self.labels > MUCH_WORK:
                with nogil:
                    label = self.scan(scores, frames, &at)
            else:
                label = self.scan(scores, frames, &at)
            if label >= 0:
                events.append((label, self.peak[label], self.began[label], self.frame - 1))
        return events

    cdef Py_ssize_t scan(self, const float* scores, Py_ssize_t frames, Py_ssize_t* at) noexcept nogil:
        """Process frames from `at` on, up to and including the first with an event; returns its label, or -1."""
        cdef Py_ssize_t label = -1
        while at[0] < frames and label < 0:
            label = self.step(scores + at[0] * self.labels)
            at[0] += 1
        return label

    cdef Py_ssize_t step(self, const float* scores) noexcept nogil:
        """Process one frame; returns the label that has an event, or -1."""
        cdef float* old = self.ring + self.slot * self.labels
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


cdef bint are_scores(const float* values, Py_ssize_t count) noexcept nogil:
    """Whether all are probabilities; false for NaN."""
    cdef bint good = True
    cdef Py_ssize_t i
    for i in range(count):
        good &= values[i] >= 0.0 and values[i] <= MOST
    return good


def frame_of_scores(state: bytes) -> np.ndarray:
    """A saved frame of probabilities, (1, labels)."""
    frame = np.frombuffer(state, np.float32).copy()
    if not are_scores(<const float*>cnp.PyArray_DATA(<cnp.ndarray>frame), len(frame)):
        raise SnapshotError(UNFIT)
    return frame[np.newaxis]


cdef copy_doubles(double* to, object values, Py_ssize_t count):
    cdef const double[::1] source = np.ascontiguousarray(values, np.float64)
    if source.shape[0] != count:
        raise ParameterError(f"releases has {source.shape[0]} values; it must have {count}, one per label")
    memcpy(to, &source[0] if count else NULL, 8 * count)


cdef int64_t units(float probability) noexcept nogil:
    return <int64_t>(<double>probability * UNITS + 0.5)


@cython.final
cdef class LogSoftmaxSums:
    """Sums of the log-softmax of all frames, in order and in float64: the state of the decision "mean"."""
    # The attributes stand in scanner.pxd.

    def __init__(self, labels: int) -> None:
        self.total = np.zeros(labels)

    def reset(self) -> None:
        self.total[:] = 0.0
        self.frames = 0

    def save(self) -> bytes:
        return COUNT.pack(self.frames) + np.asarray(self.total).tobytes()

    def load(self, state: bytes) -> None:
        cdef bytes whole = state
        cdef Py_ssize_t labels = self.total.shape[0], label
        frames = COUNT.unpack_from(whole)[0] if len(whole) == 8 + 8 * labels else -1
        if not 0 <= frames < 2**60:
            raise SnapshotError(UNFIT)
        memcpy(&self.total[0], <const char*>whole + 8, 8 * labels)
        for label in range(labels):
            if not isfinite(self.total[label]):
                raise SnapshotError(UNFIT)
        self.frames = frames

    cdef void add_rows(self, const float* logits, Py_ssize_t rows) noexcept nogil:
        """The next frames, (rows, labels)."""
        cdef Py_ssize_t labels = self.total.shape[0], row, label
        cdef double most, shares, norm
        for row in range(rows):
            most = logits[0]
            for label in range(1, labels):
                most = max(most, <double>logits[label])
            shares = 0.0
            for label in range(labels):
                shares += exp(logits[label] - most)
            norm = most + log(shares)
            for label in range(labels):
                self.total[label] += logits[label] - norm
            logits += labels
        self.frames += rows

    def probabilities(self) -> np.ndarray:
        """The exponential of the mean, normalised to sum to 1; float32."""
        mean = np.asarray(self.total) / self.frames
        share = np.exp(mean - mean.max())
        return (share / share.sum()).astype(np.float32)


@cython.final
cdef class Peak:
    """The frame with the most probable foreground label, from frame `first` on: the state of the decision "peak"."""
    # The attributes stand in scanner.pxd.

    def __init__(self, foreground: np.ndarray, first: int) -> None:
        self.foreground = np.asarray(foreground, np.uint8)
        self.kept = np.zeros(len(foreground), np.float32)
        self.first = first
        self.frames, self.best = 0, -1.0

    def reset(self) -> None:
        self.frames = 0
        self.best = -1.0
        self.kept[:] = 0.0

    def save(self) -> bytes:
        return PEAK.pack(self.frames, self.best) + np.asarray(self.kept).tobytes()

    def load(self, state: bytes) -> None:
        cdef bytes whole = state
        cdef Py_ssize_t labels = self.kept.shape[0]
        seen, best = PEAK.unpack_from(whole) if len(whole) == 16 + 4 * labels else (-1, 0.0)
        if not 0 <= seen < 2**60 or not -1.0 <= best <= MOST:
            raise SnapshotError(UNFIT)
        memcpy(&self.kept[0], <const char*>whole + 16, 4 * labels)
        if not are_scores(&self.kept[0], labels):
            raise SnapshotError(UNFIT)
        self.frames, self.best = seen, best

    cdef void add_rows(self, const float* probabilities, Py_ssize_t rows) noexcept nogil:
        """The next frames, (rows, labels)."""
        cdef Py_ssize_t labels = self.kept.shape[0], row, label
        cdef double most
        for row in range(rows):
            most = 0.0
            for label in range(labels):
                if self.foreground[label]:
                    most = max(most, <double>probabilities[label])
            if self.frames < self.first or most > self.best:      # until a whole clip has been seen, the newest frame
                if self.frames >= self.first:
                    self.best = most
                memcpy(&self.kept[0], probabilities, labels * sizeof(float))
            self.frames += 1
            probabilities += labels

    def probabilities(self) -> np.ndarray:
        """Probabilities of that frame; before `first`, of the newest; float32."""
        return np.array(self.kept)
