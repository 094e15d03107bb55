"""``python -m benchmarks.generation``: a WaveNet that generates, sampling included, us a sample.

Deep Voice's vocoder B (20 gated layers of kernel 2, 64 and 128 channels, head 256, 256 mu-law classes) with random
weights, in float32, with weights of bf16 and with integers of 8 bits: our generator, a pool of 16 of them (us for a
sample of each), and loops in Python over our streams, a plain one and one that allocates nothing. ONNX Runtime and MNN,
if they are installed, in the latter loop, with the way of writing the graph that is fastest there, in float32 and with
integers of 8 bits (ONNX Runtime's static quantisation; MNN's weights of 8 bits with frames rounded as they come). A
round times every contender once, in turn; reported are medians over the rounds, and the medians of the rounds' ratios
to our generator. One thread each, whose CPU time is measured.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from time import thread_time

import numpy as np

import wavenetlite as wl
from benchmarks.models import NETWORKS, VOICE_OPTIONS

VOICES = 16
SAMPLE_RATE = 16_000
Call = Callable[[int], object]
Step = Callable[[np.ndarray, np.ndarray], None]
"""Computes the logits for a frame, into the second array."""

PEERS = {
    "onnxruntime float32": (("onnxruntime", "onnx"), "onnx_runtime", "gemm"),
    "onnxruntime int8": (("onnxruntime", "onnx"), "onnx_runtime", "int8"),
    "MNN float32": (("MNN", "onnx"), "mnn", "float32"),
    "MNN int8": (("MNN", "onnx"), "mnn", "int8"),
}
"""The packages that are needed, the module of `benchmarks.peers`, and what that is to open."""


def table() -> np.ndarray:
    return wl.MuLaw(mu=255).decode(np.arange(256))


def tuned_loop(step: Step) -> Call:
    """Sampling with NumPy that allocates next to nothing."""
    x, y = np.zeros((1, 1), np.float32), np.zeros((1, 256), np.float32)
    weights, sums, values = np.zeros(256, np.float32), np.zeros(256, np.float32), table()
    rng = np.random.default_rng(0)

    def run(samples: int) -> None:
        drawn = rng.random(samples)
        for n in range(samples):
            step(x, y)
            np.subtract(y[0], y[0].max(), out=weights)
            np.exp(weights, out=weights)
            np.cumsum(weights, out=sums)
            x[0, 0] = values[sums.searchsorted(drawn[n] * sums[-1])]

    return run


def plain_loop(model: wl.nn.Module) -> Call:
    """As one writes it down."""
    stream, values = model.stream(), table()
    rng = np.random.default_rng(0)

    def run(samples: int) -> None:
        value = 0.0
        for _ in range(samples):
            logits = stream.process(np.array([[value]], np.float32))[0].astype(np.float64)
            weights = np.exp(logits - logits.max())
            value = values[rng.choice(256, p=weights / weights.sum())]

    return run


def stream_step(model: wl.nn.Module) -> Step:
    stream = model.stream()
    return lambda x, y: stream.process(x, out=y)


def ours(model: wl.nn.Module) -> Call:
    generator = model.generator()
    return lambda samples: generator.process(samples=samples)


def pooled(model: wl.nn.Module) -> Call:
    """As many samples in all, of all voices."""
    pool = model.generator_pool(VOICES)
    ids = [pool.open(seed=seed) for seed in range(VOICES)]
    return lambda samples: pool.process(dict.fromkeys(ids), samples // VOICES)


def peer_step(module: str, way: str) -> Step:
    """A peer's call on one frame of the same network, which ends with a softmax there."""
    opened = import_module(f"benchmarks.peers.{module}").open_contender(way)
    calls = opened.prepare(NETWORKS["B"](), 1, streaming=True)

    def step(x: np.ndarray, y: np.ndarray) -> None:
        y[0] = calls.feed(x)[0]

    return step


def peers() -> Iterator[tuple[str, Call]]:
    """Those that are installed, in the same loop."""
    for name, (needed, module, way) in PEERS.items():
        if all(map(find_spec, needed)):
            yield f"{name}, tuned loop", tuned_loop(peer_step(module, way))


def contenders() -> dict[str, Call]:
    floats = wl.WaveNet(**VOICE_OPTIONS, seed=1)
    x = table()[np.random.default_rng(1).integers(256, size=(2000, 1))]
    models = {
        "float32": floats,
        "bf16": wl.quantize(floats, weights="bf16"),
        "int8": wl.quantize(floats, calibration=x),
    }
    calls: dict[str, Call] = {}
    for name, model in models.items():
        calls[f"{name}, generator"] = ours(model)
        calls[f"{name}, pool of {VOICES}"] = pooled(model)
        calls[f"{name}, tuned loop"] = tuned_loop(stream_step(model))
        calls[f"{name}, plain loop"] = plain_loop(model)
    return calls | dict(peers())


def measured(calls: dict[str, Call], samples: int, rounds: int) -> dict[str, list[float]]:
    """us a sample of every contender, round by round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = thread_time()
            call(samples)
            times[name].append(1e6 * (thread_time() - start) / samples)
    return times


def report(times: dict[str, list[float]]) -> None:
    for name, values in times.items():
        kind = name.split(",")[0].split()[-1]
        base = times[f"{kind}, generator"]
        ratio = median(b / a for a, b in zip(base, values, strict=True))
        real = 1e6 / SAMPLE_RATE / median(values)
        print(f"{name:33} {median(values):7.2f} us, {real:5.2f}x real time, {ratio:.2f} of the generator's time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds; medians are reported")
    parser.add_argument("--samples", type=int, default=800, help="samples of each contender in a round")
    given = parser.parse_args()
    print(f"{wl.isa()}, {SAMPLE_RATE} Hz, medians of {given.rounds} rounds of {given.samples} samples")
    calls = contenders()
    measured(calls, 50, 1)
    report(measured(calls, given.samples, given.rounds))


if __name__ == "__main__":
    main()
