"""A network as a Python script that needs NumPy only: to read what it computes, and to check it. It is slow."""

from __future__ import annotations

import base64
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from wavenetlite.formats.format import Format
from wavenetlite.graph import Edge, Node, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats, owner_of
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.version import __version__

HEAD = '''\
"""{title}

Written by wavenetlite {version}. `network(x)` takes an array (frames, {channels}){conditioning} and returns
(frames, {out_channels}), computed in float64, line by line as it stands below. As a program:
python THIS.py in.npy out.npy
"""

import base64
import math
import sys
import zlib

import numpy as np


def read(x, stride=1, shift=0, spacing=1, taps=1, late=0):
    """(frames out, taps, channels): the rows n * stride + shift + k * spacing, and zeros where there are none."""
    count = max(0, -(-(len(x) - late) // stride))
    rows = np.arange(count)[:, None] * stride + shift + np.arange(taps) * spacing
    return np.where((rows < 0) | (rows >= len(x)), 0, 1)[:, :, None] * x[np.clip(rows, 0, max(len(x) - 1, 0))]


def cut(*signals):
    """Signals as long as the shortest."""
    return [x[: min(map(len, signals))] for x in signals]


'''
TAIL = '''

def unpack(text, shapes):
    """The weights: float32, little-endian, one after the other in the order of `shapes`, compressed, in base 64."""
    flat, at, made = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<f4"), 0, {{}}
    for name, shape in shapes.items():
        made[name] = flat[at : at + math.prod(shape)].reshape(shape).astype(np.float64)
        at += math.prod(shape)
    return made


SHAPES = {{
{shapes}
}}

w = unpack(
    """
{data}
""",
    SHAPES,
)

if __name__ == "__main__":
    np.save(sys.argv[2], network(np.load(sys.argv[1])).astype(np.float32))
'''


def save(model: Module, file: BinaryIO) -> None:
    """Write a network as a script.

    Raises
    ------
    ParameterError
        It is no network with a number of channels, or it has an operation that the script has no line for.
    """
    if not isinstance(model, Module) or model.in_width is None:
        raise ParameterError(f"a {type(model).__name__} is no network with a number of channels in")
    writer = Writer(model)
    lines = [line for node in writer.order for line in writer.lines(node)]
    made = [writer.head(), *(f"{text}\n\n" for text in writer.functions)]
    made += [writer.start(), *(f"    {line}\n" for line in lines), writer.end(), writer.tail()]
    file.write("".join(made).encode())


class Writer:
    """The parts of the script of one network."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.output = model.graph()
        self.order = topological_order(self.output)
        self.names: dict[Node, str] = {}
        self.arrays: dict[str, Floats] = {}
        self.functions: dict[str, None] = {}  # their texts, in the order in which they are needed
        self.known = {  # a graph names a parameter by the array itself
            id(value): path + name for path, module in model.modules() for name, value in module._own().items()
        }

    # The text

    def head(self) -> str:
        needed = self.model.condition_channels_needed
        conditioning = f" and conditioning c (frames, {needed})," if needed else ""
        title = f"{type(self.model).__name__}: {self.model.in_width} -> {self.output.channels} channels"
        return HEAD.format(title=title, version=__version__, channels=self.model.in_width, conditioning=conditioning,
                           out_channels=self.output.channels)  # fmt: skip

    def start(self) -> str:
        text = f"def network(x{', c' if self.model.condition_channels_needed else ''}):\n"
        if self.model.prewarmed:
            text += f"    x = np.concatenate([np.zeros(({self.lead}, x.shape[1])), x])  # as after endless zeros\n"
        return text

    def end(self) -> str:
        name = self.names[self.output]
        if not self.model.prewarmed:
            return f"    return {name}\n"
        return f"    return {name}[{self.lead // int(self.output.clock.rate)} :]\n"

    @property
    def lead(self) -> int:
        """Frames of zeros before the signal of a prewarmed network."""
        rate = int(self.output.clock.rate)
        return -(int(self.output.clock.oldest) // rate) * rate

    def tail(self) -> str:
        shapes = "\n".join(f"    {name!r}: {array.shape}," for name, array in self.arrays.items())
        data = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in self.arrays.values())
        text = base64.b64encode(zlib.compress(data, 9)).decode()
        return TAIL.format(shapes=shapes, data="\n".join(textwrap.wrap(text, 118)))

    # Lines

    def array(self, array: Floats | None) -> str:
        """A parameter, or a constant, as the script has it: under its name in state_dict."""
        if array is None:
            return "None"
        owner = owner_of(array)
        name = self.known.setdefault(id(owner), f"constant.{len(self.known)}")
        self.arrays[name] = owner  # and so its id is not used again
        same = owner.shape == array.shape
        return f"w[{name!r}]" if same else f"w[{name!r}].reshape{array.shape}"

    def read(self, edge: Edge) -> str:
        wanted = {"stride": (edge.stride, 1), "shift": (edge.shift, 0), "spacing": (edge.spacing, 1),
                  "taps": (edge.taps, 1), "late": (edge.end_reach, 0)}  # fmt: skip
        given = "".join(f", {key}={value}" for key, (value, default) in wanted.items() if value != default)
        return f"read({self.names[edge.node]}{given})"

    def row(self, edge: Edge) -> str:
        """One row of a sequence for a row: the sequence itself, or a later part of it."""
        plain = edge.shift == edge.end_reach == 0 and edge.stride == 1
        return self.names[edge.node] if plain else f"{self.read(edge)}[:, 0]"

    def call(self, function: str, *arguments: str) -> str:
        """A call of the function whose text this is; the text goes into the script."""
        self.functions.setdefault(function)
        name = function[len("def ") : function.index("(")]
        return f"{name}({', '.join(arguments)})"

    def shortest(self, signals: Sequence[str]) -> str:
        return f"cut({', '.join(signals)})"

    def lines(self, node: Node) -> Iterator[str]:
        if node.signal:
            self.names[node] = node.signal
            return
        text = node.script(self)
        self.names[node] = f"h{len(self.names)}"
        yield f"{self.names[node]} = {text}  # {node.channels} channels"


def sniff(ends: bytes) -> bool:
    """A script is never read: no code comes from a file."""
    return False


FORMAT = Format("script", "a NumPy script, to read what a network computes", (".py",), sniff, None, save)
