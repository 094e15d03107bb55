"""The operators of wavenetlite.ops by their definitions, in float64 NumPy: sums over taps, nothing clever.

Images are (batch, height, width, channels); sequences are given as images of height 1.
"""

import numpy as np


def sizes(size, kernel, stride, dilation, padding):
    """(outputs, zeros before) of an axis, by TensorFlow's documentation; `padding` is a name or a pair."""
    reach = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        return out, max((out - 1) * stride + reach - size, 0) // 2
    before, after = {"VALID": (0, 0), "CAUSAL": (reach - 1, 0)}.get(padding, padding)
    return -(-(size + before + after - reach + 1) // stride), before


def inside(size, out, stride, shift):
    """Outputs r of which ``r * stride + shift`` lies in the input, and these places."""
    r = np.arange(out)
    at = r * stride + shift
    return r[(at >= 0) & (at < size)], at[(at >= 0) & (at < size)]


def taps(value_sizes, geometry, kernels):
    """(tap, outputs, inputs) for every tap (i, j); geometry: (out, before, stride, dilation) of each axis."""
    for i in range(kernels[0]):
        for j in range(kernels[1]):
            (rows, from_rows), (columns, from_columns) = (
                inside(size, out, stride, tap * dilation - before)
                for size, tap, (out, before, stride, dilation) in zip(value_sizes, (i, j), geometry, strict=True)
            )
            yield (i, j), np.ix_(rows, columns), np.ix_(from_rows, from_columns)


def by_group(x, w, groups):
    """(..., in) times (in / groups, out), group by group."""
    depth, channels = w.shape[0], w.shape[1] // groups
    return np.concatenate(
        [x[..., g * depth : (g + 1) * depth] @ w[:, g * channels : (g + 1) * channels] for g in range(groups)], axis=-1
    )


def convolution(value, filters, bias, geometry, groups=1):
    value, filters = value.astype(np.float64), filters.astype(np.float64)
    out = np.zeros((len(value), geometry[0][0], geometry[1][0], filters.shape[3]))
    for tap, outs, ins in taps(value.shape[1:3], geometry, filters.shape[:2]):
        out[:, outs[0], outs[1]] += by_group(value[:, ins[0], ins[1]], filters[tap], groups)
    return out if bias is None else out + bias


def transposed(value, filters, bias, geometry, out_sizes, groups=1):
    """`filters` (height, width, out / groups, in); `geometry` is that of the convolution which this transposes."""
    value, filters = value.astype(np.float64), filters.astype(np.float64)
    per_group = filters.shape[3] // groups
    out = np.zeros((len(value), *out_sizes, filters.shape[2] * groups))
    for tap, outs, ins in taps(out_sizes, geometry, filters.shape[:2]):
        x = value[:, outs[0], outs[1]]
        parts = [x[..., g * per_group :][..., :per_group] @ filters[tap][:, g * per_group :][:, :per_group].T
                 for g in range(groups)]  # fmt: skip
        out[:, ins[0], ins[1]] += np.concatenate(parts, axis=-1)
    return out if bias is None else out + bias


def pooled(value, kernels, geometry, how):
    """`how` is np.max or np.mean, of what each window has in the image."""
    out = np.zeros((len(value), geometry[0][0], geometry[1][0], value.shape[3]))
    for r in range(out.shape[1]):
        for c in range(out.shape[2]):
            (top, bottom), (left, right) = (
                (max(at * stride - before, 0), at * stride - before + kernel)
                for at, kernel, (_, before, stride, _) in zip((r, c), kernels, geometry, strict=True)
            )
            out[:, r, c] = how(value[:, top:bottom, left:right].astype(np.float64), axis=(1, 2))
    return out


def normalised(value, scale, offset, mean, variance, epsilon):
    value = value.astype(np.float64)
    axes = tuple(range(value.ndim - 1))
    mean, variance = (value.mean(axes), value.var(axes)) if mean is None else (mean, variance)
    return (value - mean) * scale / np.sqrt(variance + epsilon) + offset
