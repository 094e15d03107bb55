# Kernels that need no vectors named by hand, and the table by which the engine calls all of them.
from cpython.pycapsule cimport PyCapsule_New


cdef void running_mean(
    const float* x, Py_ssize_t rows, double* total, double frames, float* out, Py_ssize_t ld) noexcept nogil:
    """Mean of all frames so far; `frames` have been seen before. Summed in double, frame by frame."""
    cdef Py_ssize_t row, c
    for row in range(rows):
        frames += 1.0
        for c in range(ld):
            total[c] += x[row * ld + c]
            out[row * ld + c] = <float>(total[c] / frames)


cdef void running_max(
    const float* x, Py_ssize_t rows, double* top, double frames, float* out, Py_ssize_t ld) noexcept nogil:
    """Maximum of all frames so far; `frames` have been seen before."""
    cdef Py_ssize_t row, c
    for row in range(rows):
        for c in range(ld):
            if x[row * ld + c] > top[c] or (frames == 0.0 and row == 0):
                top[c] = x[row * ld + c]
            out[row * ld + c] = <float>top[c]


cdef bint all_finite(const float* x, Py_ssize_t n) noexcept nogil:
    """No infinity and no NaN: no exponent of all ones."""
    cdef const unsigned int* bits = <const unsigned int*>x
    cdef unsigned int bad = 0
    cdef Py_ssize_t i
    for i in range(n):
        bad |= (bits[i] & 0x7F800000) == 0x7F800000
    return not bad


cdef Kernels KERNELS
KERNELS.convolve = convolve
KERNELS.convolve_row = convolve_row
KERNELS.convolve_depthwise = convolve_depthwise
KERNELS.activate = activate
KERNELS.gate = gate
KERNELS.add = add
KERNELS.multiply = multiply
KERNELS.running_mean = running_mean
KERNELS.running_max = running_max
KERNELS.all_finite = all_finite
KERNELS.weight_gradient = weight_gradient
KERNELS.depthwise_gradient = depthwise_gradient
KERNELS.activate_gradient = activate_gradient
KERNELS.gate_gradient = gate_gradient
KERNELS.sum_rows = sum_rows
KERNELS.add_rows = add_rows
KERNELS.moments = moments
KERNELS.normalise = normalise
KERNELS.normalise_sums = normalise_sums
KERNELS.normalise_gradient = normalise_gradient
KERNELS.running_mean_gradient = running_mean_gradient
KERNELS.running_max_gradient = running_max_gradient
KERNELS.multiply_adds = multiply_adds
KERNELS.panel_widths = PANEL_WIDTHS
KERNELS.panel_kernels = PANEL_KERNELS
KERNELS.row_kernels = ROW_KERNELS

kernels = PyCapsule_New(&KERNELS, "wavenetlite.kernels", NULL)
