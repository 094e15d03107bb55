# The kernels for AVX-512 (x86-64-v4). The text stands in convolution.pxi.in, activation.pxi.in, gradient.pxi.in,
# batch.pxi and table.pxi.
from wavenetlite.kernels.types cimport *
include "avx512/vectors.pxi"
include "avx512/activation.pxi"
include "avx512/convolution.pxi"
include "batch.pxi"
include "avx512/gradient.pxi"
include "table.pxi"
