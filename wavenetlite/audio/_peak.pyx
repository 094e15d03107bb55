"""The largest magnitude in a block of samples."""

cimport numpy as cnp

from wavenetlite.kernels.dispatch cimport kernels
from wavenetlite.kernels.types cimport Kernels

import numpy as np

cnp.import_array()

cdef const Kernels* KERNELS = kernels()


cpdef double peak(object y) except? -1.0:
    """The largest magnitude in an array of floats; not finite if one of them is not, 0 if there is none."""
    cdef cnp.ndarray a
    if cnp.PyArray_CheckExact(y):
        a = y
        if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32 and cnp.PyArray_ISCARRAY_RO(a):
            return KERNELS.peak(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a))
    return float(np.abs(np.asarray(y)).max(initial=0.0))
