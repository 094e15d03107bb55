#!/usr/bin/env bash
# livekit-wakeword 0.3.0 and openwakeword 0.6.0 (Python 3.11; onnxruntime 1.32.0): livekit-wakeword, "backward compatible with
# openWakeWord models", runs the same two feature models before a wake word's classifier. Here both with livekit-wakeword's
# copies of them, for the same 2 s of noise as int16.
# Expected: the same features, as a classifier of one is to run in the other.
# Behaviour: openwakeword gives the mel model the values of int16 as they are, livekit-wakeword's predict() divides them by
# 32,768 first. That is 90.3 dB, and as the mel features are dB / 10 + 2, all are 9.03 lower; the embeddings, which reach the
# classifier, differ by up to 14 where the largest is 53. Given the same values as float32, undivided, predict() makes
# openwakeword's embeddings. Its training, as its source reads, takes clips from soundfile, -1 to 1, so its own wake words fit
# its own predict().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet livekit-wakeword==0.3.0 openwakeword==0.6.0 onnxruntime==1.32.0
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import numpy as np
from livekit.wakeword import WakeWordModel
from livekit.wakeword import __file__ as package
from openwakeword.utils import AudioFeatures

audio = np.random.default_rng(0).normal(0, 3000, 32000).clip(-32768, 32767).astype(np.int16)
models = Path(package).parent / "resources"
theirs = AudioFeatures(str(models / "melspectrogram.onnx"), str(models / "embedding_model.onnx"), inference_framework="onnx")
model = WakeWordModel()


class Classifier:
    """Stands in for a classifier's session and keeps what it is given."""

    def run(self, names, inputs):
        self.given = inputs["x"][0]
        return [np.zeros((1, 1), np.float32)]


def embeddings(values):
    model._classifiers["x"] = (Classifier(), "x")
    model.predict(values)
    return model._classifiers["x"][0].given


frontend, mels = model._mel_frontend, []
model._mel_frontend = lambda values: mels.append(frontend(values)[0]) or mels[-1][None]
expected = theirs.embed_clips(audio[None])[0]
as_int16, undivided = embeddings(audio), embeddings(audio.astype(np.float32))
lower = theirs._get_melspectrogram(audio) - mels[0]
print("livekit-wakeword", version("livekit-wakeword"), "openwakeword", version("openwakeword"))
print("mel features lower by", lower.min(), "to", lower.max())
print("embeddings", expected.shape, "differ by up to", np.abs(expected - as_int16).max(), "of", np.abs(expected).max())
print("undivided, by up to", np.abs(expected - undivided).max())
assert expected.shape == as_int16.shape == undivided.shape == (16, 96)
assert np.abs(lower - 2 * np.log10(32768)).max() < 0.01
assert np.abs(expected - as_int16).max() > 10
assert np.abs(expected - undivided).max() < 0.01
PYTHON
echo "as described"
