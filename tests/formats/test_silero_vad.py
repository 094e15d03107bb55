"""silero-vad's files: small graphs of the same form, with drawn weights, beside ONNX Runtime."""

import numpy as np
import pytest
from embedding_files import embedding_layers, onnx_embedding, onnx_word, word_weights

import wavenetlite as wl

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

HIDDEN = 128


def drawn(rng, *shape):
    """Large enough that scores depend on the samples."""
    return (2 * rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def weights(n_fft, seed=0):
    rng, bins = np.random.default_rng(seed), n_fft // 2 + 1
    turns = 2 * np.pi * np.outer(np.arange(bins), np.arange(n_fft)) / n_fft
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    made = {"basis": (window * np.concatenate([np.cos(turns), -np.sin(turns)]))[:, None].astype(np.float32)}
    for n, (out, given) in enumerate(((128, bins), (64, 128), (64, 64), (128, 64))):
        made[f"w{n}"], made[f"b{n}"] = drawn(rng, out, given, 3), drawn(rng, out)
    made |= {"W": 20 * drawn(rng, 1, 512, 128), "R": drawn(rng, 1, 512, 128), "B": drawn(rng, 1, 1024),
             "last": 3 * drawn(rng, 1, 128, 1), "bias": np.zeros(1, np.float32)}  # fmt: skip
    return made


def branch(rate, n_fft, name, change=lambda nodes: nodes, change_weights=lambda w: w):
    """The graph of a call at one rate; its names are its own."""
    w = change_weights(weights(n_fft, rate))
    context, bins = n_fft // 4, n_fft // 2 + 1
    constants = {
        **w, "pads": np.array([0, 0, 0, context]), "one": np.array([1]), "minus": np.array([-1]), "zero": np.array([0]),
        "two": np.array(2.0, np.float32), "first": np.array([0]), "middle": np.array([bins]),
        "end": np.array([2 * bins]), "states": np.array([1, 1]),
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Pad", ["input", "pads"], ["padded"], mode="reflect"),
        node("Unsqueeze", ["padded", "one"], ["channel"]),
        node("Conv", ["channel", "basis"], ["spectra"], strides=[n_fft // 2]),
        node("Slice", ["spectra", "first", "middle", "one"], ["re"]),
        node("Slice", ["spectra", "middle", "end", "one"], ["im"]),
        node("Pow", ["re", "two"], ["re2"]),
        node("Pow", ["im", "two"], ["im2"]),
        node("Add", ["re2", "im2"], ["energy"]),
        node("Sqrt", ["energy"], ["x0"]),
    ]
    for n, stride in enumerate((1, 2, 2, 1)):
        nodes += [
            node("Conv", [f"x{n}", f"w{n}", f"b{n}"], [f"y{n}"], strides=[stride], pads=[1, 1]),
            node("Relu", [f"y{n}"], [f"x{n + 1}"]),
        ]
    nodes += [
        node("Transpose", ["x4"], ["frames"], perm=[2, 0, 1]),
        node("Split", ["state", "states"], ["h", "c"], axis=0),
        node("LSTM", ["frames", "W", "R", "B", "", "h", "c"], ["all", "hn", "cn"], hidden_size=HIDDEN),
        node("Concat", ["hn", "cn"], ["stateN"], axis=0),
        node("Relu", ["hn"], ["positive"]),
        node("Transpose", ["positive"], ["column"], perm=[1, 2, 0]),
        node("Conv", ["column", "last", "bias"], ["logit"]),
        node("Sigmoid", ["logit"], ["p"]),
        node("Squeeze", ["p", "minus"], ["output"]),
    ]
    own = [f"{name}.{one}" for one in ("output", "stateN")]

    def renamed(names):
        return [one if one in ("input", "state", "") else f"{name}.{one}" for one in names]

    made = []
    for one in change(nodes):
        copy = helper.make_node(one.op_type, renamed(one.input), renamed(one.output))
        copy.attribute.extend(one.attribute)
        made.append(copy)
    tensors = [
        numpy_helper.from_array(np.ascontiguousarray(value), f"{name}.{key}") for key, value in constants.items()
    ]
    outputs = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in own]
    return helper.make_graph(made, name, [], outputs, tensors)


def file_of(path, **changes):
    """A file with both rates behind an If, as silero-vad's."""
    value = helper.make_tensor_value_info
    rate = numpy_helper.from_array(np.array(16000), "rate")
    nodes = [
        helper.make_node("Equal", ["sr", "rate"], ["is16"]),
        helper.make_node("If", ["is16"], ["output", "stateN"], then_branch=branch(16000, 256, "t", **changes),
                         else_branch=branch(8000, 128, "e")),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "vad",
        [value("input", 1, ["batch", "samples"]), value("state", 1, [2, "batch", HIDDEN]), value("sr", 7, [])],
        [value("output", 1, None), value("stateN", 1, None)], [rate],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def by_runtime(path, y, sr):
    session = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    block, context = (512, 64) if sr == 16000 else (256, 32)
    padded = np.concatenate([np.zeros(context, np.float32), y])
    state, scores = np.zeros((2, 1, HIDDEN), np.float32), []
    for at in range(0, len(y) - block + 1, block):
        given = {"input": padded[None, at : at + block + context], "state": state, "sr": np.array(sr)}
        p, state = session.run(None, given)
        scores.append(p.item())
    return np.array(scores)


@pytest.mark.parametrize("sr", [16000, 8000])
def test_values_of_onnx_runtime_in_any_blocks(tmp_path, sr):
    path = file_of(tmp_path / "vad.onnx")
    clf = wl.load(path, sr=sr)
    assert (clf.sr, clf.labels, clf.frame_rate) == (sr, ["speech", "_noise_"], 31.25)
    rng = np.random.default_rng(2)
    y = (rng.standard_normal(20_000) * np.repeat(rng.uniform(0, 0.3, 20), 1000)).astype(np.float32)
    stream, scores, at = clf.stream(), [], 0
    while at < len(y):
        size = int(rng.integers(0, 1500))
        stream.process(y[at : at + size])
        scores += stream.probabilities[:, 0].tolist()
        at += size
    expected = by_runtime(path, y, sr)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    clf.save(tmp_path / "vad.safetensors")
    whole = wl.load(tmp_path / "vad.safetensors").stream()
    whole.process(y)
    assert whole.probabilities[:, 0].tolist() == scores
    assert wl.load(path).sr == 16000


def change_node(number, **attributes):
    def change(nodes):
        for name, value in attributes.items():
            nodes[number].attribute.extend([helper.make_attribute(name, value)])
        return nodes

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"change": lambda n: [x for x in n if x.op_type != "Sqrt"] + []}, "nothing gives"),
        ({"change_weights": lambda w: {**w, "basis": 1.01 * w["basis"]}}, "must be a Fourier transform of 256 samples"),
        ({"change_weights": lambda w: {**w, "w1": w["w1"][:, :, :2]}}, r"kernel_shape=\[3\]"),
        ({"change": lambda n: [helper.make_node("Floor", x.input, x.output) if x.op_type == "Relu" else x for x in n]},
         "gives other values than the network of these weights"),
        ({"change": lambda n: [helper.make_node("Erf", x.input, x.output) if x.op_type == "Sigmoid" else x for x in n]},
         "Erf.*is not known here"),
    ],
)  # fmt: skip
def test_graphs_that_differ_are_refused_by_name(tmp_path, changes, message):
    path = file_of(tmp_path / "vad.onnx", **changes)
    with pytest.raises(wl.ModelFileError, match=message):
        wl.load(path)


def test_rates_are_checked(tmp_path):
    path = file_of(tmp_path / "vad.onnx")
    with pytest.raises(wl.ParameterError, match="sr=44100 must be 16000 or 8000"):
        wl.load(path, sr=44100)
    network = wl.TCN(2, 2, channels=4, dilations=[1])
    network_path = tmp_path / "net.onnx"
    wl.formats.save(network, network_path)
    with pytest.raises(wl.ParameterError, match="sr=16000 applies to files of silero-vad only"):
        wl.load(network_path, sr=16000)


def test_beside_the_words_of_openwakeword_it_is_none_of_them(tmp_path):
    """openwakeword downloads it into the folder of its own models."""
    (tmp_path / "embedding_model.onnx").write_bytes(onnx_embedding(embedding_layers()))
    (tmp_path / "hello.onnx").write_bytes(onnx_word(word_weights()))
    file_of(tmp_path / "silero_vad.onnx")
    assert wl.load(tmp_path).labels == ["hello", "_unknown_"]
    file_of(tmp_path / "vad.onnx")
    with pytest.raises(wl.ModelFileError, match=r"vad\.onnx: holds a classifier; a word's network gives scores"):
        wl.load(tmp_path)
    assert wl.load(tmp_path, words=["hello"]).labels == ["hello", "_unknown_"]
