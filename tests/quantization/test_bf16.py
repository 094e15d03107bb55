"""Weights of bf16: the same bits as the same weights in float32, however a signal is fed; and what is refused."""

import math

import numpy as np
import pytest
from catalogue import FLOATS, condition, same_bits, signal

import wavenetlite as wl
from wavenetlite.kernels import bf16, pack
from wavenetlite.nn import Activation, BatchNorm, Bf16Weights, Conv1d, Conv2d, ConvTranspose1d, Linear

RNG = np.random.default_rng(0)


def with_statistics(model, seed=0):
    """A network whose biases and normalisation are not trivial."""
    rng, state = np.random.default_rng(seed), model.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2.0, value.shape).astype(np.float32)
        elif value.ndim == 1:
            state[name] = rng.standard_normal(value.shape, dtype=np.float32)
    model.load_state_dict(state)
    return model


NETWORKS = {
    "tcn": lambda: wl.TCN(5, 12, channels=64, kernel_size=3, dilations=[1, 2], seed=1),
    "odd channels": lambda: wl.Sequential(
        [Conv1d(7, 37, 3), BatchNorm(37, eps=1e-3), Activation("relu"), Conv1d(37, 21, 2, dilation=3), Linear(21, 5)]
    ),
    "gates, of one channel": lambda: wl.WaveNet(in_channels=1, out_channels=40, residual_channels=20, skip_channels=44,
                                                kernel_size=2, dilations=[1, 2, 4], seed=2),
    "a narrow residual network": lambda: wl.Sequential(
        [Conv1d(1, 16, 1), wl.nn.Residual([Conv1d(16, 16, 3), Activation("tanh"), Conv1d(16, 16, 1)])]
    ),
    "recurrent": lambda: wl.Sequential([wl.nn.GRU(6, 30), wl.nn.LSTM(30, 21), Linear(21, 3)]),
    "groups and strides": lambda: wl.Sequential([
        BatchNorm(8), Conv1d(8, 24, 5, stride=2, groups=4), BatchNorm(24), Conv1d(24, 24, 3, groups=24),
        ConvTranspose1d(24, 20, 4, stride=2), BatchNorm(20), Activation("relu"), BatchNorm(20), Conv1d(20, 9, 1),
    ]),
    "over bins": lambda: wl.Sequential(
        [Conv2d(3, 8, (3, 3), bins=10), BatchNorm(8, bins=10), Activation("relu"), Linear(80, 6)]
    ),
    "latency": lambda: wl.Sequential(
        [Conv1d(5, 18, 7, padding="same"), Activation("silu"), Conv1d(18, 18, 3, padding="same")]
    ),
}  # fmt: skip


@pytest.fixture(params=NETWORKS)
def model(request):
    return with_statistics(NETWORKS[request.param]())


@pytest.fixture
def kept(monkeypatch):
    """Keeps convolutions of any size as bf16, or with a large number none."""
    return lambda fewest: monkeypatch.setattr(pack, "FEWEST_BF16", fewest)


def kinds(network):
    return [step.call.conv.bf16 for step in network.plan().program.steps if step.call.conv]


def test_the_bits_of_float32(model, kept):
    x = RNG.standard_normal((150, model.in_width), dtype=np.float32)
    kept(1)
    q = wl.quantize(model, weights="bf16")
    y = q(x)
    assert any(kinds(q)) or any(step.call.strips for step in q.plan().program.steps)
    kept(10**9)
    floats = Bf16Weights(q.layers)
    assert not any(kinds(floats)) and np.array_equal(floats(x), y)
    assert np.array_equal(wl.Sequential(q.layers)(x), y)


WEIGHTED = [name for name, case in FLOATS.items() if Bf16Weights([case.build()]).bf16_count]


@pytest.mark.parametrize("name", WEIGHTED)
def test_the_catalogue_has_the_bits_of_float32(name, kept):
    case = FLOATS[name]
    model = case.model()
    x, c = signal(60, case.in_channels), condition(-(-60 // model.condition_period), case.condition_channels)
    kept(1)
    q = wl.quantize(model, weights="bf16")
    y = q(x, c)
    kept(10**9)
    assert same_bits(Bf16Weights(q.layers)(x, c), y)


def test_every_partition(model, kept):
    kept(1)
    wl.verify_stream(wl.quantize(model, weights="bf16"))


def test_close_to_the_original(model):
    x = RNG.standard_normal((100, model.in_width), dtype=np.float32)
    wanted, got = model(x), wl.quantize(model, weights="bf16")(x)
    assert 0 < np.abs(got - wanted).max() < 0.03 * np.abs(wanted).max()


def test_normalisation_is_folded_before_the_rounding():
    conv, norm = Conv1d(4, 6, 2), BatchNorm(6, eps=1e-3)
    model = with_statistics(wl.Sequential([conv, norm]))
    q = wl.quantize(model, weights="bf16")
    scale = norm.parameter("weight") / np.sqrt(norm.parameter("running_var").astype(np.float64) + 1e-3)
    wanted = bf16.rounded_to_bf16((conv.parameter("weight") * scale[:, None, None]).astype(np.float32))
    assert np.array_equal(q.state_dict()["0.weight"], wanted)
    assert np.array_equal(q.plan().program.steps[0].call.weights[0].astype(np.float32), wanted)
    assert np.array_equal(model.state_dict()["0.weight"], conv.parameter("weight"))  # the original is as before


def test_a_shared_layer_keeps_its_normalisation():
    conv = Conv1d(4, 4, 1)
    model = wl.Sequential([conv, with_statistics(BatchNorm(4)), conv, with_statistics(BatchNorm(4), seed=1)])
    q = wl.quantize(model, weights="bf16")
    x = RNG.standard_normal((30, 4), dtype=np.float32)
    assert np.array_equal(q.state_dict()["0.weight"], bf16.rounded_to_bf16(conv.parameter("weight")))
    assert np.abs(q(x) - model(x)).max() < 0.03 * np.abs(model(x)).max()


def test_conditioning_and_a_steady_state():
    model = wl.WaveNet(in_channels=2, out_channels=3, residual_channels=32, skip_channels=32, kernel_size=3,
                       dilations=[1, 2], condition_channels=4, seed=0)  # fmt: skip
    x, c = RNG.standard_normal((40, 2), dtype=np.float32), RNG.standard_normal((40, 4), dtype=np.float32)
    assert np.abs(wl.quantize(model, weights="bf16")(x, c) - model(x, c)).max() < 0.05
    warm = wl.quantize(wl.nn.Prewarmed([Conv1d(1, 3, 2), Activation("tanh")]), weights="bf16")
    zeros = np.zeros((5, 1), np.float32)
    assert (warm(zeros) == warm(zeros)[0]).all()


def test_a_file_half_as_large(tmp_path):
    model = wl.TCN(8, 12, channels=64, kernel_size=5, dilations=[1, 2], seed=1)
    q = wl.quantize(model, weights="bf16")
    q.save(tmp_path / "half.safetensors")
    model.save(tmp_path / "whole.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.55 * sizes[1]
    info = wl.storage.files.info(tmp_path / "half.safetensors")
    assert {info.dtypes[name] for name in q.bf16_names()} == {"bfloat16"}
    twin = wl.load(tmp_path / "half.safetensors")
    assert isinstance(twin, Bf16Weights) and twin.state_dict().keys() == q.state_dict().keys()
    assert all(np.array_equal(value, twin.state_dict()[name]) for name, value in q.state_dict().items())


def test_half_the_memory():
    model = wl.TCN(8, 12, channels=64, kernel_size=5, dilations=[1, 2], seed=1)
    floats = [one.plan().program.arena.floats for one in (wl.quantize(model, weights="bf16"), model)]
    assert floats[0] < 0.55 * floats[1]


def test_what_it_says():
    q = wl.quantize(wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1), weights="bf16")
    weights = sum(math.prod(shape) for shape in q.all_parameter_shapes().values() if len(shape) > 1)
    assert q.bf16_count == weights and f"{weights:,} of them bf16" in q.summary()
    assert repr(q).startswith("Bf16Weights(layers=[TCN(")
    assert "bf16" not in wl.TCN(4, 2, channels=8, dilations=[1]).summary()


def test_it_is_not_trained():
    q = wl.quantize(wl.Sequential([Linear(3, 2)]), weights="bf16")
    x, y = RNG.standard_normal((8, 5, 3), dtype=np.float32), np.zeros(8, int)
    with pytest.raises(wl.WavenetliteError, match="cannot be trained: train the network in float32"):
        wl.train.fit(q, (x, y), epochs=1, batch_size=4)


def test_weights_that_are_not_bf16_are_refused(tmp_path):
    model = Bf16Weights([Linear(3, 2)])
    with pytest.raises(wl.WavenetliteError, match=r"0\.weight has values that are not bf16.*wl\.quantize"):
        model(np.zeros((1, 3), np.float32))
    with pytest.raises(wl.WavenetliteError, match=r"'0\.weight' has values that are not bf16"):
        model.save(tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("options", [
    {"calibration": np.zeros((4, 3), np.float32)}, {"keep": ["0"]}, {"method": "mse"}, {"rounding": "double"},
    {"percentile": 99.0},
])  # fmt: skip
def test_options_of_integers_are_refused(options):
    with pytest.raises(wl.WavenetliteError, match="weights='bf16' takes no calibration"):
        wl.quantize(wl.Sequential([Linear(3, 2)]), weights="bf16", **options)


def test_what_cannot_be_rounded():
    q = wl.quantize(wl.Sequential([Linear(3, 2)]), weights="bf16")
    with pytest.raises(wl.WavenetliteError, match="has weights of bf16 already"):
        wl.quantize(q, weights="bf16")
    with pytest.raises(wl.WavenetliteError, match="no weights in float32"):
        wl.quantize(wl.Sequential([Activation("relu")]), weights="bf16")
    with pytest.raises(wl.WavenetliteError, match="weights='int4' must be"):
        wl.quantize(wl.Sequential([Linear(3, 2)]), weights="int4")
    with pytest.raises(wl.WavenetliteError, match="model is a list; it must be a Module"):
        wl.quantize([], weights="bf16")


def test_rounding_to_the_nearest_even():
    halves = np.arange(0x3F80, 0x3F80 + 64, dtype=np.uint16)
    numbers = bf16.from_halves(halves)
    middle = (numbers[:-1] + numbers[1:]) / 2
    assert np.array_equal(bf16.rounded_to_bf16(middle), np.where(halves[:-1] % 2 == 0, numbers[:-1], numbers[1:]))
    assert np.array_equal(bf16.rounded_to_bf16(np.nextafter(middle, np.float32(9))), numbers[1:])
    assert np.array_equal(bf16.rounded_to_bf16(-numbers), -numbers)
    torch = pytest.importorskip("torch")
    x = np.concatenate([RNG.standard_normal(10_000), [0.0, -0.0, 1e-40, 3.38e38, -1e-45]]).astype(np.float32)
    assert np.array_equal(bf16.rounded_to_bf16(x), torch.from_numpy(x).bfloat16().float().numpy())


def test_a_classifier(tmp_path):
    clf = wl.load("spoken-digits")
    half = clf.with_model(wl.quantize(clf.model, weights="bf16"))
    half.save(tmp_path / "half.safetensors")
    y = RNG.standard_normal(clf.sr, dtype=np.float32) * 0.1
    twin = wl.load(tmp_path / "half.safetensors")
    assert np.array_equal(twin.predict(y, sr=clf.sr).probabilities, half.predict(y, sr=clf.sr).probabilities)


def test_the_c_of_it_is_that_of_its_weights_in_float32(tmp_path):
    model = wl.Sequential([Conv1d(3, 8, 3), BatchNorm(8), Activation("tanh"), wl.nn.GRU(8, 4)])
    q, texts = wl.quantize(with_statistics(model), weights="bf16"), []
    for one in (q, wl.Sequential(q.layers)):
        wl.formats.save(one, tmp_path / "network.h")
        texts.append((tmp_path / "network.h").read_text().partition("\n")[2])  # the first line names the type
    assert texts[0] == texts[1]


def test_classes_that_an_embedding_reads_are_not_rounded():
    model = wl.Sequential([wl.nn.Embedding(300, 4), wl.TCN(4, 300, channels=8, dilations=[1, 2])], seed=0)
    small = wl.quantize(model, dtype="bf16")
    x = np.arange(300, dtype=np.float32)[:, None]
    assert np.abs(small(x) - model(x)).max() < 0.05 * np.abs(model(x)).max()
    assert (small(x[257:258]) != small(x[258:259])).any(), "257 is not a number of bf16"
    assert wl.generate(small, 20, seed=1).shape == (20,)
