# cython: boundscheck=False, initializedcheck=False
"""The state of a `BlockFloor`. Compiled, because a wake word may need it in every call: in NumPy this took 7 us of it."""

cimport cython
cimport numpy as cnp
from libc.string cimport memcpy

import numpy as np

from wavenetlite.features._steps import UNFIT
from wavenetlite.support.errors import SnapshotError

cnp.import_array()

cdef enum:
    LANES = 8               # maxima kept side by side, which the compiler can put into vectors


cdef void raise_to_floor(float* x, Py_ssize_t n, float below) noexcept nogil:
    """Raise n values, at least one, to the largest of them less `below`."""
    cdef float[LANES] top
    cdef float least, value
    cdef Py_ssize_t i, lane, rows = n // LANES
    for lane in range(LANES):
        top[lane] = x[0]
    for i in range(rows):
        for lane in range(LANES):
            value = x[i * LANES + lane]
            top[lane] = value if value > top[lane] else top[lane]
    for i in range(rows * LANES, n):
        top[0] = x[i] if x[i] > top[0] else top[0]
    for lane in range(1, LANES):
        top[0] = top[lane] if top[lane] > top[0] else top[0]
    least = top[0] - below
    for i in range(n):
        x[i] = x[i] if x[i] > least else least


@cython.final
cdef class BlockFloorState:
    """The frames of the block that is not yet complete.

    Parameters
    ----------
    signals, channels
        Signals in lockstep, and channels of a frame.
    size, first
        Frames of a block, and of the first one, which are no more.
    below
        Distance of the floor from a block's loudest value.
    """
    cdef float[:, :, ::1] held              # (signals, size, channels)
    cdef Py_ssize_t signals, channels, size, first
    cdef Py_ssize_t count                   # of the frames held
    cdef float below
    cdef bint begun                         # whether the first block is complete

    def __init__(self, signals: int, channels: int, *, size: int, first: int, below: float) -> None:
        self.signals, self.channels, self.size, self.first, self.below = signals, channels, size, first, below
        self.held = np.empty((signals, size, channels), np.float32)
        self.reset()

    def reset(self) -> None:
        """Start over: the next frame is the first."""
        self.count, self.begun = 0, False

    cdef Py_ssize_t complete(self, Py_ssize_t frames) noexcept:
        """Frames of complete blocks among `frames`, with those held."""
        cdef Py_ssize_t first = 0 if self.begun else self.first
        return 0 if frames < first else first + (frames - first) // self.size * self.size

    cdef cnp.ndarray checked(self, x):
        """The frames as an array that can be read here."""
        cdef cnp.ndarray given = np.ascontiguousarray(x, np.float32)
        if cnp.PyArray_NDIM(given) != 3 or (given.shape[0], given.shape[2]) != (self.signals, self.channels):
            raise ValueError(f"x is {np.shape(x)}; it must be ({self.signals}, frames, {self.channels})")
        return given

    def process(self, x: np.ndarray) -> np.ndarray:
        """The next frames, (signals, frames, channels) float32; returns those of complete blocks."""
        cdef cnp.ndarray given = self.checked(x)
        cdef Py_ssize_t frames = cnp.PyArray_DIM(given, 1), due = self.complete(self.count + frames), signal, row = self.channels
        cdef cnp.npy_intp[3] shape = [self.signals, due, row]
        cdef cnp.ndarray made = cnp.PyArray_EMPTY(3, shape, cnp.NPY_FLOAT32, 0)
        cdef const float* source = <const float*>cnp.PyArray_DATA(given)
        cdef float* out = <float*>cnp.PyArray_DATA(made)
        cdef float* held
        for signal in range(self.signals if row else 0):
            held = &self.held[signal, 0, 0]
            if due:
                memcpy(out, held, self.count * row * sizeof(float))
                memcpy(out + self.count * row, source, (due - self.count) * row * sizeof(float))
                memcpy(held, source + (due - self.count) * row, (self.count + frames - due) * row * sizeof(float))
                self.raise_blocks(out, due)
            else:
                memcpy(held + self.count * row, source, frames * row * sizeof(float))
            source += frames * row
            out += due * row
        self.count += frames - due
        self.begun = self.begun or due > 0
        return made

    cdef void raise_blocks(self, float* x, Py_ssize_t frames) noexcept nogil:
        """Raise the frames of complete blocks of a signal, of which the first may be the first of all."""
        cdef Py_ssize_t at = 0, size = self.size if self.begun else self.first
        while at < frames:
            raise_to_floor(x + at * self.channels, size * self.channels, self.below)
            at += size
            size = self.size

    def flush(self, x: np.ndarray) -> np.ndarray:
        """The frames of the last block."""
        cdef cnp.ndarray made = np.array(np.asarray(self.held)[:, : self.count])
        cdef Py_ssize_t signal, size = self.count * self.channels
        for signal in range(self.signals if size else 0):
            raise_to_floor(<float*>cnp.PyArray_DATA(made) + signal * size, size, self.below)
        self.count = 0
        return made

    def save(self) -> bytes:
        """The state as bytes."""
        return bytes([self.begun]) + np.asarray(self.held)[:, : self.count].tobytes()

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        frames, rest = divmod(len(state) - 1, 4 * self.signals * self.channels)
        begun = state[:1]
        if rest or begun not in (b"\0", b"\1") or frames >= (self.size if begun == b"\1" else self.first):
            raise SnapshotError(UNFIT)
        held = np.frombuffer(state, np.float32, offset=1).reshape(self.signals, frames, self.channels)
        if not np.isfinite(held).all():
            raise SnapshotError(UNFIT)
        np.asarray(self.held)[:, :frames] = held
        self.begun, self.count = begun == b"\1", frames
