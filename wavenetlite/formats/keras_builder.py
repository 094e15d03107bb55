"""What Keras's layers are made with: signals, a layer's variables, and options that many layers have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.graph_builder import GraphBuilder
from wavenetlite.formats.keras_file import KerasFile, Path
from wavenetlite.formats.reading import Fields, shown
from wavenetlite.graph import Node
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats


class Signal(NamedTuple):
    """A tensor of Keras: a sequence of ours.

    `frame` says which frame of ours is Keras's, where it has one for the whole signal: "last", "middle"; "all": the
    tensor is a sequence. `pads` are zeros around it, which wait for the convolution that reads them.
    """

    name: str
    node: Node
    frame: str = "all"
    pads: tuple[int, int] = (0, 0)

    @property
    def channels(self) -> int:
        return self.node.channels


@dataclass(frozen=True)
class Layer:
    """A layer of a configuration, and its place among the variables."""

    kind: str
    name: str
    config: Fields
    entry: dict[str, Any]
    path: Path


class KerasBuilder(GraphBuilder):
    """The network that a model becomes, and the variables of its file."""

    def __init__(self, file: KerasFile, channels: int, frames: int | None) -> None:
        self.variables = file.variables
        super().__init__(channels, sum(one.size for many in self.variables.values() for one in many), frames)
        self.inside: dict[Path, list[Path]] = {}
        for path in self.variables:
            for length in range(len(path)):
                self.inside.setdefault(path[:length], []).append(path)

    def layer(self, name: str, layer: Module | str, *inputs: Signal) -> Signal:
        """Note a layer, or a sum, product or concatenation."""
        if any(one.pads != (0, 0) for one in inputs):
            raise UnsupportedError("it reads zeros that were put around the signal; only a Conv1D can")
        name = self.add(name, layer, *(one.name for one in inputs))
        return Signal(name, self.nodes[name], inputs[0].frame)

    def arrays(self, path: Path, *shapes: tuple[int, ...]) -> list[Floats]:
        """A layer's variables in the order in which Keras makes them, which must have these shapes."""
        arrays = self.variables.get(path, [])
        found = [one.shape for one in arrays]
        if found != list(shapes):
            raise UnsupportedError(
                f"it has arrays of the shapes {shown_shapes(found)}; they must be {shown_shapes(shapes)}"
            )
        return arrays

    def cell_path(self, path: Path) -> Path:
        """Where the variables of a recurrent layer are: they belong to its cell."""
        return next((one for one in self.below(path)), path)

    def below(self, path: Path) -> list[Path]:
        """Paths inside that of a layer which have variables."""
        return self.inside.get(path, [])


def shown_shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(str(tuple(shape)).replace(" ", "") for shape in shapes[:8]) or "none"


def one_integer(config: Fields, key: str, default: int) -> int:
    """A number for the only axis, by itself or in a list of one."""
    value = config.any(key, default)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if type(value) is not int or not 1 <= value <= 65_536:
        raise config.wrong(key, "an integer from 1 to 65536")
    return value


def over_channels(config: Fields, default: int = -1) -> None:
    """Refuse what works on another axis than the last."""
    axis = config.any("axis", default)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, 2) or type(axis) is not int:
        raise UnsupportedError(f"axis={shown(axis)} must be -1, that of the channels")


def channels_last(config: Fields) -> None:
    if config.any("data_format", "channels_last") != "channels_last":
        raise UnsupportedError(f"data_format={shown(config.any('data_format'))} must be 'channels_last'")


def sequence(signal: Signal) -> None:
    """Refuse one frame for the whole signal where a sequence is needed."""
    if signal.frame != "all":
        raise UnsupportedError("it reads one frame for a whole signal; it must be a sequence")


def must_be_false(config: Fields, *options: str) -> None:
    for option in options:
        if config.flag(option, False):
            raise UnsupportedError(f"{option}=True must be False")
