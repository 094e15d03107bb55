"""Networks of ours as ONNX graphs: for whole signals, or for a stream, with all its memory in one tensor.

A stream of ONNX takes N input frames and gives N / rate output frames, every time. So where a frame must wait for later
ones, the sequences are delayed: the first frames that come out are of no meaning, and are to be dropped. What lies
before the signal's first frame, and after its last, are zeros for every layer, not what the layers before make of
zeros. So a sequence of ones goes the same ways, and tells where each layer's input is; after the signal come zeros.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan
from wavenetlite.formats import onnx_file
from wavenetlite.formats.protobuf import encode
from wavenetlite.graph import Edge, Node, OnnxBuilder, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats, owner_of
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.version import __version__

OPSET = 17
IR_VERSION = 8

TIME = 2
"""The axis; tensors are (batch, channels, frames)."""


def network_bytes(model: Module, channels: int | None, *, streaming: bool, metadata: dict[str, Any]) -> bytes:
    """An ONNX file of a network; metadata is added to what the form has of its own.

    `channels` of the input are needed where the network takes any number of them.
    """
    return (Streaming if streaming else Offline)(model, channels).model(metadata)


class Writer(OnnxBuilder[Edge]):
    """Writes nodes for the operations of a graph; how a sequence is read is for the two forms to say."""

    form: str

    def __init__(self, model: Module, channels: int | None) -> None:
        self.channels = model.in_width or channels
        if self.channels is None:
            raise ParameterError(f"{type(model).__name__} takes any number of channels; ONNX needs to know how many")
        self.network = model
        self.output = model.graph(self.channels)
        self.order = topological_order(self.output)
        self.nodes: list[bytes] = []
        self.constants: dict[str, bytes] = {}
        self.inputs: list[bytes] = []
        self.outputs: list[bytes] = []
        self.tensors: dict[Node, str] = {}
        self.known = {  # a graph names a parameter by the array itself
            id(value): path + name for path, module in model.modules() for name, value in module._own().items()
        }

    # The file

    def model(self, metadata: dict[str, Any]) -> bytes:
        self.begin()
        read = self.nodes_read()
        for node in self.order:
            if node.signal:
                self.tensors[node] = node.signal
                self.inputs.append(value_info(node.signal, ["batch", node.channels, f"frames of {node.signal}"]))
            elif node in read:
                self.tensors[node] = node.onnx(self)
        self.outputs.insert(0, value_info("y", ["batch", self.output.channels, "frames of y"]))
        self.op("Identity", [self.result()], "y")
        self.finish()
        graph_bytes = encode(
            onnx_file.GRAPH, node=self.nodes, name=type(self.network).__name__,
            initializer=list(self.constants.values()), input=self.inputs, output=self.outputs,
        )  # fmt: skip
        about = {"wavenetlite_version": __version__, **self.about(), **metadata}
        return encode(
            onnx_file.MODEL, ir_version=IR_VERSION, producer_name="wavenetlite", producer_version=__version__,
            graph=graph_bytes, opset_import=[encode(onnx_file.OPSET, version=OPSET)],
            metadata_props=[encode(onnx_file.ENTRY, key=key, value=value if isinstance(value, str)
                            else json.dumps(value)) for key, value in about.items()],
        )  # fmt: skip

    def nodes_read(self) -> set[Node]:
        """What the operators need: those of a node may stand for nodes before it, too."""
        read = {self.output}
        for node in reversed(self.order):
            if node in read:
                read.update(edge.node for edge in node.onnx_edges)
        return read

    def about(self) -> dict[str, Any]:
        clock = self.output.clock
        return {
            "form": self.form,
            "layout": "batch, channels, frames",
            "frame_period": str(clock.rate),
            "latency": clock.latency,
            "receptive_field": clock.receptive_field if clock.receptive_field < math.inf else "all frames",
        }

    def begin(self) -> None:
        """What comes before all operations."""

    def finish(self) -> None:
        """What comes after them."""

    def result(self) -> str:
        return self.tensors[self.output]

    # Nodes and constants

    def op(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """A node of one output, whose name is returned."""
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(node_bytes(kind, inputs, [name], **attributes))
        return name

    def ops(self, kind: str, inputs: list[str], outputs: int, **attributes: Any) -> list[str]:
        """A node of several outputs."""
        names = [f"t{len(self.nodes)}.{number}" for number in range(outputs)]
        self.nodes.append(node_bytes(kind, inputs, names, **attributes))
        return names

    def constant(self, value: Any, name: str | None = None) -> str:
        """A constant; floats become float32 and integers int64. Equal integers are one."""
        array = np.asarray(value)
        array = array.astype(
            np.int64 if array.dtype.kind == "i" else array.dtype if array.dtype == "f8" else np.float32
        )
        if name is None:
            small = array.dtype.kind == "i"
            name = f"i{'_'.join(map(str, array.reshape(-1)))}_{array.ndim}" if small else f"k{len(self.constants)}"
        self.constants.setdefault(name, tensor_bytes(name, array))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.float32(value))

    def parameter(self, array: Floats) -> str:
        """A parameter of the network under its own name, if it goes into the file as it is."""
        owner = owner_of(array)
        name = self.known.get(id(owner))
        return self.constant(array, name if name is not None and owner.shape == array.shape else None)

    def part(self, x: str, start: int, end: int, axis: int, step: int = 1) -> str:
        """A slice."""
        return self.op("Slice", [x, *(self.constant([n]) for n in (start, end, axis, step))])

    def frames(self, x: str, first: int, left_out: int) -> str:
        """Frames from `first` on, without the last ones."""
        if not first and not left_out:
            return x
        return self.part(x, first, -left_out if left_out else 2**62, TIME)

    def reshape(self, x: str, *sizes: int) -> str:
        """0: as it is; -1: the rest."""
        return self.op("Reshape", [x, self.constant(list(sizes))])

    # Reading: of the two forms

    def taps(self, edge: Edge) -> tuple[str, tuple[int, int]]:
        """A tensor in which the taps of reading 0 begin at row 0, and zeros to be put before and after it."""
        raise NotImplementedError

    def row(self, edge: Edge) -> str:
        """The one row that is read for each row."""
        x, (before, after) = self.taps(edge)
        if before or after or edge.stride > 1:
            raise ParameterError("an operation reads rows before the signal; ONNX export has no node for that")
        return x

    # What operations ask for

    def conv(self, edge: Edge, names: list[str], groups: int) -> str:
        x, pads = self.taps(edge)
        return self.op("Conv", [x, *names], kernel_shape=[edge.taps], dilations=[edge.spacing], strides=[edge.stride],
                       pads=list(pads), group=groups)  # fmt: skip

    def side_by_side(self, y: str, phases: int, channels: int, *, phases_first: bool) -> str:
        """The frames of all phases, which are channels of `y`, one after the other."""
        if phases == 1:
            return y
        order = [0, 2, 3, 1] if phases_first else [0, 1, 3, 2]
        sizes = (phases, channels) if phases_first else (channels, phases)
        return self.reshape(self.op("Transpose", [self.reshape(y, 0, *sizes, -1)], perm=order), 0, channels, -1)

    def scaled(self, x: str, factor: float) -> str:
        return self.op("Mul", [x, self.number(factor)])

    def plus(self, x: str, offset: float) -> str:
        return self.op("Add", [x, self.number(offset)])

    def ones_like(self, x: str) -> str:
        """(batch, 1, frames)."""
        return self.plus(self.scaled(self.part(x, 0, 1, 1), 0), 1)

    def new_name(self, kind: str) -> str:
        return f"{kind} {len(self.nodes)}"

    def scan(self, name: str, operator: str, before: str, x: str, channels: int) -> tuple[str, str]:
        """Frames joined one after the other by an operator of two inputs, from `before` on: the last, and all."""
        infos = [value_info(one, ["batch", channels]) for one in ("so far", "now", "then", "out")]
        body = encode(onnx_file.GRAPH, node=[node_bytes(operator, ["so far", "now"], ["then"]),
                                             node_bytes("Identity", ["then"], ["out"])],
                      name=name, input=infos[:2], output=infos[2:])  # fmt: skip
        y = f"t{len(self.nodes)}"
        self.nodes.append(node_bytes("Scan", [before, x], [f"{y}.last", y], body=body, num_scan_inputs=1,
                                     scan_input_axes=[TIME], scan_output_axes=[TIME]))  # fmt: skip
        return f"{y}.last", y


class Offline(Writer):
    """For whole signals; their length is dynamic."""

    form = "offline"

    def begin(self) -> None:
        if self.network.prewarmed:  # as after endless zeros
            rate = int(self.output.clock.rate)
            self.dropped = -(int(self.output.clock.oldest) // rate)
            self.lead = self.dropped * rate

    def taps(self, edge: Edge) -> tuple[str, tuple[int, int]]:
        x = self.tensors[edge.node]
        if self.network.prewarmed and edge.node.signal and self.lead:
            x = self.op("Pad", [x, self.constant([0, 0, self.lead, 0, 0, 0])])
        return self.frames(x, max(0, edge.shift), 0), (max(0, -edge.shift), edge.reach - edge.end_reach)

    def result(self) -> str:
        x = self.tensors[self.output]
        return self.frames(x, self.dropped, 0) if self.network.prewarmed else x

    def ones(self, edge: Edge, x: str) -> str:
        return self.ones_like(x)

    def absent(self, edge: Edge, x: str) -> None:
        return None

    def masked(self, x: str, ones: str) -> str:
        return x

    def kept(self, name: str, channels: int, initial: float | Floats = 0.0) -> str | None:
        return None

    def keep(self, name: str, x: str) -> None:
        pass


@dataclass
class Piece:
    """A part of the cache: (batch, channels, frames), or (batch, channels) for frames=0."""

    channels: int
    frames: int
    before: str
    initial: Floats
    after: str = ""

    @property
    def floats(self) -> int:
        return self.channels * max(1, self.frames)


class Streaming(Writer):
    """For blocks of a signal: inputs x and cache, outputs y and the next cache."""

    form = "streaming"

    def __init__(self, model: Module, channels: int | None) -> None:
        super().__init__(model, channels)
        self.pieces: dict[Any, Piece] = {}
        self.delay: dict[Node, int] = {}
        self.reading_delay: dict[Node, int] = {}
        self.history: dict[Node, int] = dict.fromkeys(self.order, 0)
        self.full: dict[Node, str] = {}
        self.masks: dict[Any, str] = {}
        for node in self.order:
            reading = max((self.wait(edge) for edge in node.edges), default=0)
            self.reading_delay[node] = reading
            self.delay[node] = reading * node.phases
        for node in self.order:
            for edge in node.edges:
                self.history[edge.node] = max(self.history[edge.node], self.rows_before(node, edge))
        rates = [Fraction(node.clock.rate) for node in self.order]
        self.multiple = math.lcm(*(rate.numerator for rate in rates))

    def wait(self, edge: Edge) -> int:
        """Readings that a reading must be delayed, so that its last tap is there."""
        return max(0, -((edge.stride - 1 - edge.reach - self.delay[edge.node]) // edge.stride))

    def rows_before(self, node: Node, edge: Edge) -> int:
        """Rows before the block that the block's first reading begins with."""
        return self.reading_delay[node] * edge.stride - self.delay[edge.node] - edge.shift

    @property
    def late(self) -> bool:
        """Whether some sequence is delayed, or ends before the signal does."""
        return any(self.delay[node] or node.clock.start for node in self.order)

    def begin(self) -> None:
        self.taps_of: dict[Edge, Node] = {edge: node for node in self.order for edge in node.edges}
        if self.late:
            self.reach_of_ones = max(self.oldest_one(node) for node in self.order)

    def oldest_one(self, node: Node) -> int:
        """Input frames that the ones of a sequence are older than the block's."""
        return math.ceil(self.delay[node] * Fraction(node.clock.rate))

    def taps(self, edge: Edge) -> tuple[str, tuple[int, int]]:
        node, source = self.taps_of[edge], edge.node
        before, most = self.rows_before(node, edge), self.history[source]
        left_over = before - (edge.taps - 1) * edge.spacing - 1 + edge.stride
        x = self.with_history(source)
        return self.frames(x, most - before, left_over if left_over >= edge.stride else 0), (0, 0)

    def with_history(self, node: Node) -> str:
        """The rows of the block after those before it, of which the last are kept for the next block."""
        most = self.history[node]
        if not most:
            return self.tensors[node]
        if node not in self.full:
            initial = self.settled_row(node)
            piece = self.piece(node, node.channels, most, np.repeat(initial[:, np.newaxis], most, axis=1))
            full = self.op("Concat", [piece.before, self.in_signal(node)], axis=TIME)
            piece.after = self.part(full, -most, 2**62, TIME)
            self.full[node] = full
        return self.full[node]

    def settled_row(self, node: Node) -> Floats:
        """What stands before the first row: zeros, or in a prewarmed network what endless zeros make of them."""
        if not self.network.prewarmed or node.signal:
            return np.zeros(node.channels, np.float32)
        frames = int(node.clock.newest - node.clock.oldest) + int(node.clock.rate)
        zeros = np.zeros((frames, int(self.channels or 0)), np.float32)
        row: Floats = run_offline(Plan(lower(node)), zeros, None, "raise", "x")[-1]
        return row

    def in_signal(self, node: Node) -> str:
        """The rows of a sequence, those outside of the signal set to zero."""
        x = self.tensors[node]
        if not self.delay[node] and (node.signal or not self.late):
            return x
        return self.masked(x, self.ones_of(node, x))

    def masked(self, x: str, ones: str) -> str:
        return self.op("Mul", [x, ones])

    def ones(self, edge: Edge, x: str) -> str:
        return self.ones_of(edge.node, x)

    def absent(self, edge: Edge, x: str) -> str | None:
        return self.plus(self.scaled(self.ones_of(edge.node, x), -1), 1) if self.late else None

    def ones_of(self, node: Node, x: str) -> str:
        """From the ones of the input: at the frame's own place, for those before the signal, and at its causal time."""
        if not self.late:
            return self.ones_like(x)
        key = (self.delay[node], node.clock.rate, node.clock.start)
        if key not in self.masks:
            places = [Fraction(0)] if not node.clock.start else [Fraction(0), Fraction(node.clock.start)]
            parts = [self.ones_at(node, place) for place in places]
            self.masks[key] = parts[0] if len(parts) == 1 else self.op("Mul", parts)
        return self.masks[key]

    def ones_at(self, node: Node, place: Fraction) -> str:
        """The input's ones at ``n * rate + place`` for each frame n of a sequence."""
        rate = Fraction(node.clock.rate)
        full, most = self.all_ones(), self.reach_of_ones
        fine = rate.denominator
        if fine > 1:
            full = self.op("Expand", [self.op("Unsqueeze", [full, self.constant([3])]), self.constant([1, 1, 1, fine])])
            full = self.reshape(full, 0, 1, -1)
        first = most * fine - int(self.delay[node] * rate.numerator) + math.floor(place * fine)
        step = rate.numerator
        wanted = self.part(full, first, 2**62, TIME, step) if step > 1 or first else full
        return self.as_long_as(wanted, self.tensors[node])

    def as_long_as(self, x: str, other: str) -> str:
        """The first frames of `x`, as many as `other` has."""
        frames = self.op("Gather", [self.op("Shape", [other]), self.constant([TIME])])
        return self.op("Slice", [x, self.constant([0]), frames, self.constant([TIME])])

    def all_ones(self) -> str:
        """Ones of the input, with those before the block."""
        if "ones" not in self.masks:
            self.inputs.append(value_info("valid", [1, 1, "valid"]))
            self.constants["valid"] = tensor_bytes("valid", np.ones((1, 1, 1), np.float32))
            x = next(node for node in self.order if node.signal == "x")
            shape = self.op("Shape", [self.part(self.tensors[x], 0, 1, 1)])
            full = self.op("Expand", ["valid", shape])
            most = self.reach_of_ones
            if most:
                piece = self.piece("ones", 1, most, np.zeros((1, most), np.float32))
                full = self.op("Concat", [piece.before, full], axis=TIME)
                piece.after = self.part(full, -most, 2**62, TIME)
            self.masks["ones"] = full
        return self.masks["ones"]

    def kept(self, name: str, channels: int, initial: float | Floats = 0.0) -> str | None:
        return self.piece(name, channels, 0, np.full(channels, initial, np.float32)).before

    def keep(self, name: str, x: str) -> None:
        self.pieces[name].after = x

    def piece(self, key: Any, channels: int, frames: int, initial: Floats) -> Piece:
        name = f"cache {len(self.pieces)}"
        shape = [0, channels, frames] if frames else [0, channels]
        before = self.reshape(f"{name}.flat", *shape) if frames else f"{name}.flat"
        self.pieces[key] = Piece(channels, frames, before, np.ascontiguousarray(initial, np.float32))
        return self.pieces[key]

    def finish(self) -> None:
        """The cache is taken apart before all else, and put together after it."""
        pieces = list(self.pieces.values())
        self.floats = sum(piece.floats for piece in pieces)
        self.initial = np.concatenate([piece.initial.reshape(-1) for piece in pieces] or [np.zeros(0, np.float32)])
        self.inputs.append(value_info("cache", ["batch", self.floats]))
        self.outputs.append(value_info("next_cache", ["batch", self.floats]))
        if not pieces:
            self.op("Identity", ["cache"], "next_cache")
            return
        flat = [self.reshape(piece.after, 0, piece.floats) if piece.frames else piece.after for piece in pieces]
        self.op("Concat", flat, "next_cache", axis=1)
        sizes = self.constant([piece.floats for piece in pieces])
        names = [f"cache {number}.flat" for number in range(len(pieces))]
        self.nodes.insert(0, node_bytes("Split", ["cache", sizes], names, axis=1))

    def about(self) -> dict[str, Any]:
        plain = not self.initial.any()
        return super().about() | {
            "cache_shape": [1, self.floats],
            "cache_initial": "zeros" if plain else base64.b64encode(self.initial.astype("<f4").tobytes()).decode(),
            "block_multiple": self.multiple,
            "delay": self.delay[self.output],
        }


# Messages of the file


def value_info(name: str, sizes: list[Any]) -> bytes:
    dims = [encode(onnx_file.DIMENSION, **({"value": size} if isinstance(size, int) else {"name": size}))
            for size in sizes]  # fmt: skip
    tensor = encode(onnx_file.TENSOR_TYPE, element=onnx_file.FLOAT, shape=encode(onnx_file.SHAPE, dim=dims))
    return encode(onnx_file.VALUE_INFO, name=name, type=encode(onnx_file.TYPE, tensor=tensor))


def tensor_bytes(name: str, array: np.ndarray) -> bytes:
    kinds = {np.dtype(dtype): number for number, dtype in onnx_file.DTYPES.items()}
    data = np.ascontiguousarray(array)
    return encode(onnx_file.TENSOR, dims=list(array.shape), data_type=kinds[data.dtype], name=name,
                  raw_data=data.tobytes())  # fmt: skip


def node_bytes(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> bytes:
    given = [attribute_bytes(name, value) for name, value in attributes.items()]
    return encode(onnx_file.NODE, input=inputs, output=outputs, op_type=kind, attribute=given)


def attribute_bytes(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return encode(onnx_file.ATTRIBUTE, name=name, graph=value, type=5)
    if isinstance(value, list):
        return encode(onnx_file.ATTRIBUTE, name=name, ints=value, type=7)
    if isinstance(value, float):
        return encode(onnx_file.ATTRIBUTE, name=name, f=value, type=1)
    return encode(onnx_file.ATTRIBUTE, name=name, i=value, type=2)
