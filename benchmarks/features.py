"""``python -m benchmarks.features``: log-mel features, microseconds a frame: ours and other front ends.

40 mels, n_fft 512, hop 160, 16 kHz, one thread. Whole: 10 s at once. Live: one stream in chunks of 10 ms, so every call
gives one frame. Every peer's values, whole and live, are compared first with its own definition in float64.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

from functools import partial
from importlib import import_module
from importlib.metadata import version

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.log_mel import HOP, MELS, N_FFT, SR, TOLERANCE, Ways
from benchmarks.side_by_side import Call, Case, Section
from wavenetlite import features

WHOLE_S = 10
Y = (0.1 * np.random.default_rng(0).standard_normal(SR * WHOLE_S)).astype(np.float32)
CHUNKS = [Y[start : start + HOP].copy() for start in range(0, SR, HOP)]
STREAMS = 64
OURS = f"ours {wl.isa()}"

FRONT_ENDS = {
    "kaldi-native-fbank": Library("kaldi", ("kaldi_native_fbank",), "kaldi-native-fbank", ()),
    "scipy by hand": Library("scipy", ("scipy",), "scipy", ()),
    "librosa": Library("librosa", ("librosa",), "librosa", ()),
}


def section() -> Section:
    """Ours beside every front end that is installed and right; variants of ours, alone."""
    spec = features.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    stream, count = spec.stream(), len(spec(Y))
    whole: dict[str, Call] = {OURS: lambda: spec(Y)}
    live: dict[str, Call] = {OURS: lambda: [stream.process(chunk) for chunk in CHUNKS]}
    versions, missing, errors = {}, {}, {}
    for name, library in FRONT_ENDS.items():
        if reason := library.missing():
            missing[name] = reason
            continue
        try:
            ways = import_module(f"benchmarks.peers.{library.module}").ways(spec.padded_window(), spec.mel_basis())
            errors[name] = difference(ways)
        except Exception as error:  # a peer that does not run, or not as it should, is left out
            missing[name] = f"{type(error).__name__}: {error}"
            continue
        versions[name] = ways.version
        whole[name] = partial(ways.whole, ways.given(Y))
        live[name] = partial(ways.live, [ways.given(chunk) for chunk in CHUNKS])
    cases = [
        Case("whole", whole, "a frame", count, errors),
        Case("live, 10 ms a call", live, "a frame", len(CHUNKS), errors),
        *variants(spec),
        *micro_front_end(versions, missing),
    ]
    return Section("features", "Features: log-mel, 40 bands of 512 samples every 160, 16 kHz", cases, versions, missing)


def difference(ways: Ways) -> float:
    """The largest difference of a peer's values from its definition, whole and live, over the largest value."""
    y, expected = Y[:SR], ways.expected(Y[:SR])
    found = [ways.whole(ways.given(y)), np.array(ways.live([ways.given(chunk) for chunk in CHUNKS]))]
    error = max(np.abs(got - expected).max() for got in found) / np.abs(expected).max()
    if not error <= TOLERANCE:
        raise ValueError(f"wrong output: differs by {error:.1e} of its scale")
    return float(error)


def variants(spec: features.LogMel) -> list[Case]:
    """Further steps of ours, and many streams in step."""
    options = {"sr": SR, "n_fft": N_FFT, "hop_length": HOP, "n_mels": MELS}
    mfcc, pcen = features.MFCC(**options, n_mfcc=13), features.PCEN(**options)
    running = spec.then(features.RunningCMVN(window_frames=300), features.Deltas(width=5)).stream()
    many = spec.stream(streams=STREAMS)
    blocks = [np.repeat(chunk[np.newaxis], STREAMS, axis=0) for chunk in CHUNKS[:10]]
    calls: dict[str, tuple[Call, int]] = {
        f"live, {STREAMS} streams in step": (lambda: [many.process(one) for one in blocks], STREAMS * len(blocks)),
        "live, running CMVN and deltas": (lambda: [running.process(chunk) for chunk in CHUNKS], len(CHUNKS)),
        "whole MFCC": (lambda: mfcc(Y), len(spec(Y))),
        "whole PCEN": (lambda: pcen(Y), len(spec(Y))),
    }
    return [Case(name, {OURS: call}, "a frame", units) for name, (call, units) in calls.items()]


def micro_front_end(versions: dict[str, str], missing: dict[str, str]) -> list[Case]:
    """The front end of microcontroller wake words, on integers; its values must be equal."""
    spec, name, count = features.MicroFrontend(), "pymicro-features", len(CHUNKS)
    chunks = [np.rint(32768 * chunk).astype(np.int16) for chunk in CHUNKS]
    signal, stream = np.concatenate(chunks), spec.stream()
    whole: dict[str, Call] = {OURS: lambda: spec(signal)}
    live: dict[str, Call] = {OURS: lambda: [stream.process(chunk) for chunk in chunks]}
    if reason := Library("pymicro", ("pymicro_features",), name, ()).missing():
        missing[name] = reason
    else:
        peer = import_module("benchmarks.peers.pymicro")
        given, theirs = [chunk.tobytes() for chunk in chunks], peer.Live()
        if np.array_equal(peer.frames(given), spec(signal)):
            versions[name] = f"{name} {version(name)}"
            live[name] = partial(theirs, given)
        else:
            missing[name] = "wrong output: differs from ours"
    return [
        Case("micro front end, whole", whole, "a frame", len(spec(signal))),
        Case("micro front end, live, 10 ms a call", live, "a frame", count),
    ]


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=51)
