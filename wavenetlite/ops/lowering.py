"""Convolutions, transposed convolutions and their gradients, reduced to one primitive: `_images.convolve`.

Sequences are images of height 1. The gradient of a convolution's input, which equals a transposed convolution, is
itself a convolution; with a stride, one per phase of the inputs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wavenetlite.ops import _images
from wavenetlite.ops.geometry import ALONE, Axis, Reads
from wavenetlite.support.arrays import Floats

Axes = tuple[Axis, ...]


class ConvolutionGradient(NamedTuple):
    """Gradients of the inputs of a convolution, each of the input's shape, float32."""

    value: Floats
    filters: Floats
    bias: Floats


def as_image(array: Floats) -> Floats:
    """(batch, height, width, channels), adding a missing height."""
    return array[:, np.newaxis] if array.ndim == 3 else array


def as_filters(filters: Floats) -> Floats:
    """(height, width, in, out), adding a missing height."""
    return filters[np.newaxis] if filters.ndim == 3 else filters


def down_and_across(axes: Axes) -> tuple[Axis, Axis]:
    return (ALONE, axes[0]) if len(axes) == 1 else (axes[0], axes[1])


def convolve(value: Floats, filters: Floats, bias: Floats | None, axes: Axes, groups: int) -> Floats:
    """The convolution of `value`."""
    out = np.empty((len(value), *(axis.out for axis in axes), filters.shape[-1]), np.float32)
    down, across = down_and_across(axes)
    for begin, end, reads in across.pieces:
        part = as_image(out)[:, :, begin:end]
        run(as_image(value), as_filters(filters), bias, (down.forward, reads), groups, part)
    return out


def convolve_back(upstream: Floats, filters: Floats, bias: Floats | None, axes: Axes, groups: int) -> Floats:
    """The gradient of a convolution's input, given the gradient `upstream` of its output, plus `bias`."""
    back = swap_channels(as_filters(filters), groups)
    out = np.empty((len(upstream), *(axis.size for axis in axes), back.shape[-1]), np.float32)
    down, across = down_and_across(axes)
    for row, reads_down in down.backward:
        for column, reads_across in across.backward:
            part = as_image(out)[:, row :: down.stride, column :: across.stride]
            run(as_image(upstream), back, bias, (reads_down, reads_across), groups, part)
    return out


def swap_channels(filters: Floats, groups: int) -> Floats:
    """Swap the input and output channels of each group of filters."""
    height, width, depth, channels = filters.shape
    parts = filters.reshape(height, width, depth, groups, channels // groups)
    back: Floats = parts.transpose(0, 1, 4, 3, 2).reshape(height, width, channels // groups, groups * depth)
    return back


def run(
    value: Floats, filters: Floats, bias: Floats | None, reads: tuple[Reads, Reads], groups: int, out: Floats
) -> None:
    """Compute `out`, a view of images, from its inputs on both axes."""
    down, across = reads
    filters = np.ascontiguousarray(filters[down.taps, across.taps])
    if out.size == 0 or value.size == 0 or filters.size == 0:
        out[...] = 0.0 if bias is None else bias
    elif groups == 1:
        _images.convolve(value, filters, bias, False, *places(down, across), out)
    else:
        for ins, outs, depthwise in parts(groups, value.shape[-1], out.shape[-1]):
            part = np.ascontiguousarray(filters[..., outs])
            shift = None if bias is None else bias[outs]
            _images.convolve(value[..., ins], part, shift, depthwise, *places(down, across), out[..., outs])


def places(down: Reads, across: Reads) -> tuple[_images.Pair, _images.Pair, _images.Pair]:
    """Origins, spacings and strides on both axes."""
    return (down.origin, across.origin), (down.spacing, across.spacing), (down.stride, across.stride)


def parts(groups: int, depth: int, channels: int) -> list[tuple[slice, slice, bool]]:
    """Input and output channels of each separate convolution, and whether it is depthwise."""
    if groups == 1 or groups == depth == channels:
        return [(slice(None), slice(None), groups > 1)]
    i, o = depth // groups, channels // groups
    return [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o), False) for g in range(groups)]


def gradient_of_filters(value: Floats, upstream: Floats, shape: tuple[int, ...], axes: Axes, groups: int) -> Floats:
    """The gradient of filters of this shape, given the gradient `upstream` of the output."""
    out = np.zeros(shape, np.float32)
    down, across = (axis.forward for axis in down_and_across(axes))
    used = as_filters(out)[down.taps, across.taps]
    if used.size == 0 or upstream.size == 0:
        return out
    for ins, outs, depthwise in parts(groups, value.shape[-1], shape[-1]):
        g = as_image(upstream)[..., outs]
        channels = g.shape[-1]
        if channels % 4 and not depthwise:  # the kernel processes four at a time
            g = np.pad(g, [(0, 0)] * 3 + [(0, -channels % 4)])
        total = np.zeros((*used.shape[:3], g.shape[-1]))
        _images.filters_gradient(as_image(value)[..., ins], g, depthwise, *places(down, across), total)
        used[..., outs] = total[..., :channels]
    return out


def sum_over_pixels(upstream: Floats) -> Floats:
    """The gradient of a bias: one sum per channel."""
    total: Floats = upstream.sum(axis=tuple(range(upstream.ndim - 1)), dtype=np.float64).astype(np.float32)
    return total
