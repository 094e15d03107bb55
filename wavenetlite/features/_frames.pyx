# cython: boundscheck=False, initializedcheck=False
"""Frames of power, mel energies or decibels from a waveform fed in blocks of any length.

Design: the bits of a frame must not depend on the block it comes in. So every frame is processed on its own: windowed,
transformed by NumPy (which transforms row by row; `tests/features/test_features_stream.py` holds it to that), and reduced by the
loops below, a fixed chain of float64 operations each, without fused multiply-adds. Only the last operation rounds to
float32. The transform is the one librosa calls, in the float64 that librosa calls it in: with a float32 transform, mel
bands 60 dB below the loudest would be off by more than 1e-5.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport fmax, log10, pow, sqrt
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

from struct import Struct

import numpy as np

from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError

cnp.import_array()

cdef enum:
    ROWS = 32       # frames transformed together: they share the call's overhead and stay in the L2 cache
    LANES = 4       # partial sums of a band: they break the dependency chain and let the compiler vectorise

_rfft = np.fft.rfft
MaskedArray = np.ma.MaskedArray

STATE = Struct("<qqq")
MOST_SAMPLES = 2**60
UNFIT = "snapshot is damaged: its state does not fit these features"


@cython.final
cdef class FrontEnd:
    """The computation of a frame: tables and constants; immutable, shared by its streams.

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
    cdef readonly Py_ssize_t n_fft, hop_length, left_pad, bins, channels
    cdef readonly double power, amin, reference_db
    cdef readonly bint decibels, banded
    cdef Py_ssize_t ld                          # of a row of powers: the bins, and zeros for padded bands
    cdef const double[::1] window
    cdef Py_ssize_t[::1] first                  # first frequency of each band
    cdef Py_ssize_t[::1] steps                  # groups of LANES weights per band, band after band in `weights`
    cdef double[::1] weights

    def __init__(
        self, window: np.ndarray, *, hop_length: int, left_pad: int, power: float, basis: np.ndarray | None = None,
        decibels: bool = False, amin: float = 1e-10, reference_db: float = 0.0,
    ) -> None:
        self.window = np.array(window, np.float64)
        self.n_fft, self.hop_length, self.left_pad = len(window), hop_length, left_pad
        self.bins = self.n_fft // 2 + 1
        self.ld = self.bins + LANES
        self.power, self.decibels, self.amin, self.reference_db = power, decibels, amin, reference_db
        self.banded = basis is not None
        self.channels = self.bins
        if basis is not None:
            self.pack(basis)

    cdef pack(self, basis):
        """Keep the weights of each band from its first to its last non-zero one."""
        first, steps, weights = [], [], []
        for row in basis:
            nonzero = np.flatnonzero(row)
            low, high = (int(nonzero[0]), int(nonzero[-1]) + 1) if len(nonzero) else (0, 0)
            padded = np.zeros((high - low + LANES - 1) // LANES * LANES)
            padded[: high - low] = row[low:high]
            first.append(low)
            steps.append(len(padded) // LANES)
            weights.append(padded)
        self.channels = len(first)
        self.first = np.array(first, np.intp)
        self.steps = np.array(steps, np.intp)
        self.weights = np.concatenate([*weights, np.zeros(1)])

    cdef void finish(self, const double* spectrum, double* powers, float* out) noexcept nogil:
        """The features of one frame from its complex spectrum."""
        cdef Py_ssize_t i
        cdef double* kept = powers
        for i in range(self.bins):
            powers[i] = spectrum[2 * i] * spectrum[2 * i] + spectrum[2 * i + 1] * spectrum[2 * i + 1]
        if self.power == 1.0:
            for i in range(self.bins):
                powers[i] = sqrt(powers[i])
        elif self.power != 2.0:
            for i in range(self.bins):
                powers[i] = pow(powers[i], 0.5 * self.power)
        if self.banded:
            kept = powers + self.ld
            self.sum_bands(powers, kept)
        if self.decibels:
            for i in range(self.channels):
                out[i] = <float>(10.0 * log10(fmax(kept[i], self.amin)) - self.reference_db)
        else:
            for i in range(self.channels):
                out[i] = <float>kept[i]

    cdef void sum_bands(self, const double* powers, double* bands) noexcept nogil:
        cdef const double* w = &self.weights[0]
        cdef const double* p
        cdef const Py_ssize_t* first = &self.first[0]
        cdef const Py_ssize_t* steps = &self.steps[0]
        cdef Py_ssize_t band, step
        cdef double a, b, c, d
        for band in range(self.channels):
            p = powers + first[band]
            a = b = c = d = 0.0
            for step in range(steps[band]):
                a = a + w[0] * p[0]
                b = b + w[1] * p[1]
                c = c + w[2] * p[2]
                d = d + w[3] * p[3]
                w += LANES
                p += LANES
            bands[band] = (a + c) + (b + d)


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
    cdef readonly FrontEnd front
    cdef readonly Py_ssize_t streams, samples_in, frames_out
    cdef Py_ssize_t signals                 # streams, or 1
    cdef Py_ssize_t carried                 # samples of each signal whose frame is not yet complete
    cdef Py_ssize_t skip                    # samples still to come that no frame covers (a hop longer than a frame)
    cdef float* carry                       # (signals, n_fft)
    cdef double* powers                     # one row of powers, one of bands
    cdef list windowed, spectra             # float64 (rows, n_fft) and complex128 (rows, bins), for 1, 2, ... rows
    cdef double* windowed_data
    cdef double* spectra_data
    cdef bint flushed, zero_nonfinite
    cdef str name

    def __cinit__(self, FrontEnd front, *, streams: int = 0, on_nonfinite: str = "raise", name: str = "samples"):
        if on_nonfinite not in ("raise", "zero"):
            raise ParameterError(f"on_nonfinite={on_nonfinite!r} must be 'raise' or 'zero'")
        self.front, self.streams, self.signals, self.name = front, streams, max(streams, 1), name
        self.zero_nonfinite = on_nonfinite == "zero"
        self.carry = <float*>calloc(self.signals * front.n_fft, sizeof(float))
        self.powers = <double*>calloc(front.ld + front.channels, sizeof(double))
        if self.carry == NULL or self.powers == NULL:
            raise MemoryError
        self.make_room(1)
        self.clear()

    def __dealloc__(self):
        free(self.carry)
        free(self.powers)

    cdef make_room(self, Py_ssize_t rows):
        """Allocate work memory for `rows` frames. Views are made once: slicing costs as much as a window."""
        windowed = np.zeros((rows, self.front.n_fft))
        spectra = np.zeros((rows, self.front.bins), np.complex128)
        self.windowed = [windowed[:n] for n in range(rows + 1)]
        self.spectra = [spectra[:n] for n in range(rows + 1)]
        self.windowed_data = <double*>cnp.PyArray_DATA(<cnp.ndarray>windowed)
        self.spectra_data = <double*>cnp.PyArray_DATA(<cnp.ndarray>spectra)

    cdef clear(self):
        self.samples_in = self.frames_out = self.skip = 0
        self.carried = self.front.left_pad
        self.flushed = False
        memset(self.carry, 0, self.signals * self.front.n_fft * sizeof(float))

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Feed the next samples; returns the completed frames, ([streams,] frames, channels)."""
        self.refuse_if_flushed()
        return self.feed(checked_samples(samples, self.streams, self.zero_nonfinite, self.name))

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
        checked_samples(samples, self.streams, self.zero_nonfinite, self.name)

    def save(self) -> bytes:
        """The state as bytes: samples fed, whether flushed, and the samples carried over, signal by signal."""
        kept = 0 if self.flushed else self.carried
        carry = np.empty((self.signals, kept), np.float32)
        cdef char* to = <char*>cnp.PyArray_DATA(<cnp.ndarray>carry)
        cdef Py_ssize_t signal, size = kept * sizeof(float)
        for signal in range(self.signals):
            memcpy(to + signal * size, self.carry + signal * self.front.n_fft, size)
        return STATE.pack(self.samples_in, self.frames_out, self.flushed) + carry.tobytes()

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        cdef bytes whole = state
        cdef const char* source
        cdef Py_ssize_t signal, size, total, samples, frames
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
        if len(state) != STATE.size + self.signals * size or not (flushed or out == frames):
            raise SnapshotError(UNFIT)
        if not np.isfinite(np.frombuffer(state, np.float32, offset=STATE.size)).all():  # streams accept finite samples only
            raise SnapshotError(UNFIT)
        self.samples_in, self.frames_out, self.flushed = samples, out, flushed
        source = <const char*>whole + <Py_ssize_t>STATE.size
        for signal in range(self.signals):
            memcpy(self.carry + signal * self.front.n_fft, source + signal * size, size)

    cdef refuse_if_flushed(self):
        if self.flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")

    cdef cnp.ndarray feed(self, cnp.ndarray samples):
        cdef FrontEnd front = self.front
        cdef Py_ssize_t given = cnp.PyArray_DIM(samples, cnp.PyArray_NDIM(samples) - 1)
        cdef Py_ssize_t dropped = min(self.skip, given)
        cdef Py_ssize_t fresh = given - dropped, total = self.carried + fresh
        cdef Py_ssize_t frames = 0 if total < front.n_fft else 1 + (total - front.n_fft) // front.hop_length
        cdef const float* block = <const float*>cnp.PyArray_DATA(samples) + dropped
        cdef cnp.npy_intp shape[3]
        cdef cnp.ndarray out
        shape[0], shape[1], shape[2] = self.signals, frames, front.channels
        out = cnp.PyArray_EMPTY(3, shape, cnp.NPY_FLOAT32, 0) if self.streams else (
            cnp.PyArray_EMPTY(2, shape + 1, cnp.NPY_FLOAT32, 0))
        if frames:
            self.transform(block, given, frames, <float*>cnp.PyArray_DATA(out))
        self.keep(block, given, fresh, frames * front.hop_length)
        self.skip += max(frames * front.hop_length - total, 0) - dropped
        self.samples_in += given
        self.frames_out += frames
        return out

    cdef transform(self, const float* block, Py_ssize_t step, Py_ssize_t frames, float* out):
        """All frames of all signals, signal by signal, ROWS at a time."""
        cdef Py_ssize_t done, i, rows, count = self.signals * frames
        cdef FrontEnd front = self.front
        cdef Py_ssize_t room = len(self.windowed) - 1
        if room < min(count, ROWS):
            room = min(count, ROWS)
            self.make_room(room)
        for done in range(0, count, room):
            rows = min(room, count - done)
            with nogil:
                for i in range(rows):
                    self.window(block, step, (done + i) // frames, (done + i) % frames, self.windowed_data + i * front.n_fft)
            _rfft(self.windowed[rows], out=self.spectra[rows])
            with nogil:
                for i in range(rows):
                    front.finish(self.spectra_data + 2 * i * front.bins, self.powers, out + (done + i) * front.channels)

    cdef void window(
        self, const float* block, Py_ssize_t step, Py_ssize_t signal, Py_ssize_t frame, double* out) noexcept nogil:
        """Window a frame, which may begin in the carried samples and end in the block."""
        cdef const float* old = self.carry + signal * self.front.n_fft
        cdef const float* new = block + signal * step
        cdef const double* w = &self.front.window[0]
        cdef Py_ssize_t start = frame * self.front.hop_length, n = self.front.n_fft, i
        cdef Py_ssize_t split = min(max(self.carried - start, 0), n)
        for i in range(split):
            out[i] = w[i] * <double>old[start + i]
        new += start - self.carried
        for i in range(split, n):
            out[i] = w[i] * <double>new[i]

    cdef void keep(self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t start) noexcept nogil:
        """Keep all samples from `start` on (counted from the first carried one) for the next call."""
        cdef Py_ssize_t old = max(self.carried - start, 0), from_block = max(start - self.carried, 0), signal
        cdef Py_ssize_t new = max(fresh - from_block, 0)
        cdef float* carry
        for signal in range(self.signals):
            carry = self.carry + signal * self.front.n_fft
            if old and start:
                memmove(carry, carry + start, old * sizeof(float))
            if new:
                memcpy(carry + old, block + signal * step + from_block, new * sizeof(float))
        self.carried = old + new

    def frames_after(self, samples: int) -> int:
        """Frames that the next `process` returns for `samples` samples."""
        total = self.carried + max(samples - self.skip, 0)
        return 0 if total < self.front.n_fft else 1 + (total - self.front.n_fft) // self.front.hop_length

    @property
    def state_bytes(self) -> int:
        """Size of the state, bytes."""
        return self.signals * self.front.n_fft * sizeof(float)


cpdef cnp.ndarray checked_samples(object samples, Py_ssize_t streams, bint zero_nonfinite, str name):
    """`samples`, checked to be float32, finite and ([streams,] samples); a copy if they were not C-contiguous or finite."""
    if not cnp.PyArray_Check(samples) or isinstance(samples, MaskedArray):        # whose mask would be ignored
        raise ArrayTypeError(f"{name} is a {type(samples).__name__}; it must be a NumPy array")
    cdef cnp.ndarray a = samples
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISNOTSWAPPED(a):
        raise ArrayTypeError(f"{name} has dtype {a.dtype}; it must be float32")
    if streams == 0 and cnp.PyArray_NDIM(a) != 1:
        raise ParameterError(f"{name} has shape {samples.shape}; it must have one dimension, (samples,)")
    if streams and (cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 0) != streams):
        raise ParameterError(f"{name} has shape {samples.shape}; it must be ({streams}, samples)")
    if not cnp.PyArray_ISCARRAY_RO(a):
        a = np.array(a, order="C")
    if all_finite(<const unsigned int*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
        return a
    if zero_nonfinite:
        return np.nan_to_num(a, nan=0.0, posinf=0.0, neginf=0.0)
    where = np.argwhere(~np.isfinite(a))[0]
    raise ParameterError(
        f"{name} is not finite at sample {where[-1]}; it must be finite (or pass on_nonfinite='zero')")


cdef bint all_finite(const unsigned int* bits, Py_ssize_t n) noexcept nogil:
    """No infinity and no NaN: no exponent of all ones."""
    cdef unsigned int bad = 0
    cdef Py_ssize_t i
    for i in range(n):
        bad |= (bits[i] & 0x7F800000) == 0x7F800000
    return not bad
