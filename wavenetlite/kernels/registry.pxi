# The table through which engine and training call the kernels of this instruction set. Every file adds its own; step kernels
# and activations are registered by name.
from cpython.pycapsule cimport PyCapsule_New
from libc.string cimport memcpy, memset

cdef Kernels KERNELS
kernels = PyCapsule_New(&KERNELS, "wavenetlite.kernels", NULL)


cdef int offer_step(const char* name, StepKernel run) except -1:
    if KERNELS.steps == MOST_OFFERED:
        raise MemoryError("MOST_OFFERED in types.pxd is too small")
    KERNELS.step[KERNELS.steps].name = name
    KERNELS.step[KERNELS.steps].run = run
    KERNELS.steps += 1
    return 0


cdef int offer_activation(const char* name, ActivationKernel run, ActivationGradient gradient) except -1:
    if KERNELS.activations == MOST_OFFERED:
        raise MemoryError("MOST_OFFERED in types.pxd is too small")
    KERNELS.activation[KERNELS.activations].name = name
    KERNELS.activation[KERNELS.activations].run = run
    KERNELS.activation[KERNELS.activations].gradient = gradient
    KERNELS.activations += 1
    return 0


cdef bint all_finite(const float* x, Py_ssize_t n) noexcept nogil:
    """No infinity and no NaN: no exponent of all ones."""
    cdef const unsigned int* bits = <const unsigned int*>x
    cdef unsigned int bad = 0
    cdef Py_ssize_t i
    for i in range(n):
        bad |= (bits[i] & 0x7F800000) == 0x7F800000
    return not bad


cdef double peak(const float* x, Py_ssize_t n) noexcept nogil:
    """The largest magnitude; infinity or NaN if there is one: as integers, magnitudes are in the same order."""
    cdef const int* bits = <const int*>x
    cdef int most = 0, magnitude
    cdef float found
    cdef Py_ssize_t i
    for i in range(n):
        magnitude = bits[i] & 0x7FFFFFFF
        most = magnitude if magnitude > most else most
    memcpy(&found, &most, sizeof(float))
    return found


KERNELS.all_finite = all_finite
KERNELS.peak = peak
