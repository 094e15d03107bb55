"""RTNeural's JSON: real files with their tables, random models, what it cannot hold."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import reference
from catalogue import randomised, same_bits, signal

import wavenetlite as wl
from wavenetlite import formats, nn

DATA = os.environ.get("WAVENETLITE_DATA")
FOLDER = Path(DATA, "rtneural") if DATA else Path("no-data")
real = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs WAVENETLITE_DATA with its folder rtneural")


def table(name):
    """A CSV table, (rows, columns)."""
    return np.loadtxt(FOLDER / name, delimiter=",", ndmin=2)


def agree(y, expected):
    assert y.shape == expected.shape
    return np.abs(y - expected).max() <= 1e-6


# ---------------------------------------------------------------------------------------------------- real files
@real
def test_a_sequential_model():
    model = wl.load(FOLDER / "conv.json")
    kinds = [layer.name if isinstance(layer, nn.Activation) else type(layer).__name__ for layer in model.layers]
    assert kinds == ["Linear", "tanh", "Conv1d", "tanh", "BatchNorm", "prelu", "Conv1d", "tanh", "Conv1d", "tanh",
                     "BatchNorm", "prelu", "Linear", "sigmoid"]  # fmt: skip
    assert agree(model(table("conv_x_python.csv").astype(np.float32)), table("conv_y_python.csv"))
    wl.verify_stream(model, partitions=3)


@real
@pytest.mark.parametrize(
    ("name", "options", "x", "y", "first"),
    [
        ("conv1d_torch", {}, "conv1d_torch_x_python", "conv1d_torch_y_python", 4),
        ("conv1d_torch_group_6_3_3_1_3", {"groups": 3}, "conv1d_torch_group_x_python",
         "conv1d_torch_group_y_python_6_3_3_1_3", 2),
    ],
)  # fmt: skip
def test_convolutions_of_pytorch(name, options, x, y, first):
    """PyTorch's outputs begin where the kernel is full; a stream's begin at once."""
    model = wl.load(FOLDER / f"{name}.json", **options)
    assert agree(model(table(f"{x}.csv").astype(np.float32))[first:], table(f"{y}.csv").T)


@real
def test_a_convolution_with_stride():
    """Ours gives a frame at every third input frame from the first on; PyTorch's kernel of 5 is full at the fifth."""
    model = wl.load(FOLDER / "conv1d_torch_stride_3.json", stride=3)
    x = table("conv1d_torch_x_python_stride_3.csv").astype(np.float32)
    y = model(np.concatenate([np.zeros((2, 1), np.float32), x]))[2:]
    assert agree(y, table("conv1d_torch_y_python_stride_3.csv").T)


@real
def test_the_files_of_a_micro_tcn():
    """A block of four files: PReLU(norm(conv(x))) + res(x)."""
    folder = FOLDER / "microtcn"
    conv, norm, relu = (wl.load(folder / f"{name}.json", **options)
                        for name, options in (("conv1", {"dilation": 10}), ("bn", {}), ("relu", {})))  # fmt: skip
    model = nn.Residual([conv, norm, relu], shortcut=wl.load(folder / "res.json"))
    assert agree(model(table("microtcn_x.csv").astype(np.float32))[30:], table("microtcn_y.csv").T)


# ---------------------------------------------------------------------------------------------- over time and features
def keras_conv2d(x, weight, bias, dilation, stride, padding):
    """x (T, features, filters), weight (frames, wide, filters, out): causal over time, padded over features."""
    frames, wide, _, filters = weight.shape
    features = x.shape[1]
    count = -(-features // stride) if padding == "same" else (features - wide) // stride + 1
    total = max((count - 1) * stride + wide - features, 0) if padding == "same" else 0
    back = (frames - 1) * dilation
    padded = np.pad(x, [(back, 0), (total // 2, total - total // 2), (0, 0)])
    y = np.zeros((len(x), count, filters)) + bias
    for t in range(len(x)):
        for f in range(count):
            window = padded[t : t + back + 1 : dilation, f * stride : f * stride + wide]
            y[t, f] += np.einsum("kfi,kfio->o", window, weight)
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("features", "frames", "wide", "dilation", "stride"),
    [(23, 5, 5, 2, 1), (19, 4, 3, 1, 2), (12, 2, 4, 3, 3), (8, 1, 1, 1, 2), (6, 3, 2, 1, 1), (8, 3, 3, 2, 2)],
)
def test_convolutions_over_time_and_features(padding, features, frames, wide, dilation, stride, tmp_path):
    rng = np.random.default_rng([features, wide])
    weight, bias = 0.3 * rng.standard_normal((frames, wide, 2, 3)), 0.1 * rng.standard_normal(3)
    norm = [rng.uniform(0.5, 2, 3) for _ in range(4)]
    x = rng.standard_normal((40, features, 2)).astype(np.float32)
    y = keras_conv2d(x, weight, bias, dilation, stride, padding)
    shape = [None, None, y.shape[1], 3]
    layers = [
        {"type": "conv2d", "activation": "", "shape": shape, "kernel_size_time": frames, "kernel_size_feature": wide,
         "dilation": dilation, "strides": stride, "num_filters_in": 2, "num_features_in": features,
         "num_filters_out": 3, "padding": padding, "weights": [weight.tolist(), bias.tolist()]},
        {"type": "batchnorm2d", "activation": "", "shape": shape, "epsilon": 0.01, "num_filters_in": 3,
         "num_features_in": y.shape[1], "weights": [one.tolist() for one in norm]},
        {"type": "activation", "activation": "relu", "shape": shape, "weights": []},
    ]  # fmt: skip
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"in_shape": [None, None, features, 2], "layers": layers}))
    expected = np.maximum((y - norm[2]) / np.sqrt(norm[3] + 0.01) * norm[0] + norm[1], 0)
    y = wl.load(path)(x.reshape(40, -1))
    assert np.abs(y - expected.reshape(40, -1)).max() <= 1e-6 * max(1, np.abs(expected).max())
    layers[0]["shape"] = [None, None, 99, 3]
    path.write_text(json.dumps({"in_shape": [None, None, features, 2], "layers": layers}))
    with pytest.raises(wl.ModelFileError, match=r"layers\[0\] makes \d+ channels of \d+; it must make 297 of"):
        wl.load(path)


# ------------------------------------------------------------------------------------------------ there and back
EXPORTED = {
    "all layers": lambda: wl.Sequential([
        nn.Linear(3, 8), nn.Activation("elu"), nn.Conv1d(8, 6, 4, dilation=3, groups=2), nn.BatchNorm(6, eps=0.01),
        nn.Activation("prelu", channels=6), nn.Conv1d(6, 4, 1, bias=False), nn.Activation("relu"),
        nn.Linear(4, 4, bias=False), nn.Activation("prelu"), nn.Activation("sigmoid"), nn.Activation("softmax")]),
    "nested": lambda: wl.Sequential([
        wl.Sequential([nn.Conv1d(1, 4, 3), nn.Activation("tanh")]), nn.Dropout(0.5), nn.Activation("identity"),
        wl.Sequential([wl.Sequential([nn.Linear(4, 1)])])]),
    "one layer": lambda: nn.Conv1d(2, 5, 3, dilation=2),
    "over features": lambda: wl.Sequential([
        nn.Conv2d(1, 3, (4, 3), bins=9, dilation=(2, 1)), nn.BatchNorm(3, bins=9), nn.Activation("relu"),
        nn.Conv2d(3, 2, (2, 3), bins=9, stride=(1, 2), bias=False), nn.Conv2d(2, 4, 2, bins=5, bin_padding="valid"),
        nn.Linear(16, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTED)
def test_what_is_exported_is_loaded_again(name, tmp_path):
    model = randomised(EXPORTED[name]())
    formats.save(model, tmp_path / "model.json")
    assert formats.recognise(tmp_path / "model.json") == "rtneural"
    again, x = wl.load(tmp_path / "model.json"), signal(70, model.in_channels)
    assert same_bits(again(x), model(x))
    expected = reference.evaluate(model, x)
    assert np.abs(again(x) - expected).max() <= 1e-6 * max(1, np.abs(expected).max())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: nn.Conv1d(1, 1, 3, stride=2), "layer 0: padding='causal', stride=2: must be 'causal' and 1"),
        (lambda: wl.Sequential([nn.Linear(1, 2), nn.Conv1d(2, 1, 3, padding="same")]), "layer 1: padding='same'"),
        (
            lambda: wl.Sequential([nn.Linear(1, 2), wl.Sequential([nn.Activation("gelu")])]),
            "layer 1.0: Activation('gelu'",
        ),
        (lambda: wl.Sequential([nn.Linear(1, 2), nn.Activation("elu", alpha=0.5)]), "layer 1: Activation('elu'"),
        (lambda: wl.TCN(1, 1, channels=2, dilations=[1]), "layer 0: a TCN cannot be held"),
        (
            lambda: nn.Conv2d(1, 1, 3, bins=8, stride=(1, 2)),
            "layer 0: bins=8, stride=(1, 2): Keras pads them otherwise",
        ),
        (lambda: nn.Conv2d(1, 1, 3, bins=8, stride=(2, 1)), "layer 0: a Conv2d must be causal, without stride over"),
        (lambda: nn.Activation("tanh"), "a Activation is no sequential network"),
    ],
)
def test_what_it_cannot_hold_is_named(model, said, tmp_path):
    with pytest.raises(wl.ParameterError) as excinfo:
        formats.save(model(), tmp_path / "model.json")
    assert said in str(excinfo.value) and not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------------------- errors
def one_layer(**changes):
    layer = {"type": "dense", "activation": "", "shape": [None, 100, 2], "weights": [[[1.0, 2.0]], [0.0, 0.0]]}
    return {"in_shape": [None, 100, 1], "layers": [{k: v for k, v in (layer | changes).items() if v is not ...}]}


BROKEN = {
    "gru": (one_layer(type="gru"), "layers[0].weights has 2 arrays; it must have 3"),
    "lstm": (one_layer(type="lstm", weights=[[[1.0]], [[1.0]], [1.0]]), "has the shape [1, 1]; it must be [1, 8]"),
    "unknown": (one_layer(type="unknown"), "layers[0].type is 'unknown', which is no layer that can run here"),
    "no type": (one_layer(type=...), "layers[0] has no type"),
    "no weights": (one_layer(weights=...), "layers[0] has no weights"),
    "weights": (one_layer(weights=[[[1.0]], [0.0]]), "layers[0].weights[0] has the shape [1, 1]; it must be [1, 2]"),
    "ragged": (one_layer(weights=[[[1.0, [2.0]]], [0, 0]]), "must be lists of numbers"),
    "too many": (one_layer(weights=[[[1, 2]], [0, 0], [0, 0]]), "has 3 arrays; it must have 1 or 2"),
    "shape": (one_layer(shape=[None, 100, "2"]), "shape is a list of 3; it must be a shape that ends in channels"),
    "huge": (one_layer(shape=[None, 100, 2**40]), "a shape that ends in channels"),
    "activation": (one_layer(activation="gelu"), "activation is 'gelu'; it must be one of tanh, relu"),
    "in_shape": ({"in_shape": [], "layers": []}, "in_shape is a list of 0"),
    "empty": ({"in_shape": [None, 1], "layers": []}, "layers is empty"),
    "layer": ({"in_shape": [None, 1], "layers": [3]}, "layers[0] is 3; it must be an object"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_file_is_told_in_one_line(name, tmp_path):
    content, said = BROKEN[name]
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(wl.ModelFileError) as excinfo:
        wl.load(tmp_path / "model.json")
    assert said in str(excinfo.value) and "\n" not in str(excinfo.value)


@pytest.mark.parametrize(
    ("state", "options", "said"),
    [
        ({"a.weight": [[1.0]], "b.weight": [[1.0]]}, {}, "it has no 'weight'; prefix can be 'a.', 'b.'"),
        ({"a.weight": [[1.0]], "a.bias": [1.0, 2.0]}, {"prefix": "a."}, "a.bias has the shape [2]; it must be [1]"),
        ({"weight": [[1.0]]}, {"stride": 2}, "weight has 2 dimensions: dilation, stride and groups must be 1"),
        ({"weight": [[[[1.0]]]]}, {}, "weight has the shape [1, 1, 1, 1], which is that of no layer"),
        ({"weight": []}, {}, "must be a positive integer"),
        ({"weight": [1.0], "bias": [1.0]}, {}, "weight has the shape [1], which is that of no layer"),
        ({"weight": [[[1.0]]], "extra": 1}, {}, "'extra' is not known"),
        ({"weight": [1.0], "running_mean": [1.0], "bias": [0.0]}, {}, "has no running_var"),
        ({"weight": [[[1.0], [2.0]]]}, {"groups": 3}, "groups=3 must divide"),
    ],
)
def test_state_dicts_that_do_not_fit(state, options, said, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(state))
    with pytest.raises(wl.ModelFileError) as excinfo:
        wl.load(tmp_path / "model.json", format="rtneural", **options)
    assert said in str(excinfo.value)


def test_a_prefix_chooses_a_layer(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"a.weight": [[2.0, 3.0]], "b.weight": [0.5, 0.25]}))
    assert isinstance(wl.load(tmp_path / "model.json", prefix="a."), nn.Linear)
    prelu = wl.load(tmp_path / "model.json", prefix="b.")
    assert prelu(np.array([[-1, -1]], np.float32)).tolist() == [[-0.5, -0.25]]


def test_options_of_a_state_dict_are_not_those_of_a_model(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(one_layer()))
    with pytest.raises(wl.ParameterError, match="are for a state_dict"):
        wl.load(tmp_path / "model.json", stride=3)
    with pytest.raises(wl.ParameterError, match="dilation=0 must be a positive integer"):
        wl.load(tmp_path / "model.json", dilation=0)


# ------------------------------------------------------------------------------------------------ what the player adds
def dense_file(path, **more):
    layer = {"type": "dense", "activation": "tanh", "shape": [None, None, 1], "weights": [[[0.5]], [0.1]]}
    path.write_text(json.dumps({"in_shape": [None, None, 1], "layers": [layer], **more}))
    return path


@pytest.mark.parametrize(("skip", "before", "after"), [(0, 0, 0), (1, 0, 0), (0, 6, 0), (0, 0, -3.5), (1, 6, -12)])
def test_input_and_gains_of_the_player(skip, before, after, tmp_path):
    path = dense_file(tmp_path / "m.json", in_skip=skip, in_gain=before, out_gain=after, metadata={"name": "amp"})
    x = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    louder = x * 10 ** (before / 20)
    wanted = (np.tanh(0.5 * louder + 0.1) + skip * louder) * 10 ** (after / 20)
    np.testing.assert_allclose(wl.load(path)(x), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"in_skip": 2}, "in_skip is 2; it must be an integer from 0 to 1"),
        ({"in_gain": "6"}, "in_gain is '6'; it must be a number"),
        ({"out_gain": 500}, "out_gain is 500; it must be decibels from -120 to 120"),
        ({"oversampling": 2}, "'oversampling' is not known"),
    ],
)
def test_other_fields_of_the_player_are_refused(more, said, tmp_path):
    with pytest.raises(wl.ModelFileError, match=said):
        wl.load(dense_file(tmp_path / "m.json", **more))


def test_fields_of_layers_that_are_not_known(tmp_path):
    path = dense_file(tmp_path / "m.json")
    found = json.loads(path.read_text())
    found["layers"][0]["use_bias"] = False
    path.write_text(json.dumps(found))
    with pytest.raises(wl.ModelFileError, match=r"layers\[0\].'use_bias' is not known"):
        wl.load(path)
