"""Convolutions of sequences and images: TensorFlow's definitions, options and names, with their gradients."""

from __future__ import annotations

from typing import Any

from wavenetlite.ops.arguments import AXES, LAYOUTS, Padding, PerAxis, each_axis, floats, images, like, per_axis, vector
from wavenetlite.ops.geometry import axis
from wavenetlite.ops.lowering import (
    Axes,
    ConvolutionGradient,
    convolve,
    convolve_back,
    gradient_of_filters,
    sum_over_pixels,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import divides, positive_int
from wavenetlite.support.errors import ParameterError


def conv1d(
    value: Floats,
    filters: Floats,
    stride: int = 1,
    padding: Padding = "SAME",
    *,
    dilations: int = 1,
    groups: int = 1,
    bias: Floats | None = None,
) -> Floats:
    """Convolution of sequences, as ``tf.nn.conv1d``.

    ``out[b, r, o] = bias[o] + sum_k,i value[b, r * stride + k * dilations - before, i] filters[k, i, o]``, where
    `value` is zero outside and `before` is the padding in front.

    Parameters
    ----------
    value
        (batch, width, channels), float32, C-contiguous.
    filters
        (width, in channels / groups, out channels), float32, C-contiguous.
    stride
        Distance of outputs, in inputs.
    padding
        "SAME": ceil(width / stride) outputs, with the necessary zeros split between both ends, the odd one at the end.
        "VALID": none. "CAUSAL": (filter width - 1) * dilations zeros in front, so that outputs read no later inputs.
        ``[[before, after]]``: explicit numbers.
    dilations
        Distance of filter taps, in inputs.
    groups
        Number of groups of channels that are convolved independently.
    bias
        (out channels,), added to every output.

    Returns
    -------
    (batch, output width, out channels), float32. With "VALID", output width = ceil((width - (filter width - 1) *
    dilations) / stride); the array may be empty.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1)
    >>> filters = np.array([10, 1], np.float32).reshape(2, 1, 1)
    >>> wl.ops.conv1d(value, filters, padding="CAUSAL", dilations=2).ravel().tolist()
    [1.0, 2.0, 13.0, 24.0]
    """
    axes = checked(1, value, filters, {"stride": stride}, padding, dilations, groups)
    return convolve(value, filters, checked_bias(bias, filters), axes, groups)


def conv2d(
    value: Floats,
    filters: Floats,
    strides: PerAxis = 1,
    padding: Padding = "SAME",
    *,
    dilations: PerAxis = 1,
    groups: int = 1,
    bias: Floats | None = None,
) -> Floats:
    """Convolution of images, as ``tf.nn.conv2d``.

    Parameters
    ----------
    value, filters
        (batch, height, width, channels), (height, width, in channels / groups, out channels).
    strides, dilations
        Distance of outputs, and of taps, in inputs: an integer, or one for height and width.
    padding
        "SAME", "VALID" or ``[[top, bottom], [left, right]]``, as in :func:`conv1d` on each axis. "CAUSAL": causal in
        height, which is time in a spectrogram, and "SAME" in width.
    groups, bias
        As in :func:`conv1d`; as many groups as channels in and out: depthwise.

    Returns
    -------
    (batch, output height, output width, out channels), float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    >>> wl.ops.conv2d(value, np.ones((2, 2, 1, 1), np.float32), padding="VALID").reshape(2, 2).tolist()
    [[8.0, 12.0], [20.0, 24.0]]
    >>> wl.ops.conv2d(value, np.ones((3, 3, 1, 8), np.float32), strides=2, dilations=(2, 1)).shape
    (1, 2, 2, 8)
    """
    axes = checked(2, value, filters, {"strides": strides}, padding, dilations, groups)
    return convolve(value, filters, checked_bias(bias, filters), axes, groups)


def conv1d_gradient(
    upstream: Floats,
    value: Floats,
    filters: Floats,
    stride: int = 1,
    padding: Padding = "SAME",
    *,
    dilations: int = 1,
    groups: int = 1,
) -> ConvolutionGradient:
    """Gradients of :func:`conv1d`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 5, 2), np.float32), np.ones((3, 2, 4), np.float32)
    >>> gradient = wl.ops.conv1d_gradient(np.ones((1, 5, 4), np.float32), value, filters)
    >>> gradient.value[0, :, 0].tolist(), gradient.filters[:, 0, 0].tolist(), gradient.bias.tolist()
    ([8.0, 12.0, 12.0, 12.0, 8.0], [4.0, 5.0, 4.0], [5.0, 5.0, 5.0, 5.0])
    """
    axes = checked(1, value, filters, {"stride": stride}, padding, dilations, groups)
    return gradients(upstream, value, filters, axes, groups)


def conv2d_gradient(
    upstream: Floats,
    value: Floats,
    filters: Floats,
    strides: PerAxis = 1,
    padding: Padding = "SAME",
    *,
    dilations: PerAxis = 1,
    groups: int = 1,
) -> ConvolutionGradient:
    """Gradients of :func:`conv2d`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 4, 4, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    >>> gradient = wl.ops.conv2d_gradient(np.ones((1, 2, 2, 1), np.float32), value, filters, 2)
    >>> gradient.value.ravel().tolist() == [1.0] * 16, gradient.filters.ravel().tolist()
    (True, [4.0, 4.0, 4.0, 4.0])
    """
    axes = checked(2, value, filters, {"strides": strides}, padding, dilations, groups)
    return gradients(upstream, value, filters, axes, groups)


def atrous_conv2d(value: Floats, filters: Floats, rate: int, padding: Padding, *, bias: Floats | None = None) -> Floats:
    """Dilated convolution of images, as ``tf.nn.atrous_conv2d``.

    ``out[b, r, c, o] = sum_i,j,k filters[i, j, k, o] value[b, r + rate * i - top, c + rate * j - left, k]``

    Parameters
    ----------
    value, filters, bias
        As in :func:`conv2d`.
    rate
        Distance of taps on both axes, in inputs, at least 1; it may be larger than the input.
    padding
        "SAME" or "VALID".

    Returns
    -------
    With "SAME" (batch, height, width, out channels), with "VALID" (batch, height - rate * (filter height - 1), width -
    rate * (filter width - 1), out channels), float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)
    >>> wl.ops.atrous_conv2d(value, np.ones((3, 3, 1, 1), np.float32), 2, "VALID").ravel().tolist()
    [108.0]
    >>> wl.ops.atrous_conv2d(value, np.ones((3, 3, 1, 1), np.float32), 0, "SAME")
    Traceback (most recent call last):
    wavenetlite.support.errors.ParameterError: rate=0 must be a positive integer
    """
    axes = checked_atrous(value, filters, rate, padding)
    return convolve(value, filters, checked_bias(bias, filters), axes, 1)


def atrous_conv2d_gradient(
    upstream: Floats, value: Floats, filters: Floats, rate: int, padding: Padding
) -> ConvolutionGradient:
    """Gradients of :func:`atrous_conv2d`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 4, 4, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    >>> wl.ops.atrous_conv2d_gradient(value, value, filters, 2, "SAME").filters.reshape(3, 3).tolist()
    [[4.0, 8.0, 4.0], [8.0, 16.0, 8.0], [4.0, 8.0, 4.0]]
    """
    axes = checked_atrous(value, filters, rate, padding)
    return gradients(upstream, value, filters, axes, 1)


def checked(
    axes: int, value: Any, filters: Any, strides: dict[str, Any], padding: Any, dilations: Any, groups: Any
) -> Axes:
    """Check the arguments of a convolution; returns its geometry."""
    images("value", value, axes)
    checked_filters("filters", filters, axes, value.shape[-1], groups)
    [(name, given)] = strides.items()
    steps, rates = per_axis(name, given, axes), per_axis("dilations", dilations, axes)
    kernels = filters.shape[:-2]
    return tuple(map(axis, value.shape[1:-1], kernels, steps, rates, each_axis(padding, axes), AXES[axes]))


def checked_filters(name: str, filters: Any, axes: int, depth: int, groups: Any) -> None:
    """Check filters for a value of `depth` channels."""
    floats(name, filters, LAYOUTS["filters", axes])
    if 0 in filters.shape:
        raise ParameterError(f"{name} has shape {filters.shape}; every dimension must be positive")
    divides("groups", positive_int("groups", groups), "out channels", filters.shape[-1])
    if depth != filters.shape[-2] * groups:
        of = f" * groups={groups}" if groups > 1 else ""
        raise ParameterError(f"{name} has input depth {filters.shape[-2]}{of}; it must be its input's, {depth}")


def checked_bias(bias: Floats | None, filters: Floats, name: str = "bias") -> Floats | None:
    return None if bias is None else vector(name, bias, filters.shape[-1], "the filters' output")


def checked_atrous(value: Any, filters: Any, rate: Any, padding: Any) -> Axes:
    positive_int("rate", rate)
    if not isinstance(padding, str) or padding not in ("SAME", "VALID"):
        raise ParameterError(f"padding={padding!r} must be one of SAME, VALID")
    return checked(2, value, filters, {"strides": 1}, padding, rate, 1)


def gradients(upstream: Floats, value: Floats, filters: Floats, axes: Axes, groups: int) -> ConvolutionGradient:
    """Gradients of a convolution with checked arguments."""
    like("upstream", upstream, (len(value), *(axis.out for axis in axes), filters.shape[-1]), len(axes))
    return ConvolutionGradient(
        convolve_back(upstream, filters, None, axes, groups),
        gradient_of_filters(value, upstream, filters.shape, axes, groups),
        sum_over_pixels(upstream),
    )
