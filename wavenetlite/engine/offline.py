"""Running a plan on whole signals."""

from __future__ import annotations

import numpy as np

from wavenetlite.engine.plan import Plan
from wavenetlite.engine.pool import StreamPool
from wavenetlite.engine.stream import Stream
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.threads import check_stopped

SLICE_MULTIPLY_ADDS = 500_000_000
"""Work between two opportunities to interrupt an offline call (5 to 50 ms)."""

FEW_FRAMES = 8
"""Signals of fewer frames do not fill the kernels' tiles: of a batch of such, a frame of each is a row of one tile."""


def run_batch(plan: Plan, x: Floats, c: Floats | None, on_nonfinite: str) -> Floats:
    """Feed each ``x[i]``, with ``c[i]``, to a fresh stream."""
    if len(x) == 0:
        Stream(plan, on_nonfinite=on_nonfinite, name="x").check(np.empty((0, x.shape[2]), x.dtype))
    y = np.empty((len(x), plan.output_frames(x.shape[1], ended=True), plan.out_channels), np.float32)
    if not run_side_by_side(plan, x, c, on_nonfinite, y):
        for i in range(len(x)):
            run_offline(plan, x[i], None if c is None else c[i], on_nonfinite, f"x[{i}]", y[i])
    return y


def run_side_by_side(plan: Plan, x: Floats, c: Floats | None, on_nonfinite: str, y: Floats) -> bool:
    """Run a batch of short signals frame by frame, if that is possible; False: it is not, and nothing is done."""
    if not (plan.regular and len(x) > 1 and 0 < x.shape[1] < FEW_FRAMES):
        return False
    if c is not None and c.ndim == 3 and c.shape[1] != x.shape[1]:
        return False
    pool = StreamPool(plan, min(len(x), plan.together), on_nonfinite=on_nonfinite)
    ids = np.array([pool.open() for _ in range(pool.capacity)])
    try:
        for first in range(0, len(x), pool.capacity):
            some = slice(first, first + pool.capacity)
            for frame in range(x.shape[1]):
                now = c if c is None or c.ndim == 2 else c[:, frame]
                now = now if now is None else now[some]
                y[some, frame] = pool.step(x[some, frame], ids[: len(x) - first], now)
            pool.reset_all()
    except WavenetliteError:  # `run_offline` says of which signal
        return False
    return True


def run_offline(
    plan: Plan, x: Floats, c: Floats | None, on_nonfinite: str, name: str, out: Floats | None = None
) -> Floats:
    """Feed all of `x` to a fresh stream, in slices so that a long call can be interrupted."""
    constant = c if isinstance(c, np.ndarray) and c.ndim == 1 else None
    stream = Stream(plan, constant, on_nonfinite=on_nonfinite, name=name)
    local = c if constant is None else None
    if local is not None:
        stream.check_condition(local, len(x))
    frames = max(1, SLICE_MULTIPLY_ADDS // max(plan.multiply_adds, 1))
    if out is None and len(x) <= frames and plan.regular:
        return stream.process(x, local)
    stream.check(x)
    y = np.empty((plan.output_frames(len(x), ended=True), plan.out_channels), np.float32) if out is None else out
    done = 0
    for first in range(0, len(x), frames):
        check_stopped()
        given = stream.output_frames(len(x[first : first + frames]))
        begin, end = (-(-at // plan.condition_period) for at in (first, first + frames))
        stream.process(
            x[first : first + frames],
            None if local is None else local[begin:end],
            out=y[done : done + given],
        )
        done += given
    y[done:] = stream.flush()
    return y
