# cython: boundscheck=False, initializedcheck=False
"""Frames of power, mel energies or decibels from a waveform fed in blocks of any length.

Design: the bits of a frame must not depend on the block it comes in. So the kernel computes every frame by one fixed chain
of float64 operations (`kernels/spectrum.pxi.in`) and only the last one rounds to float32: with a float32 transform, mel
bands 60 dB below the loudest would be off by more than 1e-5. What remains here is to lay the samples of a frame side by
side when it begins in one block and ends in another.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport isfinite
from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove, memset

from wavenetlite.features._steps cimport FrameState
from wavenetlite.kernels.dispatch cimport kernels
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.turns cimport leave_turn, take_turn
from wavenetlite.kernels.types cimport Bands, Fourier, Front, Kernels

from struct import Struct

import numpy as np

from wavenetlite.support.fourier import chirp, joining_factors, passes, roots_of_unity
from wavenetlite.support.arrays import is_masked
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError

cnp.import_array()

cdef enum:
    POINT = 8               # doubles of a point: the lanes of its real and of its imaginary part
    ON_STACK = 2048         # doubles of work memory that a call finds on the stack; more are allocated

STATE = Struct("<qqq")
MOST_SAMPLES = 2**60
UNFIT = "snapshot is damaged: its state does not fit these features"


cdef class FrontEnd:
    """The computation of a frame: tables and constants; immutable, shared by its streams."""
    # The attributes stand in _frames.pxd.

    def __cinit__(self, *arguments, **options):
        self.blocks = Blocks()
        self.kernels = kernels()

    def __init__(self) -> None:
        raise TypeError("FrontEnd has no computation of its own; use one of its subclasses")

    cdef char* copied(self, object values, object dtype) except NULL:
        """An aligned copy of an array that lives as long as this object."""
        cdef cnp.ndarray a = np.ascontiguousarray(values, dtype)
        cdef char* copy = self.blocks.allocate(cnp.PyArray_NBYTES(a))
        memcpy(copy, cnp.PyArray_DATA(a), cnp.PyArray_NBYTES(a))
        return copy

    cdef set_bands(self, Bands* bands, basis):
        """Keep the weights of each band from its first to its last non-zero one, padded to a multiple of four."""
        first, steps, weights = [], [], [np.zeros(0)]
        for row in basis:
            nonzero = np.flatnonzero(row)
            low, high = (int(nonzero[0]), int(nonzero[-1]) + 1) if len(nonzero) else (0, 0)
            padded = np.zeros((high - low + 3) // 4 * 4)
            padded[: high - low] = row[low:high]
            first.append(low)
            steps.append(len(padded) // 4)
            weights.append(padded)
        padding = [0] * ((len(first) + 3) // 4 * 4 - len(first))
        bands.first = <const Py_ssize_t*>self.copied(first + padding, np.intp)
        bands.steps = <const Py_ssize_t*>self.copied(steps + padding, np.intp)
        bands.weights = <const double*>self.copied(np.concatenate(weights), np.float64)

    cdef void compute(self, const float* samples, Py_ssize_t frames, char* memory, float* out, double* work) noexcept nogil:
        """The next frames of a signal, (frames, channels), of which the first begins at `samples`."""


@cython.final
cdef class SpectralFrontEnd(FrontEnd):
    """Powers of the spectrum, or bands of them, also in decibels.

    Parameters
    ----------
    window
        float64, (n_fft,): the window, padded to the frame length.
    hop_length, left_pad
        Samples between two frames; zeros before the first sample (and after the last one, at the flush).
    power
        Exponent of the magnitude.
    basis
        float32, (bands, n_fft // 2 + 1), mostly zeros, or None: every frequency is a channel.
    decibels
        Whether to return ``10 log10(max(S, amin)) - reference_db``.
    """
    # The attributes stand in _frames.pxd.

    def __init__(
        self, window: np.ndarray, *, hop_length: int, left_pad: int, power: float, basis: np.ndarray | None = None,
        decibels: bool = False, amin: float = 1e-10, reference_db: float = 0.0,
    ) -> None:
        cdef Front* front = &self.front
        self.n_fft, self.hop_length, self.left_pad = len(window), hop_length, left_pad
        self.power, self.decibels, self.amin, self.reference_db = power, decibels, amin, reference_db
        self.banded = basis is not None
        self.bins = self.n_fft // 2 + 1
        self.channels = len(basis) if self.banded else self.bins
        front.n, front.bins, front.channels = self.n_fft, self.bins, self.channels
        front.power, front.decibels, front.banded = power, decibels, self.banded
        front.amin, front.reference_db = amin, reference_db
        self.set_transform(np.array(window, np.float64))
        if basis is not None:
            self.set_bands(&front.bands, basis)

    cdef const double* doubles(self, object values) except NULL:
        return <const double*>self.copied(values, np.float64)

    cdef void compute(self, const float* samples, Py_ssize_t frames, char* memory, float* out, double* work) noexcept nogil:
        self.kernels.frame_features(&self.front, samples, self.hop_length, frames, out, work)

    cdef set_transform(self, window):
        """The transform of a frame: of n / 8 points if the lanes are its quarters, else of n / 2, or n if that is odd."""
        cdef Front* front = &self.front
        cdef Fourier* fourier
        n = self.n_fft
        quarters, even = n % 8 == 0, n % 2 == 0
        fourier = self.transform(n // 8 if quarters else n // 2 if even else n)
        fourier.room = max(fourier.room, fourier.length + 4)
        front.fourier = fourier
        front.window = self.doubles(window / 2 if even else window)
        front.halves = self.doubles(roots_of_unity(2 * fourier.length)[: fourier.length + 1]) if even else NULL
        front.quarters = self.doubles(joining_factors(n)) if quarters else NULL
        front.lanes = 1 if quarters else 4
        front.ld = (self.bins + 7) // 4 * 4
        front.powers = 2 * POINT * fourier.room
        front.work = self.work = front.powers + front.lanes * front.ld + (self.channels + 3) // 4 * 4

    cdef Fourier* transform(self, Py_ssize_t length) except NULL:
        """The passes of a transform of `length` points, or the convolution that replaces them."""
        cdef Fourier* f = <Fourier*>self.blocks.allocate(sizeof(Fourier))
        cdef const double** roots
        plan = passes(length)
        f.length = f.room = length
        if length > 1 and not plan.radices:
            self.set_convolution(f)
            return f
        f.passes = len(plan.radices)
        f.radix = <const Py_ssize_t*>self.copied(plan.radices, np.intp)
        f.twiddles = self.doubles(plan.twiddles)
        roots = <const double**>self.blocks.allocate(f.passes * sizeof(double*))
        for i, given in enumerate(plan.roots):
            roots[i] = self.doubles(given)
        f.roots = roots
        return f

    cdef set_convolution(self, Fourier* f):
        """Bluestein's convolution: its chirp, and the spectrum of the conjugate chirp by the kernel's own transform."""
        cdef Py_ssize_t n = f.length, i
        cdef Fourier* inner = self.transform(1 << (2 * n - 2).bit_length())
        cdef cnp.ndarray x = np.zeros((inner.length, 2, 4)), y = np.zeros((inner.length, 2, 4))
        cdef double* found
        waves = chirp(n)
        x[:n] = (waves * (1.0, -1.0) / inner.length)[:, :, np.newaxis]
        x[inner.length - n + 1:] = x[n - 1:0:-1]
        found = self.kernels.transform_points(inner, <double*>cnp.PyArray_DATA(x), <double*>cnp.PyArray_DATA(y))
        f.convolved, f.room = inner, inner.length
        f.chirp = self.doubles(waves)
        f.spectrum = self.doubles((x if found == <double*>cnp.PyArray_DATA(x) else y)[:, :, 0])


@cython.final
cdef class FrameStream:
    """The state of one signal, or of several in lockstep, in a front end.

    Parameters
    ----------
    front
        The computation of a frame.
    streams
        Number of signals; 0: one, whose blocks are (samples,) and whose frames are (frames, channels).
    on_nonfinite
        "raise", or "zero" to replace infinities and NaN with zeros.
    name
        Name of a block in messages.
    """
    # The attributes stand in _frames.pxd.

    def __cinit__(self, FrontEnd front, *, streams: int = 0, on_nonfinite: str = "raise", name: str = "samples"):
        if on_nonfinite not in ("raise", "zero"):
            raise ParameterError(f"on_nonfinite={on_nonfinite!r} must be 'raise' or 'zero'")
        self.front, self.streams, self.signals, self.name = front, streams, max(streams, 1), name
        self.zero_nonfinite = on_nonfinite == "zero"
        self.states = []
        self.ld = 2 * front.n_fft
        self.carry = <float*>calloc(self.signals * self.ld, sizeof(float))
        self.memory = <char*>calloc(max(self.signals * front.memory, 1), 1)
        if self.carry == NULL or self.memory == NULL:
            raise MemoryError
        self.clear()

    def __dealloc__(self):
        free(self.carry)
        free(self.memory)

    cdef clear(self):
        self.samples_in = self.frames_out = self.skip = 0
        self.carried = self.front.left_pad
        self.flushed = False
        memset(self.carry, 0, self.signals * self.ld * sizeof(float))
        memset(self.memory, 0, self.signals * self.front.memory)

    def fuse(self, states: list) -> list:
        """Run the steps at the beginning of `states` that can be in the same call from now on; returns the others.

        Their owner saves, loads and resets them.
        """
        while states and isinstance(states[0], FrameState):
            self.states.append(states[0])
            states = states[1:]
        return states

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Feed the next samples; returns the completed frames, ([streams,] frames, channels)."""
        return self.advance(samples)

    cdef cnp.ndarray advance(self, object samples):
        self.refuse_if_flushed()
        return self.feed(self.checked(samples))

    cdef cnp.ndarray checked(self, object samples):
        return checked_samples(samples, self.streams, self.zero_nonfinite, self.name, self.front.integers)

    def flush(self) -> np.ndarray:
        """End the signal; with padding, it is padded with as many zeros as at the start."""
        self.refuse_if_flushed()
        before = self.samples_in
        shape = (self.front.left_pad if before else 0,)
        frames = self.feed(np.zeros((self.streams, *shape) if self.streams else shape, np.float32))
        self.samples_in = before
        self.flushed = True
        return frames

    def reset(self) -> None:
        """Start over: the next sample is the first."""
        self.clear()

    def check(self, samples: np.ndarray) -> None:
        """Raise what `process` would raise about `samples`."""
        self.refuse_if_flushed()
        self.checked(samples)

    def save(self) -> bytes:
        """The state as bytes: samples fed, whether flushed, the samples carried over and the memory, signal by signal."""
        kept = 0 if self.flushed else self.carried
        carry = np.empty((self.signals, kept), np.float32)
        cdef char* to = <char*>cnp.PyArray_DATA(<cnp.ndarray>carry)
        cdef Py_ssize_t signal, size = kept * sizeof(float)
        for signal in range(self.signals):
            memcpy(to + signal * size, self.carry + signal * self.ld, size)
        memory = self.memory[: self.signals * self.front.memory]
        return STATE.pack(self.samples_in, self.frames_out, self.flushed) + carry.tobytes() + memory

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        cdef bytes whole = state
        cdef const char* source
        cdef Py_ssize_t signal, i, size, total, samples, frames
        head = state[:STATE.size]
        if len(head) < STATE.size:
            raise SnapshotError(UNFIT)
        given, out, flushed = STATE.unpack(head)
        if not 0 <= given <= MOST_SAMPLES or flushed not in (0, 1) or not 0 <= out <= MOST_SAMPLES:
            raise SnapshotError(UNFIT)
        samples = given
        total = samples + self.front.left_pad
        frames = 0 if total < self.front.n_fft else 1 + (total - self.front.n_fft) // self.front.hop_length
        self.carried = 0 if flushed else max(total - frames * self.front.hop_length, 0)
        self.skip = max(frames * self.front.hop_length - total, 0)
        size = self.carried * sizeof(float)
        if len(state) != STATE.size + self.signals * (size + self.front.memory) or not (flushed or out == frames):
            raise SnapshotError(UNFIT)
        self.samples_in, self.frames_out, self.flushed = samples, out, flushed
        source = <const char*>whole + <Py_ssize_t>STATE.size
        for signal in range(self.signals):
            memcpy(self.carry + signal * self.ld, source + signal * size, size)
            for i in range(self.carried):
                if not isfinite(self.carry[signal * self.ld + i]):  # streams accept finite samples only
                    raise SnapshotError(UNFIT)
        memcpy(self.memory, source + self.signals * size, self.signals * self.front.memory)

    cdef refuse_if_flushed(self):
        if self.flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")

    cdef cnp.ndarray feed(self, cnp.ndarray samples):
        cdef cnp.npy_intp shape[3]
        cdef cnp.ndarray out
        shape[0], shape[2] = self.signals, self.out_channels()
        shape[1] = self.frames_due(cnp.PyArray_DIM(samples, cnp.PyArray_NDIM(samples) - 1))
        out = cnp.PyArray_EMPTY(3, shape, cnp.NPY_FLOAT32, 0) if self.streams else (
            cnp.PyArray_EMPTY(2, shape + 1, cnp.NPY_FLOAT32, 0))
        self.feed_to(samples, <float*>cnp.PyArray_DATA(out))
        return out

    cdef int feed_to(self, cnp.ndarray samples, float* out) except -1:
        """Feed samples that have been checked; the frames, of which there are `frames_due`, are written to `out`."""
        cdef FrontEnd front = self.front
        cdef Py_ssize_t given = cnp.PyArray_DIM(samples, cnp.PyArray_NDIM(samples) - 1)
        cdef Py_ssize_t frames = self.frames_due(given)
        cdef Py_ssize_t dropped = min(self.skip, given)
        cdef Py_ssize_t fresh = given - dropped, total = self.carried + fresh
        cdef const float* block = <const float*>cnp.PyArray_DATA(samples) + dropped
        if frames:
            self.compute(block, given, fresh, frames, out)
        self.keep(block, given, fresh, frames * front.hop_length)
        self.skip += max(frames * front.hop_length - total, 0) - dropped
        self.samples_in += given
        self.frames_out += frames
        return 0

    cdef Py_ssize_t out_channels(self):
        return (<FrameState>self.states[-1]).out_channels if self.states else self.front.channels

    cdef int compute(
        self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t frames, float* out) except -1:
        """The next frames of all signals, through the fused steps."""
        cdef Py_ssize_t rows = self.signals * frames, widest = self.front.channels
        cdef FrameState state
        cdef float* between
        cdef float* x
        cdef float* y
        if not self.states:
            return self.compute_front(block, step, fresh, frames, out)
        for state in self.states:
            widest = max(widest, state.out_channels)
        between = <float*>malloc(2 * rows * widest * sizeof(float))
        if between == NULL:
            raise MemoryError
        x, y = between, between + rows * widest
        try:
            self.compute_front(block, step, fresh, frames, x)
            for state in self.states[:-1]:
                with nogil:
                    leave_turn()
                    state.run(x, frames, y)
                    take_turn()
                x, y = y, x
            state = self.states[-1]
            with nogil:
                leave_turn()
                state.run(x, frames, out)
                take_turn()
        finally:
            free(between)
        return 0

    cdef int compute_front(
        self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t frames, float* out) except -1:
        """The next frames of all signals, signal by signal."""
        cdef FrontEnd front = self.front
        cdef double[ON_STACK] stack
        cdef double* work = stack
        cdef char* allocated = NULL
        cdef Py_ssize_t signal
        if front.work + POINT > ON_STACK:
            allocated = <char*>malloc((front.work + POINT) * sizeof(double))
            if allocated == NULL:
                raise MemoryError
            work = <double*>allocated
        work = <double*>((<uintptr_t>work + 63) // 64 * 64)
        with nogil:
            leave_turn()
            for signal in range(self.signals):
                self.signal_frames(
                    signal, block + signal * step, fresh, frames, out + signal * frames * front.channels, work)
            take_turn()
        free(allocated)
        return 0

    cdef void signal_frames(
        self, Py_ssize_t signal, const float* block, Py_ssize_t fresh, Py_ssize_t frames, float* out, double* work) noexcept nogil:
        """The next frames of a signal: those that begin in the carried samples, and those that lie in the block."""
        cdef float* carry = self.carry + signal * self.ld
        cdef char* memory = self.memory + signal * self.front.memory
        cdef Py_ssize_t hop = self.front.hop_length, across = min(frames, (self.carried + hop - 1) // hop)
        if across:
            memcpy(carry + self.carried, block, min(fresh, self.front.n_fft) * sizeof(float))
            self.front.compute(carry, across, memory, out, work)
        if across < frames:
            self.front.compute(
                block + across * hop - self.carried, frames - across, memory, out + across * self.front.channels, work)

    cdef void keep(self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t start) noexcept nogil:
        """Keep all samples from `start` on (counted from the first carried one) for the next call."""
        cdef Py_ssize_t old = max(self.carried - start, 0), from_block = max(start - self.carried, 0), signal
        cdef Py_ssize_t new = max(fresh - from_block, 0)
        cdef float* carry
        for signal in range(self.signals):
            carry = self.carry + signal * self.ld
            if old and start:
                memmove(carry, carry + start, old * sizeof(float))
            if new:
                memcpy(carry + old, block + signal * step + from_block, new * sizeof(float))
        self.carried = old + new

    def frames_after(self, samples: int) -> int:
        """Frames that the next `process` returns for `samples` samples."""
        return self.frames_due(samples)

    cdef Py_ssize_t frames_due(self, Py_ssize_t samples) noexcept:
        cdef Py_ssize_t total = self.carried + max(samples - self.skip, 0)
        return 0 if total < self.front.n_fft else 1 + (total - self.front.n_fft) // self.front.hop_length

    @property
    def state_bytes(self) -> int:
        """Size of the state, bytes."""
        return self.signals * (self.front.n_fft * sizeof(float) + self.front.memory)


cpdef cnp.ndarray checked_samples(
    object samples, Py_ssize_t streams, bint zero_nonfinite, str name, bint integers=False):
    """`samples`, checked to be float32, finite and ([streams,] samples); a copy if they were not C-contiguous or finite.

    integers: int16 is taken, too, and divided by 32,768.
    """
    if not cnp.PyArray_CheckExact(samples) and (not cnp.PyArray_Check(samples) or is_masked(samples)):        # whose mask would be ignored
        raise ArrayTypeError(f"{name} is a {type(samples).__name__}; it must be a NumPy array")
    cdef cnp.ndarray a = samples
    if integers and cnp.PyArray_TYPE(a) == cnp.NPY_INT16 and cnp.PyArray_ISNOTSWAPPED(a):
        a = scaled(a)
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISNOTSWAPPED(a):
        raise ArrayTypeError(f"{name} has dtype {a.dtype}; it must be float32{' or int16' if integers else ''}")
    if streams == 0 and cnp.PyArray_NDIM(a) != 1:
        raise ParameterError(f"{name} has shape {samples.shape}; it must have one dimension, (samples,)")
    if streams and (cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 0) != streams):
        raise ParameterError(f"{name} has shape {samples.shape}; it must be ({streams}, samples)")
    if not cnp.PyArray_ISCARRAY_RO(a):
        a = np.array(a, order="C")
    if kernels().all_finite(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
        return a
    if zero_nonfinite:
        return np.nan_to_num(a, nan=0.0, posinf=0.0, neginf=0.0)
    where = np.argwhere(~np.isfinite(a))[0]
    raise ParameterError(
        f"{name} is not finite at sample {where[-1]}; it must be finite (or pass on_nonfinite='zero')")


cdef cnp.ndarray scaled(cnp.ndarray integers):
    """int16 divided by 32,768, as float32: exact."""
    cdef cnp.ndarray out = cnp.PyArray_FROM_OTF(integers, cnp.NPY_FLOAT32, cnp.NPY_ARRAY_DEFAULT)
    cdef float* y = <float*>cnp.PyArray_DATA(out)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(out)):
        y[i] *= 1.0 / 32768.0
    return out
