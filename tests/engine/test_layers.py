"""Layers of narrow networks, which one kernel computes, and calls of one or two frames, which have their own path."""

from itertools import pairwise

import contract
import pytest
from catalogue import CATALOGUE, randomised, same_bits, signal

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.engine.lower import lower
from wavenetlite.kernels import panel_widths

# What a step of two frames reads from before them: rows of a residual or of a sum that are not adjacent in the ring.
DELAYED = {
    "residual": [nn.Add([nn.Conv1d(5, 5, 3, dilation=4), nn.Conv1d(5, 5, 2, padding="valid")])],
    "sum": [nn.Add([[nn.Conv1d(5, 5, 3, dilation=4), nn.Activation("elu")], nn.Conv1d(5, 5, 3, padding="valid"), []])],
    "depthwise": [nn.Conv1d(5, 5, 4, dilation=2, groups=5)],
    "bins": [nn.Conv2d(1, 5, (3, 3), bins=5), nn.Conv1d(25, 5, 2)],
}


def steps_of(model, channels):
    return lower(model.graph(channels)).steps


def amp(channels):
    layers = [nn.AmpLayer(channels, 1, kernel_size=3, dilation=d) for d in (1, 2, 4, 8)]
    return nn.AmpWaveNet([nn.AmpArray(1, layers, head_channels=1)])


@pytest.mark.parametrize("channels", [4, 5, 8, 12, 16])
def test_layers_are_joined(channels):
    steps = steps_of(amp(channels), 1)
    if channels > panel_widths()[0]:
        pytest.skip("this instruction set has no panel of so many channels")
    assert sum(step.layer for step in steps) == 4
    assert sum(step.merged for step in steps) == 3  # nothing reads the last layer's
    for before, step in pairwise(steps):
        if step.merged:
            assert before.layer
            assert step.edges[0].node is before.node
    assert not steps[0].merged


def test_a_wide_layer_is_not():
    assert not any(step.layer or step.merged for step in steps_of(amp(2 * panel_widths()[0]), 1))


@pytest.mark.parametrize("change", ["activation", "residual later", "kernel", "channels"])
def test_what_does_not_fit_is_not_merged(change):
    second = nn.Conv1d(8, 8, 2 if change == "kernel" else 1)
    branch = [nn.Conv1d(8, 8, 3), nn.Activation("tanh"), second]
    if change == "activation":
        branch[1] = nn.Activation("sigmoid")
    beside = [nn.Conv1d(8, 8, 1)] if change == "residual later" else []
    model = wl.Sequential([nn.Add([branch, beside])])
    if change == "channels":
        branch[2] = nn.Conv1d(8, 5, 1)
        model = wl.Sequential([nn.Add([branch, nn.Conv1d(8, 5, 1)])])
    steps = steps_of(randomised(model, 0), 8)
    merged = [step for step in steps if step.merged]
    computed = set()
    for step in steps:
        if step.merged:
            assert step.residual.node.signal or step.residual.node in computed
        computed.add(step.node)
    assert change == "residual later" or not merged


@pytest.mark.parametrize("channels", [1, 4, 5, 8, 12, 16, 24, 32, 40])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_values_and_blocks(channels, size):
    model = randomised(amp(channels), 1)
    x = signal(64, 1)
    contract.check_values(model, x)
    contract.check_partition(model, x, None, [size] * (64 // size) + [64 % size])


@pytest.mark.parametrize("name", DELAYED)
@pytest.mark.parametrize("blocks", [[2] * 20, [1, 2] * 13 + [1], [2, 3] * 8, [1] * 40])
def test_rows_before_two_frames(name, blocks):
    model = randomised(wl.Sequential(DELAYED[name]), 2)
    x = signal(40, 5)
    contract.check_values(model, x)
    contract.check_partition(model, x, None, blocks)


@pytest.mark.parametrize("name", [name for name, case in CATALOGUE.items() if not case.condition_channels])
def test_chunks_of_two_frames(monkeypatch, name):
    """A network so wide that a chunk has two frames goes through a longer block two by two."""
    case = CATALOGUE[name]
    x = signal(41, case.in_channels)
    expected = case.model()(x)
    monkeypatch.setattr("wavenetlite.engine.lower.MAX_CHUNK", 2)
    assert same_bits(case.model()(x), expected)
