cimport numpy as cnp
from libc.stdint cimport int64_t, uint64_t

from wavenetlite.engine.plan cimport Memory, Plan, Workspace

cdef extern from "simd.h" nogil:
    uint64_t flush_subnormals()
    void restore_subnormals(uint64_t)
    bint try_acquire(int*)
    void release(int*)

# What arrays must be; also of pools.
cdef cnp.ndarray checked(object array, str name, int dimensions, Py_ssize_t channels)
cdef cnp.ndarray finite(Plan plan, cnp.ndarray a, str name, bint zero, Py_ssize_t indices)
cdef cnp.ndarray always_finite(Plan plan, cnp.ndarray a, str name, Py_ssize_t indices)
cdef bint are_indices(const float* x, Py_ssize_t n, Py_ssize_t count) noexcept nogil
cdef cnp.ndarray output_array(object out, Py_ssize_t rows, Py_ssize_t channels, str what)
cdef Py_ssize_t frames_of_piece(Plan plan, Py_ssize_t streams) noexcept
cdef refuse_condition_frames(Plan plan, str name, Py_ssize_t given, int64_t frames_in, Py_ssize_t frames)
cdef refuse_overlap(cnp.ndarray y, cnp.ndarray x, str name)

cdef bytes saved(Plan plan, const Memory* memory, bint flushed, cnp.ndarray condition)

cdef class Saved:
    cdef Plan plan
    cdef bytes blob
    cdef const char* state
    cdef int64_t frames_in
    cdef bint flushed
    cdef cnp.ndarray condition          # or None
    cdef void restore(self, Memory* memory) noexcept

cdef class Stream:
    cdef readonly Plan plan
    cdef Memory* memory
    cdef Workspace* work                # of the call at hand; borrowed from the plan
    cdef int busy
    cdef bint flushed
    cdef bint zero_nonfinite
    cdef str name                       # of the signal, in messages
    cdef cnp.ndarray condition          # constant conditioning, (condition_channels,), or None

    cdef acquire(self)
    cdef refuse_condition(self)
    cdef cnp.ndarray finite_condition(self, cnp.ndarray a)
    cdef cnp.ndarray finite_block(self, cnp.ndarray a)
    cdef cnp.ndarray process_alone(self, object block, object c, object out)
    cdef cnp.ndarray feed(self, object block, object c, object out)
    cdef cnp.ndarray run_out(self)
    cdef void run(self, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames, float* y) noexcept nogil
    cdef run_in_pieces(self, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames, float* y)
    cdef cnp.ndarray conditions(self, object c, Py_ssize_t frames)
