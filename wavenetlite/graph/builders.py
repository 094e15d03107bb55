"""What an operation is handed to say itself in another notation: ONNX operators, or a line of NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from wavenetlite.support.arrays import Floats

EdgeT = TypeVar("EdgeT", contravariant=True)


class OnnxBuilder(Protocol[EdgeT]):
    """Appends ONNX operators to a graph; tensors are (batch, channels, frames), and go by their names."""

    # Operators and constants

    def op(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """An operator of one output, whose name is returned."""

    def ops(self, kind: str, inputs: list[str], outputs: int, **attributes: Any) -> list[str]:
        """An operator of several outputs."""

    def constant(self, value: Any, name: str | None = None) -> str:
        """A constant; floats become float32 and integers int64."""

    def number(self, value: float) -> str: ...

    def parameter(self, array: Floats) -> str:
        """A parameter of the network under its own name, if it goes into the file as it is."""

    def scaled(self, x: str, factor: float) -> str: ...

    def plus(self, x: str, offset: float) -> str: ...

    def part(self, x: str, start: int, end: int, axis: int, step: int = 1) -> str:
        """A slice."""

    def reshape(self, x: str, *sizes: int) -> str:
        """0: as it is; -1: the rest."""

    # Reading

    def row(self, edge: EdgeT) -> str:
        """The one frame that is read for each frame."""

    def conv(self, edge: EdgeT, names: list[str], groups: int) -> str:
        """A convolution by the weights and the bias of these names."""

    def side_by_side(self, y: str, phases: int, channels: int, *, phases_first: bool) -> str:
        """The frames of all phases, which are channels of `y`, one after the other."""

    def ones(self, edge: EdgeT, x: str) -> str:
        """(batch, 1, frames): 1 where the frames `x` of an edge are those of the signal."""

    def absent(self, edge: EdgeT, x: str) -> str | None:
        """(batch, 1, frames): 1 where the frames of an edge are not those of the signal; None: all are."""

    def masked(self, x: str, ones: str) -> str:
        """Frames that are not those of the signal set to zero."""

    # Memory

    def new_name(self, kind: str) -> str:
        """A name for what is kept."""

    def kept(self, name: str, channels: int, initial: float | Floats = 0.0) -> str | None:
        """(batch, channels) that was kept after the block before; None: nothing is kept."""

    def keep(self, name: str, x: str) -> None:
        """Keep (batch, channels) for the next block."""

    def scan(self, name: str, operator: str, before: str, x: str, channels: int) -> tuple[str, str]:
        """Frames joined one after the other by an operator of two inputs, from `before` on: the last, and all."""


class ScriptBuilder(Protocol[EdgeT]):
    """Names what a line of NumPy is made of; signals are (frames, channels)."""

    def read(self, edge: EdgeT) -> str:
        """(frames out, taps, channels): what an edge reads."""

    def row(self, edge: EdgeT) -> str:
        """The one frame that is read for each frame."""

    def array(self, array: Floats | None) -> str:
        """A parameter, or a constant."""

    def call(self, function: str, *arguments: str) -> str:
        """A call of the function whose text this is; the text goes into the script."""

    def shortest(self, signals: Sequence[str]) -> str:
        """A list of signals as long as the shortest."""
