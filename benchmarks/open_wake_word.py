"""openWakeWord's chain and pyopen-wakeword with the same files: ``python -m benchmarks.open_wake_word --peer PYTHON``.

Both are fed the same noise in chunks of 80 ms, each in a process of its own, in turn; the CPU time of a chunk is that
of mel frames, embedding and word in all threads, ours with the events. The other's runtime starts several threads,
which takes more CPU than one does: it is measured as it comes, and with one thread. LiteRT, a newer runtime, runs the
three files in turn and takes the least CPU of the others; the last column divides its time by that of the row. PYTHON
is the interpreter of an environment with wyoming-openwakeword, which brings pyopen-wakeword and the files, and
ai-edge-litert.

``--ours PYTHONPATH`` takes ours from another tree as well, to compare two of its states; ``taskset -c 1`` keeps all on
one core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

COMMON = """
import json, sys, time
import numpy as np
folder, word = sys.argv[1:]
rng = np.random.default_rng(0)
loudness = np.exp(rng.uniform(-9, -1, 250)).repeat(1280)
samples = np.clip(loudness * rng.standard_normal(250 * 1280), -1, 1).astype(np.float32)
chunks = samples.reshape(-1, 1280)

def timed(feed, chunks, rounds=4):
    found = []
    for _ in range(rounds):
        for chunk in chunks[:10]:
            feed(chunk)
        before = time.process_time()
        for chunk in chunks:
            feed(chunk)
        found.append(1e6 * (time.process_time() - before) / len(chunks))
    print(json.dumps(found))

"""
OURS = """
import wavenetlite as wl
stream = wl.load(f"{folder}/{word}.tflite", format="openwakeword").stream(sr=16000)
timed(stream.process, list(chunks))
"""
ONE_THREAD = """
import ctypes
from pyopen_wakeword import wakeword

class OneThread:
    def __init__(self, library):
        self.library = library
        library.TfLiteInterpreterOptionsCreate.restype = ctypes.c_void_p
        self.options = ctypes.c_void_p(library.TfLiteInterpreterOptionsCreate())
        library.TfLiteInterpreterOptionsSetNumThreads(self.options, 1)

    def __getattr__(self, name):
        return getattr(self.library, name)

    def TfLiteInterpreterCreate(self, model, options):
        return self.library.TfLiteInterpreterCreate(model, self.options)

initialise = wakeword.TfLiteWakeWord.__init__

def with_one_thread(self, path):
    initialise(self, path)
    self.lib = OneThread(self.lib)

wakeword.TfLiteWakeWord.__init__ = with_one_thread
"""
THEIRS = """
from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures
features, network = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_model(f"{folder}/{word}.tflite")

def feed(chunk):
    for embedding in features.process_streaming(chunk):
        for score in network.process_streaming(embedding):
            pass

timed(feed, [(chunk * 32767).astype(np.int16).tobytes() for chunk in chunks])
"""
LITERT = """
from ai_edge_litert.interpreter import Interpreter

def opened(name, shape):
    network = Interpreter(f"{folder}/{name}.tflite", num_threads=1)
    place = network.get_input_details()[0]["index"]
    network.resize_tensor_input(place, shape)
    network.allocate_tensors()
    result = network.get_output_details()[0]["index"]

    def run(x):
        network.set_tensor(place, x.reshape(shape).astype(np.float32))
        network.invoke()
        return network.get_tensor(result)

    return run

words = Interpreter(f"{folder}/{word}.tflite").get_input_details()[0]["shape"]
mel, embedding = opened("melspectrogram", [1, 1760]), opened("embedding_model", [1, 76, 32, 1])
network = opened(word, words)
heard, frames, embeddings = np.zeros(1760), np.zeros((76, 32)), np.zeros((words[1], 96))

def feed(chunk):
    global heard, frames, embeddings
    heard = np.concatenate([heard[1280:], chunk])
    frames = np.concatenate([frames[8:], mel(heard).reshape(-1, 32) / 10 + 2])
    embeddings = np.concatenate([embeddings[1:], embedding(frames).reshape(1, 96)])
    network(embeddings)

timed(feed, list(chunks * 32767))
"""
PEER, BEST = "pyopen-wakeword", "LiteRT, one thread"
FOLDER = "import wyoming_openwakeword as w, pathlib; print(pathlib.Path(w.__file__).parent / 'models')"


def output_of(python: str, text: str, *arguments: str, path: str | None = None) -> str:
    """What a program prints; `path`: the tree that it imports us from."""
    environment = os.environ if path is None else {**os.environ, "PYTHONPATH": str(Path(path).resolve())}
    command = [python, "-c", text, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=path)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", required=True, help="of an environment with wyoming-openwakeword")
    parser.add_argument("--word", default="ok_nabu_v0.1", help="the word's file (default ok_nabu_v0.1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--ours", metavar="PYTHONPATH", action="append", default=[], help="another tree of ours")
    options = parser.parse_args()
    folder = output_of(options.peer, FOLDER)
    runs = {path: (sys.executable, COMMON + OURS, path) for path in [".", *options.ours]}
    runs |= {
        PEER: (options.peer, COMMON + THEIRS, None),
        f"{PEER}, one thread": (options.peer, COMMON + ONE_THREAD + THEIRS, None),
        BEST: (options.peer, COMMON + LITERT, None),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (python, text, path) in runs.items():
            found[name] += json.loads(output_of(python, text, folder, options.word, path=path))
    theirs = found[BEST]
    print(f"{'us of CPU a chunk of 80 ms':30}{'least':>10}{'median':>10}{'LiteRT / this':>18}")
    for name, values in found.items():
        middle, least = statistics.median(values), min(values)
        times = f"{min(theirs) / least:.1f} / {statistics.median(theirs) / middle:.1f}"
        title = name if runs[name][2] is None else f"wavenetlite in {name}"
        print(f"{title:30}{least:10.1f}{middle:10.1f}{times:>18}")


if __name__ == "__main__":
    main()
