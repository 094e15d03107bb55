"""The definitions of integer layers: what each is supposed to compute, in Python's integers and NumPy's float32.

The integers of a signal stand in an array of float64, which holds them exactly, and NaN where a value is made unknown
to find out what depends on it.
"""

import math
from fractions import Fraction

import numpy as np

f32 = np.float32


def known(function, *arrays):
    """`function` of Python's integers, element by element; NaN stays NaN."""

    def one(*values):
        return math.nan if any(map(math.isnan, values)) else function(*map(int, values))

    shape = np.broadcast_shapes(*(np.shape(array) for array in arrays))
    return np.vectorize(one, otypes=[np.float64])(*arrays) if math.prod(shape) else np.zeros(shape)


def half_away(value):
    """Rounded to nearest, ties away from zero; of a fraction or a float."""
    return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value))


def clamp(values, low=-128, high=127):
    return np.clip(values, low, high)


# The rule "double", of TensorFlow Lite's reference: a multiplier of 31 bits and a power of two; two roundings.
def fixed_point(ratio):
    fraction, exponent = math.frexp(ratio)
    multiplier = half_away(Fraction(fraction) * 2**31)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def doubled_high_half(a, b):
    """The product over 2**31: half of it is added, or taken away from a negative one, but for 1; then truncated."""
    product = a * b
    nudged = product + 2**30 if product >= 0 else product + 1 - 2**30
    return int(Fraction(nudged, 2**31))


def rounded_shift(a, bits):
    return half_away(Fraction(a, 2**bits))


def times(a, ratio):
    multiplier, exponent = fixed_point(ratio)
    return rounded_shift(doubled_high_half(a * 2 ** max(exponent, 0), multiplier), max(-exponent, 0))


def rescaled(values, first, second, layer):
    """Sums or products in units of ``first * second`` as integers of the layer's output."""
    if layer.rounding == "single":
        scale = f32(first) * np.asarray(second, f32) / f32(layer.output_scale)
        result = np.rint(values.astype(f32) * scale).astype(np.float64)
    else:
        ratios = float(first) * np.asarray(second, np.float64) / layer.output_scale
        columns = np.broadcast_to(ratios, values.shape[1])
        result = np.stack(
            [known(lambda a, ratio=ratio: times(a, ratio), values[:, i]) for i, ratio in enumerate(columns)], axis=1
        )
    return clamp(result + layer.output_zero_point, layer.low, layer.high)


def quantize(x, layer):
    if layer.rounding == "single":
        y = np.rint(x.astype(f32) * (f32(1) / f32(layer.scale))).astype(np.float64)
    else:
        y = x.astype(f32) / f32(layer.scale)
        y = np.copysign(np.floor(np.abs(y.astype(np.float64)) + 0.5), y)
    return clamp(y + layer.zero_point)


def dequantize(q, layer):
    return ((q - layer.zero_point).astype(f32) * f32(layer.scale)).astype(np.float64)


def requantize(q, scale, zero_point, layer):
    """XNNPACK's conversion has a factor of 8 bits after the point."""
    if (scale, zero_point) == (layer.output_scale, layer.output_zero_point):
        return q
    if layer.rounding == "single" and 2.0**-8 <= f32(scale) / f32(layer.output_scale) <= 2.0**7:
        factor = round(float(f32(scale) / f32(layer.output_scale) * f32(256)))
        y = known(lambda a: (a * factor + 128) // 256, q - zero_point)
    else:
        y = known(lambda a: times(a, scale / layer.output_scale), q - zero_point)
    return clamp(y + layer.output_zero_point)


def add(a, b, layer):
    """XNNPACK's factors of 21 bits; or TensorFlow Lite's, each a fraction of twice the larger scale."""
    (first, second), (zero, other), out = layer.input_scales, layer.input_zero_points, layer.output_scale
    ratios = [f32(first) / f32(out), f32(second) / f32(out)]
    if layer.rounding == "single" and 2.0**-10 <= max(ratios) < 2.0**8:
        shift = 20 - math.floor(math.log2(max(ratios)))
        factors = [round(float(ratio) * 2.0**shift) for ratio in ratios]
        y = known(lambda a, b: (a * factors[0] + b * factors[1] + 2 ** (shift - 1)) >> shift, a - zero, b - other)
    else:
        twice = 2 * max(first, second)
        y = known(
            lambda a, b: times(times(a << 20, first / twice) + times(b << 20, second / twice), twice / (2**20 * out)),
            a - zero,
            b - other,
        )
    return clamp(y + layer.output_zero_point, layer.low, layer.high)


def multiply(a, b, layer):
    products = (a - layer.input_zero_points[0]) * (b - layer.input_zero_points[1])
    return rescaled(products, *layer.input_scales, layer)


FUNCTIONS = {
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "hardsigmoid": lambda x: min(max(x / 6 + 0.5, 0), 1),
    "hardswish": lambda x: x * min(max(x / 6 + 0.5, 0), 1),
    "relu": lambda x: max(x, 0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


def look_up(q, layer, table):
    functions = FUNCTIONS | {"leaky_relu": lambda x: x if x > 0 else x * layer.negative_slope}

    def value(a):
        if layer.activation == "table":
            return table[a + 128]
        y = functions[layer.activation](layer.input_scale * (a - layer.input_zero_point)) / layer.output_scale
        return min(max(half_away(y) + layer.output_zero_point, -128), 127)

    return known(value, q)


def windows(q, layer, before, after):
    """The frames that each output frame of a pool reads, (frames out, kernel_size, channels)."""
    pads = [np.full((count, q.shape[1]), layer.zero_point, np.float64) for count in (before, after)]
    x = np.concatenate([pads[0], q, pads[1]])
    starts = range(0, len(x) - layer.kernel_size + 1, layer.stride)
    return np.array([x[n : n + layer.kernel_size] for n in starts]).reshape(-1, layer.kernel_size, q.shape[1])


def pooled(q, layer, mean, before, after):
    x = windows(q, layer, before, after)
    total = x.sum(axis=1) if mean else x.max(axis=1)
    y = known(lambda a: half_away(Fraction(a, layer.kernel_size)), total) if mean else total
    return clamp(y, layer.low, layer.high)


def pooled_so_far(q, layer):
    """TensorFlow Lite folds the number of frames into the multiplier; XNNPACK into the scale."""
    if layer.kind == "max":
        return np.maximum.accumulate(q, axis=0)
    sums, counts = np.cumsum(q - layer.input_zero_point, axis=0), np.arange(1, len(q) + 1)[:, None]
    scale = f32(layer.input_scale) / f32(layer.output_scale)
    if layer.rounding == "single":
        y = np.rint(sums.astype(f32) * (scale / counts.astype(f32))).astype(np.float64)
    else:
        multiplier, exponent = fixed_point(layer.input_scale / layer.output_scale)

        def mean(total, count):
            shift = min(math.floor(math.log2(count)), 31 + exponent)
            left = exponent - shift
            high = doubled_high_half(total * 2 ** max(left, 0), multiplier * 2**shift // count)
            return rounded_shift(high, max(-left, 0))

        y = known(mean, sums, np.broadcast_to(counts, sums.shape))
    return clamp(y + layer.output_zero_point)
