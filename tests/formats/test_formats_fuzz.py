"""Files that nobody can trust: whatever the bytes, a loader gives a model or one line, and takes little memory for it.

The seed corpus is one small model in each way that a file can be written. WAVENETLITE_FUZZ sets how many files are
tried for each property, for longer runs.
"""

import json
import os
import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
from catalogue import randomised
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nam_models import old_model, random_model
from tflite_files import StreamingFile, TfliteFile

import wavenetlite as wl
from wavenetlite import formats, nn

EXAMPLES = int(os.environ.get("WAVENETLITE_FUZZ", "60"))
MOST_BYTES = 64 * 2**20
few = settings(max_examples=EXAMPLES, deadline=None)


def own_bytes(tmp):
    randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2])).save(tmp / "own")
    return (tmp / "own").read_bytes()


def rtneural_bytes(tmp):
    model = wl.Sequential([nn.Linear(1, 4), nn.Conv1d(4, 3, 2, dilation=2), nn.BatchNorm(3), nn.Activation("prelu"),
                           nn.Activation("tanh"), nn.Conv2d(1, 2, 2, bins=3), nn.BatchNorm(2, bins=3)])  # fmt: skip
    formats.save(randomised(model), tmp / "rt.json")
    return (tmp / "rt.json").read_bytes()


def locuslab_bytes():
    """Weights under locuslab's names, as any writer of safetensors would put them."""
    block = {"conv1.weight_g": (3, 1, 1), "conv1.weight_v": (3, 2, 2), "conv1.bias": (3,),
             "conv2.weight": (3, 3, 2), "conv2.bias": (3,), "net.0.bias": (3,),
             "downsample.weight": (3, 2, 1), "downsample.bias": (3,)}  # fmt: skip
    header, at = {}, 0
    for name, shape in block.items():
        end = at + 4 * int(np.prod(shape))
        header[f"network.0.{name}"] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + np.linspace(0.5, 1, at // 4, dtype="<f4").tobytes()


def files(folder):
    """Bytes of small files, by name."""
    container = {"version": "0.7.0", "architecture": "SlimmableContainer", "weights": [],
                 "config": {"submodels": [{"max_value": 1.0, "model": old_model(1)}]}}  # fmt: skip
    texts = {
        "nam": old_model(0),
        "nam with all": random_model(3),
        "nam with condition": random_model(12),
        "nam container": container,
        "state_dict": {"weight": [[[1.0, 2.0]], [[0.5, 0.25]]], "bias": [0.0, 1.0]},
    }
    made = {name: json.dumps(value).encode() for name, value in texts.items()}
    made |= {"own": own_bytes(folder), "rtneural": rtneural_bytes(folder), "locuslab": locuslab_bytes()}
    made |= {"tflite": tflite_bytes(), "tflite with state": state_bytes()}
    return made | {"tflite of integers": integer_bytes(folder)}


def tflite_bytes():
    """Frames in blocks, integers of a convolution, a skip and a matrix."""
    file, rng = TfliteFile(), np.random.default_rng(0)

    def ints(*numbers):
        return file.constant(np.array(numbers, np.int32))

    x = y = file.tensor((1, 1, 8, 2), signature=(1, 1, -1, 2))
    sides = file.constant(np.array([[0, 0], [4, 0]], np.int32))
    blocks = file.operator("SPACE_TO_BATCH_ND", [y, ints(1, 2), sides], [file.tensor((2, 1, 6, 2))])
    weight = file.constant(rng.integers(-9, 9, (2, 1, 3, 2)).astype(np.int8), scale=[0.1, 0.2], axis=0)
    made = file.tensor((2, 1, 4, 2))
    conv = file.operator("CONV_2D", [blocks, weight, -1], [made], padding=1, stride_w=1, stride_h=1,
                         activation=1)  # fmt: skip
    nothing = file.constant(np.zeros((2, 2), np.int32))
    y = file.operator("BATCH_TO_SPACE_ND", [conv, ints(1, 2), nothing], [file.tensor((1, 1, 8, 2))])
    y = file.operator("ADD", [x, y], [file.tensor((1, 1, 8, 2))], activation=3)
    y = file.operator("RESHAPE", [y, ints(-1, 2)], [file.tensor((8, 2))])
    matrix = file.constant(np.ones((3, 2), np.float32))
    file.ends([x], [file.operator("FULLY_CONNECTED", [y, matrix, -1], [file.tensor((8, 3))])])
    return file.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])


def integer_bytes(folder):
    """Stride, depthwise, a sum and a sigmoid, with state."""
    scales = {"input_scale": 0.1, "output_scale": 0.1}
    network = nn.Graph(2, [
        ["q", nn.Quantize(2, 0.1), ["x"]],
        ["conv", nn.IntegerConv1d(2, 3, 5, stride=3, padding=(2, 0), low=0, **scales), ["q"]],
        ["depthwise", nn.IntegerConv1d(3, 3, 3, groups=3, **scales), ["conv"]],
        ["sum", nn.IntegerAdd(3, input_scales=[0.1, 0.1], output_scale=0.1), ["conv", "depthwise"]],
        ["sigmoid", nn.IntegerLookup(3, "sigmoid", input_scale=0.1, output_scale=1 / 256, output_zero_point=-128),
         ["sum"]],
        ["y", nn.Dequantize(3, 1 / 256, -128), ["sigmoid"]],
    ])  # fmt: skip
    formats.save(network, folder / "integers.tflite")
    return (folder / "integers.tflite").read_bytes()


def state_bytes():
    file = StreamingFile(3, 2)
    file.kept(2)
    file.convolution(3, 5, stride=3)
    file.kept(1)
    file.dense(1)
    return file.finished()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return files(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


def attempt(path, data):
    """Load a file of these bytes; what loads must run, or say in one line why it does not."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        model = wl.load(path)
    except wl.ModelFileError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error) and len(str(error)) < 600
        return
    except wl.ParameterError as error:  # weights that leave an option open
        assert "must be given: the weights of" in str(error) and "\n" not in str(error)
        return
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= MOST_BYTES + 20 * len(data)
    network = model if isinstance(model, nn.Module) else model.model
    if network.in_channels is None or network.receptive_field > 10_000 or network.parameter_count > 1_000_000:
        return
    try:
        y = network(np.ones((3, network.in_channels), np.float32))
    except wl.ParameterError as error:
        assert "\n" not in str(error)
    else:
        assert y.ndim == 2


@pytest.mark.slow
@few
@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"[" * 100_000)
@example(data=b'{"architecture": "WaveNet", "config": ' + b"[" * 200_000)
@example(data=b'{"architecture":' * 50_000 + b'"config"')
@example(data=b'{"in_shape": [1], "layers": ' + b'[{"x":' * 50_000)
@example(data=b'{"weight": [' + b"[" * 100_000)
@example(data=b'{"weight": [' + b"1," * 200_000)
@example(data=b'{"architecture": "WaveNet", "config": {"a": ' + b"9" * 100_000 + b"}}")
@example(data=b'{"architecture": "WaveNet", "config": "' + b"\\u0000" * 50_000 + b'"}')
@example(data=b"\xff\xfe" * 1000)
@example(data=(2**63 - 1).to_bytes(8, "little") + b"{" * 100)
def test_any_bytes(path, data):
    attempt(path, data)


@few
@given(data=st.data())
def test_damaged_files(path, corpus, data):
    """Truncated, bytes changed, pieces cut out, doubled or moved."""
    name = data.draw(st.sampled_from(sorted(corpus)))
    whole = bytearray(corpus[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(whole) - 1, 0)))
        size = data.draw(st.integers(0, 40))
        kind = data.draw(st.sampled_from(["cut short", "change", "remove", "double", "insert"]))
        if kind == "cut short":
            del whole[at:]
        elif kind == "change":
            whole[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
        elif kind == "remove":
            del whole[at : at + size]
        elif kind == "double":
            whole[at:at] = whole[at : at + size]
        else:
            whole[at:at] = data.draw(st.binary(max_size=20))
    attempt(path, bytes(whole))


ODD = st.sampled_from(
    [None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e-300, 1e39, 1e308, 2**31, 2**63, 10**30, 65_536, 65_537, "", "0",
     "Tanh", "WaveNet", "SlimmableContainer", "conv1d", "gru", "0.5.0", "0.7.0", [], {}, [[]], [None], [1, 2, 3],
     {"active": True}, {"type": "PReLU", "negative_slopes": []}, [[[[1.0]]]], [0] * 5000, list(range(300)),
     float("nan"), float("inf")]
)  # fmt: skip


def places(value, path=()):
    """Where something stands in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:40]) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


@pytest.mark.slow
@settings(max_examples=5 * EXAMPLES, deadline=None)
@given(data=st.data())
def test_files_that_say_odd_things(path, corpus, data):
    """JSON whose values are replaced by others, of any type and size, or swapped, or gone."""
    name = data.draw(st.sampled_from([name for name in sorted(corpus) if corpus[name][:1] == b"{"]))
    value = json.loads(corpus[name])
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(list(places(value))[1:] or [()]))
        if not where:
            break
        inner = at(value, where[:-1])
        kind = data.draw(st.sampled_from(["replace", "replace", "replace", "remove", "swap", "nest", "repeat"]))
        if kind == "replace":
            inner[where[-1]] = deepcopy(data.draw(ODD))
        elif kind == "remove":
            del inner[where[-1]]
        elif kind == "swap":
            inner[where[-1]] = deepcopy(at(value, data.draw(st.sampled_from(list(places(value))))))
        elif kind == "nest":
            for _ in range(data.draw(st.integers(1, 40))):
                inner[where[-1]] = [inner[where[-1]]]
        elif isinstance(inner[where[-1]], list):
            inner[where[-1]] = inner[where[-1]] * data.draw(st.integers(2, 30))
    attempt(path, json.dumps(value).encode())


@pytest.mark.parametrize("key", ["channels", "kernel_size", "dilations", "head_size", "input_size", "bottleneck"])
@pytest.mark.parametrize("size", [1000, 65_536, 2**31 - 1, 2**62])
def test_huge_sizes_take_no_memory(path, key, size):
    """Weights that a file declares and does not hold are never allocated."""
    model = old_model(0)
    for layer in model["config"]["layers"]:
        layer[key] = [size] * 3 if key == "dilations" else size
    attempt(path, json.dumps(model).encode())


def test_very_many_layers_are_refused(path):
    model = old_model(0)
    model["config"]["layers"][0]["dilations"] = [1] * 100_000
    attempt(path, json.dumps(model).encode())
    with pytest.raises(wl.ModelFileError, match="must have 1 to 1024 layers"):
        wl.load(path)


def test_very_many_values_are_refused_before_they_are_parsed(path):
    path.write_bytes(b'{"architecture": "WaveNet", "config": {}, "weights": [' + b"0," * 4_000_001 + b"0]}")
    tracemalloc.start()
    with pytest.raises(wl.ModelFileError, match="more than 4000000 brackets and commas"):
        wl.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= MOST_BYTES
