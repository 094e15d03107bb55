"""Every layer, block and model of the catalogue, and random networks, keep the streaming contract (contract.py)."""

import inspect
import math

import contract
import numpy as np
import pytest
from catalogue import CATALOGUE, INTEGERS, LAYERS, condition, same_bits, signal
from hypothesis import given, note
from hypothesis import strategies as st
from strategies import FRAMES, condition_channels_of, networks, partitions
from strategies import inputs as random_inputs

import wavenetlite as wl

ALIKE = [1, 2, 7, 31, 64, 65, 211]


def inputs(case, frames, seed=0):
    return signal(frames, case.in_channels, seed), condition(frames, case.condition_channels, seed)


def alike(frames, size):
    return [size] * (frames // size) + [frames % size]


@pytest.fixture(params=CATALOGUE, scope="module")
def case(request):
    return CATALOGUE[request.param]


@pytest.fixture(scope="module")
def model(case):
    return case.model()


def test_catalogue_is_complete():
    classes = filter(inspect.isclass, vars(wl.nn).values())
    modules = {
        value.__name__
        for value in classes
        if issubclass(value, wl.nn.Module) and value.__module__ != wl.nn.pytorch_names.__name__  # others' nodes
    }
    used = {type(case.build()).__name__ for case in CATALOGUE.values()}
    used |= {"Bf16", "Bf16Weights"}  # of every network of the catalogue: tests/quantization
    used.add("Embedding")  # it reads classes: tests/nn/test_embedding.py
    used |= {"ISTFTHead", "ImpulseResponse", "InverseSTFT", "Noise"}  # not exported: tests/nn/test_decoder_layers
    used |= {type(layer).__name__ for case in INTEGERS.values() for _, layer in case.build().modules()}
    assert modules - {"Module"} == used


def test_values(case, model):
    contract.check_values(model, *inputs(case, 421))


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_values_of_very_short_signals(case, model, frames):
    contract.check_values(model, *inputs(case, frames))


@pytest.mark.parametrize("size", ALIKE)
def test_partition_into_like_blocks(case, model, size):
    frames = 421
    contract.check_partition(model, *inputs(case, frames), alike(frames, size))


@pytest.mark.parametrize("blocks", [[0, 0, 1, 0, 1500], [1501], [1, 1500], [750, 1, 0, 750], [13, 97, 1009, 0, 382]])
def test_partition_into_mixed_blocks(case, model, blocks):
    contract.check_partition(model, *inputs(case, 1501), blocks, use_out=True)


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_partition_of_very_short_signals(case, model, frames):
    contract.check_partition(model, *inputs(case, frames), [1] * frames)


def test_reset_midway(case, model):
    for cut in (1, 64, 300):
        contract.check_reset_midway(model, *inputs(case, 301), cut)


def test_batch(case, model):
    contract.check_batch(model, *inputs(case, 150))


def test_clock(case, model):
    contract.check_clock(model, case.in_channels, case.condition_channels)


def test_causality(case, model):
    for cut in (0, 1, 100, 255, 299):
        contract.check_causality(model, *inputs(case, 300), cut)


def test_memory(case, model):
    for cut in (1, 100, 255):
        contract.check_memory(model, *inputs(case, 300), cut)


def test_edges_of_the_receptive_field_matter(case, model):
    if not math.isinf(model.receptive_field):
        contract.check_edges_matter(model, case.in_channels, case.condition_channels)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_a_one_layer_network(name):
    layer, x, c = LAYERS[name].model(), *inputs(LAYERS[name], 99)
    assert same_bits(wl.Sequential([layer])(x, c), layer(x, c))


@pytest.mark.slow
@given(data=st.data())
def test_random_networks(data):
    model = data.draw(networks())
    note(model.summary())
    frames = data.draw(FRAMES)
    x, c = data.draw(random_inputs(model, frames))
    contract.check_values(model, x, c, contract.WILD)
    contract.check_partition(model, x, c, data.draw(partitions(frames)), use_out=data.draw(st.booleans()))


@pytest.mark.slow
@given(data=st.data())
def test_random_networks_in_time(data):
    model = data.draw(networks(max_blocks=3))
    note(model.summary())
    contract.check_clock(model, model.in_channels, condition_channels_of(model), most_frames=2500, random=True)
    frames = data.draw(st.integers(1, 300))
    x, c = data.draw(random_inputs(model, frames))
    cut = data.draw(st.integers(0, frames))
    contract.check_causality(model, x, c, cut)
    contract.check_memory(model, x, c, cut)
    contract.check_reset_midway(model, x, c, cut)
    contract.check_batch(model, x, c, data.draw(st.sampled_from([1, 2, 5])))


@given(data=st.data(), frames=st.integers(0, 400))
def test_random_partitions_of_a_conditioned_wavenet(data, frames):
    model = CATALOGUE["wavenet condition"].model()
    contract.check_partition(model, signal(frames, 1), condition(frames, 5), data.draw(partitions(frames)))


def test_empty_batch():
    model = CATALOGUE["tcn"].model()
    assert model(np.zeros((0, 10, 40), np.float32)).shape == (0, 10, 12)
    assert model(np.zeros((3, 0, 40), np.float32)).shape == (3, 0, 12)


def test_two_streams_of_one_model_do_not_meet():
    model = CATALOGUE["wavenet"].model()
    x, z = signal(200, 3, 1), signal(200, 3, 2)
    a, b = model.stream(), model.stream()
    pairs = [(a.process(x[i : i + 9]), b.process(z[i : i + 9])) for i in range(0, 200, 9)]
    assert same_bits(np.concatenate([pair[0] for pair in pairs]), model(x))
    assert same_bits(np.concatenate([pair[1] for pair in pairs]), model(z))


def test_flush_gives_exactly_what_is_owed():
    model = CATALOGUE["same same"].model()
    stream = model.stream()
    x = signal(50, 3)
    assert model.latency == 3
    assert len(stream.process(x)) == 47
    assert len(stream.flush()) == 3
    assert len(CATALOGUE["tcn"].model().stream().flush()) == 0


def test_stream_reports_its_channels_and_clock():
    model = CATALOGUE["same after stride"].model()
    stream = model.stream()
    assert stream.latency == model.latency == 4  # two frames of stride two
    assert (stream.frames_in, stream.frames_out) == (0, 0)
    stream.process(signal(11, 3))
    assert (stream.frames_in, stream.frames_out) == (11, 4)


def test_global_condition_is_the_constant_local_one():
    model = CATALOGUE["wavenet condition"].model()
    x, c = signal(100, 1), condition(1, 5)[0]
    local = np.ascontiguousarray(np.broadcast_to(c, (100, 5)))
    assert same_bits(model(x, c=c), model(x, c=local))
    stream = model.stream(c=c)
    assert same_bits(np.concatenate([stream.process(x[:31]), stream.process(x[31:])]), model(x, c=local))


def test_batch_of_global_conditions():
    model = CATALOGUE["wavenet condition"].model()
    x, c = np.stack([signal(40, 1, i) for i in range(3)]), condition(3, 5)
    together = model(x, c=c)
    for i in range(3):
        assert same_bits(together[i], model(x[i], c=c[i]))


def test_condition_matters_and_is_causal():
    model = CATALOGUE["wavenet condition"].model()
    x, c = signal(100, 1), condition(100, 5)
    changed = c.copy()
    changed[60:] += 1
    y, z = model(x, c), model(x, changed)
    assert same_bits(y[:60], z[:60])
    assert np.abs(y[60:] - z[60:]).max(axis=1).min() > 0
