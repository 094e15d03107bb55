"""TFLite files of 8-bit integers: every integer that LiteRT and TensorFlow Lite Micro give, by the rule of each."""

from pathlib import Path

import numpy as np
import pytest
from litert_running import needs_litert, run_litert, scores
from tflite_files import TfliteFile

import wavenetlite as wl

FRAMES, CHANNELS = 24, 3
RULES = ("single", "double")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.tflite"


def ints(*numbers):
    return np.array(numbers, np.int32)


class Row(TfliteFile):
    """A file of operators in a row over integers, (1, time, 1, channels), with scales and zero points at random."""

    def __init__(self, rng, channels=CHANNELS, kind="int8"):
        super().__init__()
        self.rng, self.kind = rng, kind
        self.input = self.value = self.made((1, FRAMES, 1, channels))

    def made(self, shape, scale=None, zero_point=None):
        scale = self.rng.uniform(0.01, 0.05) if scale is None else scale
        least = 0 if self.kind == "uint8" else -128
        zero_point = int(self.rng.integers(least + 64, least + 192)) if zero_point is None else zero_point
        return self.tensor(shape, self.kind, scale=scale, zero_point=zero_point)

    def about(self, number):
        made = self.tensors[number]
        return tuple(made["shape"]), float(made["quantization"]["scale"][0]), int(made["quantization"]["zero_point"][0])

    @property
    def shape(self):
        return self.about(self.value)[0]

    def then(self, kind, *others, made=None, **options):
        made = self.made(self.shape) if made is None else made
        self.value = self.operator(kind, [self.value, *others], [made], **options)
        return self

    def conv(self, out, kernel, *, depthwise=False, padding=0, stride=1, activation=0, dilation=1):
        (_, frames, _, channels), scale, _ = self.about(self.value)
        shape = (1, kernel, 1, out) if depthwise else (out, kernel, 1, channels)
        scales = self.rng.uniform(0.002, 0.01, out).astype(np.float32)
        weight = self.constant(self.rng.integers(-128, 128, shape).astype(np.int8), scale=scales, axis=3 * depthwise)
        offset = self.constant(self.rng.integers(-3000, 3000, out).astype(np.int32), scale=scale * scales)
        after = -(-frames // stride) if padding == 0 else (frames - (kernel - 1) * dilation - 1) // stride + 1
        options = {"multiplier": out // channels} if depthwise else {}
        return self.then("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", weight, offset,
                         made=self.made((1, after, 1, out)), padding=padding, stride_w=1, stride_h=stride,
                         dilation_h=dilation, activation=activation, **options)  # fmt: skip

    def constants(self, shape):
        return self.constant(self.rng.integers(-128, 128, shape).astype(np.int8), scale=0.02, zero_point=5)

    def file(self):
        self.ends([self.input], [self.value])
        return self.bytes()


def agrees(path, row, rng, *, steps=0, rules=RULES):
    """Our network gives LiteRT's integers, or no more than `steps` from them, and the same in blocks."""
    path.write_bytes(row.file())
    shape, scale, _ = row.about(row.input)
    x = rng.uniform(-128 * scale, 128 * scale, shape).astype(np.float32)
    models = {rule: wl.load(path, rounding=rule) for rule in rules}
    for model in models.values():
        wl.verify_stream(model, frames=30, partitions=2)
    needs_litert()
    for rule, model in models.items():
        wanted = run_litert(path, x, reference=rule == "double")
        wanted = wanted.reshape(-1, wanted.shape[-1])
        got = model(x[0, :, 0])
        got = got[-1:] if len(wanted) == 1 else got
        assert got.shape == wanted.shape
        assert np.abs(np.rint((got - wanted) / row.about(row.value)[1])).max() <= steps


CONVOLUTIONS = [
    {"kernel": 1}, {"kernel": 3}, {"kernel": 4, "padding": 1}, {"kernel": 3, "stride": 2},
    {"kernel": 5, "stride": 3, "padding": 1},
    {"kernel": 3, "dilation": 2}, {"kernel": 3, "activation": 1}, {"kernel": 2, "activation": 3},
]  # fmt: skip


@pytest.mark.parametrize("options", CONVOLUTIONS)
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions(path, rng, options, depthwise):
    out = 2 * CHANNELS if depthwise else 4
    agrees(path, Row(rng).conv(out, depthwise=depthwise, **options), rng)


def test_a_convolution_by_its_definition(path, rng):
    """Without a witness: sums of 32 bits, rescaled and rounded to nearest."""
    row = Row(rng).conv(4, 3, padding=1, activation=1)
    path.write_bytes(row.file())
    shape, scale, zero = row.about(row.input)
    x = rng.uniform(-100 * scale, 100 * scale, shape).astype(np.float32)[0, :, 0]
    q = np.clip(np.rint(x / scale) + zero, -128, 127) - zero
    weight, bias = (row.buffers[row.tensors[one]["buffer"]]["data"] for one in row.operators[0]["inputs"][1:])
    weight, bias = weight.view(np.int8).reshape(4, 3, 3), bias.view(np.int32)
    sums = np.array([np.einsum("kc,okc->o", q[at : at + 3], weight) + bias for at in range(FRAMES - 2)])
    scales = row.tensors[row.operators[0]["inputs"][1]]["quantization"]["scale"].astype(float)
    _, after, point = row.about(row.value)
    wanted = np.clip(np.rint(sums * scales * scale / after) + point, point, 127) - point
    for rule in RULES:
        steps = np.rint(wl.load(path, rounding=rule)(x) / np.float32(after))
        np.testing.assert_array_equal(steps, wanted)


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "RELU", "RELU_N1_TO_1"])
def test_element_by_element(path, rng, kind):
    row = Row(rng)
    fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(kind)
    row.then(
        kind, made=row.made(row.shape, *fixed) if fixed else None, **({"alpha": 0.3} if kind == "LEAKY_RELU" else {})
    )
    agrees(path, row, rng)


@pytest.mark.parametrize("kind", ["ADD", "MUL"])
@pytest.mark.parametrize("shape", [(), (CHANNELS,), (1, 1, CHANNELS)])
def test_with_constants(path, rng, kind, shape):
    row = Row(rng)
    agrees(path, row.then(kind, row.constants(shape)), rng)


@pytest.mark.parametrize("kind", ["ADD", "MUL"])
def test_skips(path, rng, kind):
    row = Row(rng).conv(CHANNELS, 3, activation=1)
    agrees(path, row.then(kind, row.input, activation=1), rng)


def test_channels_side_by_side_and_apart(path, rng):
    row = Row(rng)
    _, scale, zero = row.about(row.value)
    both = row.made((1, FRAMES, 1, 6), scale, zero)
    row.value = row.operator("CONCATENATION", [row.value, row.value], [both], axis=3)
    parts = [row.made((1, FRAMES, 1, size), scale, zero) for size in (2, 4)]
    row.operator("SPLIT_V", [both, row.constant(ints(2, 4)), row.constant(np.array(3, np.int32))], parts, count=2)
    row.value = parts[1]
    agrees(path, row.conv(4, 3), rng)


@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pools(path, rng, kind):
    row = Row(rng)
    _, scale, zero = row.about(row.value)
    row.then(
        kind, made=row.made((1, 12, 1, CHANNELS), scale, zero), padding=1, stride_w=1, stride_h=2, width=1, height=2
    )
    agrees(path, row, rng)


def test_a_mean_over_all_frames(path, rng):
    row = Row(rng).conv(4, 3)
    row.then("MEAN", row.constant(ints(1, 2)), made=row.made((1, 4)))
    agrees(path, row, rng)
    row = Row(rng).conv(4, 3)
    made = row.made((1, 1, 1, 4), *row.about(row.value)[1:])
    agrees(path, row.then("REDUCE_MAX", row.constant(ints(1)), made=made, keep_dims=True), rng)


def test_a_matrix_over_all_frames(path, rng):
    row = Row(rng).conv(4, 3, padding=1)
    _, scale, zero = row.about(row.value)
    row.then("RESHAPE", row.constant(ints(1, 88)), made=row.made((1, 88), scale, zero))
    weight = row.constant(rng.integers(-127, 128, (2, 88)).astype(np.int8), scale=0.004)
    agrees(path, row.then("FULLY_CONNECTED", weight, -1, made=row.made((1, 2))), rng)


def test_floats_in_and_out(path, rng):
    """QUANTIZE and DEQUANTIZE, with a softmax of integers, which is rounded to its output's."""
    file = TfliteFile()
    x = file.tensor((1, FRAMES, 1, 4))
    q = file.operator("QUANTIZE", [x], [file.tensor((1, FRAMES, 1, 4), "int8", scale=0.05, zero_point=3)])
    made = file.tensor((1, FRAMES, 1, 4), "int8", scale=1 / 256, zero_point=-128)
    y = file.operator("DEQUANTIZE", [file.operator("SOFTMAX", [q], [made], beta=1.0)], [file.tensor((1, FRAMES, 1, 4))])
    file.ends([x], [y])
    path.write_bytes(file.bytes())
    signal = rng.uniform(-7, 7, (1, FRAMES, 1, 4)).astype(np.float32)
    got = wl.load(path)(signal[0, :, 0])
    assert not (got * 256 % 1).any()
    needs_litert()
    assert np.abs(got - run_litert(path, signal)[0, :, 0]).max() <= 1 / 256


def test_floats_behind_integers(path, rng):
    """An activation of floats between integers, as the converter leaves ELU."""
    file = TfliteFile()
    x = file.tensor((1, FRAMES, 1, 4))
    q = file.operator("QUANTIZE", [x], [file.tensor((1, FRAMES, 1, 4), "int8", scale=0.05, zero_point=3)])
    y = file.operator("ELU", [file.operator("DEQUANTIZE", [q], [file.tensor((1, FRAMES, 1, 4))])],
                      [file.tensor((1, FRAMES, 1, 4))])  # fmt: skip
    file.ends([x], [y])
    path.write_bytes(file.bytes())
    signal = rng.uniform(-5, 5, (FRAMES, 4)).astype(np.float32)
    rounded = np.rint(signal * np.float32(20)) * np.float32(0.05)
    wanted = np.where(rounded > 0, rounded, np.expm1(rounded))
    np.testing.assert_allclose(wl.load(path)(signal), wanted, atol=1e-6)


def test_unsigned_bytes_at_the_end(path, rng):
    row = Row(rng).conv(4, 3)
    row.then("LOGISTIC", made=row.made(row.shape, 1 / 256, -128))
    row.kind = "uint8"
    agrees(path, row.then("QUANTIZE", made=row.made(row.shape, 1 / 256, 0)), rng)


def refusal(path, row):
    path.write_bytes(row.file())
    with pytest.raises(wl.ModelFileError) as caught:
        wl.load(path)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_what_has_no_counterpart_is_named(path, rng):
    row = Row(rng)
    text = refusal(path, row.then("MEAN", row.constant(ints(3)), made=row.made((1, FRAMES, 1, 1)), keep_dims=True))
    assert "operator 0 (MEAN 't2'): goes over the axes channels; with integers it must go over time" in text
    row = Row(rng)
    weight = row.constant(rng.integers(0, 255, (4, 1, 1, 3)).astype(np.uint8), scale=0.01, zero_point=128)
    assert "has weights of uint8 beside" in refusal(
        path, row.then("CONV_2D", weight, -1, padding=1, stride_w=1, stride_h=1)
    )
    row = Row(rng, kind="int16")
    assert "gives int16; a sequence of integers must be int8 or uint8" in refusal(path, row.then("RELU"))
    row = Row(rng)
    weight = row.constant(np.ones((4, 1, 1, 3), np.float32))
    assert "has weights of float32 beside" in refusal(
        path, row.then("CONV_2D", weight, -1, padding=1, stride_w=1, stride_h=1)
    )


def test_rounding_is_one_of_two(path, rng):
    path.write_bytes(Row(rng).conv(4, 3).file())
    with pytest.raises(wl.ParameterError, match="rounding='triple' must be"):
        wl.load(path, rounding="triple")


# microWakeWord


def wake_words():
    package = pytest.importorskip(
        "pymicro_wakeword", reason="pymicro-wakeword, whose models these are, is not installed"
    )
    return Path(package.__file__).parent / "models"


WORDS = ("okay_nabu", "alexa", "hey_jarvis", "hey_mycroft")


def slow_features(rng, calls):
    """Features that go up and down as slowly as those of speech, in the range of theirs."""
    steps = np.cumsum(rng.normal(0, 1.5, (3 * calls, 40)), axis=0) + np.cumsum(rng.normal(0, 1, (3 * calls, 1)), axis=0)
    return (13 + 13 * np.sin(steps / 4)).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("word", WORDS)
def test_wake_words(rng, word, rule):
    """Every score, call by call: LiteRT's, or TensorFlow Lite Micro's."""
    path = wake_words() / f"{word}.tflite"
    x = slow_features(rng, 400)
    got = wl.load(path, rounding=rule)(x)
    assert got.shape == (400, 1)
    needs_litert()
    if rule == "double":
        pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro is not installed (pip install tflite-micro)")
    wanted = scores(path, x, 3, micro=rule == "double")
    np.testing.assert_array_equal(got, wanted)
    assert len(np.unique(wanted)) > 1
