"""TFLite files of floats: made here, operator by operator, held against LiteRT and against the same layers of ours."""

import re

import numpy as np
import pytest
from litert_running import called, interpreter, needs_litert, run_litert
from tflite_files import StreamingFile, TfliteFile

import wavenetlite as wl

FRAMES, CHANNELS = 24, 3


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.tflite"


def load(path, data, **options):
    path.write_bytes(data)
    return wl.load(path, **options)


def refusal(path, data, **options):
    with pytest.raises(wl.ModelFileError) as caught:
        load(path, data, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and text.isprintable() and len(text) < 700
    return text


def ints(*numbers):
    return np.array(numbers, np.int32)


class Row(TfliteFile):
    """A file of operators in a row, over (1, 1, time, channels)."""

    def __init__(self, rng, frames=FRAMES, channels=CHANNELS, known=True):
        super().__init__()
        self.rng, self.known = rng, known
        self.input = self.value = self.made((1, 1, frames, channels))

    def made(self, shape, **options):
        known = self.known or len(shape) != 4
        return self.tensor(shape, signature=None if known else (*shape[:2], -1, shape[3]), **options)

    @property
    def shape(self):
        return tuple(self.tensors[self.value]["shape"])

    def weights(self, *shape):
        return self.constant((self.rng.standard_normal(shape) / 2).astype(np.float32))

    def then(self, kind, *others, shape=None, **options):
        self.value = self.operator(kind, [self.value, *others], [self.made(shape or self.shape)], **options)
        return self

    def conv(self, out, kernel, *, padding=0, stride=1, activation=0, dilation=1, weight=None):
        _, _, frames, channels = self.shape
        after = -(-frames // stride) if padding == 0 else (frames - (kernel - 1) * dilation - 1) // stride + 1
        weight = self.weights(out, 1, kernel, channels) if weight is None else weight
        return self.then("CONV_2D", weight, self.weights(out), shape=(1, 1, after, out), padding=padding,
                         stride_w=stride, stride_h=1, activation=activation, dilation_w=dilation)  # fmt: skip

    def file(self):
        self.ends([self.input], [self.value])
        return self.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])


def agrees(path, data, rng, frames=FRAMES, **options):
    """Our network gives what LiteRT gives, and the same in blocks."""
    model = load(path, data, **options)
    x = rng.standard_normal((1, 1, frames, CHANNELS)).astype(np.float32)
    got = model(x[0, 0])
    wl.verify_stream(model, frames=40, partitions=2)
    needs_litert()
    wanted = run_litert(path, x)
    wanted = wanted.reshape(-1, wanted.shape[-1])
    got = got[-1:] if len(wanted) == 1 else got
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, atol=1e-5 * max(1, np.abs(wanted).max()), rtol=0)


SHAPES = [(1, 1, 1), (3, 1, 1), (4, 1, 1), (3, 2, 1), (5, 3, 1), (1, 3, 1), (3, 1, 2), (2, 1, 5)]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), SHAPES)
@pytest.mark.parametrize("frames", [24, 23])
def test_convolutions(path, rng, padding, kernel, stride, dilation, frames):
    row = Row(rng, frames).conv(4, kernel, padding=padding, stride=stride, dilation=dilation, activation=1)
    agrees(path, row.file(), rng, frames)


def test_same_with_strides_needs_a_length(path):
    """It begins elsewhere for other lengths."""

    def data(known):
        return Row(np.random.default_rng(0), 23, known=known).conv(4, 3, stride=2).file()

    assert "pass frames=..." in refusal(path, data(False))
    given = load(path, data(False), frames=23)
    assert str(given) == str(load(path, data(True))) != str(load(path, data(False), frames=24))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise(path, rng, multiplier):
    row = Row(rng)
    weight, bias = row.weights(1, 1, 4, CHANNELS * multiplier), row.weights(CHANNELS * multiplier)
    row.then("DEPTHWISE_CONV_2D", weight, bias, shape=(1, 1, FRAMES, CHANNELS * multiplier), padding=0, stride_w=1,
             stride_h=1, multiplier=multiplier, activation=3)  # fmt: skip
    agrees(path, row.file(), rng)


@pytest.mark.parametrize(("before", "after"), [(8, 0), (4, 4), (0, 0), (3, 1)])
@pytest.mark.parametrize("frames", [23, 24])
def test_frames_in_blocks_are_dilation(path, rng, before, after, frames):
    """PAD, SPACE_TO_BATCH_ND, CONV_2D, ADD, BATCH_TO_SPACE_ND: a convolution with dilation 4."""
    padded = frames + before + after
    fill = -padded % 4
    row = Row(rng, frames)
    sides = row.constant(np.array([[0, 0], [0, 0], [before, after], [0, 0]], np.int32))
    row.then("PAD", sides, shape=(1, 1, padded, CHANNELS))
    block, crop = row.constant(ints(1, 4)), row.constant(np.array([[0, 0], [0, fill]], np.int32))
    row.then("SPACE_TO_BATCH_ND", block, crop, shape=(4, 1, (padded + fill) // 4, CHANNELS))
    row.conv(5, 3, padding=1).then("ADD", row.weights(5), activation=1)
    row.then("BATCH_TO_SPACE_ND", block, crop, shape=(1, 1, padded - 8, 5))
    agrees(path, row.file(), rng, frames)


def test_frames_in_blocks_of_a_signal_of_unknown_length(path, rng):
    """The zeros that fill the last block are computed of the shape, as Keras' converter does it."""
    row = Row(rng, known=False)
    shape = row.operator("SHAPE", [row.value], [row.tensor((4,), "int32")], type=2)
    begin, end, step, four = (row.constant(ints(one)) for one in (2, 3, 1, 4))
    length = row.operator("STRIDED_SLICE", [shape, begin, end, step], [row.tensor((), "int32")], shrink_mask=1)
    length = row.operator("RESHAPE", [length, step], [row.tensor((1,), "int32")])
    rest = row.operator("FLOOR_MOD", [length, four], [row.tensor((1,), "int32")])
    fill = row.operator("SUB", [four, rest], [row.tensor((1,), "int32")])
    fill = row.operator("FLOOR_MOD", [fill, four], [row.tensor((1,), "int32")])
    sides = row.operator("CONCATENATION", [row.constant(ints(0, 0, 0)), fill], [row.tensor((4,), "int32")])
    two = row.constant(ints(2, 2))
    sides = row.operator("RESHAPE", [sides, two], [row.tensor((2, 2), "int32")])
    block = row.constant(ints(1, 4))
    row.then("SPACE_TO_BATCH_ND", block, sides, shape=(4, 1, 6, CHANNELS)).conv(5, 3, padding=1)
    row.then("BATCH_TO_SPACE_ND", block, sides, shape=(1, 1, 16, 5))
    agrees(path, row.file(), rng, 29)


def test_layer_normalisation(path, rng):
    row = Row(rng)
    x, over, keep = row.value, row.constant(ints(3)), {"keep_dims": True}
    one = (1, 1, FRAMES, 1)
    mean = row.operator("MEAN", [x, over], [row.tensor(one)], **keep)
    minus = row.operator("NEG", [mean], [row.tensor(one)])
    squares = row.operator("SQUARED_DIFFERENCE", [x, mean], [row.tensor(row.shape)])
    variance = row.operator("MEAN", [squares, over], [row.tensor(one)], **keep)
    variance = row.operator("ADD", [variance, row.constant(np.float32(1e-3))], [row.tensor(one)])
    scale = row.operator("RSQRT", [variance], [row.tensor(one)])
    scale = row.operator("MUL", [scale, row.weights(CHANNELS)], [row.tensor(row.shape)])
    shift = row.operator("MUL", [minus, scale], [row.tensor(row.shape)])
    shift = row.operator("ADD", [shift, row.weights(CHANNELS)], [row.tensor(row.shape)])
    scaled = row.operator("MUL", [x, scale], [row.tensor(row.shape)])
    row.value = row.operator("ADD", [scaled, shift], [row.tensor(row.shape)])
    agrees(path, row.file(), rng)


ELEMENTWISE = [("RELU", {}), ("RELU6", {}), ("RELU_N1_TO_1", {}), ("TANH", {}), ("LOGISTIC", {}), ("ELU", {}),
               ("LEAKY_RELU", {"alpha": 0.3}), ("HARD_SWISH", {}), ("NEG", {}), ("SQUARE", {}),
               ("SOFTMAX", {"beta": 1.0})]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), ELEMENTWISE)
def test_element_by_element(path, rng, kind, options):
    agrees(path, Row(rng).conv(4, 3, padding=1).then(kind, **options).file(), rng)


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize(("above", "below"), [(1.0, 0.7), (1.0507, 1.7581), (2.0, 2.0)])
def test_elu_in_parts(path, rng, above, below, found):
    """Chosen by the sign of x, from x and exp(x) - 1, or from ELU(x), which the converter may have found."""
    row = Row(rng).conv(4, 3, padding=1)
    x = row.value

    def made(kind, *inputs, **options):
        return row.operator(kind, list(inputs), [row.tensor(row.shape, "bool" if kind == "GREATER" else "float32")],
                            **options)  # fmt: skip

    def number(value):
        return row.constant(np.float32(value))

    curve = made("ELU", x) if found else made("SUB", made("EXP", x), number(1))
    up = (curve if found else x) if above == 1 else made("MUL", curve if found else x, number(above))
    row.value = made("SELECT_V2", made("GREATER", x, number(0)), up, made("MUL", curve, number(below)))
    agrees(path, row.file(), rng)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "PRELU"])
def test_with_constants(path, rng, kind):
    row = Row(rng)
    other = row.constant(np.float32(0.5)) if kind.startswith("M") and kind != "MUL" else row.weights(1, 1, CHANNELS)
    agrees(path, row.then(kind, other).file(), rng)


def test_skips_and_joins(path, rng):
    row = Row(rng).conv(CHANNELS, 3, activation=1)
    row.value = row.operator("ADD", [row.input, row.value], [row.tensor(row.shape)], activation=3)
    row.value = row.operator("CONCATENATION", [row.value, row.input], [row.tensor((1, 1, FRAMES, 6))], axis=-1)
    halves = [row.tensor((1, 1, FRAMES, 2)), row.tensor((1, 1, FRAMES, 4))]
    row.operator("SPLIT_V", [row.value, row.constant(ints(2, 4)), row.constant(np.array(3, np.int32))], halves, count=2)
    row.value = row.operator("CONCATENATION", halves[::-1], [row.tensor((1, 1, FRAMES, 6))], axis=3)
    agrees(path, row.file(), rng)


def test_means_maxima_and_the_last_frame(path, rng):
    for kind in ("MEAN", "REDUCE_MAX"):
        row = Row(rng).conv(4, 3)
        row.then(kind, row.constant(ints(1, 2)), shape=(1, 4))
        agrees(path, row.file(), rng)
    row = Row(rng).conv(4, 3)
    numbers = [row.constant(ints(*one)) for one in ((0, 0, -1, 0), (0, 0, 0, 0), (1, 1, 1, 1))]
    row.then("STRIDED_SLICE", *numbers, shape=(1, 1, 4), begin_mask=11, end_mask=11, shrink_mask=4)
    agrees(path, row.file(), rng)


@pytest.mark.parametrize(("frames", "stride"), [(1, 1), (2, 2), (3, 2), (4, 1), (2, 3)])
def test_max_pool(path, rng, frames, stride):
    after = (FRAMES - frames) // stride + 1
    row = Row(rng).then("MAX_POOL_2D", shape=(1, 1, after, CHANNELS), padding=1, stride_w=stride, stride_h=1,
                        width=frames, height=1)  # fmt: skip
    agrees(path, row.conv(4, 2, padding=1).file(), rng)


def test_average_pool_and_repeated_frames(path, rng):
    row = Row(rng).then(
        "AVERAGE_POOL_2D", shape=(1, 1, 12, CHANNELS), padding=1, stride_w=2, stride_h=1, width=2, height=1
    )
    row.then("RESHAPE", row.constant(ints(1, 12, 1, CHANNELS)), shape=(1, 12, 1, CHANNELS))
    row.then("TILE", row.constant(ints(1, 1, 3, 1)), shape=(1, 12, 3, CHANNELS))
    row.then("RESHAPE", row.constant(ints(1, 36, CHANNELS)), shape=(1, 36, CHANNELS))
    agrees(path, row.file(), rng)


def test_repeated_frames_in_rows(path, rng):
    """The converter leaves out the shape between UpSampling1D and Dense."""
    row = Row(rng)
    row.then("RESHAPE", row.constant(ints(1, FRAMES, 1, CHANNELS)), shape=(1, FRAMES, 1, CHANNELS))
    row.then("TILE", row.constant(ints(1, 1, 2, 1)), shape=(1, FRAMES, 2, CHANNELS))
    row.then("RESHAPE", row.constant(ints(2 * FRAMES, CHANNELS)), shape=(2 * FRAMES, CHANNELS))
    agrees(path, row.then("FULLY_CONNECTED", row.weights(5, CHANNELS), shape=(2 * FRAMES, 5)).file(), rng)


def test_a_matrix_over_all_frames(path, rng):
    """Flatten and Dense: for each frame, of as many frames as the model has."""
    row = Row(rng).conv(4, 3, padding=1)
    row.then("RESHAPE", row.constant(ints(1, 88)), shape=(1, 88))
    row.then("FULLY_CONNECTED", row.weights(2, 88), row.weights(2), shape=(1, 2), activation=1)
    agrees(path, row.file(), rng)


def test_matrices_of_rows(path, rng):
    """Dense, as Keras' converter writes it: frames in rows, and back."""
    row = Row(rng)
    row.then("RESHAPE", row.constant(ints(-1, CHANNELS)), shape=(FRAMES, CHANNELS))
    row.then("FULLY_CONNECTED", row.weights(5, CHANNELS), shape=(FRAMES, 5))
    row.then("RESHAPE", row.constant(ints(1, FRAMES, 5)), shape=(1, FRAMES, 5)).then("ADD", row.weights(5))
    agrees(path, row.file(), rng)


def test_weights_in_half_precision(path, rng):
    row = Row(rng)
    half = row.constant((rng.standard_normal((4, 1, 3, CHANNELS)) / 2).astype(np.float16))
    weight = row.operator("DEQUANTIZE", [half], [row.tensor((4, 1, 3, CHANNELS))])
    agrees(path, row.conv(4, 3, weight=weight).file(), rng)


def test_weights_in_integers_are_what_they_stand_for(path, rng):
    """Dynamic range: floats with weights of int8, here computed in floats."""
    integers, scale = rng.integers(-127, 128, (4, 1, 3, CHANNELS)).astype(np.int8), rng.uniform(0.01, 0.02, 4)

    def network(weight):
        row = Row(np.random.default_rng(1))
        return load(path, row.conv(4, 3, weight=weight(row)).file())

    meant = (integers * scale.astype(np.float32)[:, None, None, None]).astype(np.float32)
    x = rng.standard_normal((FRAMES, CHANNELS)).astype(np.float32)
    floats = network(lambda row: row.constant(meant))
    ours = network(lambda row: row.constant(integers, scale=scale, axis=0))
    np.testing.assert_array_equal(ours(x), floats(x))
    needs_litert()
    wanted = run_litert(path, x[None, None])[0, 0]
    assert 0 < np.abs(ours(x) - wanted).max() < 0.03 * np.abs(wanted).max()  # LiteRT rounds x to int8


def test_buffers_after_the_tables(path, rng):
    """As files of more than 2 GB have them; here of less."""
    row = Row(rng).conv(4, 3, activation=1)
    plain = load(path, row.file())
    data, buffers = row.bytes(), row.buffers
    row.buffers = [{}, *({"offset": 2**30, "size": len(one["data"])} for one in buffers[1:])]
    size = len(row.bytes())
    at = size
    for made, one in zip(row.buffers[1:], buffers[1:], strict=True):
        made["offset"] = at
        at += len(one["data"])
    data = row.bytes()
    assert len(data) == size
    again = load(path, data + b"".join(bytes(one["data"]) for one in buffers[1:]))
    x = rng.standard_normal((FRAMES, CHANNELS)).astype(np.float32)
    np.testing.assert_array_equal(again(x), plain(x))
    assert "beyond the file's" in refusal(path, data)


def test_several_graphs_need_a_signature(path, rng):
    row = Row(rng).conv(4, 3)
    row.ends([row.input], [row.value])
    row.graph()
    x = row.tensor((1, 1, 5, 2))
    row.ends([x], [row.operator("RELU", [x], [row.tensor((1, 1, 5, 2))])])
    data = row.bytes(signatures=[{"key": "large", "subgraph": 0}, {"key": "small", "subgraph": 1}])
    assert "several graphs, of the signatures 'large', 'small': pass signature=..." in refusal(path, data)
    assert [load(path, data, signature=one).in_channels for one in ("large", "small")] == [CHANNELS, 2]
    with pytest.raises(wl.ParameterError, match="signature='medium' must be one of 'large', 'small'"):
        load(path, data, signature="medium")


def test_options_are_of_this_format(tmp_path):
    wl.TCN(3, 2, channels=4, dilations=[1]).save(tmp_path / "own.safetensors")
    with pytest.raises(wl.ParameterError, match="frames=5 is no option of the format wavenetlite"):
        wl.load(tmp_path / "own.safetensors", frames=5)


REFUSED = {
    "padding=SAME: what it gives at the ends": lambda row: row.then(
        "MAX_POOL_2D", padding=0, stride_w=1, stride_h=1, width=2, height=1),
    "has padding=SAME: what it gives at the ends": lambda row: row.then(
        "AVERAGE_POOL_2D", padding=0, stride_w=1, stride_h=1, width=3, height=1),
    "COS has no counterpart here": lambda row: row.then("COS"),
    "beta=2.0; it must be 1": lambda row: row.then("SOFTMAX", beta=2.0),
    "something else than zeros": lambda row: row.then(
        "PADV2", row.constant(np.array([[0, 0], [0, 0], [2, 0], [0, 0]], np.int32)), row.constant(np.float32(1)),
        shape=(1, 1, FRAMES + 2, CHANNELS)),
    "goes over the channels": lambda row: row.then(
        "REDUCE_MAX", row.constant(ints(3)), shape=(1, 1, FRAMES, 1), keep_dims=True),
    "no part of a layer normalisation": lambda row: row.then(
        "MEAN", row.constant(ints(3)), shape=(1, 1, FRAMES, 1), keep_dims=True).then("TANH"),
    "gives the shape [1, 8, 9]": lambda row: row.then("RESHAPE", row.constant(ints(1, 8, 9)), shape=(1, 8, 9)),
    "reads 't1' of int4, which is neither": lambda row: row.conv(4, 3, weight=row.tensor(
        (4, 1, 3, CHANNELS), "int4", data=np.zeros(18, np.uint8))),
    "has the fused activation 4": lambda row: row.then("ADD", row.weights(CHANNELS), activation=4),
    "goes backward over the axis time": lambda row: row.then(
        "STRIDED_SLICE", *(row.constant(ints(*one)) for one in ((0, 0, -1, 0), (0,) * 4, (1, 1, -1, 1))),
        begin_mask=15, end_mask=15),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_has_no_counterpart_is_named(path, rng, reason):
    text = refusal(path, REFUSED[reason](Row(rng)).file())
    assert reason in text
    assert re.search(r"operator \d+ \([A-Z0-9_]+ 't\d+'\): ", text)


# Calls that keep state


def streaming(frames, *, ring=False, seed=0):
    file = StreamingFile(frames, 5, seed)
    if frames < 5:
        file.kept(5 - frames, ring=ring)
    file.convolution(8, 5, stride=frames)
    file.kept(4, ring=ring)
    file.convolution(8, 5, depthwise=True, activation=0)
    file.convolution(6, 1)
    file.kept(2, ring=ring)
    file.dense(2)
    return file


@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_state_in_variables(path, rng, frames, ring):
    model = load(path, streaming(frames, ring=ring).finished())
    x = rng.standard_normal((20 * frames, 5)).astype(np.float32)
    got = model(x)
    assert got.shape == (20, 2)
    wl.verify_stream(model, frames=40, partitions=2)
    needs_litert()
    made = interpreter(path)
    wanted = np.concatenate([called(made, x[None, at : at + frames]) for at in range(0, len(x), frames)])
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_state_that_is_not_the_last_frames(path):
    def file(change):
        made = streaming(3)
        change(made)
        return made.finished()

    def nothing_assigned(made):
        made.operators[:] = [one for one in made.operators if made.codes[one["code"]] != "ASSIGN_VARIABLE"]

    def other_frames(made):
        begins = next(one for one in made.operators if made.codes[one["code"]] == "STRIDED_SLICE")["inputs"][1]
        made.buffers[made.tensors[begins]["buffer"]]["data"] = np.frombuffer(ints(0, 0, 0, 0).tobytes(), np.uint8)

    def other_numbers(made):
        at = next(at for at, one in enumerate(made.operators) if made.codes[one["code"]] == "ASSIGN_VARIABLE")
        kept = made.operators[at]["inputs"][1]
        made.operator("TANH", [kept], [made.tensor(made.shape(kept))])
        made.operators.insert(at, made.operators.pop())
        made.operators[at + 1]["inputs"][1] = made.operators[at]["outputs"][0]

    def padding(made):
        made.value = made.operator("PAD", [made.value, made.constant(np.array([[1, 0], [0, 0]], np.int32))],
                                   [made.tensor((2, 2))])  # fmt: skip

    assert "does not assign to the variable 'states0'" in refusal(path, file(nothing_assigned))
    assert "assigns something else to the variable 'states0'" in refusal(path, file(other_numbers))
    assert "gives 2 frames at each call, which are no part" in refusal(path, file(other_frames))
    assert "(PAD " in refusal(path, file(padding))


def test_state_that_does_not_begin_with_zeros(path):
    made = streaming(1)
    made.start = 1.0
    assert "does not begin with zeros" in refusal(path, made.finished())
