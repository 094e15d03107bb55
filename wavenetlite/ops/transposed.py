"""Transposed convolutions as in TensorFlow: the gradient of a convolution's input as an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite.ops.arguments import AXES, Padding, PerAxis, each_axis, floats, images, like, per_axis, vector
from wavenetlite.ops.geometry import AxisPadding, axis
from wavenetlite.ops.lowering import (
    Axes,
    ConvolutionGradient,
    convolve,
    convolve_back,
    gradient_of_filters,
    sum_over_pixels,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, divides, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

LAYOUTS = {
    1: "(width, out channels / groups, in channels)",
    2: "(height, width, out channels / groups, in channels)",
}


def conv1d_transpose(
    value: Floats,
    filters: Floats,
    output_shape: Sequence[int] | None = None,
    strides: int = 1,
    padding: Padding = "SAME",
    *,
    dilations: int = 1,
    groups: int = 1,
    bias: Floats | None = None,
) -> Floats:
    """Transposed convolution of sequences, as ``tf.nn.conv1d_transpose``.

    Input r adds to output ``r * strides + k * dilations - before`` through tap k of the filters.

    Parameters
    ----------
    value
        (batch, width, in channels), float32, C-contiguous.
    filters
        (width, out channels / groups, in channels), float32, C-contiguous.
    output_shape
        (batch, output width, out channels), or only the output width: one that the convolution with the same options
        maps to that of `value`. Default: width * strides with "SAME" and "CAUSAL", else the smallest, (width - 1) *
        strides + (filter width - 1) * dilations + 1 - padding.
    strides
        Distance of inputs, in outputs.
    padding
        Padding of that convolution, which is cut off here: "SAME", "VALID" (none) or ``[[before, after]]``. "CAUSAL":
        only at the end, so that outputs do not depend on later inputs.
    dilations
        Distance of filter taps, in outputs.
    groups
        Number of independent groups of channels.
    bias
        (out channels,), added to every output.

    Returns
    -------
    Array of `output_shape`, float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([1, 2], np.float32).reshape(1, 2, 1)
    >>> filters = np.array([1, 10, 100], np.float32).reshape(3, 1, 1)
    >>> wl.ops.conv1d_transpose(value, filters, strides=2, padding="VALID").ravel().tolist()
    [1.0, 10.0, 102.0, 20.0, 200.0]
    """
    axes = checked(value, filters, output_shape, strides, padding, dilations, groups, 1)
    return convolve_back(value, filters, checked_bias(bias, filters, groups), axes, groups)


def conv2d_transpose(
    value: Floats,
    filters: Floats,
    output_shape: Sequence[int] | None = None,
    strides: PerAxis = 1,
    padding: Padding = "SAME",
    *,
    dilations: PerAxis = 1,
    groups: int = 1,
    bias: Floats | None = None,
) -> Floats:
    """Transposed convolution of images, as ``tf.nn.conv2d_transpose``.

    Parameters
    ----------
    value, filters
        (batch, height, width, in channels), (height, width, out channels / groups, in channels).
    output_shape
        (batch, output height, output width, out channels), or only the two sizes; see :func:`conv1d_transpose`.
    strides, dilations
        Distance of inputs, and of taps, in outputs: an integer, or one for height and width.
    padding
        "SAME", "VALID" or ``[[top, bottom], [left, right]]``, as in :func:`conv1d_transpose`;
        "CAUSAL": causal in height, "SAME" in width.
    groups, bias
        As in :func:`conv1d_transpose`.

    Returns
    -------
    `output_shape`, float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 2, 2, 3), np.float32), np.ones((3, 3, 8, 3), np.float32)
    >>> wl.ops.conv2d_transpose(value, filters, strides=2).shape
    (1, 4, 4, 8)
    >>> wl.ops.conv2d_transpose(value, filters, (1, 3, 3, 8), 2)[0, :, :, 0].tolist()
    [[3.0, 6.0, 3.0], [6.0, 12.0, 6.0], [3.0, 6.0, 3.0]]
    """
    axes = checked(value, filters, output_shape, strides, padding, dilations, groups, 2)
    return convolve_back(value, filters, checked_bias(bias, filters, groups), axes, groups)


def conv1d_transpose_gradient(
    upstream: Floats,
    value: Floats,
    filters: Floats,
    strides: int = 1,
    padding: Padding = "SAME",
    *,
    dilations: int = 1,
    groups: int = 1,
) -> ConvolutionGradient:
    """Gradients of :func:`conv1d_transpose`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 2, 1), np.float32), np.array([[[1]], [[10]]], np.float32)
    >>> upstream = np.array([1, 2, 3, 4], np.float32).reshape(1, 4, 1)
    >>> gradient = wl.ops.conv1d_transpose_gradient(upstream, value, filters, 2)
    >>> gradient.value.ravel().tolist(), gradient.filters.ravel().tolist(), gradient.bias.tolist()
    ([21.0, 43.0], [4.0, 6.0], [10.0])
    """
    return gradients(upstream, value, filters, strides, padding, dilations, groups, 1)


def conv2d_transpose_gradient(
    upstream: Floats,
    value: Floats,
    filters: Floats,
    strides: PerAxis = 1,
    padding: Padding = "SAME",
    *,
    dilations: PerAxis = 1,
    groups: int = 1,
) -> ConvolutionGradient:
    """Gradients of :func:`conv2d_transpose`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 2, 2, 1), np.float32), np.ones((2, 2, 1, 1), np.float32)
    >>> gradient = wl.ops.conv2d_transpose_gradient(np.ones((1, 4, 4, 1), np.float32), value, filters, 2)
    >>> gradient.value.ravel().tolist(), gradient.bias.tolist()
    ([4.0, 4.0, 4.0, 4.0], [16.0])
    """
    return gradients(upstream, value, filters, strides, padding, dilations, groups, 2)


def checked(
    value: Any, filters: Any, output_shape: Any, strides: Any, padding: Any, dilations: Any, groups: Any, axes: int
) -> Axes:
    """Check the arguments of a transposed convolution; returns the geometry of the convolution that it transposes."""
    images("value", value, axes)
    floats("filters", filters, LAYOUTS[axes])
    if 0 in filters.shape:
        raise ParameterError(f"filters has shape {filters.shape}; every dimension must be positive")
    divides("groups", positive_int("groups", groups), "in channels", filters.shape[-1])
    if value.shape[-1] != filters.shape[-1]:
        raise ParameterError(f"value has depth {value.shape[-1]}; it must be the filters', {filters.shape[-1]}")
    sizes, kernels = value.shape[1:-1], filters.shape[:-2]
    steps, rates = per_axis("strides", strides, axes), per_axis("dilations", dilations, axes)
    reaches = tuple((kernel - 1) * rate + 1 for kernel, rate in zip(kernels, rates, strict=True))
    zeros = each_axis(padding, axes)
    if output_shape is None:
        outs = tuple(map(natural_size, sizes, reaches, steps, zeros))
    else:
        outs = given_sizes(output_shape, len(value), filters.shape[-2] * groups, axes)
    cut = tuple(map(cut_of, outs, sizes, reaches, steps, zeros))
    found = tuple(map(axis, outs, kernels, steps, rates, cut, AXES[axes]))
    if tuple(axis.out for axis in found) != sizes:
        raise ParameterError(
            f"output_shape has sizes {outs}, which the convolution maps to {tuple(axis.out for axis in found)}; it "
            f"must map them to those of value, {sizes}"
        )
    return found


def natural_size(size: int, reach: int, stride: int, padding: AxisPadding) -> int:
    """The default size of an axis of the output."""
    if padding in ("SAME", "CAUSAL") or size == 0:
        return size * stride
    cut = 0 if isinstance(padding, str) else sum(padding)
    out = (size - 1) * stride + reach - cut
    if out < 0:
        raise ParameterError(f"padding={padding!r} must cut at most the {out + cut} outputs of an axis")
    return out


def cut_of(out: int, size: int, reach: int, stride: int, padding: AxisPadding) -> AxisPadding:
    """The padding of the convolution that is transposed; "CAUSAL" cuts only at the end."""
    return (0, max((size - 1) * stride + reach - out, 0)) if padding == "CAUSAL" and size else padding


def given_sizes(shape: Any, batch: int, channels: int, axes: int) -> tuple[int, ...]:
    """The sizes in an output shape."""
    if isinstance(shape, int | np.integer):
        shape = (shape,)
    if not isinstance(shape, Sequence | np.ndarray) or isinstance(shape, str):
        raise ArrayTypeError(f"output_shape={shape!r} is a {type(shape).__name__}; it must be a sequence of integers")
    sizes = tuple(count(f"output_shape[{i}]", size) for i, size in enumerate(shape))
    if len(sizes) == axes + 2 and (sizes[0], sizes[-1]) == (batch, channels):
        return sizes[1:-1]
    if len(sizes) != axes:
        names = ", ".join(AXES[axes])
        raise ParameterError(f"output_shape={shape!r} must be ({batch}, {names}, {channels}), or only ({names})")
    return sizes


def checked_bias(bias: Any, filters: Floats, groups: int) -> Floats | None:
    return None if bias is None else vector("bias", bias, filters.shape[-2] * groups, "the filters' output")


def gradients(
    upstream: Any, value: Any, filters: Any, strides: Any, padding: Any, dilations: Any, groups: Any, axes: int
) -> ConvolutionGradient:
    """Gradients of a transposed convolution: those of the convolution with value and upstream swapped."""
    images("upstream", upstream, axes)
    found = checked(value, filters, upstream.shape[1:-1], strides, padding, dilations, groups, axes)
    shape = (len(value), *(axis.size for axis in found), filters.shape[-2] * groups)
    like("upstream", upstream, shape, axes)
    return ConvolutionGradient(
        convolve(upstream, filters, None, found, groups),
        gradient_of_filters(upstream, value, filters.shape, found, groups),
        sum_over_pixels(upstream),
    )
