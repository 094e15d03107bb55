"""Protocol buffers, read and written by a table of fields: as much of them as ONNX files need.

Nothing that is read is trusted. A message is a tag and a value, again and again; every value counts against a budget,
and what has a length must lie within its message, so that memory is taken only in proportion to the file. Bytes are
not copied. Written here and not with the protobuf package, which takes a hundred bytes for each two of a hostile file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from wavenetlite.support.errors import ModelFileError

MOST_VALUES = 200_000
"""Of a file: fields, integers of lists, and for each message five more. Some 150 bytes are taken for each."""
MOST_DEPTH = 16

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5
"""How a value is written: the lowest three bits of its tag."""


@dataclass(frozen=True)
class Field:
    """A field of a message: kind "int", "float", "text", "bytes", "floats" (an array), or the fields of a message."""

    name: str
    kind: str | Message
    many: bool = False


Message = dict[int, Field]
"""The fields of a message by their numbers. Fields of other numbers are passed over."""


class Reader:
    """Reads one message, and those inside it.

    Examples
    --------
    >>> from wavenetlite.formats.protobuf import Field, Reader, encode
    >>> point = {1: Field("x", "int"), 2: Field("name", "text")}
    >>> Reader(encode(point, x=3, name="a")).message(point)
    namespace(x=3, name='a')
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.left = MOST_VALUES

    def message(self, fields: Message) -> SimpleNamespace:
        return self.between(0, len(self.data), fields, 0)

    def between(self, at: int, end: int, fields: Message, depth: int) -> SimpleNamespace:
        """The message in the bytes from `at` to `end`."""
        if depth > MOST_DEPTH:
            raise ModelFileError(f"its messages are nested more than {MOST_DEPTH} deep")
        self.count(5)
        made = SimpleNamespace(**{field.name: [] if field.many else DEFAULTS.get(field.kind) if isinstance(
            field.kind, str) else None for field in fields.values()})  # fmt: skip
        while at < end:
            tag, at = self.varint(at, end)
            first, at = self.skip(tag & 7, at, end)
            field = fields.get(tag >> 3)
            if field is not None:
                value = self.value(field, tag & 7, first, at, depth)
                if field.many:
                    getattr(made, field.name).extend(value if isinstance(value, list) else [value])
                else:
                    setattr(made, field.name, value)
        return made

    def skip(self, wire: int, at: int, end: int) -> tuple[int, int]:
        """Where a value begins and ends."""
        self.count()
        if wire == VARINT:
            return at, self.varint(at, end)[1]
        if wire == LENGTH:
            size, at = self.varint(at, end)
        elif wire in (EIGHT, FOUR):
            size = 8 if wire == EIGHT else 4
        else:
            raise ModelFileError(f"damaged: a field at byte {at} is written in a way that is unknown")
        if size > end - at:
            raise ModelFileError(f"truncated or damaged: a field at byte {at} has {end - at} of {size} bytes")
        return at, at + size

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """An integer without sign: seven bits a byte, the lowest first; the last byte is below 128."""
        value = shift = 0
        while at < end and shift < 70:
            byte = self.data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value & (2**64 - 1), at
        raise ModelFileError(f"truncated or damaged at byte {at}")

    def value(self, field: Field, wire: int, at: int, end: int, depth: int) -> Any:
        kind = field.kind
        if kind == "int" and wire == VARINT:
            return signed(self.varint(at, end)[0])
        if kind == "int" and wire == LENGTH and field.many:
            return self.integers(at, end)
        if kind == "float" and wire == FOUR:
            return float(struct.unpack("<f", self.data[at:end])[0])
        if kind == "floats" and wire in (LENGTH, FOUR) and (end - at) % 4 == 0:
            return np.frombuffer(self.data[at:end], "<f4")
        if kind == "bytes" and wire == LENGTH:
            return self.data[at:end]
        if kind == "text" and wire == LENGTH:
            return bytes(self.data[at:end]).decode("utf-8", "replace")
        if not isinstance(kind, str) and wire == LENGTH:
            return self.between(at, end, kind, depth + 1)
        raise ModelFileError(f"damaged: its field {field.name!r} at byte {at} is written in a way that is unknown")

    def integers(self, at: int, end: int) -> list[int]:
        values = []
        while at < end:
            value, at = self.varint(at, end)
            values.append(signed(value))
            self.count()
        return values

    def count(self, values: int = 1) -> None:
        self.left -= values
        if self.left < 0:
            raise ModelFileError(f"it has more than {MOST_VALUES} fields")


DEFAULTS: dict[str, Any] = {"int": 0, "float": 0.0, "text": "", "bytes": b"", "floats": None}


def signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def encode(fields: Message, **values: Any) -> bytes:
    """A message: values by the names of its fields; those of messages inside are bytes, which are encoded already."""
    parts: list[bytes] = []
    numbers = {field.name: number for number, field in fields.items()}
    for name, value in values.items():
        number, field = numbers[name], fields[numbers[name]]
        for one in value if field.many else [value]:
            parts += written(number, field.kind, one)
    return b"".join(parts)


def written(number: int, kind: str | Message, value: Any) -> Iterable[bytes]:
    if kind == "int":
        return unsigned(number << 3 | VARINT), unsigned(value & (2**64 - 1))
    if kind == "float":
        return unsigned(number << 3 | FOUR), struct.pack("<f", value)
    data = value.encode() if kind == "text" else value
    return unsigned(number << 3 | LENGTH), unsigned(len(data)), data


def unsigned(value: int) -> bytes:
    """An integer as a varint."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
