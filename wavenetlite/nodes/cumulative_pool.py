"""The mean or the maximum of all frames so far."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class CumulativePool(Node):
    """Mean or maximum of all frames so far."""

    kind: str
