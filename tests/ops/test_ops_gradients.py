"""Gradients of wavenetlite.ops: differences of the float64 definitions, and PyTorch's autograd.

A difference is taken along a random direction. Convolutions are linear in each input and averages too, so theirs is
exact for any step; the others are taken with a small one.
"""

import numpy as np
import ops_reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops_cases import close, convolutions, normal, one_thread_of_pytorch
from test_ops_values import plain_chain, poolings, sequences

import wavenetlite as wl

ops = wl.ops
TOLERANCE = 1e-4  # of the sum's terms


def check_direction(function, inputs, gradients, upstream, step=1.0):
    """sum(upstream * function) changes along a random direction of each input as the gradient says."""
    rng = np.random.default_rng(8)
    inputs = [np.asarray(x, np.float64) for x in inputs]
    for i, gradient in enumerate(gradients):
        assert gradient.dtype == np.float32 and gradient.shape == inputs[i].shape
        direction = rng.standard_normal(inputs[i].shape)
        ends = [function(*inputs[:i], inputs[i] + sign * step * direction, *inputs[i + 1 :]) for sign in (1, -1)]
        terms = upstream * (ends[0] - ends[1]) / (2 * step)
        scale = np.sqrt(np.sum(terms**2)) + np.sqrt(np.sum((gradient * direction) ** 2)) + 1e-6
        assert abs(terms.sum() - np.sum(gradient.astype(np.float64) * direction)) < TOLERANCE * scale


def gradient_of(case):
    arguments, options = case.options()
    gradient = ops.conv1d_gradient if case.axes == 1 else ops.conv2d_gradient
    filters = case.filters()[0] if case.axes == 1 else case.filters()
    return gradient(case.shaped(case.upstream()), case.shaped(case.value()), filters, *arguments, **options)


def as_images(case, gradient):
    """Value's and filters' gradients of a sequence with a height."""
    value, filters, bias = gradient
    return (value, filters, bias) if case.axes == 2 else (value[:, np.newaxis], filters[np.newaxis], bias)


@given(convolutions())
def test_convolution_against_differences(case):
    def function(value, filters, bias):
        return ops_reference.convolution(value, filters, bias, case.geometry, case.groups)

    inputs = case.value(), case.filters(), case.bias()
    check_direction(function, inputs, as_images(case, gradient_of(case)), case.upstream())


@given(convolutions())
def test_convolution_against_autograd(case):
    torch = one_thread_of_pytorch()
    (top, bottom), (left, right) = case.zeros()
    value, filters, bias = (
        torch.from_numpy(np.ascontiguousarray(x, np.float64)).requires_grad_()
        for x in (case.value().transpose(0, 3, 1, 2), case.filters().transpose(3, 2, 0, 1), case.bias())
    )
    padded = torch.nn.functional.pad(value, (left, right, top, bottom))
    out = torch.nn.functional.conv2d(
        padded, filters, bias, stride=case.strides, dilation=case.rates, groups=case.groups)  # fmt: skip
    out.backward(torch.from_numpy(np.ascontiguousarray(case.upstream().transpose(0, 3, 1, 2), np.float64)))
    mine = as_images(case, gradient_of(case))
    close(mine[0], value.grad.numpy().transpose(0, 2, 3, 1))
    close(mine[1], filters.grad.numpy().transpose(2, 3, 1, 0))
    close(mine[2], bias.grad.numpy())


def test_atrous_conv2d_has_the_gradients_of_the_dilated_convolution():
    value, filters, upstream = normal((2, 7, 8, 3), 0), normal((3, 2, 3, 5), 1), normal((2, 7, 8, 5), 2)
    mine = ops.atrous_conv2d_gradient(upstream, value, filters, 3, "SAME")
    for a, b in zip(mine, ops.conv2d_gradient(upstream, value, filters, dilations=3), strict=True):
        assert a.tobytes() == b.tobytes()


@given(convolutions())
def test_transposed_convolution_against_differences(case):
    """The value is what the convolution of the case gives, the output what it takes."""

    def function(value, filters, bias):
        return ops_reference.transposed(value, filters, bias, case.geometry, case.sizes, case.groups)

    if case.padding == "CAUSAL":  # of a convolution, and of what it transposes, mean different things
        return
    arguments, options = case.options()
    gradient = ops.conv1d_transpose_gradient if case.axes == 1 else ops.conv2d_transpose_gradient
    filters = case.filters()[0] if case.axes == 1 else case.filters()
    upstream = case.value()
    mine = gradient(case.shaped(upstream), case.shaped(case.upstream()), filters, *arguments, **options)
    inputs = case.upstream(), case.filters(), normal((case.depth,), 5)
    check_direction(function, inputs, as_images(case, mine), upstream)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_causal_transposed_convolution_is_the_valid_one_cut(kernel, stride, rate):
    value, filters = normal((2, 6, 3), 0), normal((kernel, 2, 3), 1)
    upstream = normal((2, 6 * stride, 2), 2)
    mine = ops.conv1d_transpose_gradient(upstream, value, filters, stride, "CAUSAL", dilations=rate)
    width = 5 * stride + (kernel - 1) * rate + 1
    uncut = np.zeros((2, width, 2), np.float32)
    uncut[:, : 6 * stride] = upstream[:, :width]
    same = ops.conv1d_transpose_gradient(uncut, value, filters, stride, "VALID", dilations=rate)
    close(mine.value, same.value)
    close(mine.filters, same.filters)


@settings(max_examples=40)
@given(sequences())
def test_a_sequence_against_the_plain_chain(case):
    value, filters, rate, padding, options = case
    try:
        seen = plain_chain(value, filters, rate, padding, **options)
    except wl.ParameterError:
        return
    g = upstream = normal(seen[-1].shape, 3)
    mine = ops.atrous_sequence_gradient(upstream, value, filters, rate, padding, **options)
    gradient = ops.conv1d_gradient if value.ndim == 3 else ops.conv2d_gradient
    for i in reversed(range(len(filters))):
        plain = gradient(g, seen[i], filters[i], 1, padding, dilations=rate)
        close(mine.filters[i], plain.filters)
        close(mine.biases[i], plain.bias)
        g = plain.value * (seen[i] > 0) if i > 0 and options["activation"] else plain.value
    close(mine.value, g)


@given(poolings())
def test_pooling_against_differences(case):
    value, kernels, strides, padding, geometry = case
    value = normal(value.shape, 5)  # no two alike, or the maximum has no derivative
    upstream = normal((len(value), geometry[0][0], geometry[1][0], value.shape[3]), 6)
    mean = ops.avg_pool2d_gradient(upstream, value, kernels, strides, padding)
    check_direction(lambda x: ops_reference.pooled(x, kernels, geometry, np.mean), [value], [mean], upstream)
    largest = ops.max_pool2d_gradient(upstream, value, kernels, strides, padding)
    gap = np.min(np.diff(np.sort(value.ravel())), initial=1.0)

    def function(value):
        return ops_reference.pooled(value, kernels, geometry, np.max)

    check_direction(function, [value], [largest], upstream, gap / 100)


def test_the_first_of_equal_maxima_has_the_gradient():
    value = np.array([2, 2, 1, 2], np.float32).reshape(1, 2, 2, 1)
    gradient = ops.max_pool2d_gradient(np.ones((1, 1, 1, 1), np.float32), value, 2, 2, "VALID")
    assert gradient.ravel().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("own", [True, False])
def test_batch_norm_against_differences(own):
    value, upstream = 2 * normal((3, 4, 5, 6), 0) + 1, normal((3, 4, 5, 6), 9)
    scale, offset, mean, variance = (normal((6,), seed) for seed in (1, 2, 3, 4))
    moments = [] if own else [mean, variance**2]
    mine = ops.batch_norm_gradient(upstream, value, scale, offset, *moments, epsilon=0.1)

    def function(value, scale, offset, mean=None, variance=None):
        return ops_reference.normalised(value, scale, offset, mean, variance, 0.1)

    assert (mine.mean is None) == (mine.variance is None) == own
    gradients = [gradient for gradient in mine if gradient is not None]
    check_direction(function, [value, scale, offset, *moments], gradients, upstream, 1e-5)


def test_batch_norm_agrees_with_autograd():
    torch = one_thread_of_pytorch()
    value, upstream, scale, offset = normal((2, 7, 5), 0), normal((2, 7, 5), 1), normal((5,), 2), normal((5,), 3)
    tensors = [torch.from_numpy(x.astype(np.float64)).requires_grad_() for x in (value, scale, offset)]
    out = torch.nn.functional.batch_norm(
        tensors[0].transpose(1, 2), None, None, tensors[1], tensors[2], training=True, eps=1e-3)  # fmt: skip
    close(ops.batch_norm(value, scale, offset), out.detach().numpy().transpose(0, 2, 1))
    out.backward(torch.from_numpy(upstream.astype(np.float64)).transpose(1, 2))
    mine = ops.batch_norm_gradient(upstream, value, scale, offset)
    for gradient, tensor in zip(mine[:3], tensors, strict=True):
        close(gradient, tensor.grad.numpy())


def test_gradients_of_filters_of_long_sequences_are_accurate():
    """Half a million products a sum, of one sign: float32 all the way would be wrong in the third digit."""
    value, upstream = np.full((1, 500_001, 1), 1.1, np.float32), np.full((1, 500_001, 1), 1.3, np.float32)
    gradient = ops.conv1d_gradient(upstream, value, normal((3, 1, 1), 0))
    product = float(np.float32(1.1)) * float(np.float32(1.3))
    np.testing.assert_allclose(gradient.filters.ravel(), product * np.array([500_000, 500_001, 500_000]), rtol=2e-5)
