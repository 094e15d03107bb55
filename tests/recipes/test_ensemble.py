"""Several networks as one: the mean of their logits, bit for bit in any blocks, in an ordinary file."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.recipes.ensemble import mean_logits
from wavenetlite.recipes.transfer import output_layer

OPTIONS = {"stem": [[4, [3, 3], [2, 2]]], "channels": 8, "dilations": [1, 2], "pool_frames": 1}


def networks(count):
    return [wl.nn.FrequencyTCN(12, 3, seed=seed, **OPTIONS) for seed in range(count)]


def frames(count=60):
    return np.random.default_rng(0).standard_normal((count, 12), dtype=np.float32)


@pytest.mark.core
@pytest.mark.parametrize("count", [2, 3])
def test_logits_are_the_mean(count):
    some, x = networks(count), frames()
    expected = np.mean([network(x) for network in some], axis=0)
    np.testing.assert_allclose(mean_logits(some)(x), expected, atol=1e-6)


def test_the_networks_stay_as_they_are():
    some = networks(2)
    before = [network.state_dict() for network in some]
    model = mean_logits(some)
    model.load_state_dict({name: np.zeros_like(value) for name, value in model.state_dict().items()})
    for network, state in zip(some, before, strict=True):
        for name, value in network.state_dict().items():
            np.testing.assert_array_equal(value, state[name])


def test_the_same_bits_from_a_stream_and_from_a_file(tmp_path):
    model = mean_logits(networks(2))
    wl.verify_stream(model)
    model.save(tmp_path / "mean.safetensors")
    again = wl.load(tmp_path / "mean.safetensors")
    np.testing.assert_array_equal(again(frames()), model(frames()))


def test_it_is_a_beginning_for_other_labels():
    model = mean_logits(networks(2))
    assert output_layer(model) == "1"


def test_one_network_is_itself_and_none_is_a_mistake():
    (network,) = networks(1)
    assert mean_logits([network]) is network
    with pytest.raises(wl.ParameterError, match="networks is empty; it must have at least one"):
        mean_logits([])
