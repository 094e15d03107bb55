from libc.stdint cimport int64_t, uint8_t

cdef class Scanner:
    cdef Py_ssize_t labels
    cdef int64_t smoothing, duration, refractory, warm_up, cool_off
    cdef double* threshold              # of each label; this and what follows lies in one allocation
    cdef double* release_below
    cdef double* peak                   # highest smoothed score of the label's run
    cdef int64_t* began                 # its first frame; -1: no run
    cdef int64_t* total                 # sum of the label's last scores, in units
    cdef int64_t* quiet                 # scores below the release since the start or the label's last event; only kept with a cool-off
    cdef float* ring                    # (smoothing, labels): the last scores
    cdef uint8_t* reported              # whether the label's run has had its event
    cdef int64_t frame                  # frames seen
    cdef int64_t silent_until           # first frame that may have the next event
    cdef Py_ssize_t slot                # of the ring that is written next
    cdef int busy
    cdef str name
    cdef acquire(self)
    cdef list events_of(self, const float* scores, Py_ssize_t frames)
    cdef Py_ssize_t scan(self, const float* scores, Py_ssize_t frames, Py_ssize_t* at) noexcept nogil
    cdef Py_ssize_t step(self, const float* scores) noexcept nogil

cdef class LogSoftmaxSums:
    cdef double[::1] total
    cdef readonly Py_ssize_t frames
    cdef void add_rows(self, const float* logits, Py_ssize_t rows) noexcept nogil

cdef class Peak:
    cdef uint8_t[::1] foreground
    cdef float[::1] kept
    cdef Py_ssize_t first
    cdef readonly Py_ssize_t frames
    cdef double best
    cdef void add_rows(self, const float* probabilities, Py_ssize_t rows) noexcept nogil
