"""``python -m benchmarks.pool``: one frame for each of many streams: in a pool, and each stream alone.

The keyword network (C), one thread, one instruction set (WAVENETLITE_ISA): microseconds a stream and frame, with lone
streams and the pool's dictionaries beside `pool.step`, and what snapshots of one stream cost.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.models import KEYWORD_OPTIONS
from benchmarks.side_by_side import Case, Section

STREAMS = (1, 4, 16, 64, 256, 1024)
CLIPS, FRAMES = 32, 100
OURS = f"ours {wl.isa()}"


def section() -> Section:
    model = wl.TCN(**KEYWORD_OPTIONS)
    cases = [*(together(model, streams) for streams in STREAMS), clips(model), *snapshots(model)]
    return Section("pool", "Pools: one frame for each of many streams of C", cases, {}, {})


def together(model: wl.TCN, streams: int) -> Case:
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

    calls = {
        OURS: lambda: pool.step(x, ids, out=y),
        "pool.process": lambda: dicts.process(blocks),
        "lone streams": one_by_one,
    }
    return Case(f"{streams} stream{'s' if streams > 1 else ''}", calls, "a stream and frame", streams)


def clips(model: wl.TCN) -> Case:
    """Clips that are all there: given to the model at once, and a block each to the streams of a pool."""
    x = np.random.default_rng(0).standard_normal((CLIPS, FRAMES, model.in_channels), dtype=np.float32)
    pool = model.pool(CLIPS)
    blocks = {pool.open(): one for one in x}
    calls = {OURS: lambda: model(x), "pool.process": lambda: pool.process(blocks)}
    return Case(f"{CLIPS} clips of {FRAMES} frames", calls, "a stream and frame", CLIPS * FRAMES)


def snapshots(model: wl.TCN) -> list[Case]:
    stream = model.stream()
    stream.process(np.random.default_rng(0).standard_normal((200, model.in_channels), dtype=np.float32))
    blob = stream.snapshot()
    calls = {"snapshot": stream.snapshot, "restore": lambda: stream.restore(blob), "fork": stream.fork}
    return [Case(name, {OURS: call}, "for a stream") for name, call in calls.items()]


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=101)
