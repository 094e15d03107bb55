"""ONNX: what we write, run by ONNX Runtime; what PyTorch's exporters write, run by us; and what is refused, and how."""

import json
import re
import warnings

import numpy as np
import pytest
from catalogue import FLOATS, condition, randomised, same_bits, signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import condition_channels_of, networks

import wavenetlite as wl
from wavenetlite import formats, nn
from wavenetlite.cli import main

onnx = pytest.importorskip("onnx", reason="needs the package onnx")
pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_running import bare, exported, offline, session, streamed  # noqa: E402

FLOAT = TensorProto.FLOAT


def close(y, wanted):
    assert y.shape == wanted.shape
    assert np.abs(y - wanted).max(initial=0) <= 1e-5 * max(1, np.abs(wanted).max(initial=0))


# ---------------------------------------------------------------------------------------------------- written
@pytest.mark.parametrize("name", FLOATS)
def test_whole_and_streamed_outputs_equal_ours(name):
    case = FLOATS[name]
    model = case.model()
    if model.in_channels is None:
        model = randomised(wl.Sequential([nn.Conv1d(case.in_channels, case.in_channels, 2), model]))
    period = model.condition_period
    x, c = signal(60 * period, case.in_channels), condition(60, case.condition_channels)
    wanted = model(x, c)
    for streaming, run in ((False, offline), (True, streamed)):
        data = exported(model, streaming=streaming)
        onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
        y = run(data, x, c, period=period) if streaming else run(data, x, c)
        close(y[: len(wanted)], wanted)


@settings(max_examples=25, deadline=None)
@given(networks(max_blocks=2, depth=1), st.integers(1, 150), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_random_networks(model, frames, blocks):
    x, c = signal(frames, model.in_channels), condition(frames, condition_channels_of(model))
    wanted = model(x, c)
    assume(len(wanted))
    close(offline(exported(model), x, c), wanted)
    close(streamed(exported(model, streaming=True), x, c, blocks)[: len(wanted)], wanted)


@pytest.mark.parametrize(
    ("n_fft", "hop", "padding"), [(16, 4, "center"), (16, 4, "same"), (20, 6, "same"), (6, 6, "same")]
)
def test_heads_that_give_samples(n_fft, hop, padding):
    """Vocos': the overlap-add too."""
    model = wl.Sequential([nn.Conv1d(3, 5, 3), nn.ISTFTHead(5, n_fft, hop, padding=padding)], seed=2)
    model.initialise_missing()
    x = signal(40, 3)
    wanted = model(x)
    close(offline(exported(model), x), wanted)
    close(streamed(exported(model, streaming=True), x, None, [1, 7, 3])[: len(wanted)], wanted)


def test_a_batch_streams_with_a_cache_for_each():
    model = randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2]))
    running = session(exported(model, streaming=True))
    x = signal(30, 3).reshape(3, 10, 3)
    cache = np.zeros((3, json.loads(running.get_modelmeta().custom_metadata_map["cache_shape"])[1]), np.float32)
    outputs = []
    for at in (0, 5):
        y, cache = running.run(None, {"x": np.ascontiguousarray(x[:, at : at + 5].transpose(0, 2, 1)), "cache": cache})
        outputs.append(y)
    close(np.concatenate(outputs, axis=2).transpose(0, 2, 1), model(x))


def test_the_cache_is_as_small_as_the_memory_that_is_needed():
    model = nn.Conv1d(3, 2, 3, dilation=4)
    about = onnx.load_model_from_string(exported(model, streaming=True)).metadata_props
    about = {one.key: one.value for one in about}
    assert json.loads(about["cache_shape"]) == [1, 3 * 8]
    assert (about["cache_initial"], about["block_multiple"], about["delay"]) == ("zeros", "1", "0")
    assert about["latency"] == "0" and about["form"] == "streaming" and about["layout"] == "batch, channels, frames"


def test_parameters_keep_their_names():
    model = wl.Sequential([nn.Conv1d(3, 4, 3), nn.BatchNorm(4), nn.Linear(4, 2)])
    names = {one.name for one in onnx.load_model_from_string(exported(model)).graph.initializer}
    assert {"0.weight", "0.bias", "1.weight", "1.running_mean"} <= names


def test_a_classifier_is_written_with_its_labels(tmp_path):
    spec = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=10)
    model = wl.Sequential([nn.Conv1d(10, 4, 3), nn.CumulativePool("mean"), nn.Linear(4, 2)])
    formats.save(wl.AudioClassifier(spec, model, ["yes", "no"]), tmp_path / "clf.onnx")
    about = session(str(tmp_path / "clf.onnx")).get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == ["yes", "no"] and json.loads(about["features"])["n_mels"] == 10
    x = signal(20, 10)
    close(offline((tmp_path / "clf.onnx").read_bytes(), x), model(x))


def test_the_command_writes_a_streaming_graph(tmp_path):
    model = randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2]))
    model.save(tmp_path / "a.safetensors")
    assert main(["convert", str(tmp_path / "a.safetensors"), str(tmp_path / "b.onnx"), "--save", "streaming=true"]) == 0
    x = signal(20, 3)
    close(streamed((tmp_path / "b.onnx").read_bytes(), x), model(x))


def test_what_cannot_be_written():
    with pytest.raises(wl.ParameterError, match="Activation takes any number of channels"):
        exported(nn.Activation("relu"))
    with pytest.raises(wl.ParameterError, match=r"has \d+ weights when expanded to channels"):
        exported(nn.Conv2d(1, 16, 3, bins=1186))
    with pytest.raises(wl.ArrayTypeError, match="streaming=1 is a int"):
        exported(nn.Linear(1, 1), streaming=1)


# ---------------------------------------------------------------------------------------------------- there and back
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("name", FLOATS)
def test_what_was_written_is_read(name, streaming, tmp_path):
    """The same network comes back, and the same bits."""
    case, model = FLOATS[name], catalogued(name)
    path = tmp_path / "model.onnx"
    formats.save(model, path, streaming=streaming)
    again = wl.load(path)
    x, c = signal(50 * model.condition_period, case.in_channels), condition(50, case.condition_channels)
    assert again.layer_types() == model.layer_types() and same_bits(again(x, c), model(x, c))


def catalogued(name):
    case = FLOATS[name]
    model = case.model()
    if model.in_channels is None:
        model = randomised(wl.Sequential([nn.Conv1d(case.in_channels, case.in_channels, 2), model]))
    return model


def test_a_changed_file_is_read_as_its_graph_says(tmp_path):
    """Its metadata speak of the graph that was written, which this is not any more."""
    model, path = randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2])), tmp_path / "model.onnx"
    file = onnx.load_model_from_string(exported(model))
    file.graph.node.append(helper.make_node("Tanh", ["y"], ["z"]))
    file.graph.output[0].name = "z"
    path.write_bytes(file.SerializeToString())
    close(wl.load(path)(signal(20, 3)), np.tanh(model(signal(20, 3))))

    file = onnx.load_model_from_string(exported(model))
    bias = next(one for one in file.graph.initializer if one.name.endswith("bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, bias.name))
    path.write_bytes(file.SerializeToString())
    close(wl.load(path)(signal(20, 3)), offline(path.read_bytes(), signal(20, 3)))
    assert np.abs(wl.load(path)(signal(20, 3)) - model(signal(20, 3))).max() > 0.01


def test_a_file_that_another_program_has_written_anew(tmp_path):
    model, path = randomised(nn.GRU(3, 2)), tmp_path / "model.onnx"
    path.write_bytes(onnx.load_model_from_string(exported(model, streaming=True)).SerializeToString())
    again = wl.load(path)
    assert type(again) is nn.GRU and same_bits(again(signal(20, 3)), model(signal(20, 3)))


def test_a_forged_network_in_the_metadata(tmp_path):
    """What a file says of itself is not trusted, even if its digest is right."""
    from wavenetlite.formats import onnx_file, onnx_own

    data, path = bare(exported(nn.Linear(1, 1))), tmp_path / "model.onnx"
    path.write_bytes(data)
    with path.open("rb") as file:
        graph = onnx_file.read(file, len(data))
    for config, text, said in [
        ('{"version":2,"config":{"type":"Linear","in_features":9,"out_features":65536,"bias":true}}', "AAAA",
         "has 0 parameters|not base 64|needs"),
        ('{"version":2,"config":{"type":"Nothing"}}', "", "Nothing"),
        ("[[", "", "configuration"),
    ]:  # fmt: skip
        file = onnx.load_model_from_string(data)
        helper.set_model_props(file, {"network": config, "network_parameters": text,
                                      "network_digest": onnx_own.digest(graph, config, text)})  # fmt: skip
        path.write_bytes(file.SerializeToString())
        with pytest.raises(wl.ModelFileError, match=said) as raised:
            wl.load(path)
        assert "\n" not in str(raised.value)


# What graphs alone cannot give back: pools over all frames, frames and bins side by side, some activations, masks
ONE_WAY = ("CumSum", "Scan", "Abs", "joins over the axis", "gives the shape", "Reshape", "Expand",
           r"its graph has \d inputs", "goes over the axis 1", "as the signal and the others as caches",
           "only the batch may be unknown",
           "padding before the signal", "depends on the length of the signal",
           "its metadata say that its first frames are to be dropped")  # fmt: skip


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("name", FLOATS)
def test_graphs_without_the_network_in_their_metadata(name, streaming, tmp_path):
    """They are read right, or refused."""
    model, path = catalogued(name), tmp_path / "model.onnx"
    path.write_bytes(bare(exported(model, streaming=streaming)))
    try:
        again = wl.load(path)
    except wl.ModelFileError as error:
        assert any(re.search(word, str(error)) for word in ONE_WAY)
        assert streaming or any(word in name for word in ONE_WAY_NAMES)
        return
    x = signal(48, FLOATS[name].in_channels)
    close(again(x), model(x))
    assert (again.receptive_field, again.latency) == (model.receptive_field, model.latency)


ONE_WAY_NAMES = ("pool", "up", "condition", "gated", "amp", "fast tanh", "bins", "scales", "prewarm", "film", "no stem",
                 "conv2d", "freq", "lstm between")  # fmt: skip


# ---------------------------------------------------------------------------------------------------- from PyTorch
TORCH = ["tcn", "tcn, last frame", "wavenet", "wavenet without padding", "keywords", "symmetric", "vocoder",
         "causal upsampling", "activations", "delayed"]  # fmt: skip


def from_torch(name, path, *, dynamic=False, dynamo=False):
    """Export a network: an input (frames, channels), and what ONNX Runtime makes of it, alike or of one frame."""
    torch = pytest.importorskip("torch", reason="needs the package torch")
    pytest.importorskip("onnxscript", reason="needs the package onnxscript")
    from torch_networks import network

    module, x = network(name)
    axis = 1 if name == "keywords" else 2
    options = {"dynamic_axes": {"x": {0: "batch", axis: "time"}}} if dynamic else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), path, dynamo=dynamo, input_names=["x"], output_names=["y"], **options)
    x = x.numpy()
    y = session(str(path)).run(None, {"x": x})[0][0]
    turn = (lambda a: a) if name == "keywords" or y.ndim == 1 else np.transpose
    return np.ascontiguousarray(x[0] if axis == 1 else x[0].T), turn(y)


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed length", "dynamic"])
@pytest.mark.parametrize("name", TORCH)
def test_what_pytorch_exports_is_read(name, dynamic, tmp_path):
    x, y = from_torch(name, tmp_path / "model.onnx", dynamic=dynamic)
    check_import(tmp_path, x, y)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tcn", "keywords", "activations"])
def test_what_the_newer_exporter_writes_is_read(name, tmp_path):
    """It may put weights into a file beside the model's."""
    x, y = from_torch(name, tmp_path / "model.onnx", dynamo=True)
    check_import(tmp_path, x, y)


def check_import(folder, x, y):
    """The model equals ONNX Runtime, streams, pools and is kept as any other."""
    model = wl.load(folder / "model.onnx")
    assert type(model) is nn.Graph
    ours = model(x)
    close(ours if y.ndim == 2 else ours[-1], y)
    wl.verify_stream(model, frames=80, partitions=3)
    model.save(folder / "again.safetensors")
    assert same_bits(wl.load(folder / "again.safetensors")(x), ours)
    if model.receptive_field < np.inf:
        close(streamed(exported(model, streaming=True), x)[: len(ours)], ours)


def test_latency_and_names_are_those_of_the_network(tmp_path):
    from_torch("symmetric", tmp_path / "model.onnx")
    model = wl.load(tmp_path / "model.onnx")
    assert model.latency == 1 + 4 + 1 + 2 * 3
    from_torch("keywords", tmp_path / "model.onnx")
    assert {"input.bias", "output.bias"} <= set(wl.load(tmp_path / "model.onnx").state_dict())


def test_an_imported_network_can_be_trained(tmp_path):
    x, _ = from_torch("wavenet", tmp_path / "model.onnx")
    model = wl.load(tmp_path / "model.onnx")
    parameters = wl.train.Parameters(model)
    tape = wl.train.Tape(parameters, 1, len(x))
    close(tape.forward(x[None])[0], model(x))
    gradient = tape.backward(np.ones((1, len(x), 3), np.float32))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


# ---------------------------------------------------------------------------------------------------- refused
def graph_bytes(nodes, *, shape=(1, 4, "time"), constants=None, inputs=("x",), outputs=("y",), **options):
    """A file of these nodes; a node is (kind, inputs, output, attributes)."""
    infos = [helper.make_tensor_value_info(name, FLOAT, shape) for name in inputs]
    ends = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    made = [helper.make_node(kind, list(read), [out], name=f"the {kind}", **attributes)
            for kind, read, out, attributes in nodes]  # fmt: skip
    values = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(made, "g", infos, ends, values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], **options).SerializeToString()


def one(kind, reads=("x",), **attributes):
    return [(kind, reads, "y", attributes)]


W = np.ones((4, 4, 3), np.float32)
I = np.int64  # noqa: E741


@pytest.mark.parametrize(
    ("nodes", "constants", "said"),
    [
        (one("RNN", ("x", "w", "w")), {"w": W}, r"node 'the RNN' \(RNN\): RNN has no counterpart here"),
        (one("LogSoftmax", axis=1), {}, "LogSoftmax has no counterpart here"),
        (one("Softmax", axis=2), {}, "goes over the axis time; it must go over the channels"),
        (one("Pad", ("x", "p"), mode="wrap"), {"p": np.zeros(6, I)}, "has mode='wrap'; it must be 'constant'"),
        (one("Pad", ("x", "p"), mode="reflect"), {"p": np.array([0, 0, 0, 0, 0, 1])}, "reflects 1 frames of the"),
        (one("Pad", ("x", "p")), {"p": np.array([0, 1, 0, 0, 0, 0])}, "puts zeros around the axis channels"),
        (one("Pad", ("x", "p")), {"p": np.array([0, 0, 3, 0, 0, 0])}, "zeros that were put around the signal"),
        (one("Pad", ("x", "p", "v")), {"p": np.array([0, 0, 3, 0, 0, 0]), "v": np.float32(2)}, "puts 2.0 around"),
        (one("Conv", ("x", "w"), pads=[3, 0]), {"w": W}, "has 3 frames of padding before the signal"),
        (one("Conv", ("x", "w"), pads=[2, 2]), {"w": W}, "reads 2 frames beyond the end of the signal"),
        (one("Conv", ("x", "w"), auto_pad="SAME_UPPER", strides=[2]), {"w": W}, "its padding depends on the length"),
        (one("Conv", ("x", "w")), {"w": np.ones((4, 3, 3), np.float32)}, "in_channels=3 but is given 4"),
        (one("Conv", ("x", "x")), {}, "has a signal, or nothing, where it must have a constant"),
        (one("Conv", ("x",)), {}, "is not as ONNX has it"),
        (one("Conv", ("x", "w")), {"w": np.full((4, 4, 3), np.nan, np.float32)}, "infinities or NaN"),
        (one("Conv", ("x", "no")), {}, "reads 'no', which no node before it gives"),
        (one("Add", ("x", "k")), {"k": np.ones((1, 4, 7), np.float32)}, "which is not the same for all frames"),
        (one("Div", ("x", "x")), {}, "divides a signal by a signal"),
        (one("MatMul", ("x", "x")), {}, "multiplies a signal by a signal"),
        (one("Slice", ("x", "a", "b", "c")), {"a": [I(0)], "b": [I(9)], "c": [I(2)]}, "depends on the length"),
        (one("Slice", ("x", "a", "b", "c")), {"a": [I(-9)], "b": [I(-1)], "c": [I(2)]}, "depends on the length"),
        (one("Gather", ("x", "i"), axis=2), {"i": I(5)}, "takes places 5 of the axis time; it must be the last frame"),
        (one("Split", axis=2), {}, "goes over the axis time"),
        (one("ReduceMean", axes=[1]), {}, "goes over the axes channels; it must go over time"),
        (one("Flatten"), {}, "makes one axis of channels and time"),
        (one("Reshape", ("x", "s")), {"s": np.array([1, 2, 2, -1])}, r"gives the shape \[1, 2, 2, -1\]"),
        (one("Erf"), {}, "is not that of a GELU"),
        (one("Abs"), {}, "output 'y': does not depend on the input"),
        ([("Concat", ("x", "k"), "y", {"axis": 2})], {"k": W[:1]}, "puts a constant that is not zero around a signal"),
        ([("GlobalAveragePool", ("x",), "m", {}), ("Mul", ("x", "m"), "y", {})], {},
         "brings the whole signal's mean or last frame back to every frame"),
        ([("Conv", ("x", "w"), "a", {}), ("Slice", ("x", "s", "e", "d"), "b", {}), ("Add", ("a", "b"), "y", {})],
         {"w": W, "s": [I(1)], "e": [I(2**62)], "d": [I(2)]}, "which do not fit together"),
        ([("Constant", (), "y", {"value_float": 1.0})], {}, "does not depend on the input"),
    ],
)  # fmt: skip
def test_what_cannot_stream_is_named_with_the_reason(nodes, constants, said, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(graph_bytes(nodes, constants=constants))
    with pytest.raises(wl.ModelFileError, match=said) as raised:
        wl.load(path)
    assert "\n" not in str(raised.value) and str(raised.value).startswith(str(path))


def test_graphs_of_another_form(tmp_path):
    path = tmp_path / "model.onnx"
    for data, said in [
        (graph_bytes(one("Relu"), shape=(1, "c", "time")), "with a number of channels"),
        (graph_bytes(one("Relu"), shape=(4,)), r"must be \(batch, channels, time\)"),
        (graph_bytes(one("Add", ("x", "c")), inputs=("x", "c")), r"its graph has 2 inputs \(x, c\) and 1 output"),
        (
            graph_bytes([*one("Relu"), ("Tanh", ("x",), "z", {})], outputs=("y", "z")),
            "its graph has 1 input .* and 2 outputs",
        ),
        (bare(exported(nn.Conv1d(1, 1, 3, padding="same"), streaming=True)), "its first frames are to be dropped"),
        (exported(nn.Conv1d(1, 1, 3))[:-30], "truncated or damaged"),
    ]:
        path.write_bytes(data)
        with pytest.raises(wl.ModelFileError, match=said):
            wl.load(path)


def test_the_layout_may_be_said(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(graph_bytes(one("Relu"), shape=(1, 4, 6)))
    assert wl.load(path).in_channels == 4
    assert wl.load(path, layout="batch, time, channels").in_channels == 6
    with pytest.raises(wl.ParameterError, match="layout='time' must name the 3 axes of the input"):
        wl.load(path, layout="time")


def test_a_file_is_recognised_by_its_content(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(graph_bytes(one("Relu")))
    assert formats.recognise(path) == "onnx" and same_bits(wl.load(path)(signal(3, 4)), np.maximum(signal(3, 4), 0))


def test_names_are_kept_apart(tmp_path):
    """Names of ONNX are any text; ours begin the names of parameters."""
    names = ["a.weight", "a/b.weight", "a/b/c.weight", "a b.weight", "..weight", "ä.weight"]
    constants = dict.fromkeys(names, W)
    nodes = [("Conv", (f"t{i}", name), f"t{i + 1}", {}) for i, name in enumerate(names)]
    path = tmp_path / "model.onnx"
    path.write_bytes(graph_bytes(nodes, constants=constants, inputs=("t0",), outputs=(f"t{len(names)}",)))
    model = wl.load(path)
    assert len(model.state_dict()) == len(names)
    model.save(tmp_path / "again")
    assert same_bits(wl.load(tmp_path / "again")(signal(30, 4)), model(signal(30, 4)))
