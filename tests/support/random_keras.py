"""Random Keras models, Sequential and functional, with models inside models, in every kind of file, held against Keras.

As a script: ``python tests/support/random_keras.py FIRST COUNT`` tries that many and says which differ. With
TF_USE_LEGACY_KERAS=1 it is Keras 2 (of the package tf_keras).
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import wavenetlite as wl

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
LEGACY = os.environ.get("TF_USE_LEGACY_KERAS") == "1"
if LEGACY:
    import tf_keras as keras
else:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

CHANNELS, FRAMES = 3, 24
ACTIVATIONS = ["linear", "relu", "tanh", "sigmoid", "elu", "selu", "swish", "gelu", "softsign", "relu6", "softmax",
               "hard_sigmoid", "exponential", "softplus"]  # fmt: skip


class RandomModel:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.length = self.of(None, None, FRAMES)

    def of(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def convolution(self):
        layers, of = keras.layers, self.of
        options = {"kernel_size": of(1, 2, 3, 4), "padding": of("causal", "causal", "same", "valid"),
                   "activation": of(*ACTIVATIONS), "use_bias": bool(of(0, 1, 1))}  # fmt: skip
        kind = of("conv", "conv", "conv", "depthwise", "separable")
        if kind == "conv":
            if of(0, 0, 0, 1):
                return layers.Conv1D(of(2, 3, 4), strides=of(1, 2, 3), **options)
            return layers.Conv1D(of(2, 3, 4), dilation_rate=of(1, 1, 2, 3), **options)
        options["padding"] = of("same", "valid") if options["padding"] == "causal" else options["padding"]
        if kind == "depthwise":
            return layers.DepthwiseConv1D(depth_multiplier=of(1, 2), dilation_rate=of(1, 2), **options)
        return layers.SeparableConv1D(of(2, 3), depth_multiplier=of(1, 2), **options)

    def layer(self):
        layers, of = keras.layers, self.of
        kind = of("convolution", "convolution", "convolution", "dense", "norm", "activation", "nothing", "recurrent",
                  "shape", "rare")  # fmt: skip
        if kind == "convolution":
            return self.convolution()
        if kind == "dense":
            return layers.Dense(of(2, 3, 5), activation=of(*ACTIVATIONS), use_bias=bool(of(0, 1)))
        if kind == "norm":
            make = of(layers.BatchNormalization, layers.BatchNormalization, layers.LayerNormalization)
            return make(epsilon=of(1e-3, 0.1), center=bool(of(0, 1, 1)), scale=bool(of(0, 1, 1)))
        if kind == "activation":
            return of(layers.Activation(of(*ACTIVATIONS)), layers.ReLU(of(None, 2.0), of(0.0, 0.1)), layers.LeakyReLU(),
                      layers.ELU(0.7), layers.PReLU(shared_axes=[1]), layers.Softmax())  # fmt: skip
        if kind == "nothing":
            return of(layers.Dropout(0.3), layers.SpatialDropout1D(0.2), layers.GaussianNoise(0.1))
        if kind == "recurrent":
            make = of(layers.GRU, layers.LSTM)
            return make(of(2, 3), return_sequences=bool(of(0, 1, 1, 1)), use_bias=bool(of(0, 1, 1)))
        if kind == "shape":
            return of(layers.ZeroPadding1D(of(1, (2, 0), (1, 2))), layers.UpSampling1D(of(2, 3)),
                      layers.GlobalAveragePooling1D(), layers.GlobalMaxPooling1D())  # fmt: skip
        return of(layers.Cropping1D((1, 0)), layers.MaxPooling1D(2), layers.AveragePooling1D(2), layers.Flatten(),
                  layers.SimpleRNN(2, return_sequences=True), layers.UnitNormalization())  # fmt: skip

    def row(self, channels, depth=0):
        """A Sequential, perhaps with others inside."""
        inner = [keras.Input((self.length if depth == 0 else None, channels))]
        for _ in range(int(self.rng.integers(1, 4))):
            inner.append(self.layer())
        if depth == 0 and self.rng.random() < 0.2:
            probe = keras.Sequential(inner)
            inner.append(self.row(probe.output_shape[-1], 1))
        return keras.Sequential(inner)

    def functional(self, depth=0):
        """Branches, joined again; layers that are used twice; models inside."""
        layers = keras.layers
        x = start = keras.Input((self.length if depth == 0 else None, CHANNELS))
        for _ in range(int(self.rng.integers(1, 4))):
            kind = self.of("layer", "residual", "join", "twice", "model")
            if kind == "layer" or len(x.shape) != 3:
                x = self.layer()(x)
            elif kind == "residual":
                size = x.shape[-1]
                y = layers.Conv1D(size, self.of(2, 3), padding=self.of("causal", "same"))(x)
                x = self.of(layers.Add(), layers.Multiply(), layers.Concatenate(), layers.Average(), layers.Subtract(),
                            layers.Maximum())([x, y])  # fmt: skip
            elif kind == "join":
                parts = [layers.Conv1D(3, self.of(1, 2, 3), padding=self.of("causal", "same", "valid"))(x)
                         for _ in range(int(self.rng.integers(2, 4)))]  # fmt: skip
                x = self.of(layers.Add(), layers.Concatenate())(parts)
            elif kind == "twice":
                shared = layers.Conv1D(x.shape[-1], 2, padding="causal", activation="tanh")
                x = shared(shared(x))
            elif depth == 0:
                inner = self.row(x.shape[-1], 1) if self.rng.random() < 0.6 else None
                if inner is None and x.shape[-1] == CHANNELS:
                    inner = self.functional(1)
                x = inner(x) if inner is not None else x
        return keras.Model(start, x)

    def model(self):
        made = self.row(CHANNELS) if self.rng.random() < 0.5 else self.functional()
        made.set_weights([self.weight(one) for one in made.weights])
        return made

    def weight(self, variable):
        value = self.rng.standard_normal(tuple(variable.shape)) * 0.5
        name = getattr(variable, "path", variable.name)
        if "seed" in name:
            return np.zeros(tuple(variable.shape))
        return np.abs(value) + 0.5 if "variance" in name else value


def files(model, folder):
    """Every kind of file of a model, and the options for it."""
    (folder / "m.json").write_text(model.to_json())
    writers = {"m.keras": model.save, "m.h5": model.save, "m.weights.h5": model.save_weights}
    for name, write in writers.items():
        try:
            write(folder / name)
        except Exception:  # Keras cannot write it
            continue
        yield folder / name, {"config": folder / "m.json"} if "weights" in name else {}


def outcome(seed, folder):
    """What becomes of a random model: by kind of file "right", "refused", "invalid", or what is wrong."""
    random = RandomModel(seed)
    try:
        model = random.model()
        x = random.rng.standard_normal((1, FRAMES, CHANNELS)).astype(np.float32)
        wanted = np.asarray(keras.ops.convert_to_numpy(model(x)) if not LEGACY else model(x))[0]
    except Exception:  # no valid model, or too short a signal for it
        return ["invalid"]
    return [one_file(path, options, x[0], wanted) for path, options in files(model, Path(folder))]


def one_file(path, options, x, wanted):
    try:
        model = wl.load(path, **options)
    except wl.WavenetliteError as error:
        return f"refused {path.suffix} {str(error).rpartition('): ')[2]}"
    got = model(x)
    if wanted.ndim == 1:  # one frame for the whole signal
        got = got[-1] if len(got) else np.zeros(0)
    if got.shape != wanted.shape:
        return f"WRONG: {path.name} gives {got.shape}, must be {wanted.shape}"
    if not np.abs(got - wanted).max() <= 3e-5 * max(1.0, np.abs(wanted).max()):
        return f"WRONG: {path.name} differs by {np.abs(got - wanted).max():.3g} of {np.abs(wanted).max():.3g}"
    return "right"


def described(seed):
    random = RandomModel(seed)
    return random.model().to_json()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    first, count = map(int, sys.argv[1:3])
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            keras.backend.clear_session()
            for said in outcome(seed, folder):
                found[said.split(" ")[0]] += 1
                if said.startswith("WRONG") or ("-r" in sys.argv and said.startswith("refused")):
                    print(seed, said, flush=True)
            for path in Path(folder).iterdir():
                path.unlink()
    print(dict(found))
    sys.exit("WRONG:" in found)
