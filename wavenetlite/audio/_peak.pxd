cpdef double peak(object y) except? -1.0
