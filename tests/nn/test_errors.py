"""Every error of the design: its class, what its one line says, and that a failed call changes nothing."""

import copy
import threading

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, same_bits, signal

import wavenetlite as wl

nn = wl.nn
f32 = np.float32


# --------------------------------------------------------------------------------------------------- the hierarchy
@pytest.mark.parametrize(("error", "builtin"), [
    (wl.ParameterError, ValueError), (wl.ArrayTypeError, TypeError), (wl.StreamStateError, RuntimeError),
    (wl.ModelFileError, ValueError), (wl.StreamMismatchError, RuntimeError),
    (wl.TrainingError, RuntimeError)])  # fmt: skip
def test_errors_are_builtin_errors_too(error, builtin):
    assert issubclass(error, wl.WavenetliteError)
    assert issubclass(error, builtin)


def one_line(excinfo, *parts):
    text = str(excinfo.value)
    assert text
    assert "\n" not in text
    for part in parts:
        assert part in text, text


# ------------------------------------------------------------------------------------------------------- parameters
COUNTS = {
    "in_channels": lambda v: nn.Conv1d(v, 3, 1),
    "out_channels": lambda v: nn.Conv1d(3, v, 1),
    "kernel_size": lambda v: nn.Conv1d(3, 3, v),
    "stride": lambda v: nn.Conv1d(3, 3, 3, stride=v),
    "dilation": lambda v: nn.Conv1d(3, 3, 3, dilation=v),
    "groups": lambda v: nn.Conv1d(3, 3, 3, groups=v),
    "in_features": lambda v: nn.Linear(v, 3),
    "out_features": lambda v: nn.Linear(3, v),
    "bins": lambda v: nn.Conv2d(1, 1, 1, bins=v),
    "in_channels of bins": lambda v: nn.Conv2d(v, 1, 1, bins=3),
    "out_channels of bins": lambda v: nn.Conv2d(1, v, 1, bins=3),
    "dilation[0] of bins": lambda v: nn.Conv2d(1, 1, (2, 1), bins=3, dilation=(v, 1)),
    "kernel_size[0] of bins": lambda v: nn.Conv2d(1, 1, (v, 2), bins=3),
    "kernel_size[1] of bins": lambda v: nn.Conv2d(1, 1, (3, v), bins=3),
    "stride[0] of bins": lambda v: nn.Conv2d(1, 1, (3, 2), bins=3, stride=(v, 1)),
    "stride[1] of bins": lambda v: nn.Conv2d(1, 1, (3, 2), bins=3, stride=[1, v]),
    "bins of batch norm": lambda v: nn.BatchNorm(3, bins=v),
    "window_frames": lambda v: nn.CumulativePool("mean", window_frames=v),
    "channels": lambda v: nn.BatchNorm(v),
    "channels of prelu": lambda v: nn.Activation("prelu", channels=v),
    "channels of block": lambda v: nn.GatedResidualBlock(v, kernel_size=2),
    "kernel_size of block": lambda v: nn.GatedResidualBlock(3, kernel_size=v),
    "dilation of block": lambda v: nn.GatedResidualBlock(3, kernel_size=2, dilation=v),
    "dilation of temporal": lambda v: nn.TemporalBlock(3, 3, 2, dilation=v),
    "kernel_size of temporal": lambda v: nn.TemporalBlock(3, 3, v),
    "stride of separable": lambda v: nn.DepthwiseSeparable(3, 3, 2, stride=v),
    "residual_channels": lambda v: wl.WaveNet(1, 1, residual_channels=v, dilations=[1]),
    "skip_channels": lambda v: wl.WaveNet(1, 1, skip_channels=v, dilations=[1]),
    "kernel_size of wavenet": lambda v: wl.WaveNet(1, 1, kernel_size=v, dilations=[1]),
    "dilations": lambda v: wl.WaveNet(1, 1, dilations=[1, v, 2]),
    "channels of tcn": lambda v: wl.TCN(1, 1, channels=v, dilations=[1]),
    "dilations of tcn": lambda v: wl.TCN(1, 1, dilations=[v]),
}


@pytest.mark.parametrize("value", [0, -1, -(2**40)])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_positive(name, value):
    with pytest.raises(wl.ParameterError) as excinfo:
        COUNTS[name](value)
    one_line(excinfo, f"{name.split()[0].removesuffix('s')}", f"={value} must be a positive integer")


@pytest.mark.parametrize("value", [True, 1.0, 2.5, "3", float("nan"), [1], np.float32(1), np.bool_(True)])
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_integers(name, value):
    with pytest.raises(wl.ArrayTypeError) as excinfo:
        COUNTS[name](value)
    one_line(excinfo, name.split()[0].removesuffix("s"), repr(value), "must be an integer")


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_not_absurd(name):
    with pytest.raises(wl.ParameterError) as excinfo:
        COUNTS[name](2**40)
    one_line(excinfo)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_may_be_numpy_integers(name):
    assert COUNTS[name](np.int64(1)) is not None


def test_the_text_names_parameter_value_and_rule():
    with pytest.raises(wl.ParameterError, match=r"^dilation=0 must be a positive integer"):
        nn.Conv1d(1, 1, 1, dilation=0)


BAD_OPTIONS = {
    "padding": lambda: nn.Conv1d(1, 1, 3, padding="reflect"),
    "padding number": lambda: nn.Conv1d(1, 1, 3, padding=1),
    "stride of same": lambda: nn.Conv1d(1, 1, 3, stride=2, padding="same"),
    "groups of in_channels": lambda: nn.Conv1d(4, 6, 1, groups=3),
    "groups of out_channels": lambda: nn.Conv1d(6, 4, 1, groups=3),
    "bias": lambda: nn.Conv1d(1, 1, 1, bias="yes"),
    "eps negative": lambda: nn.BatchNorm(3, eps=-1e-5),
    "eps nan": lambda: nn.BatchNorm(3, eps=float("nan")),
    "name": lambda: nn.Activation("swoosh"),
    "name type": lambda: nn.Activation(3),
    "approximate": lambda: nn.Activation("gelu", approximate="sinh"),
    "min_val": lambda: nn.Activation("hardtanh", min_val=1.0, max_val=-1.0),
    "negative_slope": lambda: nn.Activation("leaky_relu", negative_slope=float("inf")),
    "alpha": lambda: nn.Activation("elu", alpha="1"),
    "foreign parameter": lambda: nn.Activation("relu", alpha=1.0),
    "kind": lambda: nn.CumulativePool("median"),
    "window of max": lambda: nn.CumulativePool("max", window_frames=3),
    "kernel of three": lambda: nn.Conv2d(1, 1, (3, 3, 3), bins=5),
    "kernel text": lambda: nn.Conv2d(1, 1, "35", bins=5),
    "maps too many": lambda: nn.Conv2d(60_000, 1, (1, 1), bins=60_000),
    "maps out too many": lambda: nn.Conv2d(1, 60_000, (1, 1), bins=60_000),
    "bias of frequency": lambda: nn.Conv2d(1, 1, (3, 3), bins=5, bias=1),
    "bins of frequency": lambda: wl.Sequential([nn.Conv2d(1, 3, (1, 3), bins=5), nn.Conv2d(1, 3, (1, 3), bins=5)]),
    "bins of norm": lambda: wl.Sequential([nn.Conv2d(1, 3, (1, 3), bins=5), nn.BatchNorm(3, bins=4)]),
    "stem number": lambda: nn.FrequencyTCN(10, 3, stem=5),
    "stem text": lambda: nn.FrequencyTCN(10, 3, stem="5"),
    "stem of two": lambda: nn.FrequencyTCN(10, 3, stem=[(16, (3, 3))]),
    "stem kernel": lambda: nn.FrequencyTCN(10, 3, stem=[(16, 3, (1, 1))]),
    "pool_frames": lambda: nn.FrequencyTCN(10, 3, stem=[], pool_frames=0),
    "dropout": lambda: nn.FrequencyTCN(10, 3, stem=[], dropout=1.0),
    "activation": lambda: nn.FrequencyTCN(10, 3, stem=[], activation="sharp"),
    "dilations of frequency tcn": lambda: nn.FrequencyTCN(10, 3, stem=[], dilations=[]),
    "p of one": lambda: nn.Dropout(1.0),
    "p negative": lambda: nn.Dropout(-0.1),
    "p nan": lambda: nn.Dropout(float("nan")),
    "p text": lambda: nn.Dropout("half"),
    "whole_channels": lambda: nn.Dropout(0.5, whole_channels=1),
    "layers": lambda: wl.Sequential("relu"),
    "layers entry": lambda: wl.Sequential([nn.Conv1d(1, 1, 1), "relu"]),
    "layers of residual": lambda: nn.Residual("relu"),
    "shortcut": lambda: nn.Residual([nn.Linear(3, 3)], shortcut="identity"),
    "branches": lambda: nn.Add([]),
    "branches of concat": lambda: nn.Concat([]),
    "dilations empty": lambda: wl.WaveNet(1, 1, dilations=[]),
    "dilations number": lambda: wl.TCN(1, 1, dilations=4),
    "channels in a row": lambda: wl.Sequential([nn.Conv1d(1, 3, 1), nn.Conv1d(4, 1, 1)]),
    "channels of batch norm": lambda: wl.Sequential([nn.Conv1d(1, 3, 1), nn.BatchNorm(4)]),
    "channels of prelu": lambda: wl.Sequential([nn.Conv1d(1, 3, 1), nn.Activation("prelu", channels=4)]),
    "channels of residual": lambda: nn.Residual([nn.Conv1d(3, 4, 1)]),
    "channels of add": lambda: nn.Add([nn.Conv1d(3, 4, 1), nn.Conv1d(3, 5, 1)]),
    "in_channels of branches": lambda: nn.Concat([nn.Conv1d(3, 4, 1), nn.Conv1d(2, 4, 1)]),
    "odd gated unit": lambda: wl.Sequential([nn.Conv1d(1, 3, 1), nn.GatedUnit()]),
    "strides of branches": lambda: nn.Add([nn.Conv1d(3, 3, 1), nn.Conv1d(3, 3, 1, stride=2)]).latency,
    "starts of branches": lambda: nn.Add(
        [nn.Conv1d(3, 3, 2, stride=2), nn.Conv1d(3, 3, 2, stride=2, padding="valid")]).latency,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(name):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        BAD_OPTIONS[name]()
    one_line(excinfo)


@pytest.mark.parametrize("call", [
    lambda: nn.Conv1d(1, 1, 1, 2), lambda: nn.BatchNorm(3, 1e-3), lambda: nn.GatedResidualBlock(3, 2),
    lambda: nn.Conv1d(1, 1, 1, dilatation=2)])  # fmt: skip
def test_options_are_keyword_only_and_known(call):
    with pytest.raises(TypeError):
        call()


# ------------------------------------------------------------------------------------------------------------ arrays
def noncontiguous(frames, channels):
    return signal(frames, 2 * channels)[:, ::2]


ONES = np.ones((10, 3), f32)
BAD_ARRAYS = {
    "rank 1": (ONES[:, 0], wl.ParameterError),
    "rank 4": (np.ones((1, 1, 10, 3), f32), wl.ParameterError),
    "rank 0": (np.float32(1), wl.WavenetliteError),
    "channels": (np.ones((10, 4), f32), wl.ParameterError),
    "no channels": (np.ones((10, 0), f32), wl.ParameterError),
    "float64": (ONES.astype(np.float64), wl.ArrayTypeError),
    "float16": (ONES.astype(np.float16), wl.ArrayTypeError),
    "int16": (ONES.astype(np.int16), wl.ArrayTypeError),
    "complex": (ONES.astype(np.complex64), wl.ArrayTypeError),
    "byte order": (ONES.astype(">f4"), wl.ArrayTypeError),
    "list": (ONES.tolist(), wl.ArrayTypeError),
    "None": (None, wl.ArrayTypeError),
}
NON_FINITE = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
for label, poison in NON_FINITE.items():
    BAD_ARRAYS[label] = (np.where(np.arange(30).reshape(10, 3) == 29, f32(poison), ONES), wl.ParameterError)


@pytest.fixture
def model():
    return CATALOGUE["residual shortcut"].model()  # 3 -> 7 channels, stride 2


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_calling_with_a_bad_array(model, name):
    x, error = BAD_ARRAYS[name]
    with pytest.raises(error) as excinfo:
        model(x)
    one_line(excinfo)


def continues_as_if_nothing_had_happened(model, fail, c=None):
    """Feed half, make the failing call, feed the rest: the output is the offline one, counters included."""
    x = signal(101, model.in_channels)
    parts = [None, None] if c is None else [c[:40], c[40:]]
    stream = model.stream()
    first = stream.process(x[:40], parts[0])
    before = stream.frames_in, stream.frames_out, stream.state_bytes
    fail(stream)
    assert (stream.frames_in, stream.frames_out, stream.state_bytes) == before
    rest = stream.process(x[40:], parts[1])
    assert same_bits(np.concatenate([first, rest, stream.flush()]), model(x, c))


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_a_stream_survives_a_bad_array(model, name):
    x, error = BAD_ARRAYS[name]

    def fail(stream):
        with pytest.raises(error) as excinfo:
            stream.process(x)
        one_line(excinfo)

    continues_as_if_nothing_had_happened(model, fail)


def test_a_stream_takes_no_batch(model):
    def fail(stream):
        with pytest.raises(wl.ParameterError):
            stream.process(signal(30, 3).reshape(3, 10, 3))

    continues_as_if_nothing_had_happened(model, fail)


def test_non_finite_input_late_in_a_huge_block_changes_nothing(model):
    def fail(stream):
        x = signal(100_000, 3)
        x[-1, -1] = np.nan
        with pytest.raises(wl.ParameterError) as excinfo:
            stream.process(x)
        one_line(excinfo, "finite")

    continues_as_if_nothing_had_happened(model, fail)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_non_finite_input_may_be_zeroed(model, poison):
    x = signal(100, 3)
    bad, zeroed = x.copy(), x.copy()
    bad[50:53, 1], zeroed[50:53, 1] = poison, 0
    kept = bad.copy()
    assert same_bits(model(bad, on_nonfinite="zero"), model(zeroed))
    stream = model.stream(on_nonfinite="zero")
    assert same_bits(np.concatenate([stream.process(bad[:51]), stream.process(bad[51:])]), model(zeroed))
    assert same_bits(bad, kept)  # the caller's array is never written to


def test_on_nonfinite_is_checked(model):
    with pytest.raises(wl.ParameterError) as excinfo:
        model(signal(10, 3), on_nonfinite="ignore")
    one_line(excinfo, "on_nonfinite", "ignore", "raise", "zero")
    with pytest.raises(wl.ParameterError):
        model.stream(on_nonfinite="ignore")


def test_strided_views_are_read_correctly_or_refused(model):
    x = noncontiguous(50, 3)
    assert not x.flags.c_contiguous
    try:
        y = model(x)
    except wl.WavenetliteError:
        return
    assert same_bits(y, model(np.ascontiguousarray(x)))


def test_read_only_input_is_fine(model):
    x = signal(50, 3)
    x.flags.writeable = False
    assert same_bits(model.stream().process(x), model(x))


# --------------------------------------------------------------------------------------------------------------- out
def read_only(shape):
    out = np.zeros(shape, f32)
    out.flags.writeable = False
    return out


BAD_OUT = {
    "frames": (lambda: np.zeros((6, 7), f32), wl.ParameterError),
    "fewer frames": (lambda: np.zeros((4, 7), f32), wl.ParameterError),
    "channels": (lambda: np.zeros((5, 6), f32), wl.ParameterError),
    "rank": (lambda: np.zeros(35, f32), wl.ParameterError),
    "float64": (lambda: np.zeros((5, 7)), wl.ArrayTypeError),
    "list": (lambda: [[0.0] * 7] * 5, wl.ArrayTypeError),
    "read-only": (lambda: read_only((5, 7)), wl.ParameterError),
    "strided": (lambda: np.zeros((5, 14), f32)[:, ::2], wl.ParameterError),
    "backwards": (lambda: np.zeros((5, 7), f32)[::-1], wl.ParameterError),
}


@pytest.mark.parametrize("name", BAD_OUT)
def test_a_stream_survives_a_bad_out(model, name):
    build, error = BAD_OUT[name]

    def fail(stream):
        assert stream.output_frames(10) == 5
        with pytest.raises(error) as excinfo:
            stream.process(signal(10, 3), out=build())
        one_line(excinfo, "out")

    continues_as_if_nothing_had_happened(model, fail)


@pytest.mark.parametrize("offset", [0, 1, 29, 35])
def test_out_must_not_overlap_the_input(model, offset):
    def fail(stream):
        memory = np.zeros(100, f32)
        x, out = memory[30:60].reshape(10, 3), memory[offset : offset + 35].reshape(5, 7)
        with pytest.raises(wl.ParameterError) as excinfo:
            stream.process(x, out=out)
        one_line(excinfo, "out", "overlap")
        assert not memory.any()

    continues_as_if_nothing_had_happened(model, fail)


def test_out_may_lie_next_to_the_input(model):
    memory = np.zeros(100, f32)
    memory[35:65] = signal(10, 3).ravel()
    out = memory[:35].reshape(5, 7)
    stream = model.stream()
    assert stream.process(memory[35:65].reshape(10, 3), out=out) is out
    assert same_bits(out, model(signal(10, 3)))
    assert same_bits(memory[35:65], signal(10, 3).ravel())


def test_out_must_not_overlap_the_condition():
    model = CATALOGUE["gated residual condition"].model()

    def fail(stream):
        memory = np.zeros(100, f32)
        with pytest.raises(wl.ParameterError) as excinfo:
            stream.process(signal(10, 5), memory[40:70].reshape(10, 3), out=memory[:50].reshape(10, 5))
        one_line(excinfo, "out", "overlap")

    continues_as_if_nothing_had_happened(model, fail, condition(101, 3))


# --------------------------------------------------------------------------------------------------------- condition
BAD_CONDITIONS = {
    "none": (None, wl.ParameterError),
    "frames": (np.ones((9, 5), f32), wl.ParameterError),
    "channels": (np.ones((10, 4), f32), wl.ParameterError),
    "rank": (np.ones((1, 10, 5), f32), wl.ParameterError),
    "dtype": (np.ones((10, 5)), wl.ArrayTypeError),
    "nan": (np.full((10, 5), np.nan, f32), wl.ParameterError),
}


@pytest.mark.parametrize("name", BAD_CONDITIONS)
def test_a_stream_survives_a_bad_condition(name):
    c, error = BAD_CONDITIONS[name]
    model = CATALOGUE["wavenet condition"].model()

    def fail(stream):
        with pytest.raises(error) as excinfo:
            stream.process(signal(10, 1), c)
        one_line(excinfo, "c")

    continues_as_if_nothing_had_happened(model, fail, condition(101, 5))
    with pytest.raises(error):
        model(signal(10, 1), c=c)


def test_a_model_without_condition_takes_none(model):
    with pytest.raises(wl.ParameterError) as excinfo:
        model(signal(10, 3), c=np.ones((10, 2), f32))
    one_line(excinfo, "condition")

    def fail(stream):
        with pytest.raises(wl.ParameterError):
            stream.process(signal(10, 3), np.ones((10, 2), f32))

    continues_as_if_nothing_had_happened(model, fail)


# ------------------------------------------------------------------------------------------------------------- state
def test_after_flush_a_stream_wants_a_reset():
    model = CATALOGUE["conv same"].model()
    x, stream = signal(20, 3), model.stream()
    y = np.concatenate([stream.process(x), stream.flush()])
    for _ in range(2):
        with pytest.raises(wl.StreamStateError) as excinfo:
            stream.process(x)
        one_line(excinfo, "reset")
    stream.reset()
    assert same_bits(np.concatenate([stream.process(x), stream.flush()]), y)


def test_a_stream_is_flushed_once():
    stream = CATALOGUE["conv same"].model().stream()
    stream.process(signal(20, 3))
    assert len(stream.flush()) == 1
    with pytest.raises(wl.StreamStateError):
        stream.flush()


@pytest.mark.parametrize("value", [-1, True, 1.5, "1", None])
def test_output_frames_wants_a_count(model, value):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError, TypeError)):
        model.stream().output_frames(value)


def process_at_once(stream, blocks):
    """Every block in a thread of its own, all together; returns what each thread got: an array or an error."""
    results, barrier = [None] * len(blocks), threading.Barrier(len(blocks))

    def work(i):
        barrier.wait()
        try:
            results[i] = stream.process(blocks[i])
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_threads_on_one_stream_are_an_error_and_not_a_race():
    model = CATALOGUE["conv 100 to 100"].model()
    stream = model.stream()
    blocks = [signal(60_000, 100, seed) for seed in (1, 2)]
    results = process_at_once(stream, blocks)
    failed = [i for i, result in enumerate(results) if isinstance(result, Exception)]
    assert len(failed) == 1
    assert isinstance(results[failed[0]], wl.StreamStateError), results[failed[0]]
    won = 1 - failed[0]
    assert same_bits(results[won], model(blocks[won]))
    more = signal(50, 100, 3)  # and the stream goes on as if the failed call had not been
    assert same_bits(stream.process(more), model(np.concatenate([blocks[won], more]))[-50:])


def test_streams_of_one_model_run_in_parallel_threads():
    model = CATALOGUE["tcn"].model()
    blocks = [signal(3000, 40, seed) for seed in range(4)]
    expected = [model(block) for block in blocks]
    results = [None] * 4

    def work(i):
        stream = model.stream()
        results[i] = np.concatenate([stream.process(blocks[i][at : at + 100]) for at in range(0, 3000, 100)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_bits(result, value) for result, value in zip(results, expected, strict=True))


def test_a_mask_is_not_dropped_silently(model):
    masked = np.ma.masked_array(np.ones((4, model.in_channels), np.float32), mask=True)
    with pytest.raises(wl.ArrayTypeError, match="MaskedArray"):
        model.stream().process(masked)


def test_an_empty_batch_is_checked_too(model):
    with pytest.raises(wl.ArrayTypeError, match="float64"):
        model(np.zeros((0, 5, model.in_channels)))


@pytest.mark.parametrize("kind", [wl.Stream, type(wl.nn.Linear(1, 1).plan())])
def test_an_unmade_object_cannot_be_had(kind):
    with pytest.raises(TypeError):
        kind.__new__(kind)


def test_streams_and_plans_are_not_pickled(model):
    for thing in (model.stream(), model.plan()):
        with pytest.raises(wl.StreamStateError, match="cannot be copied or pickled"):
            copy.deepcopy(thing)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64])
def test_output_frames_of_numpy_integers(model, kind):
    stream = model.stream()
    stream.process(np.zeros((250, model.in_channels), np.float32))
    assert stream.output_frames(kind(10)) == stream.output_frames(10)


EXCHANGED = r"{} has 20 channels; it must have 3\. .* looks like \(channels, frames\): transpose it, .*{}\)$"


@pytest.mark.parametrize(("shape", "remedy"), [((3, 20), "x.T"), ((2, 3, 20), "x.swapaxes.1, 2.")])
def test_signals_whose_axes_are_exchanged(shape, remedy):
    with pytest.raises(wl.ParameterError, match=EXCHANGED.format("x", remedy)):
        nn.Conv1d(3, 2, 1)(np.zeros(shape, np.float32))


def test_blocks_whose_axes_are_exchanged():
    """In streams, pools and conditioning too; nothing of them is taken."""
    model, x = wl.WaveNet(3, 2, residual_channels=4, skip_channels=4, dilations=[1, 2], condition_channels=3), block(3)
    stream, pool, c = model.stream(), model.pool(capacity=1), np.zeros((20, 3), np.float32)
    sid = pool.open()
    for name, array, call in [
        ("block", "block", lambda: stream.process(x, c)),
        ("block of stream 0", "x", lambda: pool.process({sid: x}, {sid: c})),
        ("c", "c", lambda: stream.process(c, x)),
        ("c", "c", lambda: model(c, x)),
    ]:
        with pytest.raises(wl.ParameterError, match=EXCHANGED.format(name, f"{array}.T")):
            call()
    assert len(stream.process(c, c)) == len(pool.process({sid: c}, {sid: c})[sid]) == 20


def block(channels):
    return np.zeros((channels, 20), np.float32)
