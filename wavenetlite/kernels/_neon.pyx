# The kernels for NEON (arm64). The text stands in convolution.pxi.in, activation.pxi.in and table.pxi.
from wavenetlite.kernels.types cimport *
include "neon/vectors.pxi"
include "neon/activation.pxi"
include "neon/convolution.pxi"
include "table.pxi"
