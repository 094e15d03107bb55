# The kernels for NEON (arm64). The text stands in convolution.pxi.in, activation.pxi.in, gradient.pxi.in,
# batch.pxi and table.pxi.
from wavenetlite.kernels.types cimport *
include "neon/vectors.pxi"
include "neon/activation.pxi"
include "neon/convolution.pxi"
include "batch.pxi"
include "neon/gradient.pxi"
include "table.pxi"
