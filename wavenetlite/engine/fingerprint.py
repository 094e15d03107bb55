"""A hash of a network, which ties snapshots of its streams to it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from wavenetlite.graph import Node, topological_order
from wavenetlite.support.blake2 import blake2b

BYTES = 16


def fingerprint(output: Node, remembered: object) -> bytes:
    """16 bytes that differ if the operations, the weights or the stream state of two networks differ.

    They depend neither on the instruction set nor on the layout in memory.
    """
    digest = blake2b(digest_size=BYTES, person=b"wavenetlite net")
    order = topological_order(output)
    number = {node: index for index, node in enumerate(order)}
    for node in order:
        edges = tuple(
            (number[edge.node], edge.stride, edge.shift, edge.spacing, edge.taps, edge.end_reach) for edge in node.edges
        )
        own = tuple(getattr(node, field.name) for field in fields(node) if field.name not in ("edges", "clock"))
        add(digest, (node.operation, edges, own))
    add(digest, remembered)
    return digest.digest()


def add(digest: Any, value: Any) -> None:
    """Add a value to a digest: different values add different bytes, independently of Python's and NumPy's versions."""
    if isinstance(value, tuple):
        digest.update(b"(%d" % len(value))
        for item in value:
            add(digest, item)
    elif isinstance(value, np.ndarray):
        add(digest, (str(value.dtype), tuple(map(int, value.shape))))
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        text = float(value).hex() if isinstance(value, float) else str(value)
        digest.update(f"{len(text)}:{text}".encode())
