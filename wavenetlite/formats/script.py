"""A network as a Python script that needs NumPy only: to read what it computes, and to check it. It is slow."""

from __future__ import annotations

import base64
import textwrap
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from wavenetlite import nodes
from wavenetlite.formats.format import Format
from wavenetlite.graph import Edge, Node, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats
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


def conv(x, weight, bias=None, groups=1):
    """x as `read` gives it, weight (out, in / groups, taps)."""
    ins, outs = x.shape[2] // groups, len(weight) // groups
    parts = [
        np.einsum("nki,oik->no", x[:, :, g * ins : (g + 1) * ins], weight[g * outs : (g + 1) * outs])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1) + (0 if bias is None else bias)


def norm(x, weight, bias, mean, variance, eps, bins=1):
    weight, bias, mean, variance = (np.tile(one, bins) for one in (weight, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + eps) * weight + bias


'''
CONV2D = '''\
def conv2d(x, weight, bias, groups, table):
    """A convolution over time and bins; x as `read` gives it, weight (maps out, maps in / groups, frames, bins).

    table[phase][bin] is a list of what a bin of the output reads: (tap, bin) of x by the weights at (frame, bin), -1:
    no more. A transposed convolution makes as many frames of one reading as there are phases.
    """
    table, ins, outs = table.astype(int), weight.shape[1], len(weight) // groups
    bins = x.shape[2] // (ins * groups)
    x = x.reshape(*x.shape[:2], bins, groups, ins)
    weight = weight.reshape(groups, outs, *weight.shape[1:])
    y = np.zeros((len(x), *table.shape[:2], groups, outs)) + (0 if bias is None else bias.reshape(groups, outs))
    for phase, places in enumerate(table):
        for f, links in enumerate(places):
            for tap, at, frame, place in links[links[:, 0] >= 0]:
                y[:, phase, f] += np.einsum("ngi,goi->ngo", x[:, tap, at], weight[:, :, :, frame, place])
    return y.reshape(len(x) * len(table), -1)


'''
UPSAMPLE = '''\
def upsample(x, weights):
    """Frames between: each is a sum of the taps, x as `read` gives it, with weights[phase]."""
    return np.einsum("nkc,pk->npc", x, np.array(weights)).reshape(len(x) * len(weights), -1)


'''
JOIN = '''\
def join(signals, bins):
    """The channels of signals side by side, bin by bin."""
    parts = [x.reshape(len(x), bins, x.shape[1] // bins) for x in signals]
    return np.concatenate(parts, axis=2).reshape(len(parts[0]), -1)


'''
FUNCTIONS = {
    "relu": "def relu(x):\n    return np.maximum(x, 0)\n",
    "leaky_relu": "def leaky_relu(x, slope):\n    return np.where(x > 0, x, x * slope)\n",
    "prelu": "def prelu(x, slopes):\n    return np.where(x > 0, x, x * slopes)\n",
    "elu": "def elu(x, alpha):\n    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))\n",
    "sigmoid": "def sigmoid(x):\n    return 0.5 + 0.5 * np.tanh(0.5 * x)\n",
    "silu": "def silu(x):\n    return x * (0.5 + 0.5 * np.tanh(0.5 * x))\n",
    "gelu": "def gelu(x):\n    return x * 0.5 * np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2))\n",
    "gelu_tanh": "def gelu_tanh(x):\n"
    "    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))\n",
    "hardtanh": "def hardtanh(x, low, high):\n    return np.clip(x, low, high)\n",
    "hardswish": "def hardswish(x):\n    return x * np.clip(x + 3, 0, 6) / 6\n",
    "softsign": "def softsign(x):\n    return x / (1 + np.abs(x))\n",
    "softmax": "def softmax(x):\n    e = np.exp(x - x.max(axis=1, keepdims=True))\n"
    "    return e / e.sum(axis=1, keepdims=True)\n",
    "tanh": "def tanh(x):\n    return np.tanh(x)\n",
    "leaky_hardtanh": "def leaky_hardtanh(x, low, high, low_slope, high_slope):\n"
    "    below, above = np.minimum(x - low, 0), np.maximum(x - high, 0)\n"
    "    return np.clip(x, low, high) + below * low_slope + above * high_slope\n",
    "fast_tanh": "def fast_tanh(x):\n    a = np.abs(x)\n"
    "    p = 2.45550750702956 * (1 + a) + (0.893229853513558 + 0.821226666969744 * a) * a**2\n"
    "    return x * p / (2.44506634652299 + (2.44506634652299 + a**2) * (a + 0.814642734961073 * a**2))\n",
    "layer_norm": "def layer_norm(x, eps):\n    centred = x - x.mean(axis=1, keepdims=True)\n"
    "    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)\n",
    "gate": "def gate(x):\n    half = x.shape[1] // 2\n"
    "    return np.tanh(x[:, :half]) * (0.5 + 0.5 * np.tanh(0.5 * x[:, half:]))\n",
    "mean": "def mean(x):\n    return np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, None]\n",
    "max": "def max_so_far(x):\n    return np.maximum.accumulate(x, axis=0)\n",
}
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
    made = [writer.head()]
    made += [text for name, text in (("conv2d", CONV2D), ("upsample", UPSAMPLE), ("join", JOIN)) if name in writer.used]
    made += [FUNCTIONS[name] + "\n\n" for name in FUNCTIONS if name in writer.used]
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
        self.tables: list[Floats] = []
        self.used: set[str] = set()
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
        owner = array if array.base is None else array.base
        name = self.known.setdefault(id(owner), f"constant.{len(self.known)}")
        self.arrays[name] = owner
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

    def use(self, function: str, *arguments: str) -> str:
        self.used.add(function)
        return f"{'max_so_far' if function == 'max' else function}({', '.join(arguments)})"

    def lines(self, node: Node) -> Iterator[str]:
        if isinstance(node, nodes.Input):
            self.names[node] = node.name
            return
        text = self.expression(node)
        self.names[node] = f"h{len(self.names)}"
        yield f"{self.names[node]} = {text}  # {node.channels} channels"

    def expression(self, node: Node) -> str:
        first = self.row(node.edges[0]) if node.edges else ""
        if isinstance(node, nodes.Conv):
            return self.convolutions(node)
        if isinstance(node, nodes.Conv2d):
            return self.use("conv2d", self.read(node.edges[0]), self.weights_over_bins(node), self.array(node.bias),
                            str(node.groups), self.table(node))  # fmt: skip
        if isinstance(node, nodes.Upsample):
            weights = [list(row) for row in node.weights]
            return self.use("upsample", self.read(node.edges[0]), repr(weights))
        if isinstance(node, nodes.Norm):
            arrays = map(self.array, (node.weight, node.bias, node.mean, node.variance))
            return f"norm({', '.join([first, *arrays, repr(node.eps), str(node.bins)])})"
        if isinstance(node, nodes.Activate):
            slopes = [] if node.slopes is None else [self.array(node.slopes)]
            return self.use(node.name, first, *slopes, *map(repr, node.parameters))
        if isinstance(node, nodes.Gate):
            return self.use("gate", first)
        if isinstance(node, nodes.CumulativePool):
            return self.use(node.kind, first)
        if isinstance(node, nodes.Slice):
            return f"{first}[:, {node.first} : {node.first + node.channels}]"
        rows = ", ".join(self.row(edge) for edge in node.edges)
        if isinstance(node, nodes.Sum):
            return f"sum(cut({rows}))"
        if isinstance(node, nodes.Product):
            return f"math.prod(cut({rows}))"
        if isinstance(node, nodes.Concat):
            return self.use("join", f"cut({rows})", str(node.bins))
        raise ParameterError(f"the script has no line for the operation {type(node).__name__}")

    def convolutions(self, node: nodes.Conv) -> str:
        parts: list[Any] = []
        for edge, weight, groups, bias in zip(node.edges, node.weights, node.groups, node.biases, strict=True):
            given = [self.read(edge), self.array(weight), self.array(bias), str(groups)]
            given = given[: 4 if groups > 1 else 3 if bias is not None else 2]
            parts.append(f"conv({', '.join(given)})")
        return parts[0] if len(parts) == 1 else f"sum(cut({', '.join(parts)}))"

    def weights_over_bins(self, node: nodes.Conv2d) -> str:
        """The weights, arranged as (maps out, maps in / groups, frames, bins)."""
        name = self.array(node.weight)
        if node.layout == "in, out, frames, bins":
            wanted = node.arranged(node.weight).shape
            split = f"{name}.reshape({node.groups}, -1, *{node.weight.shape[1:]}).swapaxes(1, 2)"
            return f"{split}.reshape{wanted}"
        return name

    def table(self, node: nodes.Conv2d) -> str:
        """What each bin reads, as a constant array (phases, bins, links, 4)."""
        longest = max(len(row) for rows in node.links for row in rows)
        table = np.full((node.phases, node.bins, longest, 4), -1, np.float32)
        for phase, rows in enumerate(node.links):
            for f, row in enumerate(rows):
                table[phase, f, : len(row)] = np.array(row, np.float32).reshape(-1, 4)
        self.tables.append(table)  # kept, so that its id is not used again
        return self.array(table)


def sniff(ends: bytes) -> bool:
    """A script is never read: no code comes from a file."""
    return False


FORMAT = Format("script", "a NumPy script, to read what a network computes", (".py",), sniff, None, save)
