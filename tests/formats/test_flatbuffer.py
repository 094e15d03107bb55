"""Flatbuffers, whatever their bytes: what is written is read, and nothing outside the file is."""

import struct

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.formats.flatbuffer import MOST_VALUES, Field, Reader, Writer

POINT = {0: Field("x", "float"), 1: Field("y", "float", default=2.0)}
SHAPE = {
    0: Field("name", "text"), 1: Field("closed", "bool"), 2: Field("points", POINT, many=True),
    3: Field("ids", "longs"), 4: Field("origin", POINT), 5: Field("size", "uint64"), 6: Field("kind", "int8"),
    7: Field("raw", "bytes"), 9: Field("counts", "ints"), 11: Field("later", "position"),
}  # fmt: skip
VALUES = {
    "name": "a\N{LATIN SMALL LETTER E WITH ACUTE}", "closed": True, "points": [{"x": 1.5}, {}, {"y": -1.0, "x": 0.0}],
    "ids": [-(2**40), 3], "origin": {"x": 7.0}, "size": 2**63, "kind": -5, "raw": np.arange(5), "counts": [],
    "later": lambda writer: writer.table(POINT, {"y": 4.0}),
}  # fmt: skip


def written(**more):
    return Writer(b"TEST").file(SHAPE, VALUES | more)


def test_what_is_written_is_read():
    data = written()
    reader = Reader(data)
    made = reader.root(SHAPE)
    assert data[4:8] == b"TEST"
    assert (made.name, made.closed, made.size, made.kind) == ("a\u00e9", True, 2**63, -5)
    assert [(one.x, one.y) for one in made.points] == [(1.5, 2.0), (0, 2.0), (0.0, -1.0)]
    assert (made.ids.tolist(), made.raw.tolist(), made.counts.tolist()) == ([-(2**40), 3], [0, 1, 2, 3, 4], [])
    assert (made.origin.x, made.origin.y) == (7.0, 2.0)
    assert reader.table(made.later, POINT).y == 4.0


def test_what_is_left_out_has_its_default():
    made = Reader(Writer(b"TEST").file(SHAPE, {})).root(SHAPE)
    assert (made.name, made.closed, made.points, made.origin, made.later) == ("", 0, [], None, None)
    assert made.ids.shape == (0,)


def test_places_are_multiples_of_sizes():
    """Other readers take numbers where they are."""
    for extra in range(9):
        data = written(name="x" * extra)
        found = [data.index(struct.pack("<Q", 2**63)), data.index(struct.pack("<qq", -(2**40), 3))]
        assert not any(at % 8 for at in found)


def refused(data, fields=SHAPE):
    with pytest.raises(wl.ModelFileError) as caught:
        Reader(data).root(fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_beginning_of_a_file_is_refused():
    data = written()
    for size in range(len(data) - 16):
        assert "truncated or damaged" in refused(data[:size])


def test_a_vector_that_claims_more_than_the_file():
    data = bytearray(written())
    at = data.index(struct.pack("<q", -(2**40))) - 4
    data[at : at + 4] = struct.pack("<I", 2**31)
    assert "lie beyond" in refused(bytes(data))


def test_one_table_many_times_takes_little():
    """An offset costs four bytes; the table to which it points costs as often as it is read."""

    def same_table(writer):
        writer.align(4)
        at, count = len(writer.data), MOST_VALUES // 3
        writer.data += struct.pack("<I", count) + bytes(4 * count)
        one = writer.table(POINT, {"x": 1.0})
        for index in range(count):
            writer.point(at + 4 + 4 * index, one)
        return at

    data = Writer(b"TEST").file({2: Field("points", "position")}, {"points": same_table})
    assert f"more than {MOST_VALUES}" in refused(data)


def test_a_field_beyond_its_table():
    data = bytearray(written())
    root = struct.unpack_from("<I", data)[0]
    begin = root - struct.unpack_from("<i", data, root)[0]
    data[begin + 4 : begin + 6] = struct.pack("<H", 60_000)
    assert "beyond its" in refused(bytes(data))
