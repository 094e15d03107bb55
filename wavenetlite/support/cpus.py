"""How many CPUs there are to compute with."""

from __future__ import annotations

import os


def cpus() -> int:
    """Number of CPUs that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
