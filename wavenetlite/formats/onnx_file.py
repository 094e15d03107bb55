"""ONNX files as plain data: nodes, constants, inputs and outputs, of which only the form has been checked."""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats.protobuf import Field, Message, Reader
from wavenetlite.support.errors import ModelFileError

# Messages of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): what of them is of use here.
ENTRY: Message = {1: Field("key", "text"), 2: Field("value", "text")}
DIMENSION: Message = {1: Field("value", "int"), 2: Field("name", "text")}
SHAPE: Message = {1: Field("dim", DIMENSION, many=True)}
TENSOR_TYPE: Message = {1: Field("element", "int"), 2: Field("shape", SHAPE)}
TYPE: Message = {1: Field("tensor", TENSOR_TYPE)}
VALUE_INFO: Message = {1: Field("name", "text"), 2: Field("type", TYPE)}
TENSOR: Message = {
    1: Field("dims", "int", many=True), 2: Field("data_type", "int"), 4: Field("float_data", "floats", many=True),
    5: Field("int32_data", "int", many=True), 7: Field("int64_data", "int", many=True), 8: Field("name", "text"),
    9: Field("raw_data", "bytes"), 13: Field("external_data", ENTRY, many=True), 14: Field("data_location", "int"),
}  # fmt: skip
ATTRIBUTE: Message = {
    1: Field("name", "text"), 2: Field("f", "float"), 3: Field("i", "int"), 4: Field("s", "bytes"),
    5: Field("t", TENSOR), 6: Field("graph", "bytes"), 7: Field("floats", "floats", many=True),
    8: Field("ints", "int", many=True), 9: Field("strings", "bytes", many=True),
    11: Field("graphs", "bytes", many=True), 20: Field("type", "int"),
}  # fmt: skip
NODE: Message = {
    1: Field("input", "text", many=True), 2: Field("output", "text", many=True), 3: Field("name", "text"),
    4: Field("op_type", "text"), 5: Field("attribute", ATTRIBUTE, many=True), 7: Field("domain", "text"),
}  # fmt: skip
GRAPH: Message = {
    1: Field("node", NODE, many=True), 2: Field("name", "text"), 5: Field("initializer", TENSOR, many=True),
    11: Field("input", VALUE_INFO, many=True), 12: Field("output", VALUE_INFO, many=True),
}  # fmt: skip
OPSET: Message = {1: Field("domain", "text"), 2: Field("version", "int")}
MODEL: Message = {
    1: Field("ir_version", "int"), 2: Field("producer_name", "text"), 3: Field("producer_version", "text"),
    7: Field("graph", GRAPH), 8: Field("opset_import", OPSET, many=True),
    14: Field("metadata_props", ENTRY, many=True),
}  # fmt: skip

FLOAT, INT32, INT64 = 1, 6, 7
DTYPES = {FLOAT: "<f4", 2: "u1", 3: "i1", INT32: "<i4", INT64: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
"""Of tensors, by the number of their type."""
FLOATS = FLOAT, 10, 11, 16
"""Types that a signal may have: single, half and double precision, and bfloat16."""
ATTRIBUTE_VALUES = {1: "f", 2: "i", 3: "s", 4: "t", 5: "graph", 6: "floats", 7: "ints", 8: "strings", 10: "graphs"}
"""Which field of an attribute holds its value, by the number of its type."""

MOST_FILE_BYTES = 2**31
"""That protocol buffers may have."""
MOST_DIMENSIONS = 8


@dataclass(frozen=True)
class OnnxNode:
    """One operation; `place` is what messages call it."""

    kind: str
    place: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def given(self, values: list[Any], at: int, attribute: str = "") -> Any:
        """The value of an input that may be left out, or of the attribute that it was in older versions; else None."""
        value = values[at] if at < len(values) else None
        return self.attributes.get(attribute) if value is None else value


@dataclass(frozen=True)
class OnnxGraph:
    """A graph as the file has it. Dimensions of an input are integers, or names where they are dynamic."""

    nodes: list[OnnxNode]
    constants: dict[str, np.ndarray]
    inputs: dict[str, tuple[int | str, ...]]
    outputs: list[str]
    opset: int
    metadata: dict[str, str] = field(default_factory=dict)


def sniff(ends: bytes) -> bool:
    """A file begins with the version of its form, and goes on with a field of a model."""
    fields = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
    return len(ends) > 16 and ends[0] == 8 and 3 <= ends[1] < 64 and ends[2] in fields


def read(file: BinaryIO, size: int) -> OnnxGraph:
    """The graph in an open file; weights in files beside it are read too."""
    if size > MOST_FILE_BYTES:
        raise ModelFileError(f"it has {size} bytes; an ONNX file must have at most {MOST_FILE_BYTES}")
    model = Reader(file.read(size)).message(MODEL)
    if model.graph is None:
        raise ModelFileError("it has no graph")
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    metadata = {one.key: one.value for one in model.metadata_props}
    return plain_graph(model.graph, Beside(file), opset, metadata)


def subgraph(data: Any, place: str) -> OnnxGraph:
    """The graph in the attribute of a node, such as a branch of an If; tensors in other files are not read for it."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ModelFileError(f"{place}: has no branch that is a graph")
    return plain_graph(Reader(bytes(data)).message(GRAPH), Beside(None), 0, {})


def plain_graph(graph: SimpleNamespace, beside: Beside, opset: int, metadata: dict[str, str]) -> OnnxGraph:
    constants = {one.name: array(one, f"tensor {one.name!r}", beside) for one in graph.initializer}
    return OnnxGraph(
        nodes=[node(one, number, beside) for number, one in enumerate(graph.node, 1)],
        constants=constants,
        inputs={one.name: dimensions(one) for one in graph.input if one.name not in constants},
        outputs=[one.name for one in graph.output],
        opset=opset,
        metadata=metadata,
    )


def dimensions(info: SimpleNamespace) -> tuple[int | str, ...]:
    tensor = info.type.tensor if info.type is not None else None
    if tensor is None or tensor.shape is None:
        raise ModelFileError(f"input {info.name!r} is no tensor of known rank")
    return tuple(one.value if one.value > 0 else one.name or "?" for one in tensor.shape.dim)


def node(one: SimpleNamespace, number: int, beside: Beside) -> OnnxNode:
    kind = one.op_type if one.domain in ("", "ai.onnx") else f"{one.domain}.{one.op_type}"
    place = f"node {one.name!r} ({kind})" if one.name else f"node {number} ({kind})"
    attributes: dict[str, Any] = {}
    for attribute in one.attribute:
        holder = ATTRIBUTE_VALUES.get(attribute.type)
        value: Any = getattr(attribute, holder) if holder else None
        if holder == "floats":
            value = [float(item) for part in value for item in np.atleast_1d(part)]
        elif holder == "t":
            value = array(value, f"{place}: its tensor", beside) if value is not None else None
        elif holder == "s":
            value = bytes(attribute.s).decode("utf-8", "replace")
        elif holder == "strings":
            value = [bytes(one).decode("utf-8", "replace") for one in value]
        attributes[attribute.name] = value
    return OnnxNode(kind, place, tuple(one.input), tuple(one.output), attributes)


def array(tensor: SimpleNamespace, place: str, beside: Beside) -> np.ndarray:
    """The values of a tensor, which the file must hold; they may be views of it."""
    dtype, shape = DTYPES.get(tensor.data_type), tuple(tensor.dims)
    if dtype is None:
        raise ModelFileError(f"{place} has values of type {tensor.data_type}, which are not known here")
    if len(shape) > MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise ModelFileError(f"{place} has the shape {list(shape)[:9]}; it must have at most {MOST_DIMENSIONS} sizes")
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if tensor.data_location == 1:
        data: Any = beside.read({one.key: one.value for one in tensor.external_data}, wanted, place)
    elif len(tensor.raw_data):
        data = tensor.raw_data
    else:
        data = listed(tensor, dtype, place)
    if len(data) != wanted:
        raise ModelFileError(f"{place} has {len(data)} bytes; its shape {list(shape)} asks for {wanted}")
    return np.frombuffer(data, dtype).reshape(shape)


def listed(tensor: SimpleNamespace, dtype: str, place: str) -> bytes:
    """Values that are written one by one."""
    if tensor.data_type == FLOAT:
        return b"".join(part.tobytes() for part in tensor.float_data)
    values = tensor.int64_data if tensor.data_type == INT64 else tensor.int32_data
    try:
        return np.array(values, np.int64).astype(np.uint16 if dtype == "<f2" else dtype).tobytes()
    except (OverflowError, ValueError):
        raise ModelFileError(f"{place} has integers that do not fit") from None


class Beside:
    """Files in the folder of a file, which hold its larger tensors. No other folder is looked into."""

    def __init__(self, file: BinaryIO | None) -> None:
        name = getattr(file, "name", None)
        self.folder = Path(name).resolve().parent if isinstance(name, str | os.PathLike) else None

    def read(self, where: dict[str, str], wanted: int, place: str) -> bytes:
        name = where.get("location", "")
        if self.folder is None or Path(name).name != name or name in ("", ".", "..") or "\\" in name or "\0" in name:
            raise ModelFileError(f"{place} lies in {name!r}; only files in the same folder are read")
        path = self.folder / name
        try:
            offset, length = int(where.get("offset") or 0), int(where.get("length") or wanted)
            about = path.lstat()
        except ValueError:
            raise ModelFileError(f"{place} lies in {name!r} at no place that is a number") from None
        except OSError:
            raise ModelFileError(f"{place} lies in {name!r}, which is not there") from None
        if not stat.S_ISREG(about.st_mode):
            raise ModelFileError(f"{place} lies in {name!r}, which is no file")
        if length != wanted or not 0 <= offset <= about.st_size - length:
            raise ModelFileError(f"{place} must be {wanted} bytes; bytes {offset} to {offset + length} of {name!r} "
                                 f"are said to be it, which has {about.st_size}")  # fmt: skip
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
