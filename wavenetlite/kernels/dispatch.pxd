from wavenetlite.kernels.types cimport Kernels, OfferedActivation, StepKernel

cdef const Kernels* kernels() noexcept
cdef StepKernel step_kernel(str name) except NULL
cdef const OfferedActivation* activation_kernel(str name) except NULL
