# cython: boundscheck=False, initializedcheck=False
"""Processing of frames after the front end: arrays (signals, frames, channels), float32 in and out, float64 between.

Design: as in `_frames.pyx`: a frame is a fixed chain of float64 operations on frames that came before it, so its bits do
not depend on the blocks. A step that returns as many frames as it is given is a `FrameState`, which the front end runs
in the same call, without Python between.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport fmax, pow, sqrt
from libc.string cimport memcpy

from wavenetlite.kernels.dispatch cimport kernels
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.types cimport Compression, Kernels

from struct import Struct

import numpy as np

from wavenetlite.support.errors import SnapshotError

cnp.import_array()

STATE = Struct("<q")
UNFIT = "snapshot is damaged: its state does not fit these features"


cdef class FrameState:
    """The state of a step that returns a frame for every frame, for `signals` signals in lockstep.

    This class is the empty state; `run` may write where it reads if the step keeps the number of channels.
    """

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        """The next frames of all signals: x (signals, frames, channels), out (signals, frames, out_channels)."""

    def process(self, x: np.ndarray) -> np.ndarray:
        """The next frames, (signals, frames, channels) float32; returns as many."""
        cdef cnp.ndarray given = np.ascontiguousarray(x, np.float32)
        cdef cnp.ndarray out = np.empty((self.signals, x.shape[1], self.out_channels), np.float32)
        cdef const float* source = <const float*>cnp.PyArray_DATA(given)
        cdef Py_ssize_t frames = x.shape[1]
        with nogil:
            self.run(source, frames, <float*>cnp.PyArray_DATA(out))
        return out

    def flush(self, x: np.ndarray) -> np.ndarray:
        """The last frames: none is held back."""
        return self.process(x)

    def reset(self) -> None:
        """Start over: the next frame is the first."""

    def save(self) -> bytes:
        """The state as bytes."""
        return b""

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        if state:
            raise SnapshotError(UNFIT)


cdef class Table:
    """An aligned copy of a float64 array whose rows are padded with ones to a multiple of four."""
    cdef Blocks blocks
    cdef double* data

    def __cinit__(self, values: np.ndarray):
        cdef Py_ssize_t channels = values.shape[-1]
        cdef cnp.ndarray padded = np.ones((*values.shape[:-1], (channels + 3) // 4 * 4))
        padded[..., :channels] = values
        self.blocks = Blocks()
        self.data = <double*>self.blocks.allocate(cnp.PyArray_NBYTES(padded))
        memcpy(self.data, cnp.PyArray_DATA(padded), cnp.PyArray_NBYTES(padded))


@cython.final
cdef class Projection(FrameState):
    """``x @ matrix``; matrix (channels, out_channels)."""
    cdef Table matrix
    cdef const Kernels* kernels

    def __init__(self, signals: int, matrix: np.ndarray) -> None:
        self.signals, self.channels, self.out_channels = signals, matrix.shape[0], matrix.shape[1]
        self.kernels, self.matrix = kernels(), Table(matrix)

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        self.kernels.project_frames(x, self.signals * frames, self.channels, self.matrix.data, self.out_channels, out)


@cython.final
cdef class Standardisation(FrameState):
    """``(x - mean) / deviation``, channel by channel."""
    cdef Table mean, deviation
    cdef const Kernels* kernels

    def __init__(self, signals: int, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.signals, self.channels, self.out_channels = signals, len(mean), len(mean)
        self.kernels, self.mean, self.deviation = kernels(), Table(mean), Table(deviation)

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        self.kernels.standardise_frames(
            x, self.signals * frames, self.channels, self.mean.data, self.deviation.data, out)


@cython.final
cdef class Compressor(FrameState):
    """PCEN's state: the smoothed energy of every channel. The recursion and its initial value are librosa's."""
    cdef Table delayed                      # (signals, channels): (1 - b) x smoothed energy
    cdef Compression compression
    cdef const Kernels* kernels
    cdef Py_ssize_t ld

    def __init__(
        self, signals: int, channels: int, *, b: float, scale: float, gain: float, bias: float, power: float, eps: float
    ) -> None:
        self.signals, self.channels, self.out_channels = signals, channels, channels
        self.ld = (channels + 3) // 4 * 4
        self.kernels = kernels()
        self.compression = Compression(
            b=b, scale=scale, gain=gain, bias=bias, power=power, eps=eps, bias_to_power=pow(bias, power))
        self.reset()

    def reset(self) -> None:
        self.delayed = Table(np.full((self.signals, self.channels), 1.0 - self.compression.b))

    def save(self) -> bytes:
        rows = <double[: self.signals, : self.ld]>self.delayed.data
        return np.asarray(rows)[:, : self.channels].tobytes()

    def load(self, state: bytes) -> None:
        if len(state) != 8 * self.signals * self.channels:
            raise SnapshotError(UNFIT)
        self.delayed = Table(np.frombuffer(state).reshape(self.signals, self.channels))

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        cdef Py_ssize_t signal, size = frames * self.channels
        for signal in range(self.signals):
            self.kernels.compress_frames(
                x + signal * size, frames, self.channels, &self.compression, self.delayed.data + signal * self.ld,
                out + signal * size)


@cython.final
cdef class RunningStatistics(FrameState):
    """Normalises frames by the mean and variance of the last `window` frames, including the current one."""
    cdef double[:, ::1] total, squares      # (signals, channels)
    cdef float[:, :, ::1] last              # (signals, window, channels): a ring
    cdef Py_ssize_t window, seen
    cdef bint scale
    cdef double eps

    def __init__(self, signals: int, channels: int, *, window: int, scale: bool, eps: float) -> None:
        self.signals, self.channels, self.out_channels = signals, channels, channels
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

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        cdef Py_ssize_t frame
        for frame in range(frames):
            self.normalise(x + frame * self.channels, frames * self.channels, out + frame * self.channels)
            self.seen += 1
            if self.seen % self.window == 0:
                self.add_up()

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

    cdef void normalise(self, const float* x, Py_ssize_t step, float* y) noexcept nogil:
        """One frame of every signal; `step` floats from a signal to the next."""
        cdef Py_ssize_t slot = self.seen % self.window, signal, c
        cdef double count = min(self.seen + 1, self.window), value, old, mean
        for signal in range(self.signals):
            for c in range(self.channels):
                value = x[signal * step + c]
                old = self.last[signal, slot, c] if self.seen >= self.window else 0.0
                self.last[signal, slot, c] = <float>value
                self.total[signal, c] += value - old
                self.squares[signal, c] += value * value - old * old
                mean = self.total[signal, c] / count
                value -= mean
                if self.scale:
                    value /= sqrt(fmax(self.squares[signal, c] / count - mean * mean, 0.0) + self.eps)
                y[signal * step + c] = <float>value


@cython.final
cdef class PeakFollower(FrameState):
    """Follows the loudest recent band, in decibels, and expresses frames relative to it."""
    cdef double[::1] level                  # (signals,)
    cdef double fall, least, range

    def __init__(self, signals: int, channels: int, *, fall_db: float, least_db: float, range_db: float) -> None:
        self.signals, self.channels, self.out_channels = signals, channels, channels
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

    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil:
        cdef Py_ssize_t signal, frame, c
        cdef double level
        for signal in range(self.signals):
            level = self.level[signal]
            for frame in range(frames):
                level = fmax(level - self.fall, self.least)
                for c in range(self.channels):
                    if x[c] > level:  # no fmax: gcc 12 for arm64 dies of it in a loop
                        level = x[c]
                for c in range(self.channels):
                    out[c] = <float>fmax(x[c] - level, -self.range)
                x += self.channels
                out += self.channels
            self.level[signal] = level


def filter_frames(const float[:, :, ::1] x, const double[:, ::1] taps, Py_ssize_t left) -> np.ndarray:
    """Each frame with `left` frames before it and enough after it, followed by the output of each row of `taps`."""
    cdef Py_ssize_t frames = max(x.shape[1] - taps.shape[1] + 1, 0), signal
    out = np.empty((x.shape[0], frames, x.shape[2] * (1 + taps.shape[0])), np.float32)
    cdef float[:, :, ::1] y = out
    cdef double[::1] total = np.empty(x.shape[2])
    if frames and x.shape[2]:
        with nogil:
            for signal in range(x.shape[0]):
                filter_signal(&x[signal, 0, 0], frames, taps, left, total, &y[signal, 0, 0])
    return out


cdef void filter_signal(
    const float* x, Py_ssize_t frames, const double[:, ::1] taps, Py_ssize_t left, double[::1] total,
    float* y) noexcept nogil:
    """`frames` frames of one signal: those of x from `left` on, and what the rows of `taps` make of those around them."""
    cdef Py_ssize_t channels = total.shape[0], width = taps.shape[1], frame, row, k, c
    cdef double* sums = &total[0]
    cdef const float* now
    cdef double tap
    for frame in range(frames):
        memcpy(y, x + left * channels, channels * sizeof(float))
        for row in range(taps.shape[0]):
            y += channels
            for c in range(channels):
                sums[c] = 0.0
            for k in range(width):
                now, tap = x + k * channels, taps[row, k]
                for c in range(channels):
                    sums[c] += tap * now[c]
            for c in range(channels):
                y[c] = <float>sums[c]
        y += channels
        x += channels


@cython.final
cdef class DeltaState:
    """The most recent frames of the signals; the first and the last frame are repeated beyond the ends.

    Parameters
    ----------
    taps
        (orders, width): the weights of each derivative.
    latency
        Fitted frames after the current one.
    """
    cdef const double[:, ::1] taps
    cdef double[::1] total
    cdef float[:, :, ::1] held              # (signals, width - 1, channels)
    cdef Py_ssize_t signals, channels, width, latency
    cdef Py_ssize_t count                   # of the frames held; -1: there has been none

    def __init__(self, signals: int, channels: int, taps: np.ndarray, latency: int) -> None:
        self.signals, self.channels, self.latency, self.width = signals, channels, latency, taps.shape[1]
        self.taps = np.ascontiguousarray(taps)
        self.total = np.empty(channels)
        self.held = np.empty((signals, self.width - 1, channels), np.float32)
        self.count = -1

    def process(self, const float[:, :, ::1] x) -> np.ndarray:
        """The next frames, (signals, frames, channels); returns those whose derivatives are known."""
        cdef Py_ssize_t given = x.shape[1], left = self.width - 1 - self.latency, frames, total, signal, i
        cdef float[:, :, ::1] window, y
        if self.count < 0 and given:
            for signal in range(self.signals):
                for i in range(left):
                    self.held[signal, i] = x[signal, 0]
            self.count = left
        total = max(self.count, 0) + given
        frames = max(total - self.width + 1, 0)
        out = np.empty((self.signals, frames, self.channels * (1 + self.taps.shape[0])), np.float32)
        if not given:
            return out
        y, window = out, np.empty((self.signals, total, self.channels), np.float32)
        with nogil:
            for signal in range(self.signals):
                window[signal, : self.count] = self.held[signal, : self.count]
                window[signal, self.count :] = x[signal]
                if frames:
                    filter_signal(&window[signal, 0, 0], frames, self.taps, left, self.total, &y[signal, 0, 0])
                self.held[signal, : total - frames] = window[signal, frames:]
        self.count = total - frames
        return out

    def flush(self, x: np.ndarray) -> np.ndarray:
        """The frames held back."""
        if self.count < 0:
            return self.process(x)
        return self.process(np.repeat(np.asarray(self.held)[:, self.count - 1 : self.count], self.latency, axis=1))

    def reset(self) -> None:
        """Start over: the next frame is the first."""
        self.count = -1

    def save(self) -> bytes:
        """The state as bytes."""
        return b"" if self.count < 0 else b"\1" + np.asarray(self.held)[:, : self.count].tobytes()

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        if not state:
            return
        frames, rest = divmod(len(state) - 1, 4 * self.signals * self.channels)
        if rest or state[0] != 1 or not self.width - 1 - self.latency <= frames < self.width:
            raise SnapshotError(UNFIT)
        held = np.frombuffer(state, np.float32, offset=1).reshape(self.signals, frames, self.channels)
        np.asarray(self.held)[:, :frames] = held
        self.count = frames


def companded(y: np.ndarray, mu: int) -> np.ndarray:
    """``sign(y) log(1 + mu |y|) / log(1 + mu)`` of float32 samples of any shape, as float64."""
    cdef cnp.ndarray samples = np.ascontiguousarray(y, np.float32)
    cdef Py_ssize_t n = samples.size
    cdef cnp.ndarray out = np.empty((n + 3) // 4 * 4)
    cdef const float* source = <const float*>cnp.PyArray_DATA(samples)
    cdef double* target = <double*>cnp.PyArray_DATA(out)
    cdef double factor = mu
    cdef const Kernels* table = kernels()
    with nogil:
        table.compand_samples(source, n, factor, target)
    return out[:n].reshape(y.shape)
