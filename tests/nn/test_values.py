"""Offline output against the float64 reference: networks within 1e-6 of the output's scale, activations as stated."""

import numpy as np
import pytest
import reference
from catalogue import Case, conv, randomised, signal
from contract import WILD, check_values
from hypothesis import given
from hypothesis import strategies as st
from strategies import CHANNELS

import wavenetlite as wl

nn = wl.nn

# The models of ANCHORS: an amplifier, a vocoder (fewer layers), a keyword spotter; each with its own initialisation.
MODELS = {
    "amplifier": lambda: wl.WaveNet(1, 1, residual_channels=16, skip_channels=8, kernel_size=3,
                                    dilations=[2**i for i in range(10)], seed=3),
    "vocoder": lambda: wl.WaveNet(256, 256, residual_channels=64, skip_channels=128, kernel_size=2, head_channels=256,
                                  dilations=[2**i for i in range(8)], seed=4),
    "keywords": lambda: wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2, seed=5),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("random_weights", [False, True])
def test_whole_models_within_the_contract(name, random_weights):
    model = randomised(MODELS[name](), 1) if random_weights else MODELS[name]()
    x = signal(600, model.in_channels)
    expected = reference.evaluate(model, x)
    assert np.abs(model(x) - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("in_channels", [1, 3, 7, 40, 100])
@pytest.mark.parametrize("out_channels", [1, 3, 7, 40, 100])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_all_channel_counts(in_channels, out_channels, kernel_size):
    case = Case(conv(in_channels, out_channels, kernel_size, dilation=3), in_channels)
    check_values(case.model(), signal(200, in_channels))


@pytest.mark.parametrize("kernel_size", range(1, 10))
@pytest.mark.parametrize("groups", [1, 2, 14])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_all_kernel_sizes(kernel_size, groups, stride):
    case = Case(conv(14, 14, kernel_size, groups=groups, stride=stride, dilation=2), 14)
    check_values(case.model(), signal(150, 14))


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("per_group", [1, 2, 5])
def test_all_group_counts(groups, per_group):
    case = Case(conv(12, groups * per_group, 3, groups=groups), 12)
    check_values(case.model(), signal(100, 12))


@pytest.mark.parametrize("dilation", [1, 2, 63, 64, 65, 511, 512, 1000, 4096, 16384, 32768, 65535, 65536])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_all_dilations(dilation, kernel_size):
    case = Case(conv(3, 2, kernel_size, dilation=dilation), 3)
    check_values(case.model(), signal(2 * dilation + 300, 3))


def test_kernel_sizes_of_whole_filters():
    """One chain of 2000 additions rounds 2000 times; its error grows with the root of that."""
    check_values(Case(conv(1, 1, 2000), 1).model(), signal(5000, 1), tolerance=3e-6)
    check_values(Case(conv(2, 3, 400, dilation=7, padding="same"), 2).model(), signal(5000, 2), tolerance=2e-6)


def test_long_signals_do_not_drift():
    model = randomised(nn.Residual([nn.Conv1d(3, 3, 3, dilation=700), nn.CumulativePool("mean")]))
    check_values(model, signal(60_000, 3))


@given(channels=CHANNELS, kernel_size=st.integers(1, 6), dilation=st.integers(1, 20), seed=st.integers(0, 999))
def test_an_impulse_gives_the_kernel_newest_tap_first(channels, kernel_size, dilation, seed):
    layer = randomised(nn.Conv1d(channels, 3, kernel_size, dilation=dilation, bias=False), seed)
    x = np.zeros((kernel_size * dilation + 5, channels), np.float32)
    x[2, channels // 2] = 1
    taps = layer(x)[2 : 2 + kernel_size * dilation : dilation]
    assert np.array_equal(taps, layer.state_dict()["weight"][:, channels // 2, ::-1].T)


# ---------------------------------------------------------------------------------------------------- activations
EPS = 2.0**-23
TINY = 2.0**-125  # results of exp below this may be anything below this

# The largest error, relative to the exact value.
RELATIVE_ERROR = {
    "identity": 0,
    "relu": 0,
    "leaky_relu": EPS,
    "prelu": EPS,
    "hardtanh": 0,
    "hardswish": 2 * EPS,
    "softsign": EPS,
    "leaky_hardtanh": 2 * EPS,
    "fast_tanh": 8 * EPS,
    "tanh": 1.85e-7,
    "sigmoid": 3e-7,
    "elu": 3e-7,
    "silu": 3e-7,
}


def arguments():
    """Float32 numbers of both signs from 1e-38 to 1e4, and densely where activations bend."""
    dense = [np.linspace(0, 20, 40_001), np.linspace(0, 2, 100_001), [0.06320503, 0.2037118]]
    magnitudes = np.concatenate([np.geomspace(1.2e-38, 1e4, 20_000), *dense])
    return np.unique(np.concatenate([magnitudes, -magnitudes]).astype(np.float32))[:, None]


def tolerance(x, expected, relative):
    """What float32 arithmetic may miss: a part of the result, and where exp underflows, a tiny part of the argument."""
    return relative * np.abs(expected) + TINY * np.maximum(1, np.abs(x))


@pytest.mark.parametrize("name", RELATIVE_ERROR)
def test_accuracy_of_activations(name):
    x = arguments()
    layer = nn.Activation(name)
    expected = reference.evaluate(layer, x)
    error = np.abs(layer(x) - expected)
    allowed = tolerance(x, expected, RELATIVE_ERROR[name])
    worst = np.argmax(error / allowed)
    assert np.all(error <= allowed), f"{name}({x[worst, 0]!r}) = {expected[worst, 0]!r} is {error[worst, 0]:.3g} off"


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_absolute_accuracy_of_sine_and_cosine(name):
    x = np.concatenate([arguments(), 10 * arguments()])  # up to where they are held
    layer = nn.Activation(name)
    assert np.abs(layer(x) - reference.evaluate(layer, x)).max() <= (1.2e-7 if fuses() else 1e-6)
    ends = np.array([[1e5], [3e38], [-1e5], [-3e38]], np.float32)
    assert np.array_equal(layer(ends)[::2], layer(ends)[1::2])


def fuses():
    return wl.isa() != "sse2"


def test_accuracy_of_exp():
    x = arguments()
    x, layer = x[(x > -79) & (x <= 88)][:, None], nn.Activation("exp")
    expected = reference.evaluate(layer, x)
    assert (np.abs(layer(x) - expected) / expected).max() <= 1e-7
    assert np.isfinite(layer(np.array([[3e38]], np.float32))).all()


@pytest.mark.parametrize("alpha", [1e-6, 0.01, 1.0, 30.0, 1e4, -2.0])
def test_accuracy_of_snake(alpha):
    """Of the angle, which is rounded before the sine is taken, an error remains: as much as float32 can tell."""
    layer, x = nn.Snake(1, beta=True), arguments()
    layer.load_state_dict({"alpha": np.array([alpha], np.float32), "beta": np.array([0.7], np.float32)})
    angle = (np.float32(alpha) * x).astype(np.float64)
    known = np.abs(angle[:, 0]) <= 1e5
    expected = x + np.sin(angle) ** 2 / (np.float64(np.float32(0.7)) + 1e-9)
    error = np.abs(layer(x) - expected)
    assert (error <= 1e-6 + EPS * np.abs(x))[known].all()
    assert np.isfinite(layer(x)).all()


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_accuracy_of_gelu(approximate):
    x = arguments()
    layer = nn.Activation("gelu", approximate=approximate)
    error = np.abs(layer(x) - reference.evaluate(layer, x))
    assert np.all(error <= 2.5e-7 * np.abs(x) + TINY)  # for x < 0 the result is far smaller than x


@pytest.mark.parametrize("channels", [1, 2, 7, 12, 40, 100, 256])
@pytest.mark.parametrize("scale", [1e-3, 1, 30, 1e4])
def test_accuracy_of_softmax(channels, scale):
    layer, x = nn.Activation("softmax"), np.float32(scale) * signal(50, channels)
    y, expected = layer(x), reference.evaluate(layer, x)
    below = x.max(axis=1, keepdims=True) - x  # rounded before exp, to EPS / 2 of itself
    assert np.all(np.abs(y - expected) <= (5e-7 + EPS / 2 * below) * expected + TINY)
    assert np.all(np.abs(y.sum(axis=1) - 1) <= 1e-6)


def test_accuracy_of_the_gated_unit():
    x = arguments()
    pairs = np.concatenate([x, np.roll(x, len(x) // 3)], axis=1)
    layer = nn.GatedUnit()
    expected = reference.evaluate(layer, pairs)
    assert np.all(np.abs(layer(pairs) - expected) <= 5e-7 * np.abs(expected) + 2e-35)


@pytest.mark.parametrize("name", [*RELATIVE_ERROR, "gelu"])
@pytest.mark.parametrize("value", [3.4e38, -3.4e38, 0.0, -0.0, 1e-45, -1e-45, 88.8, -88.8, 104.0, -104.0])
def test_activations_stay_finite_at_extremes(name, value):
    layer, x = nn.Activation(name), np.full((3, 5), value, np.float32)
    if name == "hardswish" and abs(value) > 1e38:
        x *= np.float32(0.1)  # x * 6 would overflow before the division
    expected = reference.evaluate(layer, x)
    assert np.all(np.isfinite(layer(x)))
    assert np.all(np.abs(layer(x) - expected) <= tolerance(x, expected, 3e-7))


@pytest.mark.parametrize("name", [*RELATIVE_ERROR, "gelu", "softmax"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100])
def test_an_activation_gives_each_element_the_same_bits_anywhere(name, channels):
    if name == "softmax":
        layer, row = nn.Activation(name), signal(1, channels)
        assert np.array_equal(layer(np.repeat(row, 29, axis=0)), np.repeat(layer(row), 29, axis=0))
    else:
        layer, values = nn.Activation(name), signal(300, 1)
        x = np.resize(values, (97, channels))
        assert np.array_equal(layer(x), np.resize(layer(values), (97, channels)))


@pytest.mark.parametrize("name", [*RELATIVE_ERROR, "gelu", "softmax"])
@pytest.mark.parametrize("channels", [1, 4, 7, 8, 16, 17, 40])
def test_an_activation_after_a_convolution(name, channels):
    """Both may be one step; every number of frames has its own tail of a tile."""
    model = randomised(wl.Sequential([nn.Conv1d(channels, channels, 3), nn.Activation(name)]))
    for frames in range(1, 28):
        check_values(model, signal(frames, channels, frames))


@pytest.mark.parametrize("channels", [1, 4, 7, 8, 16, 17, 40])
@pytest.mark.parametrize("activation", ["relu", "tanh", None])
def test_a_residual_of_every_length(channels, activation):
    layers = [nn.Conv1d(channels, channels, 3, dilation=2), nn.BatchNorm(channels), nn.Activation("relu")]
    model = randomised(nn.Residual(layers, activation=activation))
    for frames in range(1, 28):
        check_values(model, signal(frames, channels, frames), tolerance=WILD)


@pytest.mark.parametrize("channels", [2, 6, 16, 32, 48, 96])
def test_a_gate_on_the_input_itself_reads_no_further_than_its_rows(channels):
    """48 channels are rows of whole vectors, halves of them are not; the debug build would see a read past the end."""
    x = np.random.default_rng(channels).standard_normal((5, channels), dtype=np.float32)
    half = channels // 2
    expected = np.tanh(x[:, :half].astype(np.float64)) / (1 + np.exp(-x[:, half:].astype(np.float64)))
    assert np.abs(nn.GatedUnit()(x) - expected).max() <= 1e-6
