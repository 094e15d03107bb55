"""Interfaces through which operations export themselves: as ONNX operators, or as NumPy code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from wavenetlite.support.arrays import Floats

EdgeT = TypeVar("EdgeT", contravariant=True)


class OnnxBuilder(Protocol[EdgeT]):
    """Appends ONNX operators to a graph; tensors are (batch, channels, frames), identified by name."""

    # Operators and constants

    def op(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """An operator with one output, whose name is returned."""

    def ops(self, kind: str, inputs: list[str], outputs: int, **attributes: Any) -> list[str]:
        """An operator with several outputs."""

    def constant(self, value: Any, name: str | None = None) -> str:
        """A constant; floats become float32 and integers int64."""

    def number(self, value: float) -> str: ...

    def parameter(self, array: Floats) -> str:
        """A parameter of the network under its own name, if it is exported unchanged."""

    def scaled(self, x: str, factor: float) -> str: ...

    def plus(self, x: str, offset: float) -> str: ...

    def part(self, x: str, start: int, end: int, axis: int, step: int = 1) -> str:
        """A slice."""

    def reshape(self, x: str, *sizes: int) -> str:
        """Size 0: unchanged; -1: inferred."""

    # Reading

    def row(self, edge: EdgeT) -> str:
        """The one frame read per output frame."""

    def conv(self, edge: EdgeT, names: list[str], groups: int) -> str:
        """A convolution with the weights and the bias of these names."""

    def side_by_side(self, y: str, phases: int, channels: int, *, phases_first: bool) -> str:
        """Interleave the frames of all phases, which are channels of `y`."""

    def ones(self, edge: EdgeT, x: str) -> str:
        """(batch, 1, frames): 1 where the frames `x` of an edge belong to the signal."""

    def absent(self, edge: EdgeT, x: str) -> str | None:
        """(batch, 1, frames): 1 where the frames of an edge do not belong to the signal; None: all do."""

    def masked(self, x: str, ones: str) -> str:
        """Set frames that do not belong to the signal to zero."""

    # State

    def new_name(self, kind: str) -> str:
        """A new name for a state."""

    def kept(self, name: str, channels: int, initial: float | Floats = 0.0) -> str | None:
        """(batch, channels) kept from the previous block; None: not streaming."""

    def keep(self, name: str, x: str) -> None:
        """Keep (batch, channels) for the next block."""

    def scan(self, name: str, operator: str, before: str, x: str, channels: int) -> tuple[str, str]:
        """Scan frames with a binary operator, starting from `before`: returns the last result and all results."""


class ScriptBuilder(Protocol[EdgeT]):
    """Builds expressions of NumPy; signals are (frames, channels)."""

    def read(self, edge: EdgeT) -> str:
        """What an edge reads, (frames out, taps, channels)."""

    def row(self, edge: EdgeT) -> str:
        """The one frame read per output frame."""

    def array(self, array: Floats | None) -> str:
        """A parameter or constant."""

    def call(self, function: str, *arguments: str) -> str:
        """A call of the function with this source text, which is added to the script."""

    def shortest(self, signals: Sequence[str]) -> str:
        """A list of signals, cut to the length of the shortest."""
