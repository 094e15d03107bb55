"""Files that Keras and keras-tcn write, run by us and by them; files made by hand; and what is refused, and how."""

import io
import json
import os
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import nn

h5py = pytest.importorskip("h5py", reason="needs the package h5py")

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
FEW = int(os.environ.get("WAVENETLITE_FUZZ", "60"))


def imported(name):
    """A package whose own imports may warn; a test that needs it is skipped where it is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"needs the package {name}")


@pytest.fixture(scope="module")
def keras():
    imported("tensorflow")
    return imported("keras")


@pytest.fixture(scope="module")
def tcn(keras):
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
        return np.asarray(model(x[None], training=False))[0]


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
        "names": [conv(4, 2), conv(4, 2, name="a.b c"), layers.Dense(4), conv(3, 1), layers.Dense(2)],
    }  # fmt: skip


CASES = ["causal", "same", "valid", "groups", "strides", "same strides", "zeros before", "depthwise", "separable",
         "dense", "norms", "activations", "nothing", "upsampled", "activation layers", "names"]  # fmt: skip


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


@pytest.mark.parametrize("end", ["mean", "max", "last", "both"])
def test_one_frame_for_a_signal(keras, tmp_path, end):
    layers = keras.layers
    x = keras.Input((None, 3))
    y = layers.Conv1D(4, 3, padding="causal", activation="tanh")(x)
    mean, most, last = layers.GlobalAveragePooling1D()(y), layers.GlobalMaxPooling1D()(y), y[:, -1, :]
    z = {"mean": mean, "max": most, "last": last, "both": layers.Concatenate()([mean, last, most])}[end]
    compare(keras.Model(x, layers.Dense(2)(z)), tmp_path, frame=-1)


@pytest.mark.parametrize("frames", [36, 37, 38])
def test_same_padding_with_strides_depends_on_the_length(keras, tmp_path, frames):
    layers = [keras.layers.Conv1D(4, 4, strides=3, padding="same"), keras.layers.Conv1D(2, 3, strides=2, padding="same")]
    compare(keras.Sequential([keras.Input((frames, 3)), *layers]), tmp_path, frames)
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    randomise(model)
    path = saved(model, tmp_path / "any.keras")
    with pytest.raises(wl.ModelFileError, match=r"layer 'conv1d_\d+' \(Conv1D\): strides=3 with padding='same' begins"):
        wl.load(path)
    x = np.random.default_rng(0).standard_normal((frames, 3)).astype(np.float32)
    close(wl.load(path, frames=frames)(x), theirs(model, x))
