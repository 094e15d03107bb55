"""Flatbuffers, read and written by a table of fields: as much of them as TFLite files need.

Nothing that is read is trusted. A table names where its fields are, and any number of fields may name the same place:
so every table, string and vector counts against a budget, and must lie within the file. Numbers are not copied. What
is nested is so by the schema alone, which has an end.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from wavenetlite.support.errors import ModelFileError

MOST_VALUES = 500_000
"""Of a file: tables with their fields, vectors, and 16 characters of text each. Some 150 bytes are taken for each."""
MOST_TEXT_BYTES = 4096

SCALARS = {
    "bool": "?", "int8": "<b", "uint8": "<B", "int32": "<i", "uint32": "<I", "uint64": "<Q", "float": "<f",
}  # fmt: skip
"""Kinds of numbers, and how `struct` reads them."""
VECTORS = {"bytes": "u1", "ints": "<i4", "longs": "<i8", "floats": "<f4"}
"""Kinds of vectors of numbers, and the type of their elements."""


@dataclass(frozen=True)
class Field:
    """A field of a table.

    Attributes
    ----------
    name
        What it becomes an attribute as.
    kind
        A key of `SCALARS` or `VECTORS`, "text", "position" of a table that is to be read later, or the fields of a
        table.
    many
        Of a table: it is a vector of tables.
    default
        Of a number that a file leaves out.
    """

    name: str
    kind: str | Table
    many: bool = False
    default: Any = 0


Table = dict[int, Field]
"""The fields of a table by their numbers. Fields of other numbers are passed over."""


class Reader:
    """Reads tables of a file.

    Examples
    --------
    >>> from wavenetlite.formats.flatbuffer import Field, Reader
    >>> data = bytes([12, 0, 0, 0, 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0])
    >>> Reader(data).root({0: Field("x", "int32"), 1: Field("y", "int32", default=3)})
    namespace(x=7, y=3)
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.left = MOST_VALUES

    def root(self, fields: Table) -> SimpleNamespace:
        """The table that the file is."""
        return self.table(self.follow(0), fields)

    def table(self, at: int, fields: Table) -> SimpleNamespace:
        """The table at a byte."""
        self.count(1 + len(fields))
        places = self.places(at)
        made = SimpleNamespace()
        for number, field in fields.items():
            place = places.get(number)
            setattr(made, field.name, missing(field) if place is None else self.value(field, at + place))
        return made

    def places(self, at: int) -> dict[int, int]:
        """Where the fields of a table are, from its beginning on, by their numbers."""
        begin = at - self.number("<i", at)
        size, table_size = self.number("<H", begin), self.number("<H", begin + 2)
        if size < 4 or size % 2:
            raise damaged(f"a table at byte {at} lists its fields in {size} bytes")
        count = size // 2 - 2
        self.count(count // 8)
        found = struct.unpack(f"<{count}H", self.bytes(begin + 4, 2 * count))
        if any(place >= table_size for place in found if place):
            raise damaged(f"a table at byte {at} has a field beyond its {table_size} bytes")
        return {number: place for number, place in enumerate(found) if place}

    def value(self, field: Field, at: int) -> Any:
        kind = field.kind
        if not isinstance(kind, str):
            return self.tables(self.follow(at), kind) if field.many else self.table(self.follow(at), kind)
        if kind in SCALARS:
            return self.number(SCALARS[kind], at)
        place = self.follow(at)
        if kind == "position":
            return place
        return self.text(place) if kind == "text" else self.vector(place, VECTORS[kind])

    def tables(self, at: int, fields: Table) -> list[SimpleNamespace]:
        count = self.number("<I", at)
        self.bytes(at + 4, 4 * count)
        self.count(count)
        return [self.table(self.follow(at + 4 + 4 * index), fields) for index in range(count)]

    def vector(self, at: int, dtype: str) -> np.ndarray:
        """Numbers, which stay where they are."""
        self.count()
        count = self.number("<I", at)
        return np.frombuffer(self.bytes(at + 4, count * np.dtype(dtype).itemsize), dtype)

    def text(self, at: int) -> str:
        """A string; of a very long one, its beginning."""
        size = self.number("<I", at)
        data = self.bytes(at + 4, size)[:MOST_TEXT_BYTES]
        self.count(1 + len(data) // 16)
        return bytes(data).decode("utf-8", "replace")

    def follow(self, at: int) -> int:
        """The place to which an offset points."""
        return at + int(self.number("<I", at))

    def number(self, form: str, at: int) -> Any:
        return struct.unpack(form, self.bytes(at, struct.calcsize(form)))[0]

    def bytes(self, at: int, size: int) -> memoryview:
        if at < 0 or size > len(self.data) - at:
            raise damaged(f"{size} bytes at byte {at} lie beyond its {len(self.data)} bytes")
        return self.data[at : at + size]

    def count(self, values: int = 1) -> None:
        self.left -= values
        if self.left < 0:
            raise ModelFileError(f"it has more than {MOST_VALUES} tables, fields and vectors")


def missing(field: Field) -> Any:
    """What a field is that a table leaves out."""
    if field.many:
        return []
    kind = field.kind if isinstance(field.kind, str) else "position"
    if kind in VECTORS:
        return np.empty(0, VECTORS[kind])
    return "" if kind == "text" else None if kind == "position" else field.default


def damaged(what: str) -> ModelFileError:
    return ModelFileError(f"truncated or damaged: {what}")


# Writing

SIZES = {kind: struct.calcsize(form) for kind, form in SCALARS.items()}
ALIGNMENT = 16
"""Of vectors: that of buffers, which are read where they are."""


class Writer:
    """Writes tables: each table, then what it points to.

    Examples
    --------
    >>> from wavenetlite.formats.flatbuffer import Field, Reader, Writer
    >>> point = {0: Field("x", "int32"), 1: Field("name", "text")}
    >>> Reader(Writer(b"ABCD").file(point, {"x": 3, "name": "a"})).root(point)
    namespace(x=3, name='a')
    """

    def __init__(self, magic: bytes) -> None:
        self.data = bytearray(struct.pack("<I", 0) + magic)

    def file(self, fields: Table, values: Mapping[str, Any]) -> bytes:
        """A file whose root is that table."""
        self.point(0, self.table(fields, values))
        return bytes(self.data)

    def table(self, fields: Table, values: Mapping[str, Any]) -> int:
        """Write a table, and what is in it; where it is. Fields without a value are left out."""
        present = {number: field for number, field in fields.items() if values.get(field.name) is not None}
        places, size = layout(present)
        self.align(2)
        begin = len(self.data)
        count = max(present, default=-1) + 1
        self.data += struct.pack(f"<{2 + count}H", 4 + 2 * count, size, *(places.get(n, 0) for n in range(count)))
        self.align(8)
        at = len(self.data)
        self.data += struct.pack("<i", at - begin).ljust(size, b"\0")
        for number, field in present.items():
            self.put(at + places[number], field, values[field.name])
        return at

    def put(self, at: int, field: Field, value: Any) -> None:
        """Write a field's value, or, after all that is written, what it points to."""
        kind = field.kind
        if isinstance(kind, str) and kind in SCALARS:
            struct.pack_into(SCALARS[kind], self.data, at, value)
        elif kind == "text":
            data = value.encode()
            self.point(at, self.numbers(np.frombuffer(data, np.uint8)))
            self.data += b"\0"
        elif isinstance(kind, str):
            self.point(at, value(self) if kind == "position" else self.numbers(np.asarray(value, VECTORS[kind])))
        elif field.many:
            self.point(at, self.tables(kind, value))
        else:
            self.point(at, self.table(kind, value))

    def tables(self, fields: Table, many: Sequence[Mapping[str, Any]]) -> int:
        self.align(4)
        at = len(self.data)
        self.data += struct.pack("<I", len(many)) + bytes(4 * len(many))
        for index, values in enumerate(many):
            self.point(at + 4 + 4 * index, self.table(fields, values))
        return at

    def numbers(self, values: np.ndarray) -> int:
        self.align(ALIGNMENT, 4)
        at = len(self.data)
        self.data += struct.pack("<I", len(values)) + values.tobytes()
        return at

    def point(self, at: int, to: int) -> None:
        struct.pack_into("<I", self.data, at, to - at)

    def align(self, size: int, before: int = 0) -> None:
        """Go on where what follows after `before` bytes begins at a multiple of `size`."""
        self.data += bytes(-(len(self.data) + before) % size)


def layout(fields: Table) -> tuple[dict[int, int], int]:
    """Where in a table each field is, the largest first, and how large the table is."""
    places, at = {}, 4
    for number, field in sorted(fields.items(), key=lambda one: -SIZES.get(str(one[1].kind), 4)):
        size = SIZES.get(str(field.kind), 4)
        at += -at % size
        places[number] = at
        at += size
    return places, at
