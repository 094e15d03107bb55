"""Networks that start as after endless zeros: the bits of a network that has really been fed them."""

import numpy as np
import pytest
from catalogue import CATALOGUE, randomised, same_bits, signal
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.train import Parameters, Tape

PREWARMED = [name for name, case in CATALOGUE.items() if case.build().prewarmed]
ZEROS = 240


def cold(layers):
    return wl.Sequential(layers)


def biased(*layers):
    return [nn.Conv1d(2, 5, 3, dilation=2), nn.Activation("tanh"), *layers, nn.Conv1d(5, 2, 4)]


@pytest.mark.parametrize("name", PREWARMED)
def test_it_starts_with_the_bits_that_zeros_leave(name):
    case = CATALOGUE[name]
    model, x = case.model(), signal(200, case.in_channels)
    assert 0 < model.receptive_field <= ZEROS
    step = model.graph().clock.rate
    zeros = np.zeros((ZEROS, case.in_channels), np.float32)
    fed = model.stream()
    fed.process(zeros)
    whole = model(np.concatenate([zeros, x]))
    assert same_bits(whole[ZEROS // step :], model(x))
    assert same_bits(fed.process(x), model(x))
    assert same_bits(whole[: ZEROS // step], np.repeat(whole[:1], ZEROS // step, axis=0))  # and zeros change nothing


def test_a_cold_network_gets_there_too_and_begins_otherwise():
    layers = biased(nn.Residual([nn.Conv1d(5, 5, 2)], activation="relu"))
    warm = randomised(nn.Prewarmed(layers))
    other = cold(layers)
    x = signal(50, 2)
    zeros = np.zeros((int(warm.receptive_field) - 1, 2), np.float32)
    assert same_bits(other(np.concatenate([zeros, x]))[len(zeros) :], warm(x))
    assert not np.allclose(other(x)[0], warm(x)[0])


@pytest.mark.slow
@given(network=networks(), seed=st.integers(0, 99))
def test_random_networks_start_with_the_bits_that_zeros_leave(network, seed):
    warm = nn.Prewarmed([network])
    try:
        warm.plan()
    except wl.ParameterError as error:
        assert "a prewarmed network must" in str(error)
        return
    step = warm.graph().clock.rate
    zeros = np.zeros((step * -(-(int(warm.receptive_field) - 1) // step), network.in_channels), np.float32)
    x = signal(60, network.in_channels, seed)
    assert same_bits(network(np.concatenate([zeros, x]))[len(zeros) // step :], warm(x))


def test_reset_streams_and_pools_start_warm():
    model = randomised(nn.Prewarmed(biased()))
    x = signal(40, 2)
    stream, pool = model.stream(), model.pool(capacity=3)
    stream.process(signal(33, 2, 5))
    stream.reset()
    assert same_bits(stream.process(x), model(x))
    ids = [pool.open(), pool.open()]
    pool.step(signal(2, 2, 6), ids)
    pool.reset(ids[0])
    rows = [pool.step(np.stack([frame, frame]), ids)[0] for frame in x]
    assert same_bits(np.stack(rows), model(x))


def test_snapshots_of_warm_and_cold_networks_are_not_exchanged():
    layers = biased()
    warm, other = nn.Prewarmed(layers), cold(layers)
    assert warm.plan().fingerprint != other.plan().fingerprint
    with pytest.raises(wl.SnapshotError):
        other.stream().restore(warm.stream().snapshot())


def test_new_weights_are_warmed_anew():
    model = nn.Prewarmed(biased())
    before = model(signal(9, 2))
    randomised(model, 3)
    assert not np.allclose(model(signal(9, 2)), before)
    assert same_bits(cold(model.layers)(np.zeros((40, 2), np.float32))[-1:], model(np.zeros((1, 2), np.float32)))


def test_it_holds_for_all_of_a_network_that_has_one_inside():
    inside = wl.Sequential([nn.Conv1d(2, 5, 3), nn.Residual([nn.Prewarmed([nn.Conv1d(5, 5, 2)])])])
    around = nn.Prewarmed([inside.layers[0], nn.Residual([inside.layers[1].layers[0].layers[0]])])
    assert inside.prewarmed and not inside.layers[0].prewarmed
    assert same_bits(inside(signal(20, 2)), around(signal(20, 2)))


def test_it_is_kept_in_a_file(tmp_path):
    model = randomised(nn.Prewarmed(biased()))
    model.save(tmp_path / "model.safetensors")
    again = wl.load(tmp_path / "model.safetensors")
    assert again.prewarmed and same_bits(again(signal(20, 2)), model(signal(20, 2)))


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([nn.CumulativePool("mean")], "not contain a pool over all frames"),
        ([nn.GRU(2, 3)], "no recurrent layer"),
        ([nn.Conv1d(2, 2, 3, padding="same")], "must be causal"),
        ([nn.Conv1d(2, 2, 3, padding="valid"), nn.Conv1d(2, 2, 2)], "must be causal"),
        ([nn.FiLM(2, 3)], "not have external conditioning"),
    ],
)
def test_what_zeros_do_not_settle_is_refused(layers, reason):
    with pytest.raises(wl.ParameterError, match=reason):
        nn.Prewarmed(layers).plan(2)


def test_training_does_not_count_zeros_as_data():
    model = nn.Prewarmed([nn.Conv1d(2, 3, 2), nn.BatchNorm(3)])
    with pytest.raises(wl.ParameterError, match="batch normalisation cannot be trained"):
        Tape(Parameters(model), clips=1, frames=5)
    assert model(signal(5, 2)).shape == (5, 3)
