"""Max and average pooling of sequences and images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from wavenetlite.ops import _pools
from wavenetlite.ops.arguments import AXES, Padding, PerAxis, each_axis, images, like, per_axis
from wavenetlite.ops.geometry import Axis, axis
from wavenetlite.ops.lowering import as_image, down_and_across
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


def max_pool1d(value: Floats, ksize: int, strides: int, padding: Padding) -> Floats:
    """The largest value of each window of sequences, as ``tf.nn.max_pool1d``; see :func:`max_pool2d`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([1, 3, 2, 5, 4], np.float32).reshape(1, 5, 1)
    >>> wl.ops.max_pool1d(value, 2, 2, "SAME").ravel().tolist()
    [3.0, 5.0, 4.0]
    """
    return pool(_pools.max_pool, value, checked(value, ksize, strides, padding, 1))


def max_pool2d(value: Floats, ksize: PerAxis, strides: PerAxis, padding: Padding) -> Floats:
    """The largest value of each window of images, as ``tf.nn.max_pool2d``.

    Parameters
    ----------
    value
        (batch, height, width, channels), float32, C-contiguous.
    ksize, strides
        Size and distance of windows, in pixels: an integer, or one for height and width.
    padding
        "SAME", "VALID", "CAUSAL" (in height; "SAME" in width) or ``[[top, bottom], [left, right]]``: windows are placed
        like filters in :func:`conv2d`, with less padding than a window. Pixels outside the image are ignored.

    Returns
    -------
    (batch, output height, output width, channels), float32. A window that holds NaN gives NaN.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.ops.max_pool2d(np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1), 2, 2, "VALID").ravel().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """
    return pool(_pools.max_pool, value, checked(value, ksize, strides, padding, 2))


def avg_pool1d(value: Floats, ksize: int, strides: int, padding: Padding) -> Floats:
    """The mean of each window of sequences, as ``tf.nn.avg_pool1d``; see :func:`avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([1, 3, 2, 5, 4], np.float32).reshape(1, 5, 1)
    >>> wl.ops.avg_pool1d(value, 2, 2, "SAME").ravel().tolist()
    [2.0, 3.5, 4.0]
    """
    return pool(_pools.average_pool, value, checked(value, ksize, strides, padding, 1))


def avg_pool2d(value: Floats, ksize: PerAxis, strides: PerAxis, padding: Padding) -> Floats:
    """The mean of each window of images, excluding padding, as ``tf.nn.avg_pool2d``.

    Parameters as in :func:`max_pool2d`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.ops.avg_pool2d(np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1), 2, 2, "SAME").ravel().tolist()
    [2.0, 3.5, 6.5, 8.0]
    """
    return pool(_pools.average_pool, value, checked(value, ksize, strides, padding, 2))


def max_pool1d_gradient(upstream: Floats, value: Floats, ksize: int, strides: int, padding: Padding) -> Floats:
    """Gradient of :func:`max_pool1d`; see :func:`max_pool2d_gradient`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, upstream = np.array([[[1], [3], [3], [5]]], np.float32), np.array([[[10], [1]]], np.float32)
    >>> wl.ops.max_pool1d_gradient(upstream, value, 3, 2, "SAME").ravel().tolist()
    [0.0, 10.0, 0.0, 1.0]
    """
    return max_pool_gradient(upstream, value, checked(value, ksize, strides, padding, 1))


def max_pool2d_gradient(upstream: Floats, value: Floats, ksize: PerAxis, strides: PerAxis, padding: Padding) -> Floats:
    """Gradient of :func:`max_pool2d`, which goes to the first maximum of each window.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([[1, 2], [4, 3]], np.float32).reshape(1, 2, 2, 1)
    >>> wl.ops.max_pool2d_gradient(np.ones((1, 1, 1, 1), np.float32), value, 2, 2, "VALID").ravel().tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    return max_pool_gradient(upstream, value, checked(value, ksize, strides, padding, 2))


def avg_pool1d_gradient(upstream: Floats, value: Floats, ksize: int, strides: int, padding: Padding) -> Floats:
    """Gradient of :func:`avg_pool1d`; see :func:`avg_pool2d_gradient`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, upstream = np.zeros((1, 3, 1), np.float32), np.array([[[10], [1]]], np.float32)
    >>> wl.ops.avg_pool1d_gradient(upstream, value, 2, 2, "SAME").ravel().tolist()
    [5.0, 5.0, 1.0]
    """
    return pool_gradient(_pools.average_pool_gradient, upstream, value, checked(value, ksize, strides, padding, 1))


def avg_pool2d_gradient(upstream: Floats, value: Floats, ksize: PerAxis, strides: PerAxis, padding: Padding) -> Floats:
    """Gradient of :func:`avg_pool2d`, which is shared equally by the pixels of a window in the image.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.zeros((1, 2, 2, 1), np.float32)
    >>> wl.ops.avg_pool2d_gradient(np.ones((1, 1, 1, 1), np.float32), value, 2, 2, "VALID").ravel().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return pool_gradient(_pools.average_pool_gradient, upstream, value, checked(value, ksize, strides, padding, 2))


class Windows(NamedTuple):
    """Windows of a pooling: sizes, strides and zeros before, on both axes; and the shape of the output."""

    size: tuple[int, int]
    strides: tuple[int, int]
    before: tuple[int, int]
    shape: tuple[int, ...]


def checked(value: Any, ksize: Any, strides: Any, padding: Any, axes: int) -> Windows:
    """Check the arguments of a pooling; returns its windows."""
    images("value", value, axes)
    sizes, steps, zeros = per_axis("ksize", ksize, axes), per_axis("strides", strides, axes), each_axis(padding, axes)
    for kernel, pair in zip(sizes, zeros, strict=True):
        if not isinstance(pair, str) and max(pair) >= kernel:
            raise ParameterError(f"padding={padding!r} must be less than ksize={kernel}: windows overlap the image")
    found = tuple(map(axis, value.shape[1:-1], sizes, steps, (1,) * axes, zeros, AXES[axes]))
    for name, one in zip(AXES[axes], found, strict=True):
        if one.out and not one.size:
            raise ParameterError(f"value has {name}=0; with padding={padding!r} it must be at least 1")
    return windows(value, found)


def windows(value: Floats, axes: tuple[Axis, ...]) -> Windows:
    down, across = down_and_across(axes)
    return Windows(
        (down.kernel, across.kernel),
        (down.stride, across.stride),
        (down.before, across.before),
        (len(value), *(one.out for one in axes), value.shape[-1]),
    )


def pool(kernel: Callable[..., None], value: Floats, at: Windows) -> Floats:
    out = np.empty(at.shape, np.float32)
    if out.size:
        kernel(as_image(value), at.size, at.strides, at.before, as_image(out))
    return out


def max_pool_gradient(upstream: Floats, value: Floats, at: Windows) -> Floats:
    return pool_gradient(partial(_pools.max_pool_gradient, as_image(value)), upstream, value, at)


def pool_gradient(kernel: Callable[..., None], upstream: Floats, value: Floats, at: Windows) -> Floats:
    like("upstream", upstream, at.shape, value.ndim - 2)
    out = np.zeros(value.shape, np.float32)
    if upstream.size:
        kernel(as_image(upstream), at.size, at.strides, at.before, as_image(out))
    return out
