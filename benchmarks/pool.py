"""``python -m benchmarks.pool``: one frame for each of many streams: in a pool, and each stream alone.

The keyword network (C), one thread, one instruction set (WAVENETLITE_ISA). A round times every way once; reported are
medians over the rounds, microseconds a stream and frame, and what snapshots of one stream cost.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import wavenetlite as wl
from benchmarks.models import KEYWORD_OPTIONS

STREAMS = (1, 4, 16, 64, 256, 1024)


def ways(model: wl.TCN, streams: int) -> dict[str, Callable[[], object]]:
    """Calls that feed one frame to each stream."""
    x = np.random.default_rng(0).standard_normal((streams, model.in_channels), dtype=np.float32)
    y = np.empty((streams, model.out_channels), np.float32)
    pool, dicts, lone = model.pool(streams), model.pool(streams), [model.stream() for _ in range(streams)]
    ids = np.array([pool.open() for _ in range(streams)])
    blocks = {dicts.open(): x[row : row + 1] for row in range(streams)}
    rows = [(stream.process, x[row : row + 1], y[row : row + 1]) for row, stream in enumerate(lone)]

    def one_by_one() -> None:
        for process, block, out in rows:
            process(block, out=out)

    return {
        "pool.step": lambda: pool.step(x, ids, out=y),
        "pool.process": lambda: dicts.process(blocks),
        "lone streams": one_by_one,
    }


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median microseconds of each call."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            call()  # its data are in the caches again, as in a server that does nothing else
            start = perf_counter()
            call()
            times[name].append(perf_counter() - start)
    return {name: 1e6 * median(some) for name, some in times.items()}


def snapshots(model: wl.TCN) -> dict[str, Callable[[], object]]:
    stream = model.stream()
    stream.process(np.random.default_rng(0).standard_normal((200, model.in_channels), dtype=np.float32))
    blob = stream.snapshot()
    return {"snapshot": stream.snapshot, "restore": lambda: stream.restore(blob), "fork": stream.fork}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pool", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = wl.TCN(**KEYWORD_OPTIONS)
    found: dict[str, dict[str, float]] = {}
    for streams in options.streams:
        found[str(streams)] = {
            name: time / streams for name, time in measure(ways(model, streams), options.rounds).items()
        }
        line = ", ".join(f"{name} {time:.2f}" for name, time in found[str(streams)].items())
        print(f"{streams:5} streams, us a stream-frame on {wl.isa()}: {line}")
    found["one stream"] = measure(snapshots(model), options.rounds)
    print("one stream, us: " + ", ".join(f"{name} {time:.1f}" for name, time in found["one stream"].items()))
    if options.json:
        options.json.write_text(json.dumps({"isa": wl.isa(), "us": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
