"""WaveNet's gated unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import KernelCall, Node


@dataclass(frozen=True, eq=False)
class Gate(Node):
    """tanh of the first half of the channels times sigmoid of the second half."""

    operation: ClassVar[str] = "gate"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "gate")
