"""``python -m benchmarks.classifier``: from audio to a label, microseconds for 10 ms of audio, one core.

Live: one stream fed in blocks of 10 ms: features, network, softmax and detector. Whole: `predict` on 60 s. A round
times every contender once; reported are medians over the rounds. The parts of the live stream are timed by themselves.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

import wavenetlite as wl

SECONDS = 60


def keyword_network() -> wl.AudioClassifier:
    """Model C of the benchmarks as a classifier of twelve labels, with weights as drawn."""
    spec = wl.LogMel(sr=16000, n_fft=512, hop_length=160, n_mels=40)
    net = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)
    return wl.AudioClassifier(spec, net, [str(number) for number in range(12)])


def classifiers(names: list[str]) -> dict[str, wl.AudioClassifier]:
    found = {"model C": keyword_network()}
    for name in names:
        loaded = wl.load(name)
        if not isinstance(loaded, wl.AudioClassifier):
            raise SystemExit(f"{name} is not a classifier")
        found[name] = loaded
    return found


def contenders(clf: wl.AudioClassifier) -> dict[str, Callable[[], object]]:
    """Calls that each go through `SECONDS` of audio."""
    y = (0.1 * np.random.default_rng(0).standard_normal(clf.sr * SECONDS)).astype(np.float32)
    block = clf.sr // 100
    blocks = [y[start : start + block].copy() for start in range(0, len(y), block)]
    frames = clf.features(y)
    step = [frames[n : n + 1].copy() for n in range(len(frames))]
    live, features, network = clf.stream(), clf.features.stream(), clf.model.stream()
    return {
        "live": lambda: [live.process(one) for one in blocks],
        "live, features alone": lambda: [features.process(one) for one in blocks],
        "live, network alone": lambda: [network.process(one) for one in step],
        "whole": lambda: clf.predict(y),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="bundled models or files, beside model C")
    parser.add_argument("--rounds", type=int, default=11, help="rounds in which each is timed once (default 11)")
    parser.add_argument("--json", metavar="FILE", help="write the medians to a file as well")
    arguments = parser.parse_args()
    calls = {
        f"{name}: {what}": call
        for name, clf in classifiers(arguments.models).items()
        for what, call in contenders(clf).items()
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(arguments.rounds):
        for name, call in calls.items():
            start = perf_counter()
            call()
            times[name].append(1e6 * (perf_counter() - start) / (100 * SECONDS))
    print(f"{wl.isa()}: us for 10 ms of audio, median of {arguments.rounds}")
    for name, values in times.items():
        print(f"{name:48}{median(values):8.2f}")
    if arguments.json:
        with open(arguments.json, "w") as file:  # noqa: PTH123
            json.dump({name: median(values) for name, values in times.items()}, file, indent=1)


if __name__ == "__main__":
    main()
