"""wavenetlite.ops beside TensorFlow itself, where it is installed (tensorflow-cpu; its oneDNN kernels switched off).

With them, TensorFlow 2.21 gives convolutions without outputs the shape of their input.
"""

import os
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from ops_cases import close, convolutions, normal

import wavenetlite as wl

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="TensorFlow is the second reference where it is installed")
ops = wl.ops


def recorded(function, *arrays, upstream):
    """The output and the gradients of a function of TensorFlow's."""
    variables = [tf.Variable(array) for array in arrays]
    with tf.GradientTape() as tape:
        out = function(*variables)
    return out.numpy(), [g.numpy() for g in tape.gradient(out, variables, output_gradients=tf.constant(upstream))]


@settings(max_examples=60)
@given(convolutions(groups=False))
def test_conv2d(case):
    """Without dilation: TensorFlow has no gradient of it on a CPU but through `atrous_conv2d`."""
    padding = case.padding if case.padding in ("SAME", "VALID") else "SAME"
    case = replace(case, axes=2, strides=(case.strides[1],) * 2, rates=(1, 1), padding=padding)
    assume(min(case.out_sizes) >= 1)

    def function(value, filters):
        return tf.nn.conv2d(value, filters, case.strides, case.padding)

    arguments, options = case.options()
    out, (of_value, of_filters) = recorded(function, case.value(), case.filters(), upstream=case.upstream())
    close(ops.conv2d(case.value(), case.filters(), *arguments, **options), out)
    mine = ops.conv2d_gradient(case.upstream(), case.value(), case.filters(), *arguments, **options)
    close(mine.value, of_value, 2e-5)  # TensorFlow sums in float32
    close(mine.filters, of_filters, 2e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("rate", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_atrous_conv2d(padding, rate, kernel):
    for height, width in ((1, 1), (1, 7), (2, 3), (5, 8), (12, 9), (0, 4)):
        value, filters = normal((2, height, width, 3), 0), normal((kernel, kernel, 3, 5), 1)
        function = partial(tf.nn.atrous_conv2d, rate=rate, padding=padding)
        try:
            shape = function(value, filters).shape
        except tf.errors.InvalidArgumentError:
            with pytest.raises(wl.ParameterError):
                ops.atrous_conv2d(value, filters, rate, padding)
            continue
        upstream = normal(shape, 2)
        out, (of_value, of_filters) = recorded(function, value, filters, upstream=upstream)
        close(ops.atrous_conv2d(value, filters, rate, padding), out)
        mine = ops.atrous_conv2d_gradient(upstream, value, filters, rate, padding)
        close(mine.value, of_value)
        if out.size:  # where there is none, TensorFlow gives rubbish
            close(mine.filters, of_filters)


@pytest.mark.parametrize("arguments", [(3, 2, "FOO"), (3, 0, "SAME"), (3, -1, "VALID"), (2, 2, "SAME")])
def test_atrous_conv2d_refuses_what_tensorflow_refuses(arguments):
    depth, rate, padding = arguments
    value, filters = normal((1, 5, 5, 3), 0), normal((3, 3, depth, 4), 1)
    for function in (tf.nn.atrous_conv2d, ops.atrous_conv2d):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            function(value, filters, rate, padding)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_conv2d_transpose(padding, stride):
    value, filters = normal((2, 4, 5, 3), 0), normal((3, 2, 6, 3), 1)
    default = ops.conv2d_transpose(value, filters, None, stride, padding).shape
    shapes = [default, *((2, default[1] - less, default[2], 6) for less in range(1, stride) if padding == "SAME")]
    for shape in shapes:
        upstream = normal(shape, 2)
        function = partial(tf.nn.conv2d_transpose, output_shape=shape, strides=stride, padding=padding)
        out, (of_value, of_filters) = recorded(function, value, filters, upstream=upstream)
        close(ops.conv2d_transpose(value, filters, shape, stride, padding), out)
        mine = ops.conv2d_transpose_gradient(upstream, value, filters, stride, padding)
        close(mine.value, of_value)
        close(mine.filters, of_filters)


def test_space_to_batch():
    value = normal((2, 5, 6, 3), 0)
    theirs = tf.space_to_batch(value, [2, 3], [[1, 2], [0, 3]]).numpy()
    assert (ops.space_to_batch(value, (2, 3), [[1, 2], [0, 3]]) == theirs).all()
    back = tf.batch_to_space(theirs, [2, 3], [[0, 2], [1, 2]]).numpy()
    assert (ops.batch_to_space(theirs, (2, 3), [[0, 2], [1, 2]]) == back).all()


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("ksize", "stride"), [(1, 1), (2, 2), (3, 1), (3, 2), ((2, 3), (3, 1))])
def test_pooling(padding, ksize, stride):
    value = normal((2, 7, 6, 3), 0)
    for name in ("max_pool2d", "avg_pool2d"):
        mine = getattr(ops, name)(value, ksize, stride, padding)
        upstream = normal(mine.shape, 1)
        function = partial(getattr(tf.nn, name), ksize=ksize, strides=stride, padding=padding)
        out, (gradient,) = recorded(function, value, upstream=upstream)
        close(mine, out)
        close(getattr(ops, f"{name}_gradient")(upstream, value, ksize, stride, padding), gradient)


def test_batch_norm():
    value, scale, offset, mean, deviation = normal((2, 5, 4), 0), *(normal((4,), seed) for seed in range(1, 5))
    upstream, variance = normal(value.shape, 9), np.square(deviation)

    def function(value, mean, variance, offset, scale):
        return tf.nn.batch_normalization(value, mean, variance, offset, scale, 1e-3)

    out, gradients = recorded(function, value, mean, variance, offset, scale, upstream=upstream)
    close(ops.batch_norm(value, scale, offset, mean, variance), out)
    mine = ops.batch_norm_gradient(upstream, value, scale, offset, mean, variance)
    for a, b in zip((mine.value, mine.mean, mine.variance, mine.offset, mine.scale), gradients, strict=True):
        close(a, b)
    for a, b in zip(ops.moments(value), tf.nn.moments(value, [0, 1]), strict=True):
        close(a, b.numpy())
