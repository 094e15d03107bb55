from libc.stdint cimport uint64_t

cdef enum:
    HEADER = 32
    TRAILER = 8

cdef enum Kind:
    NETWORK = 1, FEATURES, CLASSIFIER, GENERATOR, VOCODER

cdef bytes begin(Kind kind, bytes fingerprint, Py_ssize_t size)
cdef char* payload(bytes blob) noexcept
cdef bytes finish(bytes blob)
cdef bytes validate(object blob, Kind kind, bytes fingerprint)
cdef uint64_t xxh64(const unsigned char* p, size_t size) noexcept nogil
