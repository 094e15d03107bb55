cimport numpy as cnp

from wavenetlite.detection.scanner cimport LogSoftmaxSums, Peak, Scanner
from wavenetlite.engine.stream cimport Stream
from wavenetlite.features.stream cimport FeatureStream

cdef cnp.ndarray with_rest(cnp.ndarray words, Py_ssize_t first)

cdef class ClassifierStream:
    cdef object design
    cdef readonly object timing             # labels of the probabilities, and the positions of their frames in the signal
    cdef str on_nonfinite
    cdef FeatureStream features
    cdef object network                     # a Stream, or one stream of a pool
    cdef Stream own                         # the same if it is a Stream, else None
    cdef Stream softmax                     # None: the network gives probabilities
    cdef Scanner scanner
    cdef object decision
    cdef LogSoftmaxSums sums                # of the decision, or None
    cdef Peak peak
    cdef cnp.ndarray none, kept             # no probabilities, and those of the last call
    cdef Py_ssize_t first, frames           # frames before the last call, and all
    cdef Py_ssize_t samples                 # fed up to that call
    cdef bint failed
    cdef int busy
    cdef start(self)
    cdef acquire(self)
    cdef check_usable(self)
    cdef Py_ssize_t fed(self)
    cdef set_decision(self, object decision)
    cdef cnp.ndarray check(self, object samples)
    cdef int extract_to(self, cnp.ndarray samples, float* frames) except -1
    cdef cnp.ndarray extract(self, object samples)
    cdef cnp.ndarray through_network(self, cnp.ndarray frames)
    cdef list decide(self, cnp.ndarray logits)
    cdef list hear(self, cnp.ndarray probabilities, const float* logits)
    cdef add(self, cnp.ndarray probabilities, const float* logits)
    cdef cnp.ndarray probabilities_of(self, cnp.ndarray logits)
    cdef list detect(self, cnp.ndarray probabilities)
    cdef list finish(self, bint hear_silence)
    cdef object silence(self)
    cdef bytes saved(self)
    cdef ClassifierStream twin(self, object snapshot)
    cdef load(self, object snapshot)
