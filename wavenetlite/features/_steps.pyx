# cython: boundscheck=False, initializedcheck=False
"""Processing of frames after the front end: arrays (signals, frames, channels), float32 in and out, float64 between.

Design: as in `_frames.pyx`: a frame is a fixed chain of float64 operations on frames that came before it, so its bits do
not depend on the blocks. Matrices are small, and BLAS would give other bits for other numbers of rows.
"""

cimport cython
from libc.math cimport exp, expm1, fmax, log, log1p, sqrt

from struct import Struct

import numpy as np

from wavenetlite.support.errors import SnapshotError

STATE = Struct("<q")
UNFIT = "snapshot is damaged: its state does not fit these features"


def project(const float[:, :, ::1] x, const double[:, ::1] matrix) -> np.ndarray:
    """``x @ matrix``; matrix (channels in, channels out)."""
    out = np.empty((x.shape[0], x.shape[1], matrix.shape[1]), np.float32)
    sums = np.empty(matrix.shape[1])
    cdef float[:, :, ::1] y = out
    cdef double[::1] total = sums
    cdef Py_ssize_t signal, frame, k, j
    cdef double value
    with nogil:
        for signal in range(x.shape[0]):
            for frame in range(x.shape[1]):
                total[:] = 0.0
                for k in range(x.shape[2]):
                    value = x[signal, frame, k]
                    for j in range(matrix.shape[1]):
                        total[j] += value * matrix[k, j]
                for j in range(matrix.shape[1]):
                    y[signal, frame, j] = <float>total[j]
    return out


def standardise(const float[:, :, ::1] x, const double[::1] mean, const double[::1] deviation) -> np.ndarray:
    """``(x - mean) / deviation``, channel by channel."""
    out = np.empty((x.shape[0], x.shape[1], x.shape[2]), np.float32)
    cdef float[:, :, ::1] y = out
    cdef Py_ssize_t signal, frame, c
    with nogil:
        for signal in range(x.shape[0]):
            for frame in range(x.shape[1]):
                for c in range(x.shape[2]):
                    y[signal, frame, c] = <float>((<double>x[signal, frame, c] - mean[c]) / deviation[c])
    return out


def filter_frames(const float[:, :, ::1] x, const double[:, ::1] taps, Py_ssize_t left) -> np.ndarray:
    """Each frame with `left` frames before it and enough after it, followed by the output of each row of `taps`."""
    cdef Py_ssize_t channels = x.shape[2], width = taps.shape[1], frames = max(x.shape[1] - width + 1, 0)
    out = np.empty((x.shape[0], frames, channels * (1 + taps.shape[0])), np.float32)
    cdef float[:, :, ::1] y = out
    cdef Py_ssize_t signal, frame, row, k, c
    cdef double total
    with nogil:
        for signal in range(x.shape[0]):
            for frame in range(frames):
                y[signal, frame, :channels] = x[signal, frame + left]
                for row in range(taps.shape[0]):
                    for c in range(channels):
                        total = 0.0
                        for k in range(width):
                            total += taps[row, k] * x[signal, frame + k, c]
                        y[signal, frame, (1 + row) * channels + c] = <float>total
    return out


@cython.final
cdef class Smoother:
    """PCEN's state: the smoothed energy of every channel. The recursion and its initial value are librosa's."""
    cdef double[:, ::1] delayed             # (signals, channels): (1 - b) x smoothed energy
    cdef double b, scale, gain, bias, power, eps

    def __init__(
        self, signals: int, channels: int, *, b: float, scale: float, gain: float, bias: float, power: float, eps: float
    ) -> None:
        self.delayed = np.empty((signals, channels))
        self.b, self.scale, self.gain, self.bias, self.power, self.eps = b, scale, gain, bias, power, eps
        self.reset()

    def reset(self) -> None:
        self.delayed[:] = 1.0 - self.b

    def save(self) -> bytes:
        return np.asarray(self.delayed).tobytes()

    def load(self, state: bytes) -> None:
        if len(state) != 8 * self.delayed.shape[0] * self.delayed.shape[1]:
            raise SnapshotError(UNFIT)
        np.asarray(self.delayed)[:] = np.frombuffer(state).reshape(self.delayed.shape[0], self.delayed.shape[1])

    def process(self, const float[:, :, ::1] x) -> np.ndarray:
        out = np.empty((x.shape[0], x.shape[1], x.shape[2]), np.float32)
        cdef float[:, :, ::1] y = out
        cdef Py_ssize_t signal, frame, c
        cdef double energy, smooth
        with nogil:
            for signal in range(x.shape[0]):
                for frame in range(x.shape[1]):
                    for c in range(x.shape[2]):
                        energy = self.scale * x[signal, frame, c]
                        smooth = self.b * energy + self.delayed[signal, c]
                        self.delayed[signal, c] = (1.0 - self.b) * smooth
                        y[signal, frame, c] = <float>self.compress(
                            energy * exp(-self.gain * (log(self.eps) + log1p(smooth / self.eps))))
        return out

    cdef double compress(self, double energy) noexcept nogil:
        """``(energy + bias) ** power - bias ** power``, with its limits for power 0 and bias 0."""
        if self.power == 0.0:
            return log1p(energy)
        if self.bias == 0.0:
            return exp(self.power * log(energy))
        return exp(self.power * log(self.bias)) * expm1(self.power * log1p(energy / self.bias))


@cython.final
cdef class RunningStatistics:
    """Normalises frames by the mean and variance of the last `window` frames, including the current one."""
    cdef double[:, ::1] total, squares      # (signals, channels)
    cdef float[:, :, ::1] last              # (signals, window, channels): a ring
    cdef Py_ssize_t window, seen
    cdef bint scale
    cdef double eps

    def __init__(self, signals: int, channels: int, *, window: int, scale: bool, eps: float) -> None:
        self.total = np.empty((signals, channels))
        self.squares = np.empty((signals, channels))
        self.last = np.empty((signals, window, channels), np.float32)
        self.window, self.scale, self.eps = window, scale, eps
        self.reset()

    def reset(self) -> None:
        self.total[:] = 0.0
        self.squares[:] = 0.0
        self.seen = 0

    def save(self) -> bytes:
        """The state, with the sums as they were rounded: the next frames are normalised by them."""
        last = np.ascontiguousarray(np.asarray(self.last)[:, : min(self.seen, self.window)])
        return b"".join((STATE.pack(self.seen), np.asarray(self.total).tobytes(), np.asarray(self.squares).tobytes(), last.tobytes()))

    def load(self, state: bytes) -> None:
        seen = STATE.unpack(state[:8])[0] if len(state) >= 8 else -1
        signals, channels = self.total.shape[0], self.total.shape[1]
        kept, sums = min(seen, self.window), signals * channels
        if not 0 <= seen < 2**60 or len(state) != 8 + 16 * sums + 4 * sums * kept:
            raise SnapshotError(UNFIT)
        np.asarray(self.total)[:] = np.frombuffer(state, np.float64, sums, 8).reshape(signals, channels)
        np.asarray(self.squares)[:] = np.frombuffer(state, np.float64, sums, 8 + 8 * sums).reshape(signals, channels)
        last = np.frombuffer(state, np.float32, sums * kept, 8 + 16 * sums)
        np.asarray(self.last)[:, :kept] = last.reshape(signals, kept, channels)
        self.seen = seen

    def process(self, const float[:, :, ::1] x) -> np.ndarray:
        out = np.empty((x.shape[0], x.shape[1], x.shape[2]), np.float32)
        cdef float[:, :, ::1] y = out
        cdef Py_ssize_t frame
        with nogil:
            for frame in range(x.shape[1]):
                self.normalise(x, y, frame)
                self.seen += 1
                if self.seen % self.window == 0:
                    self.add_up()
        return out

    cdef void add_up(self) noexcept nogil:
        """Recompute the sums once per window: otherwise rounding errors of loud frames would persist."""
        cdef Py_ssize_t signal, slot, c
        self.total[:] = 0.0
        self.squares[:] = 0.0
        for signal in range(self.last.shape[0]):
            for slot in range(self.window):
                for c in range(self.last.shape[2]):
                    self.total[signal, c] += self.last[signal, slot, c]
                    self.squares[signal, c] += <double>self.last[signal, slot, c] * self.last[signal, slot, c]

    cdef void normalise(self, const float[:, :, ::1] x, float[:, :, ::1] y, Py_ssize_t frame) noexcept nogil:
        cdef Py_ssize_t slot = self.seen % self.window, signal, c
        cdef double count = min(self.seen + 1, self.window), value, old, mean
        for signal in range(x.shape[0]):
            for c in range(x.shape[2]):
                value = x[signal, frame, c]
                old = self.last[signal, slot, c] if self.seen >= self.window else 0.0
                self.last[signal, slot, c] = <float>value
                self.total[signal, c] += value - old
                self.squares[signal, c] += value * value - old * old
                mean = self.total[signal, c] / count
                value -= mean
                if self.scale:
                    value /= sqrt(fmax(self.squares[signal, c] / count - mean * mean, 0.0) + self.eps)
                y[signal, frame, c] = <float>value


@cython.final
cdef class PeakFollower:
    """Follows the loudest recent band, in decibels, and expresses frames relative to it."""
    cdef double[::1] level                  # (signals,)
    cdef double fall, least, range

    def __init__(self, signals: int, *, fall_db: float, least_db: float, range_db: float) -> None:
        self.level = np.empty(signals)
        self.fall, self.least, self.range = fall_db, least_db, range_db
        self.reset()

    def reset(self) -> None:
        self.level[:] = self.least

    def save(self) -> bytes:
        return np.asarray(self.level).tobytes()

    def load(self, state: bytes) -> None:
        if len(state) != 8 * self.level.shape[0]:
            raise SnapshotError(UNFIT)
        np.asarray(self.level)[:] = np.frombuffer(state)

    def process(self, const float[:, :, ::1] x) -> np.ndarray:
        out = np.empty((x.shape[0], x.shape[1], x.shape[2]), np.float32)
        cdef float[:, :, ::1] y = out
        cdef Py_ssize_t signal, frame, c
        cdef double level
        with nogil:
            for signal in range(x.shape[0]):
                level = self.level[signal]
                for frame in range(x.shape[1]):
                    level = fmax(level - self.fall, self.least)
                    for c in range(x.shape[2]):
                        level = fmax(level, x[signal, frame, c])
                    for c in range(x.shape[2]):
                        y[signal, frame, c] = <float>fmax(x[signal, frame, c] - level, -self.range)
                self.level[signal] = level
        return out
