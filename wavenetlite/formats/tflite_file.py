"""TFLite files as plain data: operators, tensors and their constants, of which only the form has been checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import BinaryIO

import numpy as np

from wavenetlite.formats.flatbuffer import Reader, missing
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.reading import shown
from wavenetlite.formats.tflite_schema import MODEL, OPERATORS, OPTIONS, TYPES
from wavenetlite.support.errors import ModelFileError, ParameterError

MAGIC = b"TFL3"
MOST_FILE_BYTES = 2**31
MOST_DIMENSIONS = 8
MOST_OPERATORS = 10_000
NUMBERS = (
    "float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip
"""Types of constants that are arrays of numbers."""
ACTIVATIONS = {0: "", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
"""What an operator may have fused into it. The schema has also TANH and SIGN, which LiteRT's kernels pass over."""
PADDINGS = {0: "SAME", 1: "VALID"}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a graph.

    Attributes
    ----------
    name
        Which no other tensor of the graph has; "" for an input that is left out.
    type
        Such as "float32" or "int8".
    shape
        Sizes, of which some are -1 where they are not known.
    scale, zero_point
        Where it is quantised, ``scale * (value - zero_point)`` is meant: one of each, or one for each place of `axis`.
    data
        Of a constant.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    static_shape: tuple[int, ...]
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int
    data: np.ndarray | None

    @property
    def quantised(self) -> bool:
        return len(self.scale) > 0 and self.type in ("int8", "uint8", "int16", "int32")

    def dequantised(self) -> np.ndarray:
        """A constant as the numbers that are meant."""
        data: np.ndarray = np.asarray(self.data)
        if not self.quantised or (data.dtype.kind != "i" and data.dtype.kind != "u"):
            return data
        shape = [1] * data.ndim
        if len(self.scale) > 1:
            shape[self.axis] = -1
        made = data.astype(np.float32) - self.zero_point.astype(np.float32).reshape(shape)
        return np.asarray(made * self.scale.reshape(shape), np.float32)


@dataclass(frozen=True)
class Graph:
    """A subgraph: its operators in order, with the names of the tensors that they read and make."""

    nodes: list[OnnxNode]
    tensors: dict[str, Tensor]
    inputs: list[str]
    outputs: list[str]


class TfliteFile:
    """A file whose tables have been read; graphs are made of them one by one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reader = Reader(data)
        if data[4:8] != MAGIC:
            raise ModelFileError("it does not begin as a TFLite file of the schema's version 3")
        self.model = self.reader.root(MODEL)
        if self.model.version != 3:
            raise ModelFileError(f"it is of version {self.model.version} of TFLite's schema; it must be 3")
        if not self.model.subgraphs:
            raise ModelFileError("it has no graph")

    def main(self, signature: str | None = None) -> Graph:
        """The graph to be run: the first, or that of a signature."""
        graphs = {one.key: one.subgraph for one in self.model.signatures}
        names = ", ".join(map(repr, sorted(graphs)))
        if signature is None:
            if len(set(graphs.values())) > 1:
                raise ModelFileError(f"it has several graphs, of the signatures {names}: pass signature=...")
            return self.graph(next(iter(graphs.values()), 0))
        if signature not in graphs:
            raise ParameterError(f"signature={shown(signature)} must be one of {names or 'none: the file has none'}")
        return self.graph(graphs[signature])

    def graph(self, index: int) -> Graph:
        """The graph of a number."""
        if not 0 <= index < len(self.model.subgraphs):
            raise ModelFileError(f"it has {len(self.model.subgraphs)} graphs, and asks for number {index}")
        held = self.model.subgraphs[index]
        if len(held.operators) > MOST_OPERATORS:
            raise ModelFileError(
                f"its graph has {len(held.operators)} operators; it must have at most {MOST_OPERATORS}"
            )
        names = unique([one.name for one in held.tensors])
        tensors = [self.tensor(name, one) for name, one in zip(names, held.tensors, strict=True)]
        nodes = [self.node(number, one, names) for number, one in enumerate(held.operators)]
        inputs, outputs = ([name_at(names, one, "the graph") for one in many] for many in (held.inputs, held.outputs))
        return Graph(nodes, {one.name: one for one in tensors}, inputs, outputs)

    def tensor(self, name: str, held: SimpleNamespace) -> Tensor:
        place = f"tensor {shown(name)}"
        kind = TYPES.get(held.type, f"type {held.type}")
        static = tuple(int(size) for size in held.shape)
        shape = tuple(int(size) for size in held.signature) if len(held.signature) == len(static) else static
        if len(static) > MOST_DIMENSIONS or any(size < -1 for size in (*static, *shape)):
            raise ModelFileError(f"{place} has the shape {shown(list(static))}")
        scale, zero_point, axis = quantisation(place, held.quantization, static)
        return Tensor(name, kind, shape, static, scale, zero_point, axis, self.constant(place, held, kind, static))

    def constant(self, place: str, held: SimpleNamespace, kind: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The values of a tensor; None: they are computed."""
        if held.buffer >= len(self.model.buffers):
            raise ModelFileError(f"{place} is in the buffer {held.buffer}; the file has {len(self.model.buffers)}")
        data = self.buffer(place, self.model.buffers[held.buffer])
        if not data.size or held.is_variable:
            return None
        if held.sparsity is not None:
            raise ModelFileError(f"{place} is sparse; it must be dense")
        if kind not in NUMBERS:
            return None  # whoever reads it says so
        dtype = np.dtype(kind).newbyteorder("<")
        if math.prod(shape) * dtype.itemsize != data.size:
            raise ModelFileError(f"{place} has {data.size} bytes; {kind} of the shape {list(shape)} has "
                                 f"{math.prod(shape) * dtype.itemsize}")  # fmt: skip
        return data.view(dtype).reshape(shape)

    def buffer(self, place: str, held: SimpleNamespace) -> np.ndarray:
        """Bytes, inside the flatbuffer or after it."""
        if held.offset <= 1:  # 1 stands for a buffer that has not been placed
            return np.asarray(held.data)
        if held.offset + held.size > len(self.data):
            raise ModelFileError(f"truncated or damaged: {place} has {held.size} bytes at byte {held.offset}, beyond "
                                 f"the file's {len(self.data)}")  # fmt: skip
        return np.frombuffer(self.data, np.uint8, held.size, held.offset)

    def node(self, number: int, held: SimpleNamespace, names: Sequence[str]) -> OnnxNode:
        if held.code >= len(self.model.codes):
            raise ModelFileError(f"operator {number} is of kind {held.code}; the file has {len(self.model.codes)}")
        kind = operator_name(self.model.codes[held.code])
        place = f"operator {number} ({kind})"
        inputs, outputs = (tuple(name_at(names, one, place) for one in many) for many in (held.inputs, held.outputs))
        if outputs:
            place = f"operator {number} ({kind} {shown(outputs[0])})"
        return OnnxNode(kind, place, inputs, outputs, self.options(kind, held.options))

    def options(self, kind: str, at: int | None) -> dict[str, object]:
        """Options of an operator; those of a table that is left out are the defaults."""
        fields = OPTIONS.get(kind, {})
        if at is None:
            return {field.name: missing(field) for field in fields.values()}
        return vars(self.reader.table(at, fields))


def sniff(ends: bytes) -> bool:
    return ends[4:8] == MAGIC


def read(file: BinaryIO, size: int) -> TfliteFile:
    """The tables of an open file."""
    if size > MOST_FILE_BYTES:
        raise ModelFileError(f"it has {size} bytes; a TFLite file must have at most {MOST_FILE_BYTES}")
    return TfliteFile(file.read(size))


def operator_name(code: SimpleNamespace) -> str:
    number = max(code.code, code.old_code)
    if 0 <= number < len(OPERATORS):
        return f"CUSTOM {code.custom}" if OPERATORS[number] == "CUSTOM" else OPERATORS[number]
    return f"operator code {number}"


def unique(names: Sequence[str]) -> list[str]:
    """Names, all different and none empty: those that another has before end with their number.

    The converter joins the names of all that it made one operator of; the first is kept.
    """
    found: dict[str, None] = {}
    for index, joined in enumerate(names):
        name = joined.partition(";")[0]
        while not name or name in found:
            name = f"{name}:{index}"
        found[name] = None
    return list(found)


def name_at(names: Sequence[str], index: int, place: str) -> str:
    """The name of a tensor; "" where it is left out."""
    if not -1 <= index < len(names):
        raise ModelFileError(f"{place} has the tensor {index}; there are {len(names)}")
    return "" if index == -1 else names[index]


def quantisation(
    place: str, held: SimpleNamespace | None, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scales, zero points and their axis, which fit each other and the tensor."""
    if held is None or not len(held.scale):
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    scale, axis = held.scale, int(held.axis)
    zero_point = np.zeros(len(scale), np.int64) if not len(held.zero_point) else held.zero_point
    if held.details_type:
        raise ModelFileError(f"{place} has a quantisation of its own kind; it must be by scale and zero point")
    if not (np.isfinite(scale).all() and (scale >= 0).all()):
        raise ModelFileError(f"{place} has scales that are not finite or below zero")
    if len(zero_point) != len(scale) or (len(scale) > 1 and (not 0 <= axis < len(shape) or shape[axis] != len(scale))):
        raise ModelFileError(f"{place} has {len(scale)} scales and {len(zero_point)} zero points for the axis {axis} "
                             f"of the shape {list(shape)}")  # fmt: skip
    return scale, zero_point, axis
