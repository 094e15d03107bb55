"""Networks of integers: extreme values, files, and what is refused. Their values and streams: see the catalogue."""

import json

import numpy as np
import pytest
from catalogue import INTEGERS, same_bits, signal
from contract import check_partition
from integer_catalogue import SCALE, ZERO, conv, network
from reference import evaluate

import wavenetlite as wl

nn = wl.nn
f32 = np.float32


def single(layer, **state):
    """A convolution between Quantize and Dequantize, with these parameters."""
    given = {name: value.copy() for name, value in layer.state_dict().items()} | state
    layer.load_state_dict(given)
    scale, zero_point = layer.input_scale, layer.input_zero_point
    return wl.Sequential([
        nn.Quantize(layer.in_channels, scale, zero_point), layer,
        nn.Dequantize(layer.out_channels, layer.output_scale, layer.output_zero_point),
    ])  # fmt: skip


def integers(model, q):
    """Floats that the model's first layer makes these integers of."""
    return (f32(model[0].scale) * (q - model[0].zero_point)).astype(f32)


# ----------------------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("rounding", ["single", "double"])
@pytest.mark.parametrize("weights", [-128, 127])
@pytest.mark.parametrize("values", [-128, 127])
@pytest.mark.parametrize("groups", [1, 3, 27])
def test_extreme_values(rounding, weights, values, groups):
    for kernel_size, zero_point in ((1, -128), (2, 127), (21, 0)):
        layer = nn.IntegerConv1d(
            27, 27, kernel_size, groups=groups, input_scale=0.1, input_zero_point=zero_point, output_scale=3e4,
            rounding=rounding,
        )  # fmt: skip
        shape = (27, 27 // groups, kernel_size)
        model = single(layer, weight=np.full(shape, weights, np.int8), weight_scale=np.linspace(1, 2, 27, dtype=f32))
        x = integers(model, np.full((45, 27), values))
        assert same_bits(model(x), evaluate(model, x).astype(f32))
        check_partition(model, x, None, [1, 1, 17, 2, 24])


@pytest.mark.parametrize("rounding", ["single", "double"])
@pytest.mark.parametrize("exponent", range(-6, 7))
def test_scales_of_all_sizes(rounding, exponent):
    rng = np.random.default_rng(exponent + 50)
    scale = 10.0**exponent
    for ratio in (1e-9, 1e-4, 0.02, 0.7, 1.0, 40.0, 3e5):
        layer = nn.IntegerConv1d(
            5, 9, 3, input_scale=scale, output_scale=scale / ratio, output_zero_point=int(rng.integers(-128, 128)),
            rounding=rounding,
        )  # fmt: skip
        model = single(
            layer, weight=rng.integers(-128, 128, (9, 5, 3)).astype(np.int8),
            weight_scale=(10 ** rng.uniform(-2, 2, 9)).astype(f32),
            bias=rng.integers(-5000, 5000, 9).astype(np.int32),
        )  # fmt: skip
        x = integers(model, rng.integers(-128, 128, (40, 5)))
        expected = evaluate(model, x)
        assert same_bits(model(x), expected.astype(f32)), ratio


@pytest.mark.parametrize("seed", range(12))
def test_random_geometries(seed):
    rng = np.random.default_rng([seed, 99])
    groups = int(rng.choice([1, 1, 2, 5]))
    ins, outs = (int(rng.integers(1, 40)) * groups for _ in range(2))
    if seed % 4 == 3:
        groups = ins = outs = int(rng.integers(1, 70))
    layer = conv(
        ins, outs, int(rng.integers(1, 8)), groups=groups, stride=int(rng.integers(1, 4)),
        dilation=int(rng.integers(1, 6)), rounding=["single", "double"][seed % 2], output_scale=30.0,
    )  # fmt: skip
    weight = rng.integers(-128, 128, layer.parameter_shapes()["weight"]).astype(np.int8)
    model = single(layer, weight=weight, weight_scale=rng.uniform(0.2, 1, outs).astype(f32))
    x = signal(130, ins, seed)
    assert same_bits(model(x), evaluate(model, x).astype(f32))
    check_partition(model, x, None, [1, 64, 2, 33, 30])


def test_sums_between_two_integers():
    """Ties: the rules differ, each as it is defined."""
    for rounding, expected in (("single", [-2, 0, 0, 2]), ("double", [-2, -1, 1, 2])):
        layer = nn.IntegerConv1d(1, 1, 1, input_scale=1.0, output_scale=4.0, rounding=rounding)
        state = {"weight": np.ones((1, 1, 1), np.int8), "weight_scale": np.ones(1, f32), "bias": np.zeros(1, np.int32)}
        model = single(layer, **state)
        x = np.array([[-6], [-2], [2], [6]], f32)
        assert (model(x).ravel() / 4).tolist() == expected, rounding


@pytest.mark.parametrize("rounding", ["single", "double"])
def test_quantize_of_ties_and_large_values(rounding):
    model = wl.Sequential([nn.Quantize(3, 0.5, 2, rounding=rounding), nn.Dequantize(3, 0.5, 2)])
    x = np.array([[0.25, -0.25, 0.75], [1e30, -1e30, 1e-30]], f32)
    first = [0.0, 0.0, 1.0] if rounding == "single" else [0.5, -0.5, 1.0]
    assert model(x).tolist() == [first, [62.5, -65.0, 0.0]]


def test_padding_is_a_real_zero():
    """Before the signal, and after it with "same" padding, stand the integers of zero, not zeros."""
    for padding in ("causal", "same"):
        layer = nn.IntegerConv1d(1, 1, 3, padding=padding, input_scale=1.0, input_zero_point=50, output_scale=1.0)
        ones = {"weight": np.ones((1, 1, 3), np.int8), "weight_scale": np.ones(1, f32), "bias": np.zeros(1, np.int32)}
        model = single(layer, **ones)
        x = np.array([[5], [7]], f32)
        assert model(x).ravel().tolist() == ([5, 12] if padding == "causal" else [12, 12])
        stream = model.stream()
        for _ in range(2):
            parts = [stream.process(x[:1]), stream.process(x[1:]), stream.flush()]
            assert same_bits(np.concatenate(parts), model(x))
            stream.reset()


def test_prewarmed_networks_start_in_the_steady_state_of_zeros():
    layer = conv(2, 3, 4)
    model = nn.Prewarmed([network(2, [layer, nn.IntegerConv1d(3, 3, 3, input_scale=layer.output_scale,
                          input_zero_point=layer.output_zero_point, output_scale=layer.output_scale)],
                          layer.output_scale, 0)])  # fmt: skip
    zeros = np.zeros((9, 2), f32)
    assert (model(zeros) == model(zeros)[-1]).all()
    assert wl.verify_stream(model, frames=60, partitions=2)


# ------------------------------------------------------------------------------------------------------------- files
@pytest.mark.parametrize("name", ["int conv k5 d3", "int lookup table", "int residual network", "int concat"])
def test_files_keep_the_types(name, tmp_path):
    model = INTEGERS[name].model()
    model.save(tmp_path / "model.safetensors")
    again = wl.load(tmp_path / "model.safetensors")
    mine, theirs = model.state_dict(), again.state_dict()
    assert {key: (value.dtype, value.tobytes()) for key, value in mine.items()} == {
        key: (value.dtype, value.tobytes()) for key, value in theirs.items()
    }
    assert {value.dtype.name for value in mine.values()} - {"int8", "int32", "float32"} == set()
    x = signal(50, INTEGERS[name].in_channels)
    assert same_bits(again(x), model(x))


def test_a_file_with_another_type_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    INTEGERS["int conv 1x1"].model().save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["1.bias"]["dtype"] = "F32"
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(wl.ModelFileError, match=r"1\.bias.*float32.*int32"):
        wl.load(path)


def test_a_classifier_keeps_the_types(tmp_path):
    spec = wl.LogMel(sr=16000, n_mels=7)
    model = INTEGERS["int conv k5 d3"].model()
    classifier = wl.AudioClassifier(features=spec, model=model, labels=[f"label {i}" for i in range(40)])
    classifier.save(tmp_path / "classifier.safetensors")
    again = wl.load(tmp_path / "classifier.safetensors")
    assert {name: value.dtype for name, value in again.model.state_dict().items()} == {
        name: value.dtype for name, value in model.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("weight", np.zeros((7, 3, 1), f32), "has dtype float32; it must be int8"),
        ("weight", np.zeros((7, 3, 1), np.int16), "has dtype int16; it must be int8"),
        ("bias", np.zeros(7, np.int64), "has dtype int64; it must be int32"),
        ("weight_scale", np.zeros(7, np.float64), "has dtype float64; it must be float32"),
        ("weight", np.zeros((7, 2, 1), np.int8), "has shape"),
        ("weight", None, "it must be int8"),
    ],
)
def test_other_types_of_parameters_are_refused(name, value, rule):
    model = INTEGERS["int conv 1x1"].model()
    before = model.state_dict()
    with pytest.raises(wl.WavenetliteError, match=rule):
        model.load_state_dict(before | {f"1.{name}": value})
    assert all(same_bits(value, model.state_dict()[key]) for key, value in before.items())


# ----------------------------------------------------------------------------------------------------------- refusals
def quantized(*layers):
    return wl.Sequential([nn.Quantize(3, SCALE, ZERO), *layers])


REFUSED = {
    "no quantize": (lambda: wl.Sequential([conv(3, 3, 1)]), "is given float32: put a Quantize before it"),
    "no dequantize": (lambda: quantized(conv(3, 3, 1)), "must give float32: put a Dequantize at its end"),
    "other scale": (lambda: quantized(conv(3, 3, 1, input_scale=0.06)), "scale 0.06.*scale 0.05.*must be equal"),
    "other zero point": (lambda: quantized(nn.Dequantize(3, SCALE)), "zero point 0.*zero point 3.*must be equal"),
    "float layer": (lambda: quantized(nn.Conv1d(3, 3, 1)), "must be given float32: put a Dequantize before it"),
    "activation": (lambda: quantized(nn.Activation("relu")), "activation is given integers"),
    "batch norm": (lambda: quantized(nn.BatchNorm(3)), "batch_norm is given integers"),
    "float sum": (lambda: quantized(nn.Residual([conv(3, 3, 1)])), "sum is given integers"),
    "gate": (lambda: quantized(nn.GRU(3, 3)), "is given integers"),
    "join in a sequence": (
        lambda: quantized(nn.IntegerAdd(3, input_scales=[1, 1], output_scale=1.0)),
        "reads 2 sequences: make it a node of wavenetlite.nn.Graph",
    ),
    "unlike branches": (
        lambda: nn.Graph(3, [["a", nn.Quantize(3, 1.0), ["x"]], ["b", nn.Quantize(3, 2.0), ["x"]],
                             ["c", "concat", ["a", "b"]]]),
        "use IntegerConcat",
    ),
    "mixed branches": (
        lambda: nn.Graph(3, [["a", nn.Quantize(3, 1.0), ["x"]], ["c", "concat", ["a", "x"]]]),
        "concat is given integers",
    ),
    "negative scale of weights": (
        lambda: single(conv(3, 3, 1), weight_scale=np.array([1, 0, 1], f32)),
        "weight_scale has 0.0; it must be positive",
    ),
    "sums beyond 32 bits": (
        lambda: single(conv(3, 3, 1), bias=np.array([0, 2**31 - 1, 0], np.int32)),
        "output channel 1 may add up to .* below 2",
    ),
    "scales too far apart": (
        lambda: single(conv(3, 3, 1, output_scale=1e-12), weight_scale=np.full(3, 10.0, f32)),
        "times output_scale; that must be below 2",
    ),
    "sum of scales too far apart": (
        lambda: nn.Graph(3, [["a", nn.Quantize(3, 1e6), ["x"]],
                             ["b", nn.IntegerAdd(3, input_scales=[1e6, 1e6], output_scale=1e-6), ["a", "a"]],
                             ["y", nn.Dequantize(3, 1e-6), ["b"]]]),
        "must be below 2.*times output_scale",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_together_is_refused(name):
    build, rule = REFUSED[name]
    with pytest.raises(wl.ParameterError, match=rule) as caught:
        build()(signal(5, 3))
    assert "\n" not in str(caught.value)


BAD_OPTIONS = {
    "scale": ({"input_scale": 0.0}, "input_scale=0.0 must be positive"),
    "infinite scale": ({"input_scale": float("inf")}, "input_scale=inf must be finite"),
    "tiny scale": ({"output_scale": 1e-40}, "output_scale=1e-40 must be positive"),
    "scale as text": ({"input_scale": "1"}, "must be a number"),
    "zero point": ({"input_zero_point": 128}, "input_zero_point=128 must be an integer from -128 to 127"),
    "fractional zero point": ({"output_zero_point": 0.5}, "must be an integer"),
    "limits": ({"low": 5, "high": 4}, "low=5 must not be above high=4"),
    "rounding": ({"rounding": "floor"}, "rounding='floor' must be one of single, double"),
    "groups": ({"groups": 2}, "groups=2 must divide"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(name):
    options, rule = BAD_OPTIONS[name]
    with pytest.raises(wl.WavenetliteError, match=rule):
        nn.IntegerConv1d(3, 3, 1, **{"input_scale": 1.0, "output_scale": 1.0} | options)


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        (lambda: nn.IntegerAdd(3, input_scales=[1.0], output_scale=1.0), "input_scales=.* must be a list of 2"),
        (lambda: nn.IntegerConcat([], input_scales=[], output_scale=1.0), "channels=.* must be a list"),
        (lambda: nn.IntegerLookup(3, "cube", input_scale=1.0, output_scale=1.0), "activation='cube' must be one of"),
        (lambda: nn.Graph(3, [["a", nn.IntegerAdd(3, input_scales=[1, 1], output_scale=1.0), ["x"]]]), "reads 1 nodes"),
        (lambda: nn.Graph(3, [["a", nn.IntegerAdd(4, input_scales=[1, 1], output_scale=1.0), ["x", "x"]]]),
         r"reads \[3, 3\] channels; they must be \[4, 4\]"),
    ],
)  # fmt: skip
def test_bad_joins(node, rule):
    with pytest.raises(wl.WavenetliteError, match=rule):
        node()


def test_integers_are_neither_trained_nor_exported(tmp_path):
    model = INTEGERS["int conv k5 d3"].model()
    for ending in ("onnx", "py"):
        with pytest.raises(wl.WavenetliteError, match="integers, which cannot be exported"):
            wl.formats.save(model, tmp_path / f"model.{ending}")
        assert not list(tmp_path.iterdir())
    for some in (model, INTEGERS["int quantize"].model()):
        with pytest.raises(wl.WavenetliteError, match="integers, which cannot be trained"):
            wl.train.Tape(wl.train.Parameters(some), 4, 20)


def test_summaries_say_what_is_an_integer():
    text = INTEGERS["int conv k5 d3"].model().summary()
    rows = [line for line in text.splitlines() if "Quantize" in line or "Conv" in line or "Dequantize" in line]
    assert ["int8" in row for row in rows] == [True, True, False]


def test_rows_of_integers_need_a_quarter_of_the_memory():
    layers = [conv(64, 64, 2, dilation=1000, output_scale=SCALE, output_zero_point=ZERO) for _ in range(2)]
    bytes_of = network(64, layers, SCALE, ZERO).stream().state_bytes
    floats = wl.Sequential([nn.Conv1d(64, 64, 2, dilation=1000) for _ in range(2)]).stream().state_bytes
    assert bytes_of < 0.3 * floats


def test_configurations_leave_defaults_out_and_old_ones_name_all():
    layer = nn.IntegerConv1d(4, 6, 3, dilation=2, input_scale=0.1, output_scale=0.2, output_zero_point=-5)
    config = layer.config()
    assert config == {"type": "IntegerConv1d", "in_channels": 4, "out_channels": 6, "kernel_size": 3, "dilation": 2,
                      "input_scale": layer.input_scale, "output_scale": layer.output_scale,
                      "output_zero_point": -5}  # fmt: skip
    whole = {"type": "IntegerConv1d", **layer.options()}
    assert nn.from_config(config).options() == nn.from_config(whole).options() == layer.options()
