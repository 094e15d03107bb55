"""Inputs of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Input(Node):
    """An input of the network: the signal (name "x") or the conditioning (name "c")."""

    operation: ClassVar[str] = "input"

    name: str

    @property
    def signal(self) -> str:
        return self.name

    @property
    def unsettled(self) -> str:
        return "must not have external conditioning" if self.name == "c" else ""
