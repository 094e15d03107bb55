#!/usr/bin/env bash
# openwakeword 0.6.0 and pyopen-wakeword 1.1.0 (Python 3.11; tflite-runtime 2.14.0, numpy 1.26.4): both compute a wake word's
# features in a stream of 1,280-sample chunks, mel frames of 10 ms and of those embeddings of 76 frames every 8 frames. Here
# with the same two model files, pyopen-wakeword's, for the same 4 s of noise.
# Expected: embeddings of the same windows of the audio, so that a wake word's scores are the same in both.
# Behaviour: openwakeword's first chunk makes 5 mel frames, as nothing precedes it, and each later one 8; so, counted from the
# first sample, its windows start at frames 1 modulo 8. pyopen-wakeword starts with 8 s of zeros, and its windows start at
# frames 0 modulo 8: the windows of the two are 10 ms apart. After the same number of chunks the newest window of openwakeword
# also is 9 frames, 90 ms, later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openwakeword==0.6.0 pyopen-wakeword==1.1.0 tflite-runtime==2.14.0 numpy==1.26.4
"$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyopen_wakeword
from openwakeword.utils import AudioFeatures

CHUNK, CHUNKS = 1280, 50
audio = np.random.default_rng(0).normal(0, 3000, CHUNK * CHUNKS).clip(-32768, 32767).astype(np.int16)
models = Path(pyopen_wakeword.__file__).parent / "models"
files = [str(models / name) for name in ("melspectrogram.tflite", "embedding_model.tflite")]
first = AudioFeatures(*files, inference_framework="tflite")
other = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()

# What the windows at each mel frame of the whole audio give.
mels = first._get_melspectrogram(audio).astype(np.float32)
starts = range(len(mels) - 75)
table = np.array([first.embedding_model_predict(mels[None, at : at + 76, :, None]) for at in starts])


def start(embedding):
    """The mel frame that the window of an embedding starts at, and how far the embedding is from the one of that window."""
    far = np.abs(table - embedding).max(axis=1)
    return int(far.argmin()), float(far.min())


grown, firsts, others = [], [], []
for chunk in audio.reshape(-1, CHUNK):
    before = len(first.melspectrogram_buffer)
    first(chunk)
    grown.append(len(first.melspectrogram_buffer) - before)
    firsts.append(start(first.feature_buffer[-1]))
    others.append([start(made.reshape(-1)) for made in other.process_streaming(chunk.tobytes())][-1])

print("openwakeword", version("openwakeword"), "mel frames of the first chunks", grown[:4])
print("pyopen-wakeword", version("pyopen-wakeword"))
# The last 35 chunks, whose windows all lie within the audio.
for name, found in (("openwakeword", firsts[-35:]), ("pyopen-wakeword", others[-35:])):
    print(name, "windows start at", [at for at, _ in found[:4]], "...; embeddings differ by at most", max(f for _, f in found))
    assert max(f for _, f in found) < 0.01
assert grown == [5] + [8] * (CHUNKS - 1)
assert {at % 8 for at, _ in firsts[-35:]} == {1} and {at % 8 for at, _ in others[-35:]} == {0}
assert {a - b for (a, _), (b, _) in zip(firsts[-35:], others[-35:])} == {9}
PYTHON
echo "as described"
