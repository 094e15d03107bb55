"""The layers of decoders: reflected padding, the inverse short-time Fourier transform, noise."""

import numpy as np
import pytest
from catalogue import Case, open_stream, same_bits, signal
from contract import check_batch, check_causality, check_memory, check_partition, check_reset_midway, check_values

import wavenetlite as wl

nn = wl.nn

CASES = {
    "reflected": Case(lambda: nn.Conv1d(3, 5, 7, padding_mode="reflect"), 3),
    "reflected, dilated": Case(lambda: nn.Conv1d(4, 6, 3, dilation=9, groups=2, padding_mode="reflect", bias=False), 4),
    "reflected twice": Case(
        lambda: wl.Sequential([nn.Conv1d(2, 8, 7, padding_mode="reflect"), nn.ConvTranspose1d(8, 3, 4, stride=2),
                               nn.Conv1d(3, 1, 3, padding_mode="reflect")]), 2),
    "reflected depthwise": Case(lambda: nn.Conv1d(5, 5, 2, groups=5, padding_mode="reflect"), 5),
    "istft": Case(lambda: nn.InverseSTFT(16, 4), 18),
    "istft same": Case(lambda: nn.InverseSTFT(16, 4, padding="same"), 18),
    "istft of half": Case(lambda: nn.InverseSTFT(12, 6, padding="same"), 14),
    "istft, no divisor": Case(lambda: nn.InverseSTFT(20, 6, padding="same"), 22),
    "istft without overlap": Case(lambda: nn.InverseSTFT(6, 6, padding="same"), 8),
    "head": Case(lambda: nn.ISTFTHead(5, 32, 8), 5),
    "head same": Case(lambda: nn.ISTFTHead(7, 64, 16, padding="same"), 7),
    "head after a network": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 6, 5, padding="same"), nn.LayerNorm(6), nn.ISTFTHead(6, 16, 4)]), 3),
}  # fmt: skip
NOISE = {
    "noise": Case(lambda: nn.Graph(2, [["noise", nn.Noise(1, seed=3), ["x"]]]), 2),
    "noise of many": Case(lambda: nn.Graph(1, [["noise", nn.Noise(21), ["x"]]]), 1),
    "noise multiplied": Case(
        lambda: nn.Graph(2, [["noise", nn.Noise(2, seed=5), ["x"]], ["y", "multiply", ["x", "noise"]]]), 2),
}  # fmt: skip
ALL = CASES | NOISE


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("frames", [60, 9, 3, 1])
def test_values(name, frames):
    check_values(CASES[name].model(), signal(frames, CASES[name].in_channels), tolerance=3e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("blocks", [[40], [1] * 40, [0, 7, 1, 0, 2, 30], [39, 1]])
def test_any_blocks_give_the_same_bits(name, blocks):
    check_partition(ALL[name].model(), signal(40, ALL[name].in_channels), None, blocks)


@pytest.mark.parametrize("name", ALL)
def test_streams_forget_and_resume(name):
    model, x = ALL[name].model(), signal(50, ALL[name].in_channels)
    check_reset_midway(model, x, None, 17)
    check_batch(model, x, None) if name in CASES else None
    stream = open_stream(model, x)
    before = [stream.process(x[:23])]
    blob = stream.snapshot()
    other = model.stream()
    other.restore(blob)
    for one in (stream, other):
        assert same_bits(np.concatenate([*before, one.process(x[23:]), one.flush()]), model(x))


@pytest.mark.parametrize("name", CASES)
def test_what_a_frame_depends_on(name):
    model, x = CASES[name].model(), signal(60, CASES[name].in_channels)
    check_causality(model, x, None, 31)
    check_memory(model, x, None, 13)


@pytest.mark.parametrize("name", ALL)
def test_a_crowd(name):
    """Streams that began at different times run together: each gives what it gives alone."""
    model = ALL[name].model()
    pool = model.pool(capacity=5)
    signals = [signal(30 + i, ALL[name].in_channels, i) for i in range(5)]
    ids, given, at = [], {}, {}
    for round_ in range(36):
        if round_ < 5:
            ids.append(pool.open())
            given[ids[-1]], at[ids[-1]] = [], 0
        blocks = {}
        for i, one in enumerate(ids):
            count = (round_ + i) % 3
            blocks[one] = signals[i][at[one] : at[one] + count]
            at[one] += len(blocks[one])
        for one, made in pool.process(blocks).items():
            given[one].append(made)
    for i, one in enumerate(ids):
        stream = model.stream()
        assert same_bits(np.concatenate(given[one]), stream.process(signals[i][: at[one]]))


def test_files(tmp_path):
    for number, case in enumerate(ALL.values()):
        model, x = case.model(), signal(30, case.in_channels)
        model.save(tmp_path / f"{number}.safetensors")
        assert same_bits(wl.load(tmp_path / f"{number}.safetensors")(x), model(x))


def test_a_convolution_with_zeros_is_saved_as_ever():
    assert "padding_mode" not in nn.Conv1d(1, 1, 3).config()


def test_noise_is_normal_and_another_for_another_seed_or_channel():
    x = np.zeros((20_000, 1), np.float32)
    y = np.concatenate([nn.Noise(3)(x), nn.Noise(2, seed=1)(x)], axis=1).astype(np.float64)
    assert np.abs(y.mean(axis=0)).max() < 0.03
    assert np.abs(np.corrcoef(y.T) - np.eye(5)).max() < 0.03
    assert np.abs((y**2).mean(axis=0) - 1).max() < 0.05
    assert np.abs((y**4).mean(axis=0) - 3).max() < 0.4
    assert np.abs(np.corrcoef(y[:-1].T, y[1:].T)[:5, 5:]).max() < 0.03


def test_perfect_reconstruction():
    """Of a signal whose spectra are taken with the same window."""
    y, n, hop = signal(400, 1)[:, 0], 32, 8
    layer = nn.InverseSTFT(n, hop)
    layer.initialise_missing()
    padded = np.pad(y, n // 2)
    frames = [padded[i : i + n] * layer.state_dict()["window"] for i in range(0, len(y) + 1, hop)]
    spectra = np.fft.rfft(frames)
    again = layer(np.concatenate([spectra.real, spectra.imag], axis=1).astype(np.float32))[:, 0]
    assert len(again) == 400
    assert np.abs(again - y).max() < 3e-6


@pytest.mark.parametrize(("make", "said"), [
    (lambda: nn.Conv1d(1, 1, 3, padding="same", padding_mode="reflect"), "padding='causal' and stride=1, not 'same'"),
    (lambda: nn.Conv1d(1, 1, 3, stride=2, padding_mode="reflect"), "stride=1, not 'causal' and 2"),
    (lambda: nn.Conv1d(1, 1, 3, padding_mode="circular"), "padding_mode='circular'"),
    (lambda: nn.InverseSTFT(15, 3), "n_fft=15"),
    (lambda: nn.InverseSTFT(16, 17), "hop_length=17"),
    (lambda: nn.InverseSTFT(16, 4, padding="valid"), "padding='valid'"),
    (lambda: nn.Noise(1, seed=-1), "seed=-1"),
    (lambda: nn.Snake(0), "channels=0"),
    (lambda: nn.Prewarmed([nn.Linear(1, 1), nn.Noise(1)]), "without noise"),
])  # fmt: skip
def test_errors(make, said):
    with pytest.raises(wl.WavenetliteError, match=said.replace("(", r"\(")):
        make().stream()
