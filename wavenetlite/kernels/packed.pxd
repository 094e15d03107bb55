from wavenetlite.kernels.types cimport Conv, Kernels, Strip

cdef class Blocks:
    cdef list kept
    cdef char* allocate(self, size_t size) except NULL

cdef int set_conv(
    Conv* conv, object packed, const float* arena, const Kernels* kernels, Blocks blocks) except -1

cdef int set_activation(Conv* conv, str name, const float* parameters) except -1

cdef Strip* new_strips(list packed, const float* arena, const Kernels* kernels, Blocks blocks) except NULL
