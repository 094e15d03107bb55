"""Whether samples are on the scale of audio, -1..1."""

from __future__ import annotations

import numpy as np

from wavenetlite.audio._peak import peak
from wavenetlite.support.arrays import Floats

LOUDEST = 8.0
"""A sample above this is no overshoot of -1..1: these are integers stored as floats."""


def scale_problem(y: Floats) -> str:
    """What is wrong with the scale of the finite samples, and the remedy; "" if nothing is."""
    if peak(y) <= LOUDEST:
        return ""
    loudest = float(np.abs(y[np.isfinite(y)]).max(initial=0.0))
    if loudest <= LOUDEST:
        return ""
    return f"reaches {loudest:g}; samples must be in -1..1: divide integers by 32768"
