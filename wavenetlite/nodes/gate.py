"""WaveNet's gated unit."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""
