"""Check that a stream gives the bits of the offline call, however it is fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.engine.stream import Stream
from wavenetlite.graph import random_input
from wavenetlite.kernels import isa
from wavenetlite.nn.module import ANY_CHANNELS, Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamMismatchError

MOST_FRAMES = 20_000
BLOCKS = (0, 1, 2, 7, 16, 31, 64, 73, 97, 121, 500)
"""Block lengths of random partitions: zero, one, primes, powers of two, one more than a chunk."""


@dataclass(frozen=True)
class StreamReport:
    """What :func:`verify_stream` has compared and found equal."""

    isa: str
    frames: int
    partitions: int
    resets: int
    batches: int
    snapshots: int
    pooled: int

    def __str__(self) -> str:
        return (
            f"streams equal offline bit for bit on {self.isa}: {self.partitions} partitions of {self.frames} frames, "
            f"{self.resets} resets, {self.snapshots} snapshots and forks, {self.batches} sequences in batches, "
            f"{self.pooled} streams in a pool"
        )


@dataclass(frozen=True)
class Conditioning:
    """Local conditioning from input frame `start` on: `values` for every `period` input frames."""

    values: Floats
    period: int
    start: int = 0

    def between(self, first: int, end: int) -> Conditioning:
        """The conditioning of input frames ``start + first`` to ``start + end``."""
        begun, low, high = (-(-(self.start + at) // self.period) for at in (0, first, end))
        return Conditioning(self.values[low - begun : high - begun], self.period, self.start + first)


def values_of(c: Conditioning | None, first: int, end: int) -> Floats | None:
    return None if c is None else c.between(first, end).values


def verify_stream(
    model: Module, *, frames: int | None = None, partitions: int = 12, channels: int | None = None, seed: int = 0
) -> StreamReport:
    """Compare streams of `model` with its offline output on random signals, bit for bit.

    The signal is fed whole, frame by frame, in blocks of one size and of random sizes (zero, one, primes, large); with
    and without ``out=``; after resets in the middle of a signal; from snapshots and in forks; in a batch; and in a
    pool, where streams are opened, closed, moved by snapshots, and fed alternately with blocks and, if the network
    allows it, with one frame each.

    Parameters
    ----------
    model
        The network; its conditioning, if any, is random too.
    frames
        Length of the signal; by default somewhat more than the receptive field, at most 20,000.
    partitions
        Number of random partitions.
    channels
        Of the input, if the model takes any number.
    seed
        Of signals and partitions.

    Returns
    -------
    StreamReport
        What was compared; prints as one line.

    Raises
    ------
    ArrayTypeError
        `model` is no network.
    StreamMismatchError
        An output differs; the message says how the stream was fed, and the first differing frame.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> report = wl.verify_stream(wl.TCN(8, 3, channels=16, dilations=[1, 2]), partitions=4)
    >>> report.partitions
    9
    """
    if not callable(getattr(model, "graph", None)):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a network, as `.model` of a classifier is")
    if model.in_width is not None and channels not in (None, model.in_width):
        raise ParameterError(f"channels={channels} must be {model.in_width}, as the model requires")
    rng = np.random.default_rng(count("seed", seed))
    width = model.in_width or positive_int("channels", channels or ANY_CHANNELS)
    reach = model.receptive_field if model.in_width else model.graph(width).clock.receptive_field
    by_default = int(min(MOST_FRAMES, 300 + (0 if reach == math.inf else 1.2 * reach)))
    length = by_default if frames is None else positive_int("frames", frames)
    graph = model.graph(width)
    x = random_input(graph, "x", (length, width), rng)
    needed = model.condition_channels_needed
    c = None
    if needed:
        period = model.condition_period
        c = Conditioning(random_input(graph, "c", (-(-length // period), needed), rng), period)
    whole = model(x, values_of(c, 0, length))
    open_stream: Callable[[], Stream] = lambda: model.stream(channels=None if model.in_width else width)  # noqa: E731
    tried = 0
    for name, blocks in ways(length, count("partitions", partitions), rng):
        given = fed(open_stream(), x, c, blocks, whole.shape[1], use_out=tried % 2 == 1)
        compare(given, whole, name, blocks)
        tried += 1
    resets = verify_resets(open_stream(), x, c, whole, rng)
    snapshots = verify_snapshots(open_stream, x, c, whole, rng)
    batches = verify_batch(model, x, c, rng)
    pooled = verify_pool(model, x, c, rng)
    return StreamReport(isa(), length, tried, resets, batches, snapshots, pooled)


def ways(length: int, partitions: int, rng: np.random.Generator) -> Iterator[tuple[str, list[int]]]:
    """Names and block lengths of the partitions to try."""
    yield "whole", [length]
    for size in (1, 7, 64, 257):
        yield f"in blocks of {size}", even(length, size)
    for _ in range(partitions):
        yield "in random blocks", random_blocks(length, rng)


def even(length: int, size: int) -> list[int]:
    return [min(size, length - first) for first in range(0, length, size)]


def random_blocks(length: int, rng: np.random.Generator) -> list[int]:
    blocks: list[int] = []
    while (left := length - sum(blocks)) > 0:
        blocks.append(min(left, int(rng.choice([*BLOCKS, length]))))
    return blocks


def fed(
    stream: Stream, x: Floats, c: Conditioning | None, blocks: list[int], out_channels: int, *, use_out: bool
) -> Floats:
    """The output of a stream for `x` in blocks, and its flush."""
    outputs: list[Any] = []
    first = 0
    for size in blocks:
        out = np.empty((stream.output_frames(size), out_channels), np.float32) if use_out else None
        local = values_of(c, first, first + size)
        outputs.append(stream.process(x[first : first + size], local, out=out))
        first += size
    return np.concatenate([*outputs, stream.flush()])


def verify_resets(stream: Stream, x: Floats, c: Conditioning | None, whole: Floats, rng: np.random.Generator) -> int:
    """After a reset in the middle of a signal, a stream must give the same as a new one."""
    resets, backwards = 3, np.ascontiguousarray(x[::-1])
    for _ in range(resets):
        cut = int(rng.integers(0, len(x) + 1))
        stream.process(backwards[:cut], values_of(c, 0, cut))
        stream.reset()
        blocks = random_blocks(len(x), rng)
        compare(
            fed(stream, x, c, blocks, whole.shape[1], use_out=False), whole, f"after a reset at frame {cut}", blocks
        )
        stream.reset()
    return resets


def verify_snapshots(
    open_stream: Callable[[], Stream], x: Floats, c: Conditioning | None, whole: Floats, rng: np.random.Generator
) -> int:
    """A restored and a forked stream must continue as the original does."""
    cuts, backwards = 3, np.ascontiguousarray(x[::-1])
    for _ in range(cuts):
        cut = int(rng.integers(0, len(x) + 1))
        stream, other = open_stream(), open_stream()
        before = stream.process(x[:cut], values_of(c, 0, cut))
        other.process(backwards[: len(x) - cut], values_of(c, 0, len(x) - cut))
        other.restore(stream.snapshot())
        rest = x[cut:], None if c is None else c.between(cut, len(x))
        for name, one in (("from a snapshot", other), ("in a fork", stream.fork()), ("after a fork", stream)):
            blocks = random_blocks(len(x) - cut, rng)
            given = fed(one, *rest, blocks, whole.shape[1], use_out=False)
            compare(np.concatenate([before, given]), whole, f"{name} at frame {cut}", blocks)
    return 3 * cuts


def verify_pool(model: Module, x: Floats, c: Conditioning | None, rng: np.random.Generator) -> int:
    """A stream must give the same alone and in a pool, however the streams are fed."""
    streams, length = 4, min(len(x), 1000)
    some = [size for size in BLOCKS if size <= max(1, length // 4)]  # so that every stream is fed several times
    pool = model.pool(streams + 1, channels=None if model.in_width else x.shape[1])
    signals = [np.ascontiguousarray(np.roll(x, 17 * i, axis=0)[:length]) for i in range(streams)]
    ids = {pool.open(): i for i in range(streams)}
    done = [0] * streams
    outputs: list[list[Floats]] = [[] for _ in range(streams)]
    while ids:
        chosen = [sid for sid in ids if rng.random() < 0.8]
        together = pool.plan.regular and rng.random() < 0.5
        sizes = {sid: min(1 if together else int(rng.choice(some)), length - done[i]) for sid, i in ids.items()}
        chosen = [sid for sid in chosen if sizes[sid] or not together]
        blocks = {sid: signals[ids[sid]][done[ids[sid]] :][: sizes[sid]] for sid in chosen}
        local = None
        if c is not None:
            local = {sid: c.between(done[ids[sid]], done[ids[sid]] + sizes[sid]).values for sid in chosen}
        if together and chosen:
            frames = np.concatenate([blocks[sid] for sid in chosen])
            y = pool.step(frames, chosen, None if local is None else np.concatenate([local[sid] for sid in chosen]))
            given = dict(zip(chosen, np.split(y, len(chosen)), strict=True))
        else:
            given = pool.process(blocks, local)
        for sid in chosen:
            i = ids[sid]
            outputs[i].append(given[sid])
            done[i] += sizes[sid]
            if done[i] == length:
                outputs[i].append(pool.flush(sid))
                pool.close(sid)
                del ids[sid]
            elif rng.random() < 0.1:
                moved = pool.fork(sid) if rng.random() < 0.5 else pool.open(snapshot=pool.snapshot(sid))
                ids[moved] = ids.pop(sid)
                pool.close(sid)
    for i in range(streams):
        whole = model(signals[i], values_of(c, 0, length))
        compare(np.concatenate(outputs[i]), whole, f"as number {i} of a pool", [len(one) for one in outputs[i]])
    return streams


def verify_batch(model: Module, x: Floats, c: Conditioning | None, rng: np.random.Generator) -> int:
    """A sequence must give the same alone and in a batch."""
    size = 3
    length = min(len(x), 500)
    batch = random_input(model.graph(x.shape[1]), "x", (size, length, x.shape[1]), rng)
    condition = values_of(c, 0, length)
    together = model(batch, None if condition is None else np.stack([condition] * size))
    for index in range(size):
        compare(
            together[index],
            model(batch[index], condition),
            f"number {index} of a batch",
            [length],
        )
    return size


def compare(given: Floats, whole: Floats, name: str, blocks: list[int]) -> None:
    if given.shape != whole.shape:
        raise StreamMismatchError(f"fed {name}, the stream gave {len(given)} frames; offline gave {len(whole)}")
    different = (given.view(np.uint32) != whole.view(np.uint32)).any(axis=1)
    if different.any():
        frame = int(np.argmax(different))
        raise StreamMismatchError(
            f"fed {name} (first blocks {blocks[:8]}), the stream differs from offline first at frame {frame}, "
            f"by {np.abs(given[frame] - whole[frame]).max():g}"
        )
