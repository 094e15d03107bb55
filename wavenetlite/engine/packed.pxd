from wavenetlite.kernels.types cimport Conv, Kernels

cdef class Blocks:
    cdef list kept
    cdef char* allocate(self, size_t size) except NULL

cdef int set_conv(
    Conv* conv, object packed, Py_ssize_t channels, const float* arena, const Kernels* kernels, Blocks blocks) except -1
