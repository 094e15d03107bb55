"""The safetensors container: a JSON header that names every tensor, then the bytes of the tensors.

A file consists of the length of the header (8 bytes), the header, and the tensors. Nothing in it is trusted: the steps
before each step bound its cost, and memory for a tensor is allocated only once the file is known to hold it.

This does not use the safetensors package, which writes the metadata in a different order every time: here the same
tensors give the same bytes. Tests compare the two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels.bf16 import from_halves
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ModelFileError

MOST_HEADER_BYTES = 8 * 2**20
"""Far more than any useful model needs."""

NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1"}
"""The upper half of a float32 is a BF16."""

BF16 = "bfloat16"
"""The name of a type that NumPy does not have: such arrays are float32 here, and their upper halves in a file."""

OWN_TYPES = {"float32": "F32", "int32": "I32", "int8": "I8", "uint16": "BF16"}
"""The types of our models' tensors, by NumPy's names of what is written."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor's entry in the header."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * np.dtype(NUMPY_TYPES[self.dtype]).itemsize


def read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """Read the header of a file of `size` bytes; returns it and the number of bytes that follow."""
    if size < 8:
        raise ModelFileError(f"truncated or not a safetensors file: it has {size} bytes")
    length = int.from_bytes(file.read(8), "little")
    if length > MOST_HEADER_BYTES:
        raise ModelFileError(
            f"not a safetensors file: its header has {length} bytes; it must have at most {MOST_HEADER_BYTES}"
        )
    if length > size - 8:
        raise ModelFileError(f"truncated: its header has {length} bytes, the whole file {size}")
    header = file.read(length)
    if not header.startswith(b"{"):
        raise ModelFileError("not a safetensors file: it has no JSON header")
    try:
        text = header.decode()
    except UnicodeDecodeError:
        raise ModelFileError("its header is not UTF-8") from None
    return parse_json("its header", text), size - 8 - length


def checked_tensors(
    entries: Mapping[str, Any], data_bytes: int, dtypes: Sequence[str] = tuple(NUMPY_TYPES)
) -> dict[str, Tensor]:
    """The tensors of a header in file order; they must fill the file exactly."""
    spans = sorted(((*checked_entry(name, entry, dtypes), name) for name, entry in entries.items()), key=span)
    end = 0
    for first, tensor, name in spans:
        if first != end:
            raise ModelFileError(
                f"tensor {name!r} begins at byte {first} of the data; it must at {end}, where the previous one ends"
            )
        end = first + tensor.size
    if end > data_bytes:
        raise ModelFileError(f"truncated: it has {data_bytes} of {end} bytes of tensors")
    if end < data_bytes:
        raise ModelFileError(f"it has {data_bytes - end} bytes after the last tensor")
    return {name: tensor for _, tensor, name in spans}


def span(found: tuple[int, Tensor, str]) -> tuple[int, int, str]:
    first, tensor, name = found
    return first, tensor.size, name


def checked_entry(name: str, entry: Any, dtypes: Sequence[str]) -> tuple[int, Tensor]:
    """The offset of a tensor, and the tensor."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(f"tensor {name!r} must have a dtype, a shape and data_offsets")
    if entry["dtype"] not in dtypes:
        known = " or ".join(map(repr, dtypes))
        raise ModelFileError(f"tensor {name!r} has dtype {entry['dtype']!r}; it must be {known}")
    offsets = integers(name, "data_offsets", entry["data_offsets"])
    tensor = Tensor(entry["dtype"], integers(name, "shape", entry["shape"]))
    if len(offsets) != 2 or offsets[1] - offsets[0] != tensor.size:
        raise ModelFileError(f"tensor {name!r} has data_offsets {offsets}, which do not match its shape {tensor.shape}")
    return offsets[0], tensor


def integers(name: str, key: str, value: Any) -> tuple[int, ...]:
    """A list of non-negative integers; few, so that their product can be computed."""
    if not isinstance(value, list) or len(value) > 8 or any(type(item) is not int or item < 0 for item in value):
        raise ModelFileError(f"tensor {name!r} has {key}={value!r}; it must be a list of at most 8 integers >= 0")
    return tuple(value)


def read_tensors(
    file: BinaryIO, tensors: Mapping[str, Tensor], *, as_floats: bool = True
) -> dict[str, npt.NDArray[Any]]:
    """The values of all tensors, as float32 or of their own types; to be called after `read_header`."""
    return {name: read_tensor(file, name, tensor, as_floats) for name, tensor in tensors.items()}


def read_tensor(file: BinaryIO, name: str, tensor: Tensor, as_floats: bool) -> npt.NDArray[Any]:
    """Read the next tensor."""
    data = file.read(tensor.size)
    if len(data) < tensor.size:
        raise ModelFileError(f"truncated while tensor {name!r} was read")
    values = np.frombuffer(data, NUMPY_TYPES[tensor.dtype]).reshape(tensor.shape)
    if tensor.dtype == "BF16" or not as_floats:
        return as_read(values)
    with np.errstate(over="ignore"):  # becomes infinite, which is rejected later
        return values.astype(np.float32, copy=False)


def as_read(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values of a tensor of a file: those of bf16 as float32, others of their own type."""
    if values.dtype.kind == "u":
        return from_halves(values)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def header_bytes(metadata: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The beginning of a file, up to the `arrays`, which follow in this order."""
    entries: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, value in arrays.items():
        dtype = OWN_TYPES[value.dtype.name]
        entries[name] = {"dtype": dtype, "shape": value.shape, "data_offsets": (at, at + value.nbytes)}
        at += value.nbytes
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the tensors begin on a multiple of 8 bytes, as safetensors advises
    return len(header).to_bytes(8, "little") + header
