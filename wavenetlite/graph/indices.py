"""Inputs that are indices: numbers of the rows of a table."""

from __future__ import annotations

import numpy as np

from wavenetlite.graph.node import Node
from wavenetlite.graph.order import topological_order
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


def index_counts(output: Node) -> dict[str, int]:
    """By the inputs ("x" or "c") that are indices: how many rows there are, of the smallest table that reads it."""
    counts: dict[str, int] = {}
    for node in topological_order(output):
        if node.index_count:
            signal = node.edges[0].node.signal
            counts[signal] = min(counts.get(signal, node.index_count), node.index_count)
    return counts


def check_indices(name: str, value: Floats, count: int) -> None:
    """Raise unless all values are whole numbers from 0 to ``count - 1``; frames are the axis before the last."""
    wrong = (value != np.floor(value)) | (value < 0) | (value >= count)
    if wrong.any():
        frame = int(np.argwhere(wrong)[0][-2]) if value.ndim > 1 else 0
        raise ParameterError(f"{name} has {float(value[wrong][0]):g} at frame {frame}; it must be a class of the "
                             f"embedding that reads it, a whole number from 0 to {count - 1}")  # fmt: skip


def random_input(output: Node, signal: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Normal values for an input of the network, or indices if it is one."""
    count = index_counts(output).get(signal, 0)
    return rng.integers(count, size=shape).astype(np.float32) if count else rng.standard_normal(shape, dtype=np.float32)
