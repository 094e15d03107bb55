"""Post-training quantisation: every network of the catalogue stays near to itself in float32, and streams."""

import math

import numpy as np
import pytest
from catalogue import FLOATS, condition, randomised, same_bits, signal

import wavenetlite as wl
from wavenetlite.engine.lower import lower
from wavenetlite.quantization import calibration as calibration_of
from wavenetlite.quantization.calibration import METHODS, covering, rounded
from wavenetlite.quantization.emitters import IntegerLayers
from wavenetlite.quantization.errors import layer_errors, weight_bytes
from wavenetlite.quantization.examples import Example
from wavenetlite.quantization.networks import conversion_of
from wavenetlite.quantization.weights import integer_parameters

nn = wl.nn
LEAST_SNR_DB = 18.0
"""Of a network's output; a chain of twenty layers with random weights loses that much."""


NAMES = [name for name, case in FLOATS.items() if not case.build().prewarmed]


def snr_db(wanted, got):
    power, difference = (float(np.square(x, dtype=np.float64).sum()) for x in (wanted, got - wanted))
    return math.inf if difference == 0 else 10 * math.log10(power / difference) if power else -math.inf


@pytest.mark.parametrize("name", NAMES)
def test_every_network_stays_near_and_streams(name):
    case = FLOATS[name]
    model = case.model()
    x = signal(400, case.in_channels)
    c = condition(-(-400 // model.condition_period), case.condition_channels)
    q = wl.quantize(model, calibration=x if c is None else (x, c))
    wanted, got = model(x, c), q(x, c)
    assert (q.condition_channels, q.condition_period) == (case.condition_channels, model.condition_period)
    assert got.shape == wanted.shape and got.dtype == np.float32
    assert snr_db(wanted, got) > LEAST_SNR_DB or not wanted.any()
    assert q.latency == model.latency and q.receptive_field == model.receptive_field
    wl.verify_stream(q, frames=60) if q.in_channels else None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rounding", ["single", "double"])
def test_methods_and_roundings(method, rounding):
    model = randomised(wl.TCN(6, 3, channels=16, dilations=[1, 2, 4]))
    x = signal(800, 6)
    q = wl.quantize(model, calibration=[x[:300], x[300:]], method=method, rounding=rounding, percentile=99.9)
    assert snr_db(model(x), q(x)) > 25


def test_a_range_found_by_least_squares_cuts_outliers_off():
    values = np.concatenate([signal(20_000, 1).ravel(), [1000.0]]).astype(np.float32)
    found = {name: method(values, 99.9) for name, method in METHODS.items()}
    errors = {
        name: float(np.square(rounded(values[:-1].astype(float), one) - values[:-1]).mean())
        for name, one in found.items()
    }
    assert found["percentile"].scale < 0.05 < found["minmax"].scale
    assert errors["percentile"] < errors["minmax"]


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 6), (-3, 0), (2, 5), (-9, -1), (0, 0), (-1e-3, 1e6)])
def test_a_range_holds_zero_and_its_ends(low, high):
    given = covering(low, high)
    assert -128 <= given.zero_point <= 127
    ends = np.array([low, 0.0, high], dtype=float)
    assert np.abs(rounded(ends, given) - ends).max() <= given.scale * 1.01
    assert rounded(np.zeros(1), given) == 0


def test_weights_are_the_nearest_integers_of_each_channel():
    rng = np.random.default_rng(3)
    weight, bias = rng.standard_normal((5, 4, 3)) * 10.0 ** np.arange(-3, 2).reshape(-1, 1, 1), rng.standard_normal(5)
    weight[2] = 0
    found = integer_parameters(weight, bias, 0.25)
    scale = found["weight_scale"].astype(float).reshape(-1, 1, 1)
    assert found["weight"].dtype == np.int8 and found["bias"].dtype == np.int32
    assert (np.abs(found["weight"].astype(int)).max(axis=(1, 2)) == [127, 127, 0, 127, 127]).all()
    assert (np.abs(found["weight"] * scale - weight) <= 0.5001 * scale).all()
    assert (np.abs(found["bias"] * scale.ravel() * 0.25 - bias) <= 0.5001 * scale.ravel() * 0.25).all()


def test_a_bias_far_above_its_weights_fits():
    found = integer_parameters(np.full((1, 1, 1), 1e-9), np.array([5.0]), 0.1)
    assert abs(float(found["bias"][0]) * float(found["weight_scale"][0]) * 0.1 - 5.0) < 1e-6


def test_batch_norm_relu_and_residuals_are_folded():
    q = wl.quantize(randomised(wl.TCN(6, 3, channels=16, dilations=[1, 2])), calibration=signal(200, 6))
    kinds = [type(layer).__name__ for _, layer, _ in q.nodes]
    assert kinds == ["Quantize", "IntegerConv1d", "IntegerConv1d", "IntegerAdd", "IntegerConv1d", "IntegerAdd",
                     "IntegerConv1d", "Dequantize"]  # fmt: skip
    assert "IntegerConv1d" in q.summary()


def test_layers_without_a_form_in_integers_stay():
    model = randomised(wl.Sequential([nn.Conv1d(4, 6, 3), nn.GRU(6, 5), nn.Linear(5, 3), nn.Activation("softmax")]))
    x = signal(100, 4)
    q = wl.quantize(model, calibration=x)
    kinds = [type(layer).__name__ for _, layer, _ in q.nodes]
    assert kinds == ["Quantize", "IntegerConv1d", "Dequantize", "GRU", "Quantize", "IntegerConv1d", "Dequantize",
                     "Activation"]  # fmt: skip
    assert np.abs(q(x).sum(axis=1) - 1).max() < 1e-5


def test_layers_can_be_kept():
    model = randomised(wl.TCN(6, 3, channels=16, dilations=[1, 2]))
    x = signal(200, 6)
    whole, part = (wl.quantize(model, calibration=x, keep=keep) for keep in ([], ["output", "blocks.0"]))
    names = {name: type(layer).__name__ for name, layer, _ in part.nodes}
    assert names["output"] == "Conv1d" and names["blocks.0"] == "Residual"
    assert snr_db(model(x), part(x)) > snr_db(model(x), whole(x))


def conditioned(**options):
    """A small network with a conditioning of its own rate, and typical input."""
    slow = wl.Sequential([nn.Conv1d(3, 6, 2), nn.Upsample(5)])
    model = randomised(wl.WaveNet(1, 4, residual_channels=8, skip_channels=8, dilations=[1, 2], condition_channels=3,
                                  condition=slow, **options))  # fmt: skip
    return model, signal(400, 1), condition(80, 3)


def test_conditioning_has_a_range_of_its_own():
    model, x, c = conditioned()
    fine, coarse = (wl.quantize(model, calibration=(x, scale * c)) for scale in (np.float32(1), np.float32(40)))
    layers, others = ({name: layer for name, layer, _ in q.nodes} for q in (fine, coarse))
    assert layers["condition_int8"].scale * 38 < others["condition_int8"].scale
    assert layers["input_int8"].scale == others["input_int8"].scale
    assert isinstance(layers["condition.1"], nn.Upsample) and isinstance(layers["condition.0"], nn.IntegerConv1d)
    assert [inputs for name, _, inputs in fine.nodes if name == "blocks.1.condition"] == [["condition.1_int8"]]
    assert snr_db(model(x, c), fine(x, c)) > 30
    assert fine.condition_period == 5 and same_bits(fine(x, c[0]), fine(x, np.tile(c[0], (80, 1))))
    wl.verify_stream(fine, frames=60)


def test_forms_of_typical_input_with_conditioning():
    model, x, c = conditioned()
    halves = [(x[:200], c[:40]), (x[200:], c[40:])]
    batch = np.stack([x[:200], x[200:]]), np.stack([c[:40], c[40:]])
    wanted = wl.quantize(model, calibration=halves).state_dict()
    for given in (tuple(halves), batch, [list(one) for one in halves]):
        for name, value in wl.quantize(model, calibration=given).state_dict().items():
            assert same_bits(value, wanted[name])
    constant = [wl.quantize(model, calibration=(x, one)).state_dict() for one in (c[0], np.tile(c[0], (80, 1)))]
    assert all(same_bits(value, constant[1][name]) for name, value in constant[0].items())


@pytest.mark.parametrize("keep", ["blocks.1", "blocks.0.conv", "blocks.0.condition", "condition", "head1"])
def test_layers_of_a_conditioned_network_can_be_kept(keep):
    model, x, c = conditioned()
    q = wl.quantize(model, calibration=(x, c), keep=[keep])
    kept = {name for name, layer, _ in q.nodes if isinstance(layer, nn.Conv1d)}
    whole = {"blocks.1": {"blocks.1.conv", "blocks.1.condition", "blocks.1.residual", "blocks.1.skip"}}
    pair = {"blocks.0.conv", "blocks.0.condition"}  # one operation of the network
    assert kept - {"blocks.1.residual"} == (
        whole.get(keep, pair if keep.startswith("blocks.0") else {keep} - {"condition"}) - {"blocks.1.residual"}
    )
    assert snr_db(model(x, c), q(x, c)) > 25
    wl.verify_stream(q, frames=40)


def test_a_layer_with_conditioning_can_be_kept_whole():
    model = randomised(wl.Sequential([nn.Conv1d(2, 4, 2), nn.FiLM(4, 3), nn.Conv1d(4, 2, 3)]))
    x, c = signal(300, 2), condition(300, 3)
    q = wl.quantize(model, calibration=(x, c), keep=["1"])
    assert [inputs for name, _, inputs in q.nodes if name == "1"] == [["0_float", "c"]]
    assert snr_db(model(x, c), q(x, c)) > 30
    wl.verify_stream(q, frames=60)


def test_classes_as_conditioning():
    model = randomised(wl.WaveNet(1, 4, residual_channels=8, skip_channels=8, dilations=[1, 2], condition_channels=1,
                                  condition=nn.Embedding(10, 6)))  # fmt: skip
    x = [signal(100, 1, seed) for seed in range(10)]
    typical = [(one, np.array([number], np.float32)) for number, one in enumerate(x)]
    q = wl.quantize(model, calibration=typical)
    assert min(snr_db(model(*one), q(*one)) for one in typical) > 25
    with pytest.raises(wl.ParameterError, match="a class of the embedding"):
        q(x[0], np.array([10], np.float32))


def test_a_quantised_network_is_saved_as_integers(tmp_path):
    model = randomised(wl.TCN(6, 3, channels=16, dilations=[1, 2]))
    x = signal(200, 6)
    q = wl.quantize(model, calibration=x)
    assert q.state_dict()["input.weight"].dtype == np.int8
    assert weight_bytes(q) < 0.35 * weight_bytes(model)
    q.save(tmp_path / "q.safetensors")
    assert same_bits(wl.load(tmp_path / "q.safetensors")(x), q(x))


def test_errors_of_layers():
    model = randomised(wl.TCN(6, 3, channels=16, dilations=[1, 2]))
    x = signal(300, 6)
    conversion = conversion_of(model, [Example(x)], "minmax", 99.99, (), IntegerLayers("single"))
    errors = layer_errors(conversion, [Example(x)])
    assert [error.name for error in errors] == ["input", "blocks.0.0", "sum", "blocks.1.0", "sum_2", "output"]
    assert errors[-1].snr_db == pytest.approx(snr_db(model(x), conversion.network(x)))
    assert all(error.integer and 20 < error.snr_db < 60 for error in errors)


def test_a_quantised_classifier():
    clf = wl.load("speech-commands-12")
    y = 0.1 * np.random.default_rng(0).standard_normal(32000, dtype=np.float32)
    small = clf.with_model(wl.quantize(clf.model, calibration=clf.features(y)))
    assert small.labels == clf.labels and small.detector is clf.detector
    assert np.abs(small.predict(y).probabilities - clf.predict(y).probabilities).max() < 0.1


X = signal(50, 3)
CONDITIONED = wl.WaveNet(3, 1, condition_channels=2, dilations=[1])


@pytest.mark.parametrize(("arguments", "said"), [
    ({"model": 3}, "model is a int; it must be a Module"),
    ({"model": CONDITIONED}, "calibration is a ndarray; it must be a pair (x, c)"),
    ({"model": CONDITIONED, "calibration": [X, X]}, "calibration, c, has shape (50, 3); it must be (50, 2) or (2,)"),
    ({"model": CONDITIONED, "calibration": [(X, X[:, :2]), X]}, "calibration[1] is a ndarray; it must be a pair"),
    ({"model": CONDITIONED, "calibration": (X, X[:, :2].astype(float))}, "calibration, c, is float64"),
    ({"model": CONDITIONED, "calibration": (X, X[:9, :2])}, "calibration, c, has shape (9, 2); it must be (50, 2)"),
    ({"model": CONDITIONED, "calibration": (X[:, :2], X[:, :2])}, "calibration has [2] channels; it must have 3"),
    ({"model": CONDITIONED, "calibration": (np.stack([X, X]), X[:3, :2])}, "calibration, c, has 3 items; it must have"),
    ({"calibration": (X, X[0])}, "calibration[1] has shape (3,)"),
    ({"model": nn.Prewarmed([nn.Conv1d(3, 1, 2)])}, "steady state"),
    ({"calibration": X.astype(float)}, "calibration is float64; it must be a float32 array"),
    ({"calibration": [X, X[0]]}, "calibration[1] has shape (3,); it must be (frames, channels)"),
    ({"calibration": X[:, :2]}, "calibration has [2] channels; it must have 3"),
    ({"calibration": X[:0]}, "calibration has no frames"),
    ({"calibration": []}, "calibration is empty; it must have some typical input"),
    ({"method": "best"}, "method='best' must be"),
    ({"percentile": 10}, "percentile=10 must be from 50 to 100"),
    ({"rounding": "up"}, "rounding='up' must be"),
    ({"keep": ["nowhere"]}, "keep has 'nowhere', which is not the path of a layer"),
    ({"keep": "output"}, "keep='output' must be a list"),
])  # fmt: skip
def test_mistakes(arguments, said):
    given = {"model": wl.TCN(3, 1, channels=4, dilations=[1]), "calibration": X} | arguments
    with pytest.raises(wl.WavenetliteError) as error:
        wl.quantize(**given)
    assert said in str(error.value)


def test_twice_is_refused():
    q = wl.quantize(wl.TCN(3, 1, channels=4, dilations=[1]), calibration=X)
    with pytest.raises(wl.ParameterError, match="integer layers already"):
        wl.quantize(q, calibration=X)


def test_nan_in_the_calibration_is_refused():
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(wl.ParameterError, match="calibration"):
        wl.quantize(wl.TCN(3, 1, channels=4, dilations=[1]), calibration=bad)


def test_sequences_are_measured_by_as_many_compiled_networks_whatever_the_depth(monkeypatch):
    compiled = []
    monkeypatch.setattr(calibration_of, "lower", lambda node: compiled.append(node) or lower(node))
    for blocks in (2, 8):
        wl.quantize(wl.TCN(3, 2, channels=4, dilations=[1] * blocks, seed=0), calibration=signal(50, 3, 1))
    assert len(compiled) == 2


def test_sequences_that_do_not_fit_are_measured_one_group_after_the_other(monkeypatch):
    model, x = wl.TCN(3, 2, channels=4, dilations=[1, 2, 4], seed=0), signal(50, 3, 1)
    whole = wl.quantize(model, calibration=x).state_dict()
    monkeypatch.setattr(calibration_of, "MOST_KEPT", 50 * 9)
    parts = wl.quantize(model, calibration=x).state_dict()
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value)


def test_a_sequence_that_is_zero_on_all_examples_may_be_something_else_later():
    """Such as that of a gate which no example opens: nothing is known of its range, and the network still runs."""
    layer = nn.Conv1d(1, 2, 1)
    layer.load_state_dict({"weight": np.full((2, 1, 1), 3.0, np.float32), "bias": np.zeros(2, np.float32)})
    model = wl.Sequential([nn.Activation("relu"), layer])
    below = -np.ones((50, 1), np.float32)
    quantized = wl.quantize(model, calibration=[below])
    np.testing.assert_array_equal(quantized(below), np.zeros((50, 2)))
    assert np.isfinite(quantized(-below)).all()


def test_a_gate_that_no_example_opens_can_be_rounded():
    clf = wl.load("spoken-digits")
    x = clf.features(np.random.default_rng(0).normal(0, 0.001, clf.sr).astype(np.float32))
    assert np.abs(wl.quantize(clf.model, calibration=[x])(x) - clf.model(x)).max() < 0.1
