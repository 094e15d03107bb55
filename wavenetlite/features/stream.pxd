cimport numpy as cnp

from wavenetlite.features._frames cimport FrameStream

cdef class FeatureStream:
    cdef readonly object spec
    cdef readonly Py_ssize_t streams
    cdef readonly str on_nonfinite
    cdef readonly Py_ssize_t frames_out
    cdef object front                       # see front.Front
    cdef FrameStream frames                 # the same if it is one, else None
    cdef list steps                         # the states of all steps,
    cdef list later                         # and those that are not run in the front end's call
    cdef Py_ssize_t piece                   # samples of each signal between two looks for signals
    cdef int busy
    cdef become(self, object front, list steps)
    cdef acquire(self)
    cdef cnp.ndarray advance(self, object samples)
    cdef cnp.ndarray checked(self, object samples)
    cdef int advance_to(self, cnp.ndarray samples, float* out) except -1
    cdef cnp.ndarray in_pieces(self, object samples)
    cdef cnp.ndarray piece_of(self, object samples)
    cdef replace(self, FeatureStream twin)
    cdef cnp.ndarray after(self, cnp.ndarray frames, bint ended)
    cdef bytes saved(self)
    cdef FeatureStream twin(self, object snapshot)
    cdef load(self, object snapshot)
