"""Batch normalisation, by the moments of the batch or by given ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wavenetlite.ops.arguments import floats, vector
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ParameterError

ANY = "(..., channels)"


class BatchNormGradient(NamedTuple):
    """Gradients of the inputs of a batch normalisation, float32; None for moments computed from the batch."""

    value: Floats
    scale: Floats
    offset: Floats
    mean: Floats | None
    variance: Floats | None


def moments(value: Floats) -> tuple[Floats, Floats]:
    """Mean and (biased) variance of each channel, as ``tf.nn.moments`` over all axes but the last.

    Parameters
    ----------
    value
        (..., channels), float32, C-contiguous, with at least one pixel. Sums are in float64.

    Returns
    -------
    mean, variance
        (channels,), float32.

    Raises
    ------
    ParameterError, ArrayTypeError
        Wrong rank or dtype, or no pixels.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> mean, variance = wl.ops.moments(np.array([[1, 0], [3, 0]], np.float32))
    >>> mean.tolist(), variance.tolist()
    ([2.0, 0.0], [1.0, 0.0])
    """
    mean, variance = own_moments(floats("value", value, ANY))
    return mean.astype(np.float32), variance.astype(np.float32)


def batch_norm(
    value: Floats,
    scale: Floats,
    offset: Floats,
    mean: Floats | None = None,
    variance: Floats | None = None,
    *,
    epsilon: float = 1e-3,
) -> Floats:
    """``(value - mean) * scale / sqrt(variance + epsilon) + offset``, as ``tf.nn.batch_normalization``.

    Parameters
    ----------
    value
        (..., channels), float32, C-contiguous.
    scale, offset
        (channels,), float32.
    mean, variance
        (channels,), float32: the moments to normalise by, both or neither. Default: those of the value, as in training;
        see :func:`moments`.
    epsilon
        Added to the variance, at least 0; the default is that of TensorFlow's fused operator.

    Returns
    -------
    Array of the shape of `value`, float32.

    Raises
    ------
    ParameterError, ArrayTypeError
        Wrong rank, shape or dtype, one moment without the other, a variance that is not positive with `epsilon`, or no
        pixels to compute moments from.

    Notes
    -----
    Ioffe and Szegedy, "Batch normalization", 2015.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, ones = np.array([[1], [3]], np.float32), np.ones(1, np.float32)
    >>> wl.ops.batch_norm(value, ones, ones, epsilon=0.0).ravel().tolist()
    [0.0, 2.0]
    >>> wl.ops.batch_norm(value, ones, ones, ones, 4 * ones, epsilon=0.0).ravel().tolist()
    [1.0, 2.0]
    """
    centre, slope = checked(value, scale, offset, mean, variance, epsilon)
    out = value - centre.astype(np.float32)
    out *= (scale * slope).astype(np.float32)
    out += offset
    return out


def batch_norm_gradient(
    upstream: Floats,
    value: Floats,
    scale: Floats,
    offset: Floats,
    mean: Floats | None = None,
    variance: Floats | None = None,
    *,
    epsilon: float = 1e-3,
) -> BatchNormGradient:
    """Gradients of :func:`batch_norm`.

    Parameters
    ----------
    upstream
        The gradient of the output, of its shape.
    value, scale, offset, mean, variance, epsilon
        As passed to :func:`batch_norm`.

    Returns
    -------
    A named tuple: ``value``, ``scale``, ``offset``, ``mean`` and ``variance``, float32. If the moments are those of the
    value, the last two are None, and the gradient of the value includes that through the moments.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, ones = np.array([[1], [3]], np.float32), np.ones(1, np.float32)
    >>> gradient = wl.ops.batch_norm_gradient(value, value, ones, ones, epsilon=0.0)
    >>> gradient.value.ravel().tolist(), gradient.scale.tolist(), gradient.offset.tolist()
    ([0.0, 0.0], [2.0], [4.0])
    """
    centre, slope = checked(value, scale, offset, mean, variance, epsilon)
    if floats("upstream", upstream, ANY).shape != value.shape:
        raise ParameterError(f"upstream has shape {upstream.shape}; it must be the output's, {value.shape}")
    axes = tuple(range(value.ndim - 1))
    normal = (value - centre) * slope
    of_offset = upstream.sum(axis=axes, dtype=np.float64)
    of_scale = (upstream * normal).sum(axis=axes)
    factor = scale * slope
    if mean is None:
        pixels = value.size // len(scale)
        of_value = factor * (upstream - of_offset / pixels - normal * (of_scale / pixels))
        of_moments: tuple[Floats | None, Floats | None] = None, None
    else:
        of_value = factor * upstream
        by_variance = -0.5 * factor * slope * of_scale
        of_moments = (-factor * of_offset).astype(np.float32), by_variance.astype(np.float32)
    return BatchNormGradient(
        of_value.astype(np.float32), of_scale.astype(np.float32), of_offset.astype(np.float32), *of_moments
    )


def own_moments(value: Floats) -> tuple[Doubles, Doubles]:
    if value.size == 0:
        raise ParameterError(f"value has shape {value.shape}; it must have at least one pixel for its moments")
    axes = tuple(range(value.ndim - 1))
    return value.mean(axis=axes, dtype=np.float64), value.var(axis=axes, dtype=np.float64)


def checked(value: Any, scale: Any, offset: Any, mean: Any, variance: Any, epsilon: Any) -> tuple[Doubles, Doubles]:
    """Check the arguments of a batch normalisation; returns mean and 1 / sqrt(variance + epsilon) in float64."""
    channels = floats("value", value, ANY).shape[-1]
    for name, array in {"scale": scale, "offset": offset, "mean": mean, "variance": variance}.items():
        if array is not None or name in ("scale", "offset"):
            vector(name, array, channels, "value")
    if (mean is None) != (variance is None):
        raise ParameterError("mean and variance must be given together")
    more = number("epsilon", epsilon, 0.0)
    moments = own_moments(value) if mean is None else (mean.astype(np.float64), variance.astype(np.float64))
    if not (moments[1] + more > 0.0).all():
        least = float(moments[1].min())
        raise ParameterError(f"variance is {least:g} at least; with epsilon={epsilon} it must be positive")
    return moments[0], 1.0 / np.sqrt(moments[1] + more)
