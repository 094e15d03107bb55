# The kernels for SSE2, and for any other CPU without a module of its own. The text stands in convolution.pxi.in, activation.pxi.in, gradient.pxi.in,
# batch.pxi and table.pxi.
from wavenetlite.kernels.types cimport *
include "sse2/vectors.pxi"
include "sse2/activation.pxi"
include "sse2/convolution.pxi"
include "batch.pxi"
include "sse2/gradient.pxi"
include "table.pxi"
