"""Convolutions of any width and any groups: near float64, and each sum in the order that the numeric contract says.

The order is written down here once more, slowly. Inputs and weights have 12 significant bits: their products are exact
in float32, so that a fused multiply-add is a product and a sum, and the bits are the same with FMA and without.
"""

import numpy as np
import pytest
import reference
from catalogue import randomised, same_bits, signal
from instruction_sets import X86, run_python

import wavenetlite as wl

# Channels per group in and out, groups, kernel size.
SHAPES = [
    *[(n, n, 1, 3) for n in (4, 5, 9, 12, 17, 20, 25, 33, 40, 41, 52, 65, 100)],
    *[(n, n, groups, 3) for n in (1, 2, 3, 4, 5, 6, 8, 12, 24) for groups in (2, 3, 5, 8, 9)],
    (1, 2, 7, 3), (1, 4, 9, 2), (2, 1, 16, 3), (4, 8, 6, 2), (8, 4, 5, 3), (8, 16, 3, 1), (16, 8, 5, 2), (3, 8, 4, 1),
    (8, 6, 9, 2), (16, 16, 3, 2), (20, 20, 3, 2), (40, 20, 2, 1),
]  # fmt: skip


def few_bits(rng, *shape):
    return (rng.integers(-2047, 2048, shape) / 1024).astype(np.float32)


def layer_of(per_in, per_out, groups, kernel_size, seed=0):
    rng = np.random.default_rng(seed)
    layer = wl.nn.Conv1d(groups * per_in, groups * per_out, kernel_size, groups=groups)
    layer.load_state_dict({name: few_bits(rng, *old.shape) for name, old in layer.state_dict().items()})
    return layer


def widest_panel():
    """Output channels that share a window of a grouped convolution."""
    return 8 if wl.isa() == "sse2" else 16


def panels(channels):
    """(first, last) output channel of each panel: a row is filled up to 4, 8, or a multiple of 16."""
    row = next((width for width in (4, 8) if channels <= width), -(-channels // 16) * 16)
    step = min(row, widest_panel())
    return [(first, min(first + step, channels) - 1) for first in range(0, row, step)]


def summed_in_order(x, weight, bias, groups):
    """Bias, then the taps, then the channels; a window of a multiple of 8 channels in two halves, added at the end."""
    out_channels, per_in, taps = weight.shape
    per_out = out_channels // groups
    x = np.concatenate([np.zeros((taps - 1, x.shape[1]), np.float32), x])
    frames = len(x) - taps + 1
    places = panels(out_channels) if groups > 1 else [(0, out_channels - 1)]
    windows = [(first // per_out * per_in, (min(last, out_channels - 1) // per_out + 1) * per_in)
               for first, last in places]  # fmt: skip
    length = max(end - first for first, end in windows)
    y = np.zeros((frames, out_channels), np.float32)
    for (first, last), (start, _) in zip(places, windows, strict=True):
        half = min(start, x.shape[1] - length) + length // 2
        for out in range(first, last + 1):
            chains = [np.full(frames, bias[out]), np.zeros(frames, np.float32)]
            channels = range(out // per_out * per_in, out // per_out * per_in + per_in)
            for tap in range(taps):
                for i, channel in enumerate(channels):
                    chains[length % 8 == 0 and channel >= half] += x[tap : tap + frames, channel] * weight[out, i, tap]
            y[:, out] = chains[0] + chains[1]
    return y


def cut_up(model, x, sizes):
    stream, parts, at = model.stream(), [], 0
    for size in sizes:
        parts.append(stream.process(x[at : at + size]))
        at += size
    return np.concatenate([*parts, stream.process(x[at:])])


def refuse_other_sums(shape):
    """Raise unless the convolution sums in the order above, in blocks of any size."""
    layer = layer_of(*shape)
    x = few_bits(np.random.default_rng(1), 61, layer.in_channels)
    weight, bias = layer.state_dict()["weight"], layer.state_dict()["bias"]
    expected = summed_in_order(x, weight, bias, layer.groups)
    exact = reference.conv1d(*(a.astype(float) for a in (x, weight, bias)), groups=layer.groups)
    assert np.abs(expected - exact).max() <= 1e-6 * np.abs(exact).max()
    for sizes in [], [1] * 9, [2, 3, 4, 5, 6, 7, 8, 9]:
        assert np.array_equal(cut_up(layer, x, sizes), expected), (shape, sizes)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_keep_their_order(shape):
    refuse_other_sums(shape)


@pytest.mark.skipif(not X86, reason="there is one instruction set")
def test_sums_keep_their_order_without_fma():
    done = run_python(["-c", "import test_panels as t; [t.refuse_other_sums(shape) for shape in t.SHAPES]"], "sse2")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("channels, groups", [(17, 1), (33, 1), (36, 9), (40, 5), (24, 12), (20, 4), (48, 2)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_residuals_and_activations_in_blocks_of_any_size(channels, groups, activation):
    layers = [
        wl.nn.Residual([wl.nn.Conv1d(channels, channels, 3, dilation=d, groups=groups), wl.nn.Activation(activation)])
        for d in (1, 2)
    ]
    model = randomised(wl.Sequential([*layers, wl.nn.Conv1d(channels, channels, 2, groups=groups)]))
    x = signal(83, channels)
    whole = model(x)
    assert np.abs(whole - reference.evaluate(model, x)).max() <= 1e-6 * np.abs(whole).max()
    assert same_bits(cut_up(model, x, [1] * 20), whole)
    assert same_bits(cut_up(model, x, [3, 2, 5, 7, 1, 4, 6, 8]), whole)


@pytest.mark.parametrize("residual, skip", [(17, 9), (33, 20), (24, 49)])
def test_skip_totals_of_odd_widths(residual, skip):
    model = randomised(wl.WaveNet(3, 5, residual_channels=residual, skip_channels=skip, dilations=[1, 2, 4]))
    x = signal(70, 3)
    assert same_bits(cut_up(model, x, [1] * 30), model(x))
    wl.verify_stream(model)


@pytest.mark.parametrize("groups, mixin", [(8, 2), (2, 8), (4, 12), (12, 4), (3, 1), (1, 6)])
def test_each_source_has_its_own_groups(groups, mixin):
    """Both convolutions of the layer are one sum; their windows used to be one."""
    layer = randomised(
        wl.nn.AmpLayer(48, 24, kernel_size=3, groups=groups, input_mixin_groups=mixin, residual="activation")
    )
    x, c = signal(40, 48), signal(40, 24, seed=3)
    weights = {name: array.astype(float) for name, array in layer.state_dict().items()}
    conv = reference.conv1d(x.astype(float), weights["conv.weight"], weights["conv.bias"], groups=groups)
    mixed = reference.conv1d(c.astype(float), weights["input_mixin.weight"], groups=mixin)
    assert np.abs(layer(x, c=c) - (x + np.tanh(conv + mixed))).max() <= 2e-6
