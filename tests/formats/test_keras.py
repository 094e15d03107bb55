"""Files that Keras and keras-tcn write, run by us and by them; files made by hand; and what is refused, and how."""

import io
import json
import os
import struct
import tracemalloc
import warnings
import zipfile
from copy import deepcopy
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import nn

h5py = pytest.importorskip("h5py", reason="needs the package h5py")

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow" if find_spec("tensorflow") else "torch")
FEW = int(os.environ.get("WAVENETLITE_FUZZ", "60"))


def imported(name):
    """A package whose own imports may warn; a test that needs it is skipped where it is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"needs the package {name}")


@pytest.fixture(scope="module")
def keras():
    imported(os.environ["KERAS_BACKEND"])
    return imported("keras")


@pytest.fixture(scope="module")
def tcn(keras):
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        pytest.skip("keras-tcn needs TensorFlow")
    return imported("tcn").TCN


def randomise(model, seed=0):
    """Random values for all variables, variances above zero."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed" in variable.path:
            continue
        value = rng.standard_normal(tuple(variable.shape)) * 0.5
        variable.assign(np.abs(value) + 0.5 if "variance" in variable.path else value)


def theirs(model, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return imported("keras").ops.convert_to_numpy(model(x[None], training=False))[0]


def saved(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


def streamed(model, x):
    stream = model.stream()
    return np.concatenate([*(stream.process(x[i : i + 1]) for i in range(len(x))), stream.flush()])


def close(y, wanted):
    assert y.shape == wanted.shape
    assert np.abs(y - wanted).max(initial=0) <= 1e-5 * max(1, np.abs(wanted).max(initial=0))


def compare(model, tmp_path, frames=37, frame=None, legacy=True, **options):
    """Offline and streamed, from both kinds of file and from weights; the frame of ours that is theirs, or all."""
    randomise(model)
    x = np.random.default_rng(1).standard_normal((frames, model.input_shape[-1])).astype(np.float32)
    wanted = theirs(model, x)
    (tmp_path / "config.json").write_text(model.to_json())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_weights(tmp_path / "m.weights.h5")
    files = [(saved(model, tmp_path / "m.keras"), {}),
             (tmp_path / "m.weights.h5", {"config": tmp_path / "config.json"})]  # fmt: skip
    if legacy:
        files.append((saved(model, tmp_path / "m.h5"), {}))
    for path, more in files:
        ours = wl.load(path, **options, **more)
        for y in (ours(x), streamed(ours, x)):
            close(y if frame is None else y[frame], wanted)
    return ours


def layer_cases(layers):
    """Sequential models of every layer and option."""
    conv = layers.Conv1D
    return {
        "causal": [conv(4, 3, padding="causal", dilation_rate=2, activation="relu"), conv(2, 2, padding="causal")],
        "same": [conv(4, 4, padding="same", activation="tanh"), conv(2, 3, padding="same", dilation_rate=3)],
        "valid": [conv(4, 3), conv(2, 2, dilation_rate=2, use_bias=False)],
        "groups": [conv(6, 3, groups=3, padding="causal"), conv(4, 1, groups=2)],
        "strides": [conv(4, 3, strides=2, padding="causal"), conv(4, 3, strides=3)],
        "same strides": [conv(4, 2, strides=2, padding="same"), conv(4, 1, strides=3, padding="same")],
        "zeros before": [layers.ZeroPadding1D((4, 0)), conv(3, 3, dilation_rate=2), layers.ZeroPadding1D(1),
                         conv(2, 3)],
        "depthwise": [layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2, activation="elu"),
                      layers.DepthwiseConv1D(2, dilation_rate=2, use_bias=False)],
        "separable": [layers.SeparableConv1D(5, 3, padding="same", depth_multiplier=2, activation="relu"),
                      layers.SeparableConv1D(2, 2, use_bias=False)],
        "dense": [layers.Dense(5, activation="gelu"), layers.Dense(3, use_bias=False, activation="softmax")],
        "norms": [conv(4, 2, padding="causal"), layers.BatchNormalization(), layers.LayerNormalization(),
                  layers.BatchNormalization(scale=False, epsilon=0.1), layers.LayerNormalization(center=False),
                  layers.BatchNormalization(center=False), layers.LayerNormalization(scale=False, epsilon=0.1)],
        "activations": [layers.ReLU(), layers.Dense(4), layers.LeakyReLU(), layers.Dense(4), layers.ELU(0.5),
                        layers.Dense(4), layers.PReLU(shared_axes=[1]), layers.Dense(4),
                        layers.PReLU(shared_axes=[1, 2]), layers.ReLU(2.0, 0.1), layers.Softmax()],
        "nothing": [layers.Dropout(0.5), layers.SpatialDropout1D(0.3), layers.GaussianNoise(0.1), conv(2, 2)],
        "upsampled": [layers.UpSampling1D(3), conv(2, 2, padding="causal")],
        "activation layers": [conv(2, 2, activation=layers.LeakyReLU(negative_slope=0.2))],
        "gru": [layers.GRU(5, return_sequences=True), layers.GRU(4, return_sequences=True, use_bias=False)],
        "lstm": [layers.LSTM(5, return_sequences=True), layers.LSTM(4, return_sequences=True, use_bias=False)],
        "names": [conv(4, 2), conv(4, 2, name="b c"), layers.Dense(4), conv(3, 1), layers.Dense(2)],
    }  # fmt: skip


CASES = ["causal", "same", "valid", "groups", "strides", "same strides", "zeros before", "depthwise", "separable",
         "dense", "norms", "activations", "nothing", "upsampled", "activation layers", "gru", "lstm",
         "names"]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_layers(keras, tmp_path, name):
    cases = layer_cases(keras.layers)
    assert sorted(cases) == sorted(CASES)
    model = compare(keras.Sequential([keras.Input((None, 6)), *cases[name]]), tmp_path)
    assert isinstance(model, wl.Sequential)


ACTIVATIONS = ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "hard_tanh", "hard_silu", "softsign",
               "softmax", "tanh", "sigmoid", "linear"]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(keras, tmp_path, name):
    layers = [keras.layers.Conv1D(4, 2, activation=name), keras.layers.Activation(name)]
    compare(keras.Sequential([keras.Input((None, 3)), *layers]), tmp_path)


OPTIONS = {
    "plain": {},
    "stacks": {"nb_stacks": 2, "use_skip_connections": False},
    "batch norm": {"use_batch_norm": True, "nb_filters": 3},
    "layer norm": {"use_layer_norm": True, "activation": "tanh"},
    "filters": {"nb_filters": [4, 3, 2], "use_skip_connections": False, "kernel_size": 1},
    "one block": {"dilations": (3,), "activation": "elu", "dropout_rate": 0.2},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("padding", ["causal", "same"])
@pytest.mark.parametrize("sequences", [True, False])
def test_keras_tcn(keras, tcn, tmp_path, name, padding, sequences):
    options = {"nb_filters": 4, "kernel_size": 3, "dilations": (1, 2, 4), **OPTIONS[name]}
    x = keras.Input((None, 3))
    y = keras.layers.Dense(2, activation="softmax")(tcn(**options, padding=padding, return_sequences=sequences)(x))
    frame = None if sequences else -1 if padding == "causal" else 37 // 2
    lists = isinstance(options["nb_filters"], list)  # with which keras-tcn cannot be written as .h5
    model = compare(keras.Model(x, y), tmp_path, frame=frame, legacy=not lists)
    assert (model.latency > 0) == (padding == "same" and options["kernel_size"] > 1)


def functional(keras):
    """Branches of all kinds, a layer that is called twice, and models inside."""
    layers = keras.layers
    x = keras.Input((None, 3))
    shared = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)
    inner = keras.Sequential([keras.Input((None, 4)), layers.Conv1D(4, 2, padding="causal"), layers.ReLU()])
    y = keras.Input((None, 4))
    residual = keras.Model(y, layers.Add()([y, layers.BatchNormalization()(layers.Dense(4)(y))]))
    a = layers.Activation("tanh")(shared(x))
    b = layers.Activation("sigmoid")(layers.Conv1D(4, 5, padding="same")(x))
    c = inner(layers.Multiply()([a, b, a]))
    d = shared(layers.Dense(3)(c)) + a
    e = keras.ops.concatenate([residual(d), x, c], axis=-1)
    return x, layers.LayerNormalization()(layers.Concatenate()([e, d * a]))


def test_graphs(keras, tmp_path):
    model = compare(keras.Model(*functional(keras)), tmp_path)
    assert isinstance(model, nn.Graph) and model.latency == 2


@pytest.mark.parametrize("end", ["mean", "max", "last", "both", "gru", "lstm", "normed"])
def test_one_frame_for_a_signal(keras, tmp_path, end):
    layers = keras.layers
    x = keras.Input((None, 3))
    y = layers.Conv1D(4, 3, padding="causal", activation="tanh")(x)
    mean, most, last = layers.GlobalAveragePooling1D()(y), layers.GlobalMaxPooling1D()(y), y[:, -1, :]
    z = {"mean": mean, "max": most, "last": last, "both": layers.Concatenate()([mean, last, most]),
         "gru": layers.GRU(5)(y), "lstm": layers.LSTM(5)(y),
         "normed": layers.GroupNormalization(2)(last)}[end]  # fmt: skip
    compare(keras.Model(x, layers.Dense(2)(z)), tmp_path, frame=-1)


@pytest.mark.parametrize("frames", [36, 37, 38])
def test_same_padding_with_strides_depends_on_the_length(keras, tmp_path, frames):
    layers = [
        keras.layers.Conv1D(4, 4, strides=3, padding="same"),
        keras.layers.Conv1D(2, 3, strides=2, padding="same"),
    ]
    compare(keras.Sequential([keras.Input((frames, 3)), *layers]), tmp_path, frames)
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    randomise(model)
    path = saved(model, tmp_path / "any.keras")
    with pytest.raises(wl.ModelFileError, match=r"layer 'conv1d\w*' \(Conv1D\): strides=3 with padding='same' begins"):
        wl.load(path)
    x = np.random.default_rng(0).standard_normal((frames, 3)).astype(np.float32)
    close(wl.load(path, frames=frames)(x), theirs(model, x))


# ---------------------------------------------------------------------------------------------------- made by hand
def layer(kind, name, inputs=None, **config):
    """A layer as Keras 3 has it in a configuration; `inputs` of a functional model."""
    entry = {"class_name": kind, "module": "keras.layers", "config": {"name": name, **config}, "name": name}
    if inputs is not None:
        tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}} for one in inputs]
        entry["inbound_nodes"] = [{"args": [tensors], "kwargs": {}}] if inputs else []
    return entry


def sequential(*layers, shape=(None, None, 3)):
    first = layer("InputLayer", "x", batch_shape=list(shape))
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [first, *layers]}}


def graph(*layers, output):
    first = layer("InputLayer", "x", [], batch_shape=[None, None, 3])
    return {"class_name": "Functional", "config": {"name": "f", "layers": [first, *layers],
            "input_layers": ["x", 0, 0], "output_layers": [output, 0, 0]}}  # fmt: skip


def array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


CONV_OPTIONS = {"filters": 4, "kernel_size": [2], "strides": [1], "padding": "causal", "dilation_rate": [3],
                "groups": 1, "use_bias": True, "activation": "relu"}  # fmt: skip
DENSE_OPTIONS = {"units": 2, "use_bias": False, "activation": "linear"}


def conv(inputs=None, **options):
    return layer("Conv1D", "conv", inputs, **CONV_OPTIONS | options)


def dense(inputs=None):
    return layer("Dense", "dense", inputs, **DENSE_OPTIONS)


CONV, DENSE = conv(), dense()
WEIGHTS = {"layers/conv1d": [array(2, 3, 4), array(4)], "layers/dense": [array(4, 2)]}
LEGACY = {"conv": {"conv/kernel:0": array(2, 3, 4), "conv/bias:0": array(4)}, "dense": {"dense/kernel:0": array(4, 2)}}


def weights_bytes(weights):
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        for path, arrays in weights.items():
            for index, one in enumerate(arrays):
                root[f"{path}/vars/{index}"] = one
    return file.getvalue()


def keras_bytes(config, weights=None, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr(
            "model.weights.h5", weights if isinstance(weights, bytes) else weights_bytes(weights or WEIGHTS)
        )
    return file.getvalue()


def legacy_bytes(config, layers=None, *, split=False, libver="earliest"):
    """As Keras 2 writes it; a long list of names is spread over several attributes."""
    file = io.BytesIO()
    with h5py.File(file, "w", libver=libver) as root:
        if config is not None:
            root.attrs["model_config"] = json.dumps(config)
        group = root.create_group("model_weights") if config is not None else root
        names = [name.encode() for name in layers or LEGACY]
        if split:
            group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:1], names[1:]
        else:
            group.attrs["layer_names"] = names
        for name, arrays in (layers or LEGACY).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [one.encode() for one in arrays]
            for one, value in arrays.items():
                inner[one] = value
    return file.getvalue()


def loaded(tmp_path, data, **options):
    (tmp_path / "file").write_bytes(data)
    return wl.load(tmp_path / "file", **options)


def by_hand(x):
    """What the model of CONV and DENSE computes, in float64."""
    kernel, bias, dense = (one.astype(np.float64) for one in (*WEIGHTS["layers/conv1d"], *WEIGHTS["layers/dense"]))
    before = np.concatenate([np.zeros((3, 3)), x[:-3]])
    return np.maximum(before @ kernel[0] + x @ kernel[1] + bias, 0) @ dense


# -------------------------------------------------------------------------------------------- keras-tcn, made by hand
TCN_OPTIONS = {"nb_filters": 4, "kernel_size": 2, "nb_stacks": 1, "dilations": [1, 2], "padding": "causal",
               "use_skip_connections": True, "dropout_rate": 0.0, "return_sequences": True, "activation": "tanh",
               "use_batch_norm": False, "use_layer_norm": True}  # fmt: skip
TCN_PARTS = {"conv1D_0": ("conv1d", [(2, 3, 4), (4,)]), "norm_0": ("layer_normalization", [(4,), (4,)]),
             "conv1D_1": ("conv1d_1", [(2, 4, 4), (4,)]), "norm_1": ("layer_normalization_1", [(4,), (4,)]),
             "matching_conv1D": ("shape_match_conv", [(1, 3, 4), (4,)])}  # fmt: skip


def tcn_blocks():
    """The arrays of two residual blocks, by part; the second needs no convolution to match its input."""
    rng = np.random.default_rng(1)
    first = {part: [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
             for part, (_, shapes) in TCN_PARTS.items()}  # fmt: skip
    wider = {part: [(2, 4, 4) if len(shape) == 3 else shape for shape in shapes]
             for part, (_, shapes) in TCN_PARTS.items() if part != "matching_conv1D"}  # fmt: skip
    second = {part: [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
              for part, shapes in wider.items()}  # fmt: skip
    return [first, second]


def tcn_by_hand(x, blocks, first_version):
    """keras-tcn's definition, in float64."""
    inside = (lambda a: np.maximum(a, 0)) if first_version else np.tanh
    skips = 0
    for dilation, block in zip((1, 2), blocks, strict=True):
        y = x
        for number in (0, 1):
            kernel, bias = (one.astype(np.float64) for one in block[f"conv1D_{number}"])
            y = np.vstack([np.zeros((dilation, y.shape[1])), y])[: len(x)] @ kernel[0] + y @ kernel[1] + bias
            gamma, beta = block[f"norm_{number}"]
            y = (y - y.mean(1, keepdims=True)) / np.sqrt(y.var(1, keepdims=True) + 1e-3) * gamma + beta
            y = inside(y)
        y = y if first_version else np.tanh(y)
        kernel = block.get("matching_conv1D", [np.eye(4)[None], np.zeros(4)])
        skips, x = skips + y, np.tanh(x @ kernel[0][0].astype(np.float64) + kernel[1] + y)
    return skips


@pytest.mark.parametrize("kind", ["h5", "keras"])
@pytest.mark.parametrize(
    ("more", "first_version"),
    [({}, True), ({"use_weight_norm": False}, False), ({"go_backwards": False, "return_state": False}, False)],
    ids=["3.1", "3.2 to 3.5.5", "3.5.6"],
)
def test_versions_of_keras_tcn_in_files_of_keras_2(tmp_path, kind, more, first_version):
    """Before 3.2 all activations but the last of a block were ReLU; the versions differ in their options."""
    blocks, x = tcn_blocks(), np.random.default_rng(2).standard_normal((20, 3)).astype(np.float32)
    config = sequential(layer("TCN", "t", **TCN_OPTIONS, **more))
    if kind == "h5":
        arrays = {f"t/residual_block_{n}/{part}/{name}:0": value for n, block in enumerate(blocks)
                  for part, values in block.items() for name, value in zip("ab", values, strict=True)}  # fmt: skip
        data = legacy_bytes(config, {"t": arrays})
    else:
        path = "_layer_checkpoint_dependencies/tcn/residual_blocks/residual_block"
        data = keras_bytes(config, {f"{path}{f'_{n}' if n else ''}/{'layers/' if 'match' not in part else ''}"
                                    f"{TCN_PARTS[part][0]}": values for n, block in enumerate(blocks)
                                    for part, values in block.items()})  # fmt: skip
    close(loaded(tmp_path, data)(x), tcn_by_hand(x, blocks, first_version))


@pytest.mark.parametrize("kind", ["keras", "keras 2", "legacy", "split", "weights", "legacy weights"])
def test_files_made_by_hand(tmp_path, kind):
    config = sequential(CONV, DENSE)
    (tmp_path / "config.json").write_text(json.dumps(config))
    more = {"config": tmp_path / "config.json"} if "weights" in kind else {}
    old = {name.replace("layers", "_layer_checkpoint_dependencies"): arrays for name, arrays in WEIGHTS.items()}
    data = {"keras": keras_bytes(config), "keras 2": keras_bytes(config, old),
            "legacy": legacy_bytes(config), "split": legacy_bytes(config, split=True),
            "weights": weights_bytes(WEIGHTS), "legacy weights": legacy_bytes(None)}[kind]  # fmt: skip
    model = loaded(tmp_path, data, **more)
    x = array(20, 3, seed=1)
    close(model(x), by_hand(x))
    close(streamed(model, x), by_hand(x))
    assert wl.formats.recognise(tmp_path / "file") == "keras"


def test_a_graph_as_keras_2_has_it(tmp_path):
    """Inputs as lists, layers after what reads them."""
    layers = [layer("Add", "sum"), conv(), dense(), layer("InputLayer", "x", batch_input_shape=[None, 9, 3])]
    double = [[["dense", 0, 0, {}], ["dense", 0, 0, {"training": False}]]]
    for entry, nodes in zip(layers, (double, [[["x", 0, 0, {}]]], [[["conv", 0, 0, {}]]], []), strict=True):
        entry["inbound_nodes"] = nodes
    config = {"class_name": "Model", "config": {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]],
              "output_layers": [["sum", 0, 0]]}}  # fmt: skip
    x = array(9, 3)
    close(loaded(tmp_path, legacy_bytes(config))(x), 2 * by_hand(x))


# ---------------------------------------------------------------------------------------------------- refused
REFUSED = {
    "lambda": (sequential(CONV, layer("Lambda", "l")), r"layer 'l' \(Lambda\): it is code in the file, which is never"),
    "custom": (sequential(CONV | {"module": "my.layers"}), "it is of the module 'my.layers', and what it computes"),
    "recurrent": (sequential(layer("SimpleRNN", "g")), r"layer 'g' \(SimpleRNN\): of recurrent layers, GRU and LSTM"),
    "backwards": (sequential(layer("GRU", "g", units=4, go_backwards=True)), "go_backwards=True must be False"),
    "relu units": (sequential(layer("LSTM", "g", units=4, activation="relu")), "activation='relu' must be 'tanh'"),
    "reset before": (sequential(layer("GRU", "g", units=4, reset_after=False)), "reset_after=False must be True"),
    "units": (sequential(layer("LSTM", "g", units=4)), r"of the shapes none; they must be \(3,16\) and \(4,16\) and"),
    "over time": (sequential(layer("GroupNormalization", "g", groups=1)), "it averages over all frames of a signal"),
    "unknown": (sequential(layer("Attention", "a")), r"layer 'a' \(Attention\): there is no such layer here"),
    "padding": (sequential(conv(padding="reflect")), "padding is 'reflect'; it must be 'causal', 'same' or 'valid'"),
    "channels first": (sequential(conv(data_format="channels_first")), "data_format='channels_first' must be"),
    "shapes": (sequential(conv(filters=5)), r"arrays of the shapes \(2,3,4\) and \(4\,\); they must be \(2,3,5\)"),
    "huge": (sequential(conv(filters=2**31 - 1)), "has arrays of the shapes"),
    "groups": (sequential(conv(groups=5)), "has arrays of the shapes"),
    "activation": (sequential(conv(activation="mish")), "activation='mish' has no counterpart"),
    "function": (sequential(conv(activation={"class_name": "function", "config": "f"})), "is not known, or is code"),
    "axis": (sequential(layer("Softmax", "s", axis=1)), "axis=1 must be -1, that of the channels"),
    "zeros": (sequential(layer("ZeroPadding1D", "z", padding=1), layer("ReLU", "r")), "only a Conv1D can"),
    "zeros at the end": (sequential(CONV, layer("ZeroPadding1D", "z", padding=1)), "the model ends in zeros"),
    "too many zeros": (
        sequential(layer("ZeroPadding1D", "z", padding=[9, 0]), CONV), "must add up to at most 3 frames"
    ),
    "pooled": (sequential(layer("GlobalAveragePooling1D", "p"), CONV), "it reads one frame for a whole signal"),
    "no layers": (sequential(), "the model has no layer that does something"),
    "no channels": (sequential(CONV, shape=(None, None, None)), "must be .batch, time, channels., with a number"),
    "input": (sequential(CONV, shape=(None, 8, 8, 3)), "must be .batch, time, channels., with a number"),
    "subclass": ({"class_name": "MyModel", "config": {}}, "the model is a 'MyModel'; it must be a Sequential"),
    "no model": ({}, "model has no class_name"),
    "cycle": (graph(layer("ReLU", "a", ["b"]), layer("ReLU", "b", ["a"]), output="b"), "reads 'b', which no layer"),
    "output": (graph(layer("ReLU", "a", ["x"]), output="b"), "the model's output is of 'b', which no layer is"),
    "frames": (graph(conv() | {"inbound_nodes": [[["x", 0, 0]]]}, layer("GlobalMaxPooling1D", "p", ["conv"]),
                     layer("Add", "a", ["p", "conv"]), output="a"), "inputs are a sequence and a single frame"),
    "constant": (graph(layer("Add", "a") | {"inbound_nodes": [{"args": [["x", 0, 0], 1.5]}]}, output="a"),
                 r"layer 'a' \(Add\): it is called with 1.5 beside signals"),
    "training": (graph(layer("ReLU", "a") | {"inbound_nodes": [[["x", 0, 0, {"training": True}]]]}, output="a"),
                 "it is called with arguments by name"),
    "outputs": (graph(layer("ReLU", "a") | {"inbound_nodes": [[["x", 0, 1]]]}, output="a"), "gives several outputs"),
    "weight norm": (sequential(layer("TCN", "t", nb_filters=4, dilations=[1], use_weight_norm=True)),
                    "use_weight_norm=True must be False"),
    "int8": (sequential(layer("Dense", "d", **DENSE_OPTIONS, dtype={
        "class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}})),
             r"layer 'd' \(Dense\): its variables are of the type 'int8_from_float32'; they must be float16"),
    "bfloat16": (sequential(layer("Dense", "d", **DENSE_OPTIONS, dtype="bfloat16")), "are of the type 'bfloat16'"),
    "tcn": (sequential(layer("TCN", "t", nb_filters=4, dilations=[1])),
            r"layer 't' \(TCN\): residual_block_0/conv1D_0: it has arrays of the shapes none; they must be \(3,3,4\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    config, said = REFUSED[name]
    with pytest.raises(wl.ModelFileError, match=said) as caught:
        loaded(tmp_path, keras_bytes(config))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_model_that_takes_any_channels_keeps_their_number(tmp_path):
    model = loaded(tmp_path, keras_bytes(sequential(layer("ReLU", "r"))))
    assert model.in_channels == 3 and model(-np.ones((4, 3), np.float32)).tolist() == [[0.0] * 3] * 4


def test_options(tmp_path):
    with pytest.raises(wl.ParameterError, match=r"config must be given, the path of a file of model.to_json\(\)"):
        loaded(tmp_path, weights_bytes(WEIGHTS))
    with pytest.raises(wl.ParameterError, match=r"config='nowhere\.json' cannot be read"):
        loaded(tmp_path, weights_bytes(WEIGHTS), config="nowhere.json")
    with pytest.raises(wl.ArrayTypeError, match="config is a int"):
        loaded(tmp_path, weights_bytes(WEIGHTS), config=1)
    with pytest.raises(wl.ParameterError, match="config is for weights files"):
        loaded(tmp_path, keras_bytes(sequential(CONV)), config="config.json")
    with pytest.raises(wl.ParameterError, match="frames=0 must be a positive integer"):
        loaded(tmp_path, keras_bytes(sequential(CONV)), frames=0)


def virtual(tmp_path, kind):
    """A file whose array lies elsewhere: it must not be read."""
    other, file = tmp_path / "other.h5", tmp_path / "weights.h5"
    with h5py.File(other, "w") as root:
        root["0"] = array(2, 3, 4)
    with h5py.File(file, "w") as root:
        if kind == "link":
            root["layers/conv1d/vars/0"] = h5py.ExternalLink(str(other), "0")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((2, 3, 4), "f4")
            layout[:] = h5py.VirtualSource(str(other), "0", (2, 3, 4))
            root.create_virtual_dataset("layers/conv1d/vars/0", layout)
        else:
            root.create_dataset("layers/conv1d/vars/0", (2, 3, 4), "f4", external=[(str(other), 0, 96)])
        root["layers/conv1d/vars/1"] = array(4)
    return file.read_bytes()


@pytest.mark.parametrize(("kind", "said"), [("link", "has arrays of the shapes"), ("virtual", "lies in another file"),
                                            ("external", "lies in another file")])  # fmt: skip
def test_no_other_file_is_read(tmp_path, kind, said):
    with pytest.raises(wl.ModelFileError, match=said):
        loaded(tmp_path, keras_bytes(sequential(CONV), virtual(tmp_path, kind)))


def huge_bytes(**options):
    """An array of 4 GB, of which the file holds nothing."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root.create_dataset("layers/conv1d/vars/0", (2**15, 2**15), "f4", **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"chunks": (1, 2**15), "compression": "gzip"}])
def test_huge_arrays_take_no_memory(tmp_path, options):
    data = keras_bytes(sequential(CONV), huge_bytes(**options))
    tracemalloc.start()
    with pytest.raises(wl.ModelFileError, match="its arrays have more bytes than the file"):
        loaded(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_hostile_archives_and_weights(tmp_path):
    many = {"layers/conv1d": [np.zeros((2, 3, 4), np.float32), np.full(4, np.nan, np.float32)]}
    loop = io.BytesIO()
    with h5py.File(loop, "w") as root:
        root["a"] = root.create_group("b")
        root["b/c"] = root["b"]
        root["b/d"] = root["b"]
    elsewhere = io.BytesIO()
    with h5py.File(elsewhere, "w") as root:
        root.attrs["model_config"] = json.dumps(sequential(CONV))
        root["model_weights"] = h5py.ExternalLink("other.h5", "/")
    cases = {
        "its archive has parts that are compressed": keras_bytes(sequential(CONV), compression=zipfile.ZIP_DEFLATED),
        "array 'layers/conv1d/vars/1' has numbers that are not finite": keras_bytes(sequential(CONV), many),
        "its configuration is not valid JSON": keras_bytes("{"),
        "its configuration is nested more than": keras_bytes('{"a":' * 5000),
        "its configuration is a list": keras_bytes("[]"),
        "its HDF5 data are damaged": keras_bytes(sequential(CONV), b"nothing"),
        "or nests them more than 32 deep": keras_bytes(sequential(CONV), loop.getvalue()),
        "it has a configuration and no weights": elsewhere.getvalue(),
        "its archive is damaged": keras_bytes(sequential(CONV))[:-30],
        "lacks the array 'conv/gone' of layer 'conv'": legacy_bytes(sequential(CONV)).replace(
            b"conv/bias:0", b"conv/gone\0\0", 1),
    }  # fmt: skip
    for said, data in cases.items():
        with pytest.raises(wl.ModelFileError, match=said):
            loaded(tmp_path, data, format="keras")


def test_a_layer_that_is_called_very_often_takes_no_more_than_the_file_holds(tmp_path):
    big = {"layers/dense": [np.zeros((700, 700), np.float32)]}
    calls = [{"args": [["x" if index == 0 else "d0", max(index - 1, 0), 0]], "kwargs": {}} for index in range(4000)]
    config = graph(layer("Dense", "d0", units=700, use_bias=False) | {"inbound_nodes": calls}, output="d0")
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, None, 700]
    with pytest.raises(wl.ModelFileError, match="asks for many times the values that the file holds"):
        loaded(tmp_path, keras_bytes(config, big))


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize(
    ("name", "first"),
    [("model_config", json.dumps(sequential(CONV, DENSE))), ("layer_names", "conv"), ("weight_names", "conv/kernel:0")],
)
def test_strings_that_claim_to_be_longer_than_the_file_take_no_memory(tmp_path, name, first, version):
    data = legacy_bytes(sequential(CONV, DENSE), libver=version)
    length = data.index(struct.pack("<I", len(first)), data.index(name.encode() + b"\0") + len(name))
    broken = data[:length] + struct.pack("<I", 2**31) + data[length + 4 :]
    with pytest.raises(wl.ModelFileError, match=f"'{name}' has more characters than the file has bytes"):
        loaded(tmp_path, broken)


@settings(max_examples=FEW, deadline=None)
@given(data=st.data())
def test_damaged_files(tmp_path_factory, data):
    """Bytes changed, cut out and doubled: a model that runs, or one line."""
    tmp_path = tmp_path_factory.mktemp("damaged")
    kind = data.draw(st.sampled_from([keras_bytes, legacy_bytes]))
    whole = bytearray(kind(sequential(CONV, DENSE)))
    for _ in range(data.draw(st.integers(1, 4))):
        at, size = data.draw(st.integers(0, max(len(whole) - 1, 0))), data.draw(st.integers(1, 40))
        change = data.draw(st.sampled_from(["change", "change", "change", "cut", "double", "end"]))
        if change == "change":
            whole[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
        elif change == "end" and at:
            del whole[at:]
        else:
            whole[at : at + size] = whole[at : at + size] * 2 if change == "double" else b""
    attempt(tmp_path, bytes(whole))


ODD = st.sampled_from([None, True, 0, -1, 1, 3, 1.5, 1e39, 2**31, 2**62, "", "0", "same", "TCN", "Sequential", [], {},
                       [[]], [1, 2, 3], [None], [2], {"class_name": "ReLU", "config": {}}, float("nan")])  # fmt: skip


def places(value, path=()):
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


@pytest.mark.slow
@settings(max_examples=5 * FEW, deadline=None)
@given(data=st.data())
def test_configurations_that_say_odd_things(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("odd")
    one, two = conv(["x"]), dense(["conv"])
    tcn = layer("TCN", "t", nb_filters=4, dilations=[1], kernel_size=2, use_batch_norm=True)
    config = json.loads(json.dumps(data.draw(st.sampled_from(
        [sequential(CONV, DENSE), graph(one, two, layer("Add", "a", ["dense", "dense"]), output="a"), sequential(tcn)])
    )))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        *where, last = data.draw(st.sampled_from(list(places(config))[1:] or [("class_name",)]))
        inner = config
        for key in where:
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[last] = deepcopy(data.draw(ODD))
        else:
            inner.pop(last, None) if isinstance(inner, dict) else inner.pop(last)
    attempt(tmp_path, keras_bytes(config))


def attempt(tmp_path, data):
    try:
        model = loaded(tmp_path, data)
    except wl.ModelFileError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        return
    except wl.ParameterError as error:
        assert "config must be given" in str(error)
        return
    if model.receptive_field < 10_000:
        assert model(np.ones((5, model.in_channels), np.float32)).ndim == 2


@pytest.mark.parametrize("calls", [1, 2])
def test_models_inside_models_as_keras_2_counts_their_calls(calls, tmp_path):
    """The first call in the outer model is number 1: their own making was number 0."""

    def inner(name, conv_name):
        begin = layer("InputLayer", f"{name}_in", batch_input_shape=[None, None, 3])
        return {"class_name": "Sequential", "name": name, "config": {
            "name": name, "layers": [begin, layer("Conv1D", conv_name, **CONV_OPTIONS | {"filters": 3})]},
            "inbound_nodes": [[["x", 0, 0, {}]], [[f"{name}", 1, 0, {}]]][:calls]}  # fmt: skip

    both = [[name, calls, 0, {}] for name in ("left", "right")]
    config = {"class_name": "Functional", "config": {"name": "m", "layers": [
        layer("InputLayer", "x", batch_input_shape=[None, None, 3]) | {"inbound_nodes": []},
        inner("left", "a"), inner("right", "b"), layer("Add", "sum") | {"inbound_nodes": [both]}],
        "input_layers": [["x", 0, 0]], "output_layers": [["sum", 0, 0]]}}  # fmt: skip
    file = io.BytesIO()
    arrays = {"left": ("a", array(2, 3, 3), array(3)), "right": ("b", array(2, 3, 3, seed=2), array(3, seed=3))}
    with h5py.File(file, "w") as root:
        root.attrs["model_config"] = json.dumps(config)
        held = root.create_group("model_weights")
        held.attrs["layer_names"] = list(arrays)
        for name, (conv_name, kernel, bias) in arrays.items():
            names = [f"{conv_name}/kernel:0", f"{conv_name}/bias:0"]
            held.create_group(name).attrs["weight_names"] = names
            held[name][names[0]], held[name][names[1]] = kernel, bias

    def one(x, kernel, bias):
        before = np.vstack([np.zeros((3, 3), np.float32), x])[: len(x)]
        return np.maximum(before @ kernel[0] + x @ kernel[1] + bias, 0)

    x, wanted = array(12, 3), 0
    for _, kernel, bias in arrays.values():
        y = x
        for _ in range(calls):
            y = one(y, kernel, bias)
        wanted = wanted + y
    close(loaded(tmp_path, file.getvalue())(x), wanted)
