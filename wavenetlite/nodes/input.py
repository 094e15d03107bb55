"""What a network is fed."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Input(Node):
    """What the network is fed: the signal (name "x") or the conditioning (name "c")."""

    name: str

    @property
    def signal(self) -> str:
        return self.name
