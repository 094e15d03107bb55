"""Convolution with long impulse responses."""

import numpy as np
import pytest
from catalogue import same_bits, signal
from contract import check_batch, check_causality, check_memory, check_partition, check_reset_midway

import wavenetlite as wl

LENGTHS = [1, 5, 16, 17, 255, 256, 257, 700, 5000]


def response(length, seed=0):
    network = wl.nn.ImpulseResponse(length)
    taps = np.random.default_rng([length, seed]).standard_normal(length)
    network.load_state_dict({"weight": (taps / np.sqrt(length)).astype(np.float32)})
    return network


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("samples", [1, 100, 3000])
def test_values(length, samples):
    network, x = response(length), signal(samples, 1)
    expected = np.convolve(x[:, 0].astype(np.float64), network.state_dict()["weight"].astype(np.float64))[:samples]
    assert np.abs(network(x)[:, 0] - expected).max() <= 1.5e-7 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("blocks", [[1] * 1100, [300, 1, 0, 211, 256, 256, 76], [1099, 1]])
def test_any_blocks_give_the_same_bits(length, blocks):
    check_partition(response(length), signal(1100, 1), None, blocks)


@pytest.mark.parametrize("length", [17, 300, 700])
def test_streams(length):
    network, x = response(length), signal(1500, 1)
    check_reset_midway(network, x, None, 777)
    check_batch(network, x, None)
    check_causality(network, x[:400], None, 123) if length < 256 else None
    check_memory(network, x[:60], None, 20) if length < 20 else None
    stream = network.stream()
    before = stream.process(x[:777])
    other = network.stream()
    other.restore(stream.snapshot())
    for one in (stream, other):
        assert same_bits(np.concatenate([before, one.process(x[777:])]), network(x))
    assert (network.latency, network.receptive_field) == (0, length)


def test_a_crowd():
    network = response(600)
    pool, signals = network.pool(capacity=4), [signal(900, 1, seed) for seed in range(4)]
    ids = [pool.open() for _ in signals]
    made = {one: [] for one in ids}
    for start in range(0, 900, 50):
        blocks = {one: signals[i][start : start + 50 - 10 * i * (start == 0)] for i, one in enumerate(ids)}
        for one, block in pool.process(blocks).items():
            made[one].append(block)
    for i, one in enumerate(ids):
        x = np.concatenate([signals[i][: 50 - 10 * i], signals[i][50:]])
        assert same_bits(np.concatenate(made[one]), network(x))


def test_files(tmp_path):
    network, x = response(300), signal(500, 1)
    network.save(tmp_path / "cabinet.safetensors")
    assert same_bits(wl.load(tmp_path / "cabinet.safetensors")(x), network(x))


@pytest.mark.parametrize("length", [0, 2**22 + 1, 2.5])
def test_errors(length):
    with pytest.raises(wl.WavenetliteError, match=f"length={length}"):
        wl.nn.ImpulseResponse(length)
    with pytest.raises(wl.WavenetliteError, match="must not contain an impulse response"):
        wl.nn.Prewarmed([wl.nn.ImpulseResponse(4)]).stream()
