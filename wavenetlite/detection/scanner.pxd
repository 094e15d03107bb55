from libc.stdint cimport int64_t, uint8_t

cdef class Scanner:
    cdef Py_ssize_t labels
    cdef int64_t smoothing, duration, refractory, warm_up, cool_off
    cdef double[::1] threshold, release_below
    cdef float[:, ::1] ring             # (smoothing, labels): the last scores
    cdef int64_t[::1] total             # their sums, in units
    cdef int64_t[::1] began             # first frame of the label's run; -1: none
    cdef double[::1] peak               # highest smoothed score of the run
    cdef int64_t[::1] quiet             # scores below the release since the start or the label's last event; none kept: no rule
    cdef uint8_t[::1] reported          # whether the run has had its event
    cdef int64_t frame                  # frames seen
    cdef int64_t silent_until           # first frame that may have the next event
    cdef Py_ssize_t slot                # of the ring that is written next
    cdef int busy
    cdef str name
    cdef acquire(self)
    cdef Py_ssize_t scan(self, const float* scores, Py_ssize_t frames, Py_ssize_t* at) noexcept nogil
    cdef Py_ssize_t step(self, const float* scores) noexcept nogil
