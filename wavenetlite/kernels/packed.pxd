from wavenetlite.kernels.types cimport Conv, Kernels

cdef class Blocks:
    cdef list kept
    cdef char* allocate(self, size_t size) except NULL

# Blocks of a row of the output that are alike: `count` of them, each written and read a step further than the one before.
cdef struct Strip:
    Conv conv
    const float* weights        # depthwise: (taps, channels), else NULL
    const float* bias
    Py_ssize_t taps, channels
    const Py_ssize_t* tap       # (taps,) which of the step's taps a tap of the convolution reads,
    const Py_ssize_t* channel   # (taps,) and from which channel on
    Py_ssize_t count, out, out_step, in_step

cdef int set_conv(
    Conv* conv, object packed, Py_ssize_t channels, const float* arena, const Kernels* kernels, Blocks blocks) except -1

cdef Strip* new_strips(list packed, const float* arena, const Kernels* kernels, Blocks blocks) except NULL
cdef void convolve_strips(
    const Kernels* kernels, const Strip* strip, Py_ssize_t strips, const float* const* x, const Py_ssize_t* ldx,
    Py_ssize_t rows, const float* residual, float* out, Py_ssize_t ld_out, const float** at, Py_ssize_t* apart) noexcept nogil
