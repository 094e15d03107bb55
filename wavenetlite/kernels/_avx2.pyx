# The kernels for AVX2 and FMA (x86-64-v3). The text stands in convolution.pxi.in, activation.pxi.in, gradient.pxi.in,
# batch.pxi and table.pxi.
from wavenetlite.kernels.types cimport *
include "avx2/vectors.pxi"
include "avx2/activation.pxi"
include "avx2/convolution.pxi"
include "batch.pxi"
include "avx2/gradient.pxi"
include "table.pxi"
