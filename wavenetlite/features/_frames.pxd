cimport numpy as cnp

from wavenetlite.features._steps cimport FrameState
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.types cimport Bands, Fourier, Front, Kernels

cdef class FrontEnd:
    cdef readonly Py_ssize_t n_fft, hop_length, left_pad, channels
    cdef readonly bint integers             # whether int16 samples are taken, too
    cdef Py_ssize_t work                    # doubles that `compute` works in
    cdef Py_ssize_t memory                  # bytes that a signal keeps from frame to frame, 0 at the start
    cdef Blocks blocks                      # the memory of the tables
    cdef const Kernels* kernels
    cdef char* copied(self, object values, object dtype) except NULL
    cdef set_bands(self, Bands* bands, basis)
    cdef void compute(self, const float* samples, Py_ssize_t frames, char* memory, float* out, double* work) noexcept nogil

cdef class SpectralFrontEnd(FrontEnd):
    cdef readonly Py_ssize_t bins
    cdef readonly double power, amin, reference_db
    cdef readonly bint decibels, banded
    cdef Front front
    cdef const double* doubles(self, object values) except NULL
    cdef set_transform(self, window)
    cdef Fourier* transform(self, Py_ssize_t length) except NULL
    cdef set_convolution(self, Fourier* f)

cdef class FrameStream:
    cdef readonly FrontEnd front
    cdef readonly Py_ssize_t streams, samples_in, frames_out
    cdef Py_ssize_t signals                 # streams, or 1
    cdef Py_ssize_t carried                 # samples of each signal whose frame is not yet complete, fewer than n_fft
    cdef Py_ssize_t skip                    # samples still to come that no frame covers (a hop longer than a frame)
    cdef Py_ssize_t ld                      # of the carried samples of a signal: twice n_fft, so that its frames fit behind
    cdef float* carry                       # (signals, ld)
    cdef char* memory                       # (signals, front.memory)
    cdef list states                        # FrameStates run in the same call
    cdef bint flushed, zero_nonfinite
    cdef str name
    cdef clear(self)
    cdef cnp.ndarray advance(self, object samples)
    cdef refuse_if_flushed(self)
    cdef cnp.ndarray feed(self, cnp.ndarray samples)
    cdef int feed_to(self, cnp.ndarray samples, float* out) except -1
    cdef Py_ssize_t frames_due(self, Py_ssize_t samples) noexcept
    cdef Py_ssize_t out_channels(self)
    cdef int compute(self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t frames, float* out) except -1
    cdef int compute_front(self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t frames, float* out) except -1
    cdef cnp.ndarray checked(self, object samples)
    cdef void signal_frames(self, Py_ssize_t signal, const float* block, Py_ssize_t fresh, Py_ssize_t frames, float* out, double* work) noexcept nogil
    cdef void keep(self, const float* block, Py_ssize_t step, Py_ssize_t fresh, Py_ssize_t start) noexcept nogil

cpdef cnp.ndarray checked_samples(object samples, Py_ssize_t streams, bint zero_nonfinite, str name, bint integers=*)
