"""``python -m benchmarks.ops``: dilated convolutions of images, microseconds: ours and PyTorch's, one thread each.

The speech network's convolutions, log-mel (98, 40, 1) through three of 3 x 3 with dilations 1, 2 and 3, 16 or 32
channels; and a stack of 64 channels on 128 x 128 with dilations 1, 2 and 4. Each stack as a whole, every output the
next one's input, then each convolution alone. Outputs are compared with each other first.

PyTorch runs eager in inference mode: on contiguous tensors, on channels-last ones (filters too), and with oneDNN's own
layout and filters repacked beforehand (`to_mkldnn`); reported is the fastest of them in each case. Ours packs its
filters in every call. A round times every contender once, in turn, 10 ms each, by the thread's own processor time, so
that other programs on the machine count for little; reported are medians over the rounds and medians of the rounds'
ratios. Memory that was freed stays with the process, or some outputs would cost page faults and others not.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import ctypes
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time_ns
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.kernels import fma_peak

TOLERANCE = 1e-5  # of the largest value
TURN_US = 10_000
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
Call = Callable[[], Any]


@dataclass(frozen=True)
class Stack:
    """3 x 3 convolutions one after the other, with "SAME" padding."""

    name: str
    size: tuple[int, int]
    channels: tuple[int, ...]
    rates: tuple[int, ...]

    def parts(self) -> list["Stack"]:
        """The convolutions by themselves, if there are several."""
        names = [
            f"  {i} to {o}, dilation {r}" for i, o, r in zip(self.channels, self.channels[1:], self.rates, strict=False)
        ]
        return [
            Stack(name, self.size, self.channels[n : n + 2], self.rates[n : n + 1])
            for n, name in enumerate(names)
            if len(names) > 1
        ]

    @property
    def operations(self) -> int:
        """Multiplications and additions, zeros of the padding included."""
        pairs = zip(self.channels, self.channels[1:], strict=False)
        return 2 * 9 * self.size[0] * self.size[1] * sum(i * o for i, o in pairs)


STACKS = [
    Stack("speech network, 16 channels", (98, 40), (1, 16, 16, 16), (1, 2, 3)),
    Stack("speech network, 32 channels", (98, 40), (1, 32, 32, 32), (1, 2, 3)),
    Stack("64 channels on 128 x 128", (128, 128), (64, 64, 64, 64), (1, 2, 4)),
]


def arrays(stack: Stack) -> tuple[np.ndarray, list[np.ndarray]]:
    """An image and the filters; of a scale that the stack keeps."""
    rng = np.random.default_rng(0)
    value = rng.standard_normal((1, *stack.size, stack.channels[0])).astype(np.float32)
    shapes = [(3, 3, i, o) for i, o in zip(stack.channels, stack.channels[1:], strict=False)]
    return value, [(rng.standard_normal(s) / np.sqrt(9 * s[2])).astype(np.float32) for s in shapes]


def ours(stack: Stack) -> Call:
    value, filters = arrays(stack)

    def call() -> np.ndarray:
        x = value
        for rate, one in zip(stack.rates, filters, strict=True):
            x = wl.ops.atrous_conv2d(x, one, rate, "SAME")
        return x

    return call


def pytorch(stack: Stack) -> dict[str, Call]:
    """PyTorch's ways, each a call that gives (1, channels, height, width)."""
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    image, filters = arrays(stack)
    value = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    weights = [torch.tensor(one.transpose(3, 2, 0, 1).copy()) for one in filters]

    def convolutions(x: Any, weights: list[Any]) -> Call:
        @torch.inference_mode()
        def call() -> Any:
            y = x
            for rate, weight in zip(stack.rates, weights, strict=True):
                y = torch.nn.functional.conv2d(y, weight, padding=rate, dilation=rate)
            return y

        return call

    last = {"memory_format": torch.channels_last}
    ways = {
        "contiguous": convolutions(value, weights),
        "channels last": convolutions(value.contiguous(**last), [weight.contiguous(**last) for weight in weights]),
    }
    if torch.backends.mkldnn.is_available():
        ways["oneDNN's layout"] = repacked(stack, value, weights)
    return ways


def repacked(stack: Stack, value: Any, weights: list[Any]) -> Call:
    """Modules whose filters oneDNN has laid out for itself, on a tensor of its layout."""
    import torch
    from torch.utils import mkldnn

    layers = []
    for rate, weight in zip(stack.rates, weights, strict=True):
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=rate, dilation=rate, bias=False).eval()
        layer.weight.copy_(weight)
        layers.append(layer)
    network = mkldnn.to_mkldnn(torch.nn.Sequential(*layers))
    x = value.to_mkldnn()

    @torch.inference_mode()
    def call() -> Any:
        return network(x)

    return call


def check(mine: np.ndarray, call: Call, name: str) -> None:
    """The contender computes what ours does."""
    y = call()
    theirs = (y.to_dense() if y.is_mkldnn else y).numpy().transpose(0, 2, 3, 1)
    error = np.abs(mine - theirs).max() / np.abs(theirs).max()
    if not error <= TOLERANCE:
        raise SystemExit(f"{name} differs from ours by {error:.1e} of the largest value")


def keep_memory() -> None:
    """Tell glibc's malloc not to give memory back to the system; other C libraries keep to their own ways."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(parameter, 1 << 30)


def timed(call: Call, calls: int) -> float:
    """Microseconds per call."""
    start = thread_time_ns()
    for _ in range(calls):
        call()
    return 1e-3 * (thread_time_ns() - start) / calls


def measured(calls: dict[str, Call], seconds: float) -> dict[str, list[float]]:
    """Microseconds of every call, one value a round, for so long."""
    counts = {name: max(1, round(TURN_US / timed(call, 3))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = perf_counter() + seconds
    while perf_counter() < end or len(times["ours"]) < 5:
        for name, call in calls.items():
            times[name].append(timed(call, counts[name]))
    return times


def row(stack: Stack, seconds: float, peak: float) -> dict[str, Any]:
    """Measure one stack and print its line."""
    mine = ours(stack)
    theirs = pytorch(stack)
    y = mine()
    for name, call in theirs.items():
        check(y, call, name)
    times = measured({"ours": mine, **theirs}, seconds)
    best = min(theirs, key=lambda name: median(times[name]))
    ratio = median(a / b for a, b in zip(times[best], times["ours"], strict=True))
    taken, its = median(times["ours"]), median(times[best])
    speed = 1e-3 * stack.operations / taken
    print(f"{stack.name:32}{taken:9.0f}{its:11.0f}  {best:16}{ratio:6.2f}{speed:10.0f}{speed / peak:8.0%}", flush=True)
    return {"name": stack.name.strip(), "ours_us": taken, "pytorch_us": its, "best": best, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds per line (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write the results to a file as well")
    arguments = parser.parse_args()
    keep_memory()
    peak = fma_peak()
    print(f"FMA peak of {wl.isa()}: {peak:.0f} GFLOP/s")
    print(f"{'':32}{'ours us':>9}{'PyTorch us':>11}  {'its fastest way':16}{'ratio':>6}{'GFLOP/s':>10}{'of peak':>8}")
    results = [row(one, arguments.seconds, peak) for stack in STACKS for one in (stack, *stack.parts())]
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
