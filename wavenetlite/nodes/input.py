"""What a network is fed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Input(Node):
    """What the network is fed: the signal (name "x") or the conditioning (name "c")."""

    operation: ClassVar[str] = "input"

    name: str

    @property
    def signal(self) -> str:
        return self.name

    @property
    def unsettled(self) -> str:
        return "must be without conditioning from outside" if self.name == "c" else ""
