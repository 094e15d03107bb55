"""Receptive fields: the counts are those of networks that are run; rules, costs and suggestions are what they say."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from catalogue import CATALOGUE, over_bins
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strategies import networks

import wavenetlite as wl
from wavenetlite.receptive_field import Analysis, analyse, hybrid_rule, suggest_dilations
from wavenetlite.receptive_field.coverage import MOST_CELLS
from wavenetlite.receptive_field.hybrid import largest_gaps

nn = wl.nn
f32 = np.float32


# --------------------------------------------------------------------------------------------- the literature's figures
def test_four_layers_of_kernel_two():
    plain = analyse([(2, 1, 1)] * 4)
    assert plain.receptive_field == 5
    assert plain.coverage.counts.tolist() == [1, 4, 6, 4, 1]
    dilated = analyse([(2, 2**n, 1) for n in range(4)])
    assert dilated.receptive_field == 16
    assert dilated.coverage.counts.tolist() == [1] * 16
    assert (dilated.coverage.first, dilated.latency) == ((-15,), 0)
    assert not dilated.gridding
    assert dilated.gridding.contrast == 0


def test_images_with_rates_2_2_2_grid_and_1_2_5_do_not():
    grid = analyse([((3, 3), (2, 2), (1, 1))] * 3)
    assert grid.receptive_field == (13, 13)
    assert (grid.coverage.seen, grid.coverage.holes, grid.size) == (49, 120, 169)
    assert grid.gridding
    assert (grid.gridding.contrast, grid.gridding.period) == (1.0, (2.0, 2.0))
    assert grid.hybrid_rule.offenders == ("layer 1", "layer 1")  # on both axes
    assert str(grid.hybrid_rule) == "broken by layer 1: rates 2, 2, 2 have the common factor 2"
    hybrid = analyse([((3, 3), (rate, rate), (1, 1)) for rate in (1, 2, 5)])
    assert hybrid.receptive_field == (17, 17)
    assert (hybrid.coverage.holes, int(hybrid.coverage.counts.max())) == (0, 4)
    assert not hybrid.gridding
    assert hybrid.hybrid_rule
    assert hybrid.latency is None


def test_wang_et_al():
    """The paper's examples, section 3.2."""
    works, fails = hybrid_rule([1, 2, 5], 3), hybrid_rule([1, 2, 9], 3)
    assert works
    assert works.groups[0].distances[0] == 2
    assert not fails
    assert fails.groups[0].distances[0] == 5
    assert fails.offenders == ("layer 3",)
    assert not hybrid_rule([2, 4, 8], 3)
    assert hybrid_rule([1, 2, 5, 1, 2, 5], 3)  # a sawtooth: two groups
    assert analyse([(3, rate, 1) for rate in (1, 2, 9)]).coverage.holes == 2 * (9 - 7)


def test_wavenet_of_three_cycles():
    dilations = [2**n for n in range(10)] * 3
    found = analyse(wl.WaveNet(1, 2, residual_channels=4, skip_channels=4, dilations=dilations))
    assert found.receptive_field == 3070
    assert found.coverage.holes == 0
    assert len(found.layers) == 30
    assert found.hybrid_rule
    assert found.costs[2].layers == sum(dilations)


# ------------------------------------------------------------------------- counts are what networks of ones really give
def of_ones(model):
    """Weights of one, no biases, norms that do nothing."""
    state = {name: np.zeros_like(value) for name, value in model.state_dict().items()}
    for name, value in state.items():
        value[...] = name.endswith(("weight", "running_var"))
    model.load_state_dict(state)
    return model


def impulse_responses(model, frames, channels):
    """What each output frame is for an impulse at each input: (frames, channels, frames out, channels out)."""
    x = np.eye(frames * channels, dtype=f32).reshape(-1, frames, channels)
    return model(x).reshape(frames, channels, -1, model(x[:1]).shape[-1])


def assert_counts(model, scale=1, bin_out=0):
    """The coverage is the response of an output that stands far from both ends of the signal."""
    found = analyse(model)
    coverage, rate = found.coverage, found.stride[0]
    if not coverage.size:  # an output that no bin comes into
        assert not model(np.ones((60, model.in_channels), f32))[:, bin_out].any()
        return
    n = max(0, -(coverage.first[0] // rate))
    first = n * rate + coverage.first[0]
    frames = max(first + coverage.shape[0], n * rate + 1) + rate + 3 + max(0, found.latency)
    response = impulse_responses(model, frames, model.in_channels)[:, :, n, bin_out] * f32(scale)
    assert response.max() < 2**24
    expected = np.zeros_like(response)
    counts, bin_in = coverage.counts.reshape(coverage.shape[0], -1), (*coverage.first, 0)[1]
    expected[first : first + len(counts), bin_in : bin_in + counts.shape[1]] = counts
    np.testing.assert_array_equal(np.round(response), expected)


@st.composite
def one_channel(draw, depth=2, strides=True):
    """Layers of one channel that are linear for signals that are not negative; and one over their gain."""
    kinds = ["conv", "conv", "separable", "temporal", "gated", "norm", "window"]
    kind = draw(st.sampled_from(kinds + (["residual", "add", "concat"] * 2 if depth else [])))
    size, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    padding = draw(st.sampled_from(["causal", "same", "valid"]))
    if kind == "conv":
        stride = draw(st.sampled_from([1, 1, 2, 3])) if strides else 1
        padding = padding if stride == 1 or padding != "same" else "causal"
        return [nn.Conv1d(1, 1, size, dilation=dilation, stride=stride, padding=padding)], 1
    if kind == "separable":
        return [nn.DepthwiseSeparable(1, 1, size, dilation=dilation, padding=padding)], 1
    if kind == "temporal":
        return [nn.TemporalBlock(1, 1, size, dilation=dilation)], 1
    if kind == "gated":
        block = nn.GatedResidualBlock(1, kernel_size=size, dilation=dilation, gated=False, activation="relu",
                                      padding=padding)  # fmt: skip
        return [block], 1
    if kind == "norm":
        return [nn.BatchNorm(1, eps=0.0), nn.Activation("relu"), nn.Dropout(0.5)], 1
    if kind == "window":
        frames = draw(st.sampled_from([1, 2, 4]))
        return [nn.CumulativePool("mean", window_frames=frames)], frames
    branches = [draw(chain(depth - 1)) for _ in range(draw(st.integers(1, 3)))]
    branches = [layers for layers, scale in branches if scale == 1]  # of one gain
    if kind == "residual" and branches:
        return [nn.Residual(branches[0], activation=draw(st.sampled_from([None, "relu"])))], 1
    if kind == "add":
        return [nn.Add([*branches, []])], 1
    return [wl.Sequential([nn.Concat([*branches, []]), nn.Linear(len(branches) + 1, 1)])], 1


@st.composite
def chain(draw, depth):
    parts = [draw(one_channel(depth, strides=False)) for _ in range(draw(st.integers(1, 2)))]
    return [layer for layers, _ in parts for layer in layers], math.prod(scale for _, scale in parts)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.lists(one_channel(), min_size=1, max_size=4))
def test_counts_of_random_networks(parts):
    try:
        model = of_ones(wl.Sequential([nn.Conv1d(1, 1, 1), *(layer for layers, _ in parts for layer in layers)]))
        reach = model.receptive_field
    except wl.ParameterError:  # branches that start at odd times after a stride
        assume(False)
    assume(reach <= 250)
    assert_counts(model, scale=math.prod(scale for _, scale in parts))


@st.composite
def stacks_over_bins(draw):
    """Frequency convolutions of one map; some end in a layer that reads all bins."""
    bins, layers = draw(st.integers(1, 7)), []
    for _ in range(draw(st.integers(1, 3))):
        wide = draw(st.sampled_from([k for k in (1, 3, 5) if k // 2 <= bins]))
        stride = (draw(st.sampled_from([1, 1, 2])), draw(st.sampled_from([1, 1, 2])))
        conv = over_bins(bins, 1, 1, (wide, draw(st.integers(1, 3))), stride=stride,
                                dilation=draw(st.integers(1, 3)))  # fmt: skip
        same = stride == (1, 1) and draw(st.booleans())
        layers.append(nn.Residual([conv, nn.BatchNorm(1, bins=bins, eps=0.0)]) if same else conv)
        bins = conv.bins_out
    end = draw(st.sampled_from(["bins", "all", "window"]))
    if end == "all":
        return wl.Sequential([*layers, nn.Conv1d(bins, 1, 2)]), 0, 1
    if end == "window":
        return wl.Sequential([*layers, nn.CumulativePool("mean", window_frames=2)]), bins // 2, 2
    return wl.Sequential(layers), bins // 2, 1


@settings(max_examples=60, deadline=None)
@given(stacks_over_bins())
def test_counts_over_bins(case):
    model, bin_out, scale = case
    assume(model.receptive_field <= 40)
    assert_counts(of_ones(model), scale, bin_out)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_counts_of_2d_convolutions(data):
    bins, layers = data.draw(st.integers(1, 6)), []
    for _ in range(data.draw(st.integers(1, 3))):
        size, dilation, stride = (
            data.draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (3, 3, 2)
        )
        conv = nn.Conv2d(1, 1, size, bins=bins, dilation=dilation, stride=stride,
                         padding=data.draw(st.sampled_from(["causal", "same"])))  # fmt: skip
        layers.append(conv)
        bins = conv.bins_out
    model = of_ones(wl.Sequential(layers))
    assume(model.receptive_field <= 40)
    assert_counts(model, bin_out=bins // 2)


UPSAMPLED = {
    "nearest": [nn.Upsample(3)],
    "linear": [nn.Conv1d(1, 1, 3), nn.Upsample(2, "linear")],
    "transposed": [nn.ConvTranspose1d(1, 1, 5, stride=2, bias=False)],
    "transposed dilated": [nn.ConvTranspose1d(1, 1, 4, stride=3, dilation=2, padding="same", bias=False)],
    "up then conv": [nn.ConvTranspose1d(1, 1, 4, stride=2, bias=False), nn.Conv1d(1, 1, 3, dilation=3, bias=False)],
    "up and down": [nn.Upsample(4), nn.Conv1d(1, 1, 3, dilation=2, stride=2, bias=False)],
    "twice": [nn.Upsample(2), nn.ConvTranspose1d(1, 1, 3, stride=2, bias=False)],
}


@pytest.mark.parametrize("name", UPSAMPLED)
def test_counts_of_what_is_upsampled(name):
    """The coverage is that of one of the frames that come at a time, and no other sees more."""
    model = of_ones(wl.Sequential(UPSAMPLED[name]))
    found = analyse(model)
    phases = round(1 / found.stride[0])
    response = impulse_responses(model, 60, 1)[:, 0, :, 0] > 0
    if name != "linear":  # whose weights are no ones
        response = impulse_responses(model, 60, 1)[:, 0, :, 0]
    frames = [response[:, 30 * phases + phase] for phase in range(phases)]
    widths = [np.flatnonzero(frame).max() - np.flatnonzero(frame).min() + 1 for frame in frames]
    assert found.coverage.shape == (max(widths),)
    assert found.coverage.shape[0] <= found.receptive_field == model.receptive_field
    seen = frames[widths.index(max(widths))]
    first = np.flatnonzero(seen).min()
    assert found.coverage.first == (first - 30,)
    counts = found.coverage.counts > 0 if name == "linear" else found.coverage.counts
    assert seen[first : first + max(widths)].tolist() == counts.tolist()
    assert "upsampled by" not in str(found)
    assert f"1/{phases}" in str(found)


def test_the_dilated_2d_rule_and_cost():
    layers = [nn.Conv2d(1, 4, 3, bins=12), *(nn.Conv2d(4, 4, 3, bins=12, dilation=d) for d in (2, 9))]
    model = wl.Sequential(layers)
    found = analyse(model)
    assert found.hybrid_rule.offenders == ("2", "2")
    assert [layer.dilation for layer in found.layers] == [(1, 1), (2, 2), (9, 9)]
    assert found.costs[1].parameters - found.costs[0].parameters == 16 * (25 - 9) + 16 * (19 * 19 - 9)
    assert found.costs[2].layers == 12


def test_counts_of_scales_side_by_side():
    """Branches of several dilations whose maps are joined bin by bin, then one convolution over all of them."""
    rates = [nn.Conv2d(1, 1, 3, bins=7, dilation=rate, bias=False) for rate in (1, 2, 3)]
    model = wl.Sequential([nn.Concat([*rates, []], bins=7), nn.Conv2d(4, 1, 2, bins=7, bias=False)])
    assert analyse(model).axes == ("frames", "bins")
    assert_counts(of_ones(model), bin_out=3)
    assert analyse(model.layers[0]).coverage.counts.shape[1] == 7


def test_maps_count_once():
    one = wl.Sequential([over_bins(6, 1, 1, (3, 2)), over_bins(6, 1, 1, (3, 2)), nn.Conv1d(6, 1, 1)])
    many = wl.Sequential([over_bins(6, 1, 8, (3, 2)), nn.BatchNorm(8, bins=6), nn.Activation("relu"),
                          over_bins(6, 8, 5, (3, 2)), nn.Conv1d(30, 7, 1)])  # fmt: skip
    np.testing.assert_array_equal(analyse(one).coverage.counts, analyse(many).coverage.counts)


def test_softmax_and_a_gate_mix_bins():
    conv = over_bins(4, 1, 1, (1, 1))
    assert (analyse(conv).coverage.counts.tolist(), analyse(conv).coverage.first) == ([[1]], (0, 2))
    assert analyse(wl.Sequential([conv, nn.Activation("softmax")])).coverage.seen == 4
    assert analyse(wl.Sequential([conv, nn.GatedUnit()])).coverage.seen == 4


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(networks())
def test_receptive_field_is_the_models(model):
    try:
        found = analyse(model)
    except wl.ParameterError as error:
        assert "must read at most" in str(error)
        return
    clock = model.graph(model.in_channels).clock
    assert (found.receptive_field, found.latency) == (model.receptive_field, model.latency)
    parts = [part for part in (found.coverage, found.condition_coverage) if part is not None and part.size]
    if any(isinstance(layer, nn.Upsample | nn.ConvTranspose1d | nn.ConvTranspose2d) for _, layer in model.modules()):
        return  # the clock gives a bound that no frame may reach
    assert max(part.first[0] + part.shape[0] - 1 for part in parts) == clock.newest
    if math.isinf(model.receptive_field):
        assert found.coverage.endless
        assert found.size == math.inf
    else:
        assert min(part.first[0] for part in parts) == clock.oldest
    assert found.costs[0].parameters == model.parameter_count
    assert found.costs[0].macs_per_frame == model.macs_per_frame
    assert str(found).count("\n") >= 5


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_layer_and_block(name):
    case = CATALOGUE[name]
    model = case.model()
    if model.in_channels is None:
        model = wl.Sequential([nn.Conv1d(case.in_channels, case.in_channels, 1), model])
    found = analyse(model)
    assert found.receptive_field == model.receptive_field
    assert (found.condition_coverage is not None) == bool(case.condition_channels)


def test_pools_over_everything():
    found = analyse(wl.Sequential([nn.Conv1d(1, 1, 3), nn.CumulativePool("mean"), nn.Linear(1, 1)]))
    assert found.receptive_field == math.inf
    assert found.coverage.endless
    assert found.coverage.counts.tolist() == [3, 2, 1]  # and 3 for all before
    assert "endless past" in str(found)
    pools = nn.CumulativePool("mean"), nn.CumulativePool("max")
    twice = analyse(wl.Sequential([pools[0], nn.Conv1d(1, 1, 2, dilation=3), pools[1]]))
    frames = twice.coverage.shape[0]
    x = np.eye(40, dtype=int)[:, :, None]
    total = x.cumsum(axis=1)
    y = (total + np.pad(total, ((0, 0), (3, 0), (0, 0)))[:, :-3]).cumsum(axis=1)[:, -1, 0]
    assert twice.coverage.counts.tolist() == y[-frames:].tolist()


def test_conditioning():
    found = analyse(wl.WaveNet(1, 1, dilations=[1, 2, 4], condition_channels=3))
    assert found.coverage.first == (-7,)
    assert found.condition_coverage.first == (-6,)  # through the last two convolutions only
    assert "conditioning" in str(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=5))
@example([(1, 1, 1), (1, 1, 1), (1, 1, 3), (1, 1, 1)])  # thirds, whose sum depends on the order unless it is exact
def test_lists_are_causal_chains(layers):
    found = analyse(layers)
    chained = analyse(wl.Sequential([nn.Conv1d(1, 1, k, dilation=d, stride=s, bias=False) for k, d, s in layers]))
    assert found.receptive_field == chained.receptive_field
    np.testing.assert_array_equal(found.coverage.counts, chained.coverage.counts)
    assert (found.coverage.first, found.stride) == (chained.coverage.first, chained.stride)
    assert bool(found.gridding) == bool(chained.gridding)
    assert found.costs == chained.costs


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.tuples(st.integers(1, 3), st.integers(1, 3))] * 3), min_size=1, max_size=3))
def test_images_by_brute_force(layers):
    positions = {(0, 0): 1}
    for (kh, kw), (dh, dw), (sh, sw) in reversed(layers):
        read = {}
        for (row, column), count in positions.items():
            for i, j in itertools.product(range(kh), range(kw)):
                at = (row * sh + i * dh - ((kh - 1) * dh // 2), column * sw + j * dw - ((kw - 1) * dw // 2))
                read[at] = read.get(at, 0) + count
        positions = read
    found = analyse(layers)
    rows, columns = zip(*positions, strict=True)
    assert found.receptive_field == (max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)
    assert found.coverage.paths == sum(positions.values())
    assert found.coverage.seen == len(positions)
    top = min(rows), min(columns)
    assert all(found.coverage.counts[r - top[0], c - top[1]] == count for (r, c), count in positions.items())


def test_counts_beyond_int64_are_exact():
    found = analyse([(3, 1, 1)] * 60)
    row = [1]
    for _ in range(60):
        row = [sum(row[max(0, i - 2) : i + 1]) for i in range(len(row) + 2)]
    assert found.coverage.counts.dtype == object
    assert found.coverage.counts.tolist() == row
    assert found.coverage.paths == 3**60
    image = analyse([((3, 3), 1)] * 25)
    assert image.coverage.paths == 9**25
    assert "e+" in str(image.coverage)
    wide = analyse([(3, 4, 1)] * 41)
    assert wide.gridding.contrast == pytest.approx(1)
    assert wide.gridding.period == (4.0,)


def test_coverage_is_read_only():
    for what in ([(2, 1)], [((3, 3), 1)], nn.Conv1d(1, 1, 3)):
        with pytest.raises(ValueError, match="read-only"):
            analyse(what).coverage.counts[...] = 0


# ------------------------------------------------------------------------------------------------------------- gridding
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 4), st.integers(1, 6)), min_size=1, max_size=4))
def test_contrast_is_the_strongest_wave(layers):
    found = analyse(layers)
    counts = found.coverage.counts.astype(float)
    t = np.arange(len(counts))
    waves = [abs((counts * np.exp(2j * np.pi * k * t / d)).sum()) / counts.sum()
             for d in {d for _, d in layers} for k in range(1, d)]  # fmt: skip
    assert found.gridding.contrast == pytest.approx(max(waves, default=0), abs=1e-8)
    if found.gridding.period is not None:
        wave = abs((counts * np.exp(2j * np.pi * t / found.gridding.period[0])).sum()) / counts.sum()
        assert wave == pytest.approx(found.gridding.contrast, abs=1e-8)
    assert bool(found.gridding) == (found.coverage.holes > 0 or found.gridding.contrast > 0.5)


def test_a_common_factor_is_a_grid():
    found = analyse([(3, 2, 1), (3, 4, 1), (3, 6, 1)])
    assert found.gridding
    assert found.gridding.contrast == pytest.approx(1)


def test_uneven_overlap_without_holes_is_gridding():
    """A stack on a grid of two beside a wide kernel: every input is seen, but the even ones far more often."""
    grid = [nn.Conv1d(1, 1, 3, dilation=2) for _ in range(3)]
    found = analyse(nn.Add([grid, nn.Conv1d(1, 1, 13)]))
    assert found.coverage.holes == 0
    assert found.gridding
    even, odd = found.coverage.counts[::2].sum(), found.coverage.counts[1::2].sum()
    assert found.gridding.contrast == pytest.approx((even - odd) / (even + odd))
    assert found.gridding.period == (2.0,)


def test_a_stride_over_its_kernel_leaves_holes():
    assert analyse([(1, 1, 2), (3, 1, 1)]).coverage.counts.tolist() == [1, 0, 1, 0, 1]
    assert analyse([(2, 1, 2), (3, 1, 1)]).coverage.holes == 0


# ---------------------------------------------------------------------------------------------------------- hybrid rule
@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6).map(sorted), st.integers(2, 7))
def test_rule_is_the_papers(rates, size):
    m = rates[-1]
    for r in rates[-2:0:-1]:
        m = max(m - 2 * r, m - 2 * (m - r), r)
    rule = hybrid_rule(rates, size)
    [group] = rule.groups
    if len(rates) > 1:
        assert group.distances[0] == m
        assert group.distances[-1] == rates[-1]
    broken = (len(rates) > 1 and m > size) or math.gcd(*rates) > 1
    assert bool(rule) == (not broken)
    if len(rates) > 1 and m > size:  # the layer named is the lowest that cannot stay, and what it is told would do
        index = int(rule.offenders[0].split()[-1]) - 1
        assert largest_gaps(rates[:index])[:1] == () or largest_gaps(rates[:index])[0] <= size
        most = int(group.reason.split("at most ")[1].split(",")[0])
        assert rates[index] > most
        if most < rates[index - 1]:  # no rising rate would do: the first layer's is too large already
            return
        assert largest_gaps([*rates[:index], most])[0] <= size
        assert largest_gaps([*rates[:index], most + 1])[0] > size


def test_rule_of_networks_names_layers():
    model = wl.TCN(3, 2, channels=4, kernel_size=3, dilations=[1, 2, 9])
    assert analyse(model).hybrid_rule.offenders == ("blocks.2.0",)
    assert "blocks.2.0" in str(analyse(model))
    strided = wl.Sequential([nn.Conv1d(1, 1, 3, stride=2), nn.Conv1d(1, 1, 3, dilation=2)])
    assert analyse(strided).hybrid_rule.offenders == ("1",)  # a group by itself, at its own resolution


def test_layers_of_shared_and_conditioned_modules_have_names():
    shared = nn.Conv1d(2, 2, 3)
    assert [layer.name for layer in analyse(wl.Sequential([shared, shared])).layers] == ["0", "0"]
    block = nn.GatedResidualBlock(2, kernel_size=3, condition_channels=2)
    assert [layer.name for layer in analyse(block).layers] == ["conv"]
    assert [layer.name for layer in analyse(nn.Conv1d(1, 1, 2)).layers] == ["Conv1d"]
    assert analyse(nn.Conv1d(1, 1, 1)).layers == ()


def test_widest_path_is_taken():
    model = nn.Add([nn.Conv1d(1, 1, 3), [nn.Conv1d(1, 1, 2), nn.Conv1d(1, 1, 2, dilation=9)], []])
    assert [layer.name for layer in analyse(model).layers] == ["1.0", "1.1"]
    assert analyse(model).layers[-1].receptive_field == (11,)


# ----------------------------------------------------------------------------------------------------------------- cost
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 4), st.integers(1, 6), st.sampled_from([1, 1, 2]), st.sampled_from([2, 4, 6])),
                min_size=1, max_size=4), st.booleans())  # fmt: skip
def test_costs_are_those_of_the_networks_they_speak_of(layers, bias):
    dilated, filled, deeper, channels = [], [], [], 2
    for size, d, stride, out in layers:
        options = {"groups": 2, "bias": bias}
        dilated.append(nn.Conv1d(channels, out, size, dilation=d, stride=stride, **options))
        filled.append(nn.Conv1d(channels, out, (size - 1) * d + 1, stride=stride, **options))
        deeper += [nn.Conv1d(channels, channels, size, **options) for _ in range(d - 1)]
        deeper.append(nn.Conv1d(channels, out, size, stride=stride, **options))
        channels = out
    costs = analyse(wl.Sequential(dilated)).costs
    for cost, parts in zip(costs, (dilated, filled, deeper), strict=True):
        model = wl.Sequential(parts)
        own = analyse(model).costs[0]
        assert model.receptive_field == wl.Sequential(dilated).receptive_field
        assert (cost.layers, cost.parameters) == (len(parts), model.parameter_count)
        assert cost.macs_per_frame == pytest.approx(model.macs_per_frame)
        assert cost.state_bytes == own.state_bytes
        assert own.state_bytes <= model.plan().state_bytes


def test_costs_of_images():
    this, filled, deeper = analyse([((3, 3), (1, 1)), ((3, 3), (4, 4))]).costs
    assert (this.parameters, filled.parameters, deeper.parameters) == (18, 9 + 81, 9 + 36)
    assert (this.layers, filled.layers, deeper.layers) == (2, 2, 5)
    assert this.state_bytes is None


def test_branches_share_the_history_of_what_they_read():
    model = nn.Concat([nn.Conv1d(2, 2, 3, dilation=d, padding="causal") for d in (1, 6, 12)])
    assert analyse(model).costs[0].state_bytes == 24 * 2 * 4


# ---------------------------------------------------------------------------------------------------------- suggestions
@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3000), st.integers(2, 7), st.none() | st.integers(1, 20))
def test_suggestions_keep_their_promises(reach, size, layers):
    try:
        dilations = suggest_dilations(receptive_field=reach, kernel_size=size, layers=layers)
    except wl.ParameterError as error:
        assert layers is not None
        assert size**layers < reach
        needed = int(str(error).split()[-1])
        assert size ** (needed - 1) < reach <= size**needed
        return
    found = analyse([(size, d) for d in dilations])
    assert found.coverage.holes == 0
    assert found.receptive_field >= reach
    assert found.receptive_field - reach < size - 1 or dilations == [1] * len(dilations)
    assert dilations == sorted(dilations)
    assert len(dilations) == layers or layers is None
    if layers is None:
        assert found.hybrid_rule


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_no_other_dilations_do_better(size, layers):
    """All stacks of small dilations: which sums have no holes, and which of these keep the rule."""
    whole, ruled = set(), set()
    for dilations in itertools.combinations_with_replacement(range(1, 13), layers):
        field = 1
        for d in dilations:
            field = 0 if d > field else field + (size - 1) * d
            if not field:
                break
        if field:
            whole.add(sum(dilations))
            if hybrid_rule(list(dilations), size):
                ruled.add(sum(dilations))
    for total in range(1, min(max(whole), 13) + 1):  # larger sums may need dilations above 12
        reach = (size - 1) * total + 1
        if not any(other >= total for other in whole):
            continue
        found = suggest_dilations(receptive_field=reach, kernel_size=size, layers=layers)
        best = min(other for other in whole if other >= total)
        assert sum(found) == best
        assert bool(hybrid_rule(found, size)) == (best in ruled)


def test_suggestions_of_the_literature():
    assert suggest_dilations(receptive_field=16, kernel_size=2, layers=4) == [1, 2, 4, 8]
    assert suggest_dilations(receptive_field=17, kernel_size=3, layers=3) == [1, 2, 5]
    assert suggest_dilations(receptive_field=13, kernel_size=3, layers=3) == [1, 2, 3]
    assert suggest_dilations(receptive_field=1, kernel_size=1) == [1]
    assert suggest_dilations(receptive_field=9, kernel_size=2, layers=8) == [1] * 8
    many = suggest_dilations(receptive_field=5000, kernel_size=2, layers=4000)
    assert (sum(many), max(many)) == (4999, 2)
    assert suggest_dilations(receptive_field=MOST_CELLS, kernel_size=3)[-1] > 100_000


# --------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        (5, wl.ArrayTypeError, "model_or_layers is a int; it must be a Module"),
        ("abc", wl.ArrayTypeError, "model_or_layers is a str"),
        (None, wl.ArrayTypeError, "model_or_layers is a NoneType"),
        ([], wl.ParameterError, "layers has 0 entries; it must have 1 to 4096"),
        ([(1, 1)] * 5000, wl.ParameterError, "layers has 5000 entries"),
        ([3], wl.ParameterError, r"layers\[0\]=3 must be \(kernel_size, dilation, stride\)"),
        ([(3,)], wl.ParameterError, r"layers\[0\]=\(3,\) must be"),
        ([(3, 1, 1, 1)], wl.ParameterError, r"layers\[0\]=\(3, 1, 1, 1\) must be"),
        ([(3, 1), (0, 1)], wl.ParameterError, r"layers\[1\] kernel_size=0 must be a positive integer"),
        ([(3, -1)], wl.ParameterError, r"layers\[0\] dilation=-1 must be a positive integer"),
        ([(3, 1, 0)], wl.ParameterError, r"layers\[0\] stride=0 must be a positive integer"),
        ([(3, 1.5)], wl.ArrayTypeError, r"layers\[0\] dilation=1.5 is a float"),
        ([(True, 1)], wl.ArrayTypeError, r"layers\[0\] kernel_size=True is a bool"),
        ([((3, 3, 3), 1)], wl.ParameterError, r"kernel_size=\(3, 3, 3\) must be an integer, or 2 integers"),
        ([((3, 0), 1)], wl.ParameterError, r"layers\[0\] kernel_size\[1\]=0 must be a positive integer"),
        ([((3, "a"), 1)], wl.ArrayTypeError, r"layers\[0\] kernel_size\[1\]='a' is a str"),
        ([(3, 1), ((3, 3), 1)], wl.ParameterError, "layers has entries of one and of two axes"),
        ([(2, 2**23)], wl.ParameterError, "network reads 8388609 inputs; it must read at most 4194304"),
        ([((2, 2), 2**12)], wl.ParameterError, "receptive field of 4,097 x 4,097 inputs must be at most 4194304"),
        ([(2**31 - 1, 2**31 - 1)] * 3, wl.ParameterError, "receptive field exceeds"),
        (nn.Conv1d(1, 1, 65536, dilation=65536), wl.ParameterError, "must read at most"),
        (wl.Sequential([nn.Conv1d(1, 1, 65536, dilation=65536), nn.CumulativePool("mean")]),
         wl.ParameterError, "must read at most"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_layers(what, error, message):
    with pytest.raises(error, match=message) as caught:
        analyse(what)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"receptive_field": 0, "kernel_size": 2}, wl.ParameterError, "receptive_field=0 must be a positive integer"),
        ({"receptive_field": 2.5, "kernel_size": 2}, wl.ArrayTypeError, "receptive_field=2.5 is a float"),
        ({"receptive_field": 2**40, "kernel_size": 2}, wl.ParameterError, "must be at most 4194304"),
        ({"receptive_field": 8, "kernel_size": 0}, wl.ParameterError, "kernel_size=0 must be a positive integer"),
        ({"receptive_field": 8, "kernel_size": 1}, wl.ParameterError, "kernel_size=1 must be at least 2"),
        ({"receptive_field": 8, "kernel_size": 2, "layers": 0}, wl.ParameterError, "layers=0 must be a positive"),
        ({"receptive_field": 17, "kernel_size": 2, "layers": 4}, wl.ParameterError,
         "layers=4 of kernel_size=2 cover at most 16 inputs without holes; receptive_field=17 needs 5"),
    ],
    ids=str,
)  # fmt: skip
def test_impossible_suggestions(options, error, message):
    with pytest.raises(error, match=message):
        suggest_dilations(**options)


@pytest.mark.parametrize(
    ("dilations", "size", "error", "message"),
    [
        (3, 3, wl.ArrayTypeError, "dilations is a int; it must be a list of integers"),
        ([], 3, wl.ParameterError, "dilations has 0 entries"),
        ([1, 0], 3, wl.ParameterError, r"dilations\[1\]=0 must be a positive integer"),
        ([1, 2], 0, wl.ParameterError, "kernel_size=0 must be a positive integer"),
        ([1, "2"], 3, wl.ArrayTypeError, r"dilations\[1\]='2' is a str"),
    ],
)
def test_bad_rules(dilations, size, error, message):
    with pytest.raises(error, match=message):
        hybrid_rule(dilations, size)


def test_results_are_frozen():
    found = analyse([(2, 1)])
    assert isinstance(found, Analysis)
    for part, name in (
        (found, "stride"),
        (found.layers[0], "name"),
        (found.coverage, "first"),
        (found.costs[0], "name"),
    ):
        with pytest.raises(AttributeError):
            setattr(part, name, None)


def test_it_is_imported_when_first_named_and_matplotlib_when_drawn():
    code = f"""
import sys; sys.path[:] = {sys.path!r}
import wavenetlite as wl
assert "wavenetlite.receptive_field" not in sys.modules
assert str(wl.receptive_field.analyse([(2, 1, 1)]))
assert "matplotlib" not in sys.modules
assert wl.WaveNet(1, 1).receptive_field == 1024  # the attribute of a model is another thing
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
