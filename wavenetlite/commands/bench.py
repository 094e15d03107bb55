"""wavenetlite bench: how fast a model streams on this machine, and how long its slowest calls take."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.commands.options import add_json, describe, positive
from wavenetlite.commands.output import say, say_json, table
from wavenetlite.formats import load
from wavenetlite.graph import random_input
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Module
from wavenetlite.support.errors import ParameterError

BLOCK_S = 0.01
"""Audio per call; also the assumed frame period of a network without features."""
POOLED = 64
MOST_POOLED = 20_000
SIGNALS = 4
"""Frames or blocks per stream, which are fed repeatedly."""
KEYWORD_TCN = "a keyword-spotting TCN: 8 residual blocks of 64 channels, kernel 5, random weights"

ABOUT = f"""\
Measure on this machine, in one thread, how fast a model streams. Without MODEL
it is {KEYWORD_TCN}.

--latency feeds one stream in blocks of 10 ms (a network with out=) and prints
how long the calls took: median, 99th and 99.9th percentile, and worst. A
classifier takes 10 ms of audio and gives events. A network alone is assumed to
run at 100 frames per second.

--streams feeds streams in a pool, one frame or 10 ms of audio each: first
{POOLED}, then as many as one core may sustain in real time by that figure. The
result is computed from the second run, whose streams exceed the cache.

Without either, both are measured. Other programs on the machine affect the
figures, most of all the worst call."""
EXAMPLES = """\
  wavenetlite bench --latency
  wavenetlite bench speech-commands-12 --streams --seconds 10
  taskset -c 0 wavenetlite bench trained/classifier.safetensors --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a bundled model's name, or the file of a classifier or network (default: the keyword network)",
    )
    parser.add_argument("--latency", action="store_true", help="measure how long calls take")
    parser.add_argument("--streams", action="store_true", help="measure how many streams one core sustains")
    parser.add_argument("--seconds", type=positive, default=60, metavar="S", help="seconds of audio fed to a stream")
    add_json(parser, "one object; times in microseconds")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    both = not (args.latency or args.streams)
    what = subjects(args.model)
    found: dict[str, Any] = {"model": args.model or KEYWORD_TCN, "isa": isa(), "audio_s": args.seconds}
    if args.latency or both:
        found["latency"] = {name: latency(subject, args.seconds) for name, subject in what.items()}
    if args.streams or both:
        found["streams"] = {name: carried(subject, args.seconds) for name, subject in what.items()}
    if args.json:
        say_json(found)
    else:
        say(text(found))
    return 0


def subjects(path: str | None) -> dict[str, Module | AudioClassifier]:
    """The network, and the classifier around it if there is one."""
    if path is None:
        return {"network": TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)}
    loaded = load(path)
    network = loaded if isinstance(loaded, Module) else loaded.model
    if network.condition_channels_needed:
        raise ParameterError(f"{path}: the network needs conditioning; only networks without can be measured")
    if not network.in_width:
        raise ParameterError(
            f"{path}: the network takes any number of channels; only networks with a fixed number can be measured"
        )
    return {"network": network} | ({} if loaded is network else {"classifier": loaded})


def latency(subject: Module | AudioClassifier, seconds: int) -> dict[str, Any]:
    """Durations of the calls of a stream that is fed block by block, microseconds."""
    call, calls = blocks_of(subject, seconds)
    for number in range(min(calls, 100)):
        call(number)
    times = np.empty(calls, np.int64)
    collecting = gc.isenabled()
    gc.disable()  # as a real-time program does
    try:
        for number in range(calls):
            start = perf_counter_ns()
            call(number)
            times[number] = perf_counter_ns() - start
    finally:
        if collecting:
            gc.enable()
    p50, p99, p999 = (float(value) / 1000 for value in np.percentile(times, [50, 99, 99.9]))
    return {"calls": calls, "p50_us": p50, "p99_us": p99, "p999_us": p999, "worst_us": float(times.max()) / 1000}


def blocks_of(subject: Module | AudioClassifier, seconds: int) -> tuple[Callable[[int], object], int]:
    """A function that feeds the n-th block of a signal to a stream, and the number of blocks."""
    rng = np.random.default_rng(0)
    if isinstance(subject, Module):
        stream, frames = subject.stream(), round(seconds / BLOCK_S)
        x = random_input(subject.graph(), "x", (frames, 1, subject.in_width or 1), rng)
        outs = [np.empty((rows, subject.plan().out_channels), np.float32) for rows in range(2)]
        blocks = list(x)
        if stream.plan.regular:
            return (lambda n: stream.process(blocks[n], out=outs[1])), frames
        return (lambda n: stream.process(blocks[n], out=outs[stream.output_frames(1)])), frames
    audio, size = subject.stream(), round(subject.sr * BLOCK_S)
    y = 0.1 * rng.standard_normal(size * round(seconds / BLOCK_S)).astype(np.float32)
    pieces = np.split(y.astype(np.float32), len(y) // size)
    return (lambda n: audio.process(pieces[n])), len(pieces)


def carried(subject: Module | AudioClassifier, seconds: int) -> dict[str, Any]:
    """How many streams one core sustains: estimated with a few in a pool, then measured with that many.

    So many streams exceed the cache, so each of them costs more.
    """
    few = cost(subject, POOLED, seconds)
    most = max(POOLED, min(MOST_POOLED, int(few["in_real_time"])))
    return {"pooled": few, "all": cost(subject, most, seconds)}


def cost(subject: Module | AudioClassifier, streams: int, seconds: int) -> dict[str, Any]:
    """The median call of a pool, over at most `seconds` of signal."""
    call, period_s = pooled(subject, streams)
    most = max(10, min(round(seconds / period_s), 200_000 // streams))
    times = []
    for number in range(5 + most):
        start = perf_counter_ns()
        call(number)
        times.append(perf_counter_ns() - start)
    each_us = float(np.median(times[5:])) / 1000 / streams
    in_real_time = int(period_s * 1e6 / each_us)
    return {"streams": streams, "us": each_us, "call_ms": 1000 * period_s, "in_real_time": in_real_time}


def pooled(subject: Module | AudioClassifier, streams: int) -> tuple[Callable[[int], object], float]:
    """A function that feeds a pool for the n-th time, and the seconds of signal per call."""
    rng = np.random.default_rng(0)
    if isinstance(subject, Module):
        pool = subject.pool(streams)
        ids = np.array([pool.open() for _ in range(streams)], np.int64)
        frames = random_input(subject.graph(), "x", (SIGNALS, streams, subject.in_width or 1), rng)
        out = np.empty((streams, pool.plan.out_channels), np.float32)
        if pool.plan.regular:
            return (lambda n: pool.step(frames[n % SIGNALS], ids, out=out)), BLOCK_S
        dicts = [{sid: x[row : row + 1] for row, sid in enumerate(pool.ids)} for x in frames]
        return (lambda n: pool.process(dicts[n % SIGNALS])), BLOCK_S
    signals = subject.pool(streams)
    open_ids, size = [signals.open() for _ in range(streams)], round(subject.sr * BLOCK_S)
    y = 0.1 * rng.standard_normal((SIGNALS, streams, size)).astype(np.float32)
    audio = [dict(zip(open_ids, blocks.astype(np.float32), strict=True)) for blocks in y]
    return (lambda n: signals.process(audio[n % SIGNALS])), size / subject.sr


def text(found: dict[str, Any]) -> str:
    rows = [("model", found["model"]), ("instruction set", found["isa"])]
    for name, times in found.get("latency", {}).items():
        rows.append((f"latency, {name}", f"{times['calls']:,} calls of 10 ms"))
        for label, key in (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"), ("worst", "worst_us")):
            rows.append((f"  {label}", f"{times[key]:.1f} us"))
    for name, carried_by in found.get("streams", {}).items():
        few, most = carried_by["pooled"], carried_by["all"]
        rows.append((f"streams, {name}", f"{most['in_real_time']:,} in real time on one core"))
        for one in (few, most):
            rows.append(
                (f"  {one['streams']:,} in a pool", f"{one['us']:.2f} us per stream and {one['call_ms']:.0f} ms")
            )
    return table(rows)
