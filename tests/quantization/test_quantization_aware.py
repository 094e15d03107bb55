"""Networks that are trained with the rounding of integers."""

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, randomised, same_bits, signal

import wavenetlite as wl
from wavenetlite.graph.quantization import rounded_weight
from wavenetlite.kernels import ACTIVATIONS, training

nn = wl.nn
NAMES = ["tcn", "wavenet", "wavenet condition", "frequency tcn", "nested", "film"]


def definition(x, scale, zero_point):
    return (np.clip(np.rint(x.astype(np.float64) / scale) + zero_point, -128, 127) - zero_point) * scale


@pytest.mark.parametrize(("scale", "zero_point"), [(0.5, 0), (0.03, -128), (1e-4, 127), (7.0, 5)])
def test_fake_quantize_rounds_to_what_integers_stand_for(scale, zero_point):
    scale = float(np.float32(scale))
    x = 100 * scale * signal(300, 5)
    y = nn.FakeQuantize(scale, zero_point)(x)
    off = np.abs(y - definition(x, scale, zero_point)) > 1e-5 * scale * 256
    assert np.abs(y - x)[(y > y.min()) & (y < y.max())].max() <= 0.5001 * scale
    assert off.mean() < 1e-3  # a tie that float32 breaks the other way


def test_the_gradient_of_the_rounding_is_one_where_nothing_is_clamped():
    x = np.linspace(-20, 20, 256, dtype=np.float32).reshape(1, 16, 16)
    g, out = np.full_like(x, 3.0), np.zeros_like(x)
    parameters = np.array([0.1, 10.0, -128.0, 127.0], np.float32)
    training.activate_gradient(ACTIVATIONS.index("fake_quantize"), x, g, parameters, False, out)
    inside = (x * 10 > -128.5) & (x * 10 < 127.5)
    assert np.array_equal(out, np.where(inside, 3.0, 0.0).astype(np.float32))
    assert 0 < inside.mean() < 1


def test_weights_are_rounded_by_channel():
    weight = signal(6, 20).reshape(6, 4, 5) * np.float32(10) ** np.arange(-3, 3, dtype=np.float32).reshape(-1, 1, 1)
    rounded, most = rounded_weight(weight), np.abs(weight).max(axis=(1, 2), keepdims=True)
    assert (np.abs(rounded - weight) <= 0.501 * most / 127).all()
    assert all(len(np.unique(np.rint(row / (top / 127)))) > 5 for row, top in zip(rounded, most.ravel(), strict=True))
    assert same_bits(rounded_weight(np.zeros((2, 3, 1), np.float32)), np.zeros((2, 3, 1), np.float32))
    conv = nn.FakeQuantizedConv1d(4, 6, 5, bias=False)
    conv.load_state_dict({"weight": weight})
    plain = nn.Conv1d(4, 6, 5, bias=False)
    plain.load_state_dict({"weight": rounded})
    assert same_bits(conv(signal(30, 4)), plain(signal(30, 4)))


def test_training_sees_rounded_weights():
    conv, plain = nn.FakeQuantizedConv1d(2, 3, 3), nn.Conv1d(2, 3, 3)
    state = randomised(nn.Conv1d(2, 3, 3)).state_dict()
    conv.load_state_dict(state)
    plain.load_state_dict(state | {"weight": rounded_weight(state["weight"])})
    data = (np.stack([signal(20, 2, seed) for seed in range(8)]), np.stack([signal(20, 3, seed) for seed in range(8)]))
    for model in (conv, plain):
        wl.train.fit(model, data, loss="mse", epochs=1, batch_size=8, lr=1e-3, weight_decay=0.0, schedule="constant",
                     warmup=0.0)  # fmt: skip
    change = {name: conv.state_dict()[name] - state[name] for name in state}
    begin = state | {"weight": rounded_weight(state["weight"])}
    other = {name: plain.state_dict()[name] - begin[name] for name in state}
    for name in state:  # Adam's first step has the gradient's sign
        assert np.abs(change[name] - other[name]).max() < 1e-6, name


@pytest.mark.parametrize("name", NAMES)
def test_it_computes_what_its_integers_will(name):
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(300, case.in_channels), condition(300, case.condition_channels)
    aware = wl.quantization.quantization_aware(model, calibration=x if c is None else (x, c))
    q = wl.quantize(aware)
    assert wl.quantize(aware).config() == q.config()
    power = np.square(model(x, c)).mean()
    assert np.square(aware(x, c) - q(x, c)).mean() < 0.002 * power
    kinds = {type(layer).__name__ for _, layer, _ in q.nodes}
    assert not any(kind.startswith("Fake") for kind in kinds)


def test_fine_tuning_helps():
    rng = np.random.default_rng(0)
    target = randomised(wl.TCN(4, 2, channels=6, kernel_size=2, dilations=[1, 2], batch_norm=False))
    x = rng.standard_normal((64, 40, 4), dtype=np.float32)
    y = target(x)
    coarse = np.float32(20)  # a range far too wide, so that integers are coarse
    aware = wl.quantization.quantization_aware(target, calibration=coarse * x)
    before = np.square(wl.quantize(aware)(x) - y).mean()
    wl.train.fit(aware, (x, y), loss="mse", epochs=60, batch_size=32, lr=5e-3, weight_decay=0.0)
    after = np.square(wl.quantize(aware)(x) - y).mean()
    assert after < 0.85 * before


def test_conditioned_networks_are_trained_with_their_conditioning():
    slow = wl.Sequential([nn.Conv1d(3, 6, 2), nn.Upsample(4)])
    target = randomised(wl.WaveNet(1, 2, residual_channels=6, skip_channels=6, dilations=[1, 2], condition_channels=3,
                                   condition=slow))  # fmt: skip
    x = np.stack([signal(40, 1, seed) for seed in range(32)])
    c = np.stack([signal(10, 3, seed) for seed in range(32)])
    coarse = np.float32(20)  # ranges far too wide, so that integers are coarse
    aware = wl.quantization.quantization_aware(target, calibration=(coarse * x, coarse * c))
    before = np.square(wl.quantize(aware)(x, c) - target(x, c)).mean()
    wl.train.fit(aware, (x, target(x, c)), condition=c, loss="mse", epochs=30, batch_size=16, lr=5e-3,
                 weight_decay=0.0)  # fmt: skip
    assert np.square(wl.quantize(aware)(x, c) - target(x, c)).mean() < 0.85 * before


def test_it_cannot_be_exported_as_it_is(tmp_path):
    aware = wl.quantization.quantization_aware(wl.TCN(3, 1, channels=4, dilations=[1]), calibration=signal(50, 3))
    with pytest.raises(wl.WavenetliteError, match="is for training"):
        wl.formats.save(aware, tmp_path / "model.onnx")


def test_a_range_that_training_did_not_fix_needs_a_calibration():
    model = randomised(wl.Sequential([nn.Conv1d(4, 6, 3), nn.GRU(6, 5), nn.Linear(5, 3)]))
    aware = wl.quantization.quantization_aware(model, calibration=signal(100, 4))
    assert wl.quantize(aware)(signal(20, 4)).shape == (20, 3)
    with pytest.raises(wl.ParameterError, match="calibration is needed"):
        wl.quantize(model)
