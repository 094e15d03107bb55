"""Convolution and its kin as plain functions of arrays: TensorFlow's operators, channels last, on this package's kernels."""

from wavenetlite.ops.convolution import (
    atrous_conv2d,
    atrous_conv2d_gradient,
    conv1d,
    conv1d_gradient,
    conv2d,
    conv2d_gradient,
)

__all__ = ["atrous_conv2d", "atrous_conv2d_gradient", "conv1d", "conv1d_gradient", "conv2d", "conv2d_gradient"]
