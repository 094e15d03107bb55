"""Running a plan on whole signals."""

from __future__ import annotations

import numpy as np

from wavenetlite.engine.plan import Plan
from wavenetlite.engine.stream import Stream
from wavenetlite.support.arrays import Floats
from wavenetlite.support.threads import check_stopped

SLICE_MULTIPLY_ADDS = 500_000_000
"""Work between two opportunities to interrupt an offline call (5 to 50 ms)."""


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
