cdef class FrameState:
    cdef readonly Py_ssize_t signals, channels, out_channels
    cdef void run(self, const float* x, Py_ssize_t frames, float* out) noexcept nogil
