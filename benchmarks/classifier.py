"""``python -m benchmarks.classifier``: from audio to a label, microseconds for 10 ms of audio, one core.

Live: one stream fed in blocks of 10 or 80 ms: features, network, softmax and detector; its parts are timed by
themselves too. Whole: `predict` on a second. The peer is what is written without wavenetlite: features by hand with
SciPy and the network in ONNX Runtime, a frame a call; its probabilities are compared with ours before it is timed.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

from collections.abc import Callable

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.log_mel import HOP, MELS, N_FFT, SR
from benchmarks.models import Network, keyword_tcn
from benchmarks.ours import BUILDERS
from benchmarks.side_by_side import Call, Case, Section

OURS = f"ours {wl.isa()}"
PEER = "scipy and ort"
LIBRARY = Library("", ("scipy", "onnx", "onnxruntime"), "scipy onnx onnxruntime", ())
TOLERANCE = 1e-4
SECONDS = 10
BUNDLED = "speech-commands-12"


def section() -> Section:
    """Model C as a classifier, ours and by hand; a bundled classifier, ours alone."""
    network = keyword_tcn()
    spec = wl.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    clf = wl.AudioClassifier(spec, BUILDERS["C"](network), [str(number) for number in range(network.out_channels)])
    bundled = wl.load(BUNDLED)
    assert isinstance(bundled, wl.AudioClassifier)
    y = (0.1 * np.random.default_rng(0).standard_normal(SR * SECONDS)).astype(np.float32)
    cases = [*ours("model C", clf, y), *ours(BUNDLED, bundled, y)]
    versions, missing = {}, {}
    if reason := LIBRARY.missing():
        missing[PEER] = reason
    else:
        by_hand, versions[PEER], error = peer(network, clf, y)
        first = cases[0]
        cases[0] = Case(first.name, {**first.calls, PEER: by_hand}, first.unit, first.units, {PEER: error})
    return Section("classifier", "Classifier: from the waveform to the decision", cases, versions, missing)


def blocks(y: np.ndarray, samples: int) -> list[np.ndarray]:
    return [y[start : start + samples].copy() for start in range(0, len(y) - samples + 1, samples)]


def ours(name: str, clf: wl.AudioClassifier, y: np.ndarray) -> list[Case]:
    """The whole way live and at once, and the parts of the live one."""
    frames = clf.features(y)
    step = [frames[n : n + 1].copy() for n in range(len(frames))]
    live, longer, features, network = clf.stream(), clf.stream(), clf.features.stream(), clf.model.stream()
    second, chunks, long_chunks = y[: clf.sr], blocks(y, clf.sr // 100), blocks(y, clf.sr * 80 // 1000)
    calls: dict[str, tuple[Call, int]] = {
        "blocks of 10 ms": (lambda: [live.process(one) for one in chunks], 100 * SECONDS),
        "blocks of 80 ms": (lambda: [longer.process(one) for one in long_chunks], 100 * SECONDS),
        "predict 1 s": (lambda: clf.predict(second), 100),
        "features alone": (lambda: [features.process(one) for one in chunks], 100 * SECONDS),
        "network alone": (lambda: [network.process(one) for one in step], 100 * SECONDS),
    }
    return [Case(f"{name}, {what}", {OURS: call}, "for 10 ms of audio", units) for what, (call, units) in calls.items()]


def peer(network: Network, clf: wl.AudioClassifier, y: np.ndarray) -> tuple[Call, str, float]:
    """A call that goes through all audio by hand, the versions, and the largest difference from our probabilities."""
    from benchmarks.peers import onnx_runtime, scipy

    ways = scipy.ways(clf.features.padded_window(), clf.features.mel_basis())
    runtime = onnx_runtime.open_contender("gemm")
    chunks = blocks(y, HOP)

    def through() -> Callable[[], list[np.ndarray]]:
        live = scipy.ways(clf.features.padded_window(), clf.features.mel_basis()).live
        runner = runtime.prepare(network, 1, streaming=True)
        return lambda: [softmax(runner.feed(frame)) for chunk in chunks for frame in live([chunk])]

    stream = clf.stream()
    stream.process(y)
    expected, found = stream.probabilities, np.concatenate(through()())
    error = float(np.abs(found[: len(expected)] - expected).max())
    if not error <= TOLERANCE:
        raise SystemExit(f"{PEER}: wrong output: differs by {error:.1e}")
    return through(), f"{ways.version}, {runtime.version}", error


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max())
    return e / e.sum()


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=15)
