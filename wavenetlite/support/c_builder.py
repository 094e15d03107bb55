"""The interface through which operations and features export themselves as C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class CText:
    """A C function or type, `$name`; `$` stands for the prefix of all names of a file. `needs`: what its text uses."""

    name: str
    text: str
    needs: tuple[CText, ...] = ()


class CBuilder(Protocol):
    """Builds a block of C, which sets the frame `y`."""

    def line(self, text: str) -> None:
        """A line of the block."""

    def function(self, text: CText) -> None:
        """Add a function or type to the file, with what it needs."""

    def call(self, function: CText, *arguments: str) -> None:
        """A call of this function, which is added to the file."""

    def number(self, value: float) -> str:
        """A float."""

    def floats(self, values: np.ndarray) -> str:
        """A constant array of floats."""

    def array(self, values: np.ndarray) -> str:
        """A constant array of the type of these values; of `$real`, double or float by choice of who compiles, for
        float64."""

    def table(self, kind: str, rows: Sequence[tuple[int, ...]], size: int = 2) -> str:
        """A constant array of structures of integers of `size` bytes."""

    def kept(self, kind: str, count: int, first: np.ndarray | None = None) -> str:
        """An array of the C type `kind`, kept from frame to frame; `first`: its first values, None: zeros."""

    def scratch(self, name: str, floats: int) -> str:
        """An array of floats for this block only; with the same name, the same one."""


class CStepBuilder(CBuilder, Protocol):
    """Builds the C of one step of a network; `y` is a block of frames, if the step has phases."""

    def row(self, index: int) -> str:
        """The one frame that edge `index` reads."""

    def rows(self) -> str:
        """An array of the frames that all taps of all edges read, oldest first."""

    def wide(self, count: int) -> str:
        """An array of integers of 16 bits for this step only."""
