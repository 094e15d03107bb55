"""``python -m benchmarks.features``: log-mel features, microseconds a frame: ours, librosa and kaldi-native-fbank.

40 mels, n_fft 512, hop 160, 16 kHz, one thread. Whole: 10 s at once. Live: one stream in chunks of 10 ms, so every call
gives one frame. A round times every contender once; reported are medians over the rounds and medians of the rounds'
ratios to ours. kaldi is given lists, which it takes faster than arrays; its definition differs (window, scale; dither
and pre-emphasis are switched off here), so only librosa's values are compared with ours.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import importlib.util
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from wavenetlite import features

SR, N_FFT, HOP, MELS = 16000, 512, 160, 40
WHOLE_S = 10
Y = (0.1 * np.random.default_rng(0).standard_normal(SR * WHOLE_S)).astype(np.float32)
CHUNKS = [Y[start : start + HOP].copy() for start in range(0, SR, HOP)]
STREAMS = 64

Contender = tuple[Callable[[], object], int]  # a call, and the frames it makes


def ours() -> dict[str, Contender]:
    spec = features.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    stream = spec.stream()
    mfcc = features.MFCC(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, n_mfcc=13)
    pcen = features.PCEN(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    running = spec.then(features.RunningCMVN(window_frames=300), features.Deltas(width=5)).stream()
    many = spec.stream(streams=STREAMS)
    blocks = [np.repeat(chunk[np.newaxis], STREAMS, axis=0) for chunk in CHUNKS[:10]]
    frames = len(spec(Y))
    return {
        "whole: wavenetlite": (lambda: spec(Y), frames),
        "live: wavenetlite": (lambda: [stream.process(chunk) for chunk in CHUNKS], len(CHUNKS)),
        f"live: wavenetlite, {STREAMS} streams in step": (
            lambda: [many.process(block) for block in blocks],
            STREAMS * len(blocks),
        ),
        "live: wavenetlite, running CMVN and deltas": (
            lambda: [running.process(chunk) for chunk in CHUNKS],
            len(CHUNKS),
        ),
        "whole: wavenetlite MFCC": (lambda: mfcc(Y), frames),
        "whole: wavenetlite PCEN": (lambda: pcen(Y), frames),
    }


def by_librosa() -> dict[str, Contender]:
    import librosa

    def log_mel(y: np.ndarray) -> np.ndarray:
        energies = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, center=False)
        return librosa.power_to_db(energies, top_db=None).T

    spec = features.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
    difference = np.abs(log_mel(Y) - spec(Y)).max()
    print(f"largest difference from librosa: {difference:.1e} dB")
    few = [Y[start : start + N_FFT] for start in range(0, 10 * HOP, HOP)]
    return {
        "whole: librosa": (lambda: log_mel(Y), len(spec(Y))),
        "live: librosa, a frame a call": (lambda: [log_mel(frame) for frame in few], len(few)),
    }


def by_kaldi() -> dict[str, Contender]:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SR
    options.frame_opts.frame_length_ms = 1000 * N_FFT / SR
    options.frame_opts.frame_shift_ms = 1000 * HOP / SR
    options.frame_opts.dither = 0
    options.frame_opts.preemph_coeff = 0
    options.frame_opts.window_type = "hanning"
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = MELS
    return {
        "whole: kaldi-native-fbank": (fed(knf.OnlineFbank(options), [Y.tolist()]), len(Y) // HOP),
        "live: kaldi-native-fbank": (fed(knf.OnlineFbank(options), [chunk.tolist() for chunk in CHUNKS]), len(CHUNKS)),
    }


def fed(fbank: Any, blocks: list[list[float]]) -> Callable[[], None]:
    """Feeds one kaldi stream on and on, and takes every frame that is ready; its tables were made before."""
    taken = 0

    def call() -> None:
        nonlocal taken
        for block in blocks:
            fbank.accept_waveform(SR, block)
            for frame in range(taken, fbank.num_frames_ready):
                fbank.get_frame(frame)
            fbank.pop(fbank.num_frames_ready - taken)
            taken = fbank.num_frames_ready

    return call


def contenders() -> dict[str, Contender]:
    """All that are installed; who is missing is named."""
    found = ours()
    for package, make in {"librosa": by_librosa, "kaldi_native_fbank": by_kaldi}.items():
        if importlib.util.find_spec(package):
            found.update(make())
        else:
            print(f"{package} is not installed: left out")
    return found


def measured(found: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Microseconds per frame of every contender, one value per round."""
    for call, _ in found.values():
        call()  # tables, caches, plans
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, (call, frames) in found.items():
            start = perf_counter()
            call()
            times[name].append(1e6 * (perf_counter() - start) / frames)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=101, help="rounds in which each is timed once (default 101)")
    parser.add_argument("--json", metavar="FILE", help="write the medians to a file as well")
    arguments = parser.parse_args()
    times = measured(contenders(), arguments.rounds)
    print(f"{'':48}us a frame   times ours")
    for name in sorted(times, reverse=True):
        base = times[f"{name.split(':')[0]}: wavenetlite"]
        ratio = median(mine / theirs for mine, theirs in zip(times[name], base, strict=True))
        print(f"{name:48}{median(times[name]):10.2f}{ratio:13.2f}")
    if arguments.json:
        with open(arguments.json, "w") as file:  # noqa: PTH123
            json.dump({name: median(values) for name, values in times.items()}, file, indent=1)


if __name__ == "__main__":
    main()
