"""Random Keras models as TFLite files of every kind, held against LiteRT.

As a script: ``python tests/support/random_tflite.py FIRST COUNT [KIND ...]`` tries that many and says which differ; the
kinds are "float", "float16", "dynamic" and "int8". It needs TensorFlow, and ai-edge-litert beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import random_keras
import tensorflow as tf
from litert_running import run_litert
from random_keras import CHANNELS, FRAMES, keras

import wavenetlite as wl

KINDS = ("float", "float16", "dynamic", "int8")
TOLERANCE = {"float": 3e-5, "float16": 3e-5, "dynamic": 0.2}
"""Of the largest value. LiteRT rounds what a dynamic-range layer reads to int8, we do not."""


class RandomModel(random_keras.RandomModel):
    """As for Keras' own files; some layers wide enough for the converter to make their weights integers."""

    def convolution(self):
        if self.of(0, 0, 0, 0, 1):
            return keras.layers.Conv1D(64, 8, padding=self.of("causal", "same", "valid"), activation="relu")
        return super().convolution()


def samples(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((1, FRAMES, CHANNELS)).astype(np.float32) for _ in range(20)]


def converted(model, kind, seed):
    """The bytes of a TFLite file."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: [[x] for x in samples(seed)]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = (tf.int8, tf.float32)[seed % 2]
        converter.inference_output_type = (tf.int8, tf.float32, tf.uint8)[seed % 3]
    return converter.convert()


def outcome(seed, kind, folder):
    """What becomes of a random model: "right", "refused", "invalid", or what is wrong."""
    random = RandomModel(seed)
    path = Path(folder) / "m.tflite"
    try:
        path.write_bytes(converted(random.model(), kind, seed))
        x = samples(seed)[0]
        wanted = run_litert(path, x)[0]
    except Exception:  # no valid model, none that the converter takes, or too short a signal for it
        return "invalid"
    try:
        model = wl.load(path)
    except wl.WavenetliteError as error:
        return f"refused {str(error).rpartition('.tflite: ')[2]}"
    return compared(model(x[0]), wanted, kind)


def compared(got, wanted, kind):
    if wanted.ndim == 1:  # one frame for the whole signal
        got = got[-1] if len(got) else np.zeros(0)
    if got.shape != wanted.shape:
        return f"WRONG: gives {got.shape}, must be {wanted.shape}"
    error, largest = np.abs(got - wanted).max(), np.abs(wanted).max()
    if not error <= TOLERANCE.get(kind, 0.0) * max(1.0, largest):
        return f"WRONG: differs by {error:.3g} of {largest:.3g}"
    return f"right {error / max(largest, 1e-30):.2g}" if kind == "dynamic" else "right"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    first, count = map(int, sys.argv[1:3])
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for kind in sys.argv[3:] or KINDS:
            for seed in range(first, first + count):
                keras.backend.clear_session()
                said = outcome(seed, kind, folder)
                found[f"{kind} {said.split(' ')[0]}"] += 1
                if said.startswith("WRONG") or os.environ.get("TELL") == "1":
                    print(kind, seed, said, flush=True)
    print(dict(found))
    sys.exit(any("WRONG" in one for one in found))
