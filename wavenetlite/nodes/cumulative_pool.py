"""The mean or the maximum of all frames so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import KernelCall, Node


@dataclass(frozen=True, eq=False)
class CumulativePool(Node):
    """Mean or maximum of all frames so far."""

    operation: ClassVar[str] = "cumulative_pool"

    kind: str

    @property
    def unsettled(self) -> str:
        return "must have no pool over all frames"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, self.kind, state=(self.channels, 1), state_bytes=8)
