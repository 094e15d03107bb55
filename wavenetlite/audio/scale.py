"""Whether samples are on the scale of audio, -1..1."""

from __future__ import annotations

import numpy as np

from wavenetlite.support.arrays import Floats

LOUDEST = 8.0
"""A sample above this is no overshoot of -1..1: these are integers stored as floats."""


def scale_problem(y: Floats) -> str:
    """What is wrong with the scale of the finite samples, and the remedy; "" if nothing is."""
    if np.vdot(y, y) <= LOUDEST**2:  # so is the square of each; in every block: unlike dot, vdot warns of no overflow
        return ""
    peak = float(np.abs(y[np.isfinite(y)]).max(initial=0.0))
    if peak <= LOUDEST:
        return ""
    return f"reaches {peak:g}; samples must be in -1..1: divide integers by 32768"
