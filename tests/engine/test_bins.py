"""Convolutions over bins: what their kernel does besides the sums, and how it takes rows and weights."""

import numpy as np
import pytest
from catalogue import randomised, same_bits, signal
from reference import evaluate

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.engine.lower import lower

BOUNDED = (("leaky_relu", {"negative_slope": 0.2}), ("hardtanh", {"min_val": -0.3, "max_val": 0.4}))


def program_of(model, channels):
    return lower(model.graph(channels))


def bounded(convolution):
    return wl.Sequential([convolution, *(nn.Activation(name, **options) for name, options in BOUNDED)])


@pytest.mark.parametrize("maps", [3, 8, 24, 40, 100])
@pytest.mark.parametrize("kernel_size", [(1, 3), (3, 1)])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_bounded_leaky_rectifier_is_in_the_convolution_with_the_same_bits(maps, kernel_size, frames):
    convolution = randomised(nn.Conv2d(5, maps, kernel_size, bins=4), seed=1)
    model, x = bounded(convolution), signal(frames, 20)
    assert len(program_of(model, 20).steps) == 1
    y = convolution(x)
    assert same_bits(model(x), np.clip(np.where(y > 0, y, y * np.float32(0.2)), np.float32(-0.3), np.float32(0.4)))


@pytest.mark.parametrize(
    "between",
    [
        [("hardtanh", {}), ("leaky_relu", {})],
        [("leaky_relu", {}), ("hardtanh", {}), ("leaky_relu", {})],
        [("leaky_relu", {}), ("hardtanh", {}), ("hardtanh", {"max_val": 0.1})],
        [("leaky_relu", {}), ("hardtanh", {}), ("relu", {})],
    ],
)
def test_what_follows_otherwise_is_computed_in_its_order(between):
    convolution = randomised(nn.Conv2d(2, 3, (2, 3), bins=4), seed=2)
    functions = [nn.Activation(name, **options) for name, options in between]
    y = x = signal(9, 8)
    for layer in [convolution, *functions]:
        y = layer(y)
    assert same_bits(wl.Sequential([convolution, *functions])(x), y)


def test_a_residual_is_added_after_the_rectifier():
    convolution = randomised(nn.Conv2d(3, 3, 3, bins=4), seed=3)
    x = signal(9, 12)
    assert same_bits(nn.Residual([bounded(convolution)])(x), bounded(convolution)(x) + x)


@pytest.mark.parametrize("kernel_size", [(2, 1), (2, 3)])
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_the_bins_of_many_frames_are_rows_like_those_of_one(kernel_size, groups):
    convolution = randomised(nn.Conv2d(8, 8, kernel_size, bins=4, groups=groups), seed=6)
    model, x = nn.Residual([convolution]), signal(131, 32)
    whole, stream = model(x), model.stream()
    assert same_bits(whole, convolution(x) + x)
    assert same_bits(whole, np.concatenate([stream.process(x[i : i + 1]) for i in range(len(x))]))
    np.testing.assert_allclose(whole, evaluate(model, x), atol=1e-5)


def test_grouped_convolutions_have_it_apart():
    convolution = randomised(nn.Conv2d(8, 8, 3, bins=4, groups=4), seed=4)
    model, x = bounded(convolution), signal(9, 32)
    assert len(program_of(model, 32).steps) == 2
    assert same_bits(model(x), bounded(nn.Activation("identity"))(convolution(x)))


@pytest.mark.parametrize("maps", [8, 24, 72])
def test_bins_at_the_ends_keep_no_weights_of_their_own(maps):
    sizes = []
    for bins in (3, 8):
        convolution = randomised(nn.Conv2d(maps, maps, (1, 3), bins=bins), seed=5)
        sizes.append(program_of(convolution, maps * bins).arena.floats)
    assert sizes[0] == sizes[1] < 3 * maps * maps + 3 * maps + 32
