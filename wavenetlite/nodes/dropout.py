"""Dropout, in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavenetlite.graph import Node


@dataclass(frozen=True, eq=False)
class Dropout(Node):
    """Elements, or whole channels, set to zero at random; only in a graph for training."""

    operation: ClassVar[str] = "dropout"

    p: float
    whole_channels: bool
