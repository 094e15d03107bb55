"""Noise that is the same in any blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import KernelCall, Node


@dataclass(frozen=True, eq=False)
class Noise(Node):
    """Normal random numbers, a frame for each frame of the edge, which depend on `key` and on the frame's number."""

    operation: ClassVar[str] = "noise"

    key: int

    @property
    def unsettled(self) -> str:
        return "must be without noise"

    def call(self) -> KernelCall:
        return KernelCall(self.channels, "noise", sizes=(self.key,), state=(1,), state_bytes=8)
