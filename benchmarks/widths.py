"""``python -m benchmarks.widths``: convolutions of odd widths and in narrow groups, one thread.

Stacks of four convolutions of kernel 3 with dilations 1, 2, 4 and 8, streamed in blocks. Reported are microseconds per
call and the share of the FMA peak, for which only the multiply-adds of the definition count: none with padding or with
the zeros between groups. All stacks are timed in turn, round by round; each figure is the least of the rounds.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np

import wavenetlite as wl
from wavenetlite.kernels import fma_peak

WIDTHS = [(channels, 1) for channels in (16, 17, 24, 32, 33, 40, 48, 49, 64, 65, 72)]
GROUPS = [(64, groups) for groups in (1, 4, 8, 16, 32, 64)] + [(48, 2), (48, 4), (36, 6), (36, 9)]
DILATIONS = (1, 2, 4, 8)
KERNEL_SIZE = 3


def streamed(channels: int, groups: int, frames: int) -> Callable[[], object]:
    """A call that feeds a block to the stack's stream."""
    layers = [wl.nn.Conv1d(channels, channels, KERNEL_SIZE, dilation=d, groups=groups) for d in DILATIONS]
    stream = wl.Sequential(layers).stream()
    x = np.random.default_rng(0).standard_normal((frames, channels)).astype(np.float32)
    out = np.zeros_like(x)
    return lambda: stream.process(x, out=out)


def timed(call: Callable[[], object], seconds: float) -> float:
    """Microseconds of the fastest call."""
    best, end = float("inf"), perf_counter() + seconds
    while perf_counter() < end:
        start = perf_counter()
        call()
        best = min(best, perf_counter() - start)
    return 1e6 * best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 2, 4, 8, 16, 64, 256], help="frames per call")
    arguments = parser.parse_args()
    peak = fma_peak()
    print(f"FMA peak of {wl.isa()}: {peak:.0f} GFLOP/s; microseconds per call, and the share of the peak")
    print(f"{'channels':>8}{'groups':>7}" + "".join(f"{frames:>11} fr." for frames in arguments.blocks))
    stacks = [*WIDTHS, *GROUPS]
    calls = {(*stack, frames): streamed(*stack, frames) for stack in stacks for frames in arguments.blocks}
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(arguments.rounds):
        for case, call in calls.items():
            best[case] = min(best[case], timed(call, 0.005))
    for channels, groups in stacks:
        operations = 2e-3 * len(DILATIONS) * KERNEL_SIZE * channels * channels / groups
        cells = [(best[channels, groups, frames], frames) for frames in arguments.blocks]
        shares = [f"{us:9.2f}{operations * frames / us / peak:6.0%}" for us, frames in cells]
        print(f"{channels:8}{groups:7}" + "".join(shares))


if __name__ == "__main__":
    main()
