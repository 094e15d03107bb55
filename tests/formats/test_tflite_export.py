"""Networks of integers written as TFLite files: read back, and run call by call by LiteRT and TensorFlow Lite Micro."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from litert_running import needs_litert, scores

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.formats.micro_wake_word import most_at_once
from wavenetlite.formats.tflite_file import TfliteFile

RULES = ("single", "double")
ESPHOME = {
    "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "RESHAPE", "STRIDED_SLICE", "CONCATENATION",
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "LOGISTIC", "QUANTIZE", "MUL", "ADD", "MEAN", "AVERAGE_POOL_2D",
    "MAX_POOL_2D", "PAD", "PACK", "SPLIT_V",
}  # fmt: skip
"""The operators that ESPHome registers."""


def conv(channels, out, kernel_size, *, low=-128, seed=0, rule="single", zero_point=0, scale=0.05, **options):
    layer = nn.IntegerConv1d(
        channels,
        out,
        kernel_size,
        input_scale=scale,
        output_scale=0.05,
        low=low,
        rounding=rule,
        input_zero_point=zero_point,
        **options,
    )
    rng = np.random.default_rng(seed)
    shapes = layer.parameter_shapes()
    layer.load_state_dict({
        "weight": rng.integers(-127, 128, shapes["weight"]).astype(np.int8),
        "weight_scale": rng.uniform(0.001, 0.004, out).astype(np.float32),
        "bias": rng.integers(-2000, 2000, out).astype(np.int32),
    })  # fmt: skip
    return layer


def sigmoid(channels):
    return nn.IntegerLookup(channels, "sigmoid", input_scale=0.05, output_scale=1 / 256, output_zero_point=-128)


def word(rule, channels=6):
    """A network as those of microWakeWord: stride 3, depthwise and pointwise, probabilities."""
    return wl.Sequential([
        nn.Quantize(5, 0.05, rounding=rule), conv(5, channels, 5, stride=3, padding=(2, 0), low=0, rule=rule),
        conv(channels, channels, 7, groups=channels, rule=rule, seed=1), conv(channels, 4, 1, low=0, rule=rule, seed=2),
        conv(4, 2, 3, rule=rule, seed=3), sigmoid(2), nn.Dequantize(2, 1 / 256, -128),
    ])  # fmt: skip


def skips(rule):
    """Sums, products, pools, groups, dilation, channels side by side and apart."""
    two = {"input_scales": [0.05, 0.05], "output_scale": 0.05, "rounding": rule}
    return nn.Graph(4, [
        ["q", nn.Quantize(4, 0.05, rounding=rule), ["x"]],
        ["grouped", conv(4, 8, 3, groups=2, dilation=4, low=0, rule=rule), ["q"]],
        ["wide", conv(8, 16, 2, groups=8, rule=rule), ["grouped"]],
        ["narrow", conv(16, 8, 1, rule=rule), ["wide"]],
        ["sum", nn.IntegerAdd(8, low=0, **two), ["grouped", "narrow"]],
        ["product", nn.IntegerMultiply(8, **two), ["sum", "narrow"]],
        ["both", nn.IntegerConcat([8, 8], **two), ["product", "sum"]],
        ["part", nn.Slice(3, 9), ["both"]],
        ["most", nn.IntegerMaxPool1d(9, 4, stride=2, scale=0.05, padding=(2, 0)), ["part"]],
        ["mean", nn.IntegerAvgPool1d(9, 2, scale=0.05), ["most"]],
        ["other", nn.Requantize(9, input_scale=0.05, output_scale=0.07, output_zero_point=3, rounding=rule), ["mean"]],
        ["y", nn.Dequantize(9, 0.07, 3), ["other"]],
    ])  # fmt: skip


NETWORKS = {"word": word, "skips": skips}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.tflite"


def signal(model, frames=120):
    return np.random.default_rng(0).uniform(-6, 6, (frames, model.in_channels)).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("frames", [None, 12])
def test_what_is_written_is_read_and_run(path, name, rule, frames):
    model = NETWORKS[name](rule)
    wl.formats.save(model, path, frames=frames)
    x = signal(model)
    y = model(x)
    again = wl.load(path, rounding=rule)
    np.testing.assert_array_equal(again(x), y)
    wl.verify_stream(again, frames=40, partitions=2)
    file = TfliteFile(path.read_bytes())
    assert {node.kind for graph in (0, 1) for node in file.graph(graph).nodes} <= ESPHOME
    needs_litert()
    if rule == "double":
        pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro is not installed (pip install tflite-micro)")
    calls = file.graph(0).tensors["t0"].shape[1]
    np.testing.assert_array_equal(scores(path, x, calls, micro=rule == "double").reshape(y.shape), y)


def test_probabilities_are_unsigned(path):
    wl.formats.save(word("single"), path)
    graph = TfliteFile(path.read_bytes()).graph(0)
    ends = [graph.tensors[one] for one in (*graph.inputs, *graph.outputs)]
    assert [(one.type, one.shape) for one in ends] == [("int8", (1, 3, 5)), ("uint8", (1, 2))]


def test_the_same_bytes_each_time(tmp_path):
    for name in ("a.tflite", "b.tflite"):
        wl.formats.save(word("single"), tmp_path / name)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def ends(*layers, channels=4):
    return wl.Sequential([nn.Quantize(4, 0.05), *layers, nn.Dequantize(channels, 0.05)])


REFUSED = {
    "cannot hold the operation conv: quantise": lambda: wl.TCN(4, 2, channels=4, dilations=[1]),
    "cannot hold the operation conv2d; C can": lambda: wl.nn.Conv2d(1, 2, (3, 3), bins=4),
    "cannot hold the operation integer_conv2d; C can": lambda: wl.quantize(
        wl.nn.Conv2d(1, 2, (3, 3), bins=4), calibration=np.ones((20, 4), np.float32)),
    "neither wait for later frames nor leave out": lambda: ends(conv(4, 4, 3, padding="same")),
    "no delays between branches": lambda: ends(conv(4, 4, 3, padding="valid")),
    "those of no activation": lambda: ends(conv(4, 4, 3, low=-100)),
    "no operator for this activation": lambda: ends(nn.IntegerLookup(4, "tanh", input_scale=0.05, output_scale=0.05)),
    "begins with one Quantize": lambda: nn.Graph(4, [
        ["a", nn.Quantize(4, 0.05), ["x"]], ["b", nn.Quantize(4, 0.07), ["x"]],
        ["c", nn.IntegerAdd(4, input_scales=[0.05, 0.07], output_scale=0.05), ["a", "b"]],
        ["y", nn.Dequantize(4, 0.05), ["c"]]]),
    "cannot hold floats between": lambda: wl.Sequential(
        [nn.Quantize(4, 0.05), nn.Dequantize(4, 0.05), nn.Quantize(4, 0.05), nn.Dequantize(4, 0.05)]),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_such_a_file_cannot_hold(path, reason):
    path.write_bytes(b"older")
    with pytest.raises(wl.ParameterError, match=reason) as caught:
        wl.formats.save(REFUSED[reason](), path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"older"


def test_the_signature_names_input_and_output(path):
    """The C library of older TensorFlow Lites makes no interpreter of a file without."""
    wl.formats.save(word("single"), path)
    file = TfliteFile(path.read_bytes())
    (signature,) = file.model.signatures
    graph = file.main()
    assert [(one.name, f"t{one.tensor}") for one in signature.inputs] == [("input", graph.inputs[0])]
    assert [(one.name, f"t{one.tensor}") for one in signature.outputs] == [("output", graph.outputs[0])]


def test_frames_of_a_call(path):
    with pytest.raises(wl.ParameterError, match="frames=4 must be a multiple of 3, the network's frame period"):
        wl.formats.save(word("single"), path, frames=4)


# Wake words of ESPHome


def wake_word(out=1, scale=26 / 255):
    return wl.Sequential([
        nn.Quantize(40, scale, -128), conv(40, 8, 5, stride=3, padding=(2, 0), low=0, zero_point=-128, scale=scale),
        conv(8, out, 4, seed=1), sigmoid(out), nn.Dequantize(out, 1 / 256, -128),
    ])  # fmt: skip


ABOUT = {"wake_word": "Hello", "probability_cutoff": 0.9}


def test_a_wake_word_and_its_manifest(path):
    model = wake_word()
    wl.formats.save_wake_word(model, path, **ABOUT, author="A", trained_languages=["en", "nl"], sliding_window_size=7)
    manifest = json.loads(path.with_suffix(".json").read_text())
    micro = manifest.pop("micro")
    assert manifest == {"type": "micro", "wake_word": "Hello", "author": "A", "website": "", "model": "m.tflite",
                        "trained_languages": ["en", "nl"], "version": 2}  # fmt: skip
    assert (micro["probability_cutoff"], micro["feature_step_size"], micro["sliding_window_size"]) == (0.9, 10, 7)
    x = np.random.default_rng(0).uniform(0, 26, (60, 40)).astype(np.float32)
    np.testing.assert_array_equal(wl.load(path)(x), model(x))
    runtime = pytest.importorskip(
        "tflite_micro.python.tflite_micro.runtime", reason="TensorFlow Lite Micro is not installed"
    )
    runtime.Interpreter.from_file(str(path), arena_size=micro["tensor_arena_size"])


def test_memory_counts_what_is_needed_at_once():
    """A tensor from when it is made until it is read for the last time, and not what is never moved."""
    tensors = {name: SimpleNamespace(shape=(size,), data=None) for name, size in
               {"x": 10, "a": 40, "b": 20, "y": 5, "unread": 1}.items()}  # fmt: skip
    tensors["weights"] = SimpleNamespace(shape=(900,), data=np.zeros(900))
    read = [(["x", "weights"], ["a"]), (["a"], ["b", "unread"]), (["b", "x"], ["y"])]
    nodes = [SimpleNamespace(inputs=inputs, outputs=outputs) for inputs, outputs in read]
    assert most_at_once(SimpleNamespace(tensors=tensors, nodes=nodes, inputs=["x"])) == 10 + 40 + 20 + 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"wake_word": " "}, "wake_word=' ' must not be empty"), ({"author": 3}, "author=3 must be a string"),
     ({"probability_cutoff": 1.5}, "probability_cutoff=1.5 must be between 0 and 1"),
     ({"sliding_window_size": 0}, "sliding_window_size=0 must be")],
)  # fmt: skip
def test_options_of_wake_words(path, options, reason):
    with pytest.raises(wl.ParameterError, match=reason):
        wl.formats.save_wake_word(wake_word(), path, **ABOUT | options)
    assert not list(path.parent.iterdir())


def test_what_is_no_wake_word(path):
    with pytest.raises(wl.ParameterError, match="must give one probability at each call"):
        wl.formats.save_wake_word(wake_word(2), path, **ABOUT)
    with pytest.raises(wl.ParameterError, match="reads 5 channels; a wake word must read 40 features"):
        wl.formats.save_wake_word(word("single"), path, **ABOUT)
    with pytest.raises(wl.ParameterError, match=r"must end in \.tflite"):
        wl.formats.save_wake_word(wake_word(), path.with_suffix(".json"), **ABOUT)
    with pytest.raises(wl.ParameterError, match=r"Quantize has scale=0\.05, zero_point=-128; ESPHome gives"):
        wl.formats.save_wake_word(wake_word(scale=0.05), path, **ABOUT)
