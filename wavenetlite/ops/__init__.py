"""TensorFlow's convolution, pooling and normalisation operators as plain functions, on this package's kernels.

Arrays are float32 and C-contiguous, channels last: sequences (batch, width, channels), images (batch, height, width,
channels), filters (width, in, out) or (height, width, in, out). A wrong rank, shape, dtype, stride, rate or padding, or
a negative output size, raises `ParameterError` or `ArrayTypeError`.

Every operator ``f(value, ...)`` has its ``f_gradient(upstream, value, ...)``: it takes the gradient of the output, of
the output's shape, and the operator's own arguments, and returns the gradient of its value, or a named tuple of the
gradients of all its inputs (`ConvolutionGradient`, `SequenceGradient`, `BatchNormGradient`), each of its input's shape.

Every element of a convolution is one fixed chain of operations, whatever the batch, the size of the image and the
instruction set around it (fused multiply-adds given): see the design's numeric contract.
"""

from wavenetlite.ops.convolution import (
    atrous_conv2d,
    atrous_conv2d_gradient,
    conv1d,
    conv1d_gradient,
    conv2d,
    conv2d_gradient,
)
from wavenetlite.ops.lowering import ConvolutionGradient
from wavenetlite.ops.normalisation import BatchNormGradient, batch_norm, batch_norm_gradient, moments
from wavenetlite.ops.pooling import (
    avg_pool1d,
    avg_pool1d_gradient,
    avg_pool2d,
    avg_pool2d_gradient,
    max_pool1d,
    max_pool1d_gradient,
    max_pool2d,
    max_pool2d_gradient,
)
from wavenetlite.ops.sequence import (
    SequenceGradient,
    atrous_sequence,
    atrous_sequence_gradient,
    batch_to_space,
    batch_to_space_gradient,
    space_to_batch,
    space_to_batch_gradient,
)
from wavenetlite.ops.transposed import (
    conv1d_transpose,
    conv1d_transpose_gradient,
    conv2d_transpose,
    conv2d_transpose_gradient,
)

__all__ = [
    "BatchNormGradient", "ConvolutionGradient", "SequenceGradient", "atrous_conv2d", "atrous_conv2d_gradient",
    "atrous_sequence", "atrous_sequence_gradient", "avg_pool1d", "avg_pool1d_gradient", "avg_pool2d",
    "avg_pool2d_gradient", "batch_norm", "batch_norm_gradient", "batch_to_space", "batch_to_space_gradient", "conv1d",
    "conv1d_gradient", "conv1d_transpose", "conv1d_transpose_gradient", "conv2d", "conv2d_gradient",
    "conv2d_transpose", "conv2d_transpose_gradient", "max_pool1d", "max_pool1d_gradient", "max_pool2d",
    "max_pool2d_gradient", "moments", "space_to_batch", "space_to_batch_gradient",
]  # fmt: skip
