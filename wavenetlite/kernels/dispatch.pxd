from wavenetlite.kernels.types cimport Kernels

cdef const Kernels* kernels() noexcept
