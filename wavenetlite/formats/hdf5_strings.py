"""Lengths of strings in attributes of an HDF5 file, before libhdf5 takes memory for them: up to 4 GB for any file.

HDF5 File Format Specification 3.0, IV.A.2.m (attribute message), VIII (a string of variable length: its length, and
where it lies, in 16 bytes).
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator

from wavenetlite.support.errors import ModelFileError

VARIABLE_LENGTH = 9
HEADS = {1: (8, 8), 2: (8, 1), 3: (9, 1)}
"""Version of an attribute message -> bytes before its name, and what its parts are padded to."""


def check_strings(data: bytes | mmap.mmap, names: bytes) -> None:
    """Refuse a file in which an attribute, whose name `names` matches, claims a string longer than the file."""
    for found in re.finditer(rb"(?:%s)\0" % names, data):
        for length in lengths(data, found.start(), found.end() - found.start()):
            if length > len(data):
                raise ModelFileError(
                    f"its attribute {found[0][:-1].decode()!r} has more characters than the file has bytes"
                )


def lengths(data: bytes | mmap.mmap, at: int, name_bytes: int) -> Iterator[int]:
    """Those of the attribute whose name stands here, if it is one."""
    for version, (head, grain) in HEADS.items():
        if at < head or data[at - head] != version:
            continue
        name, kind, space = (-(-n // grain) * grain for n in struct.unpack_from("<3H", data, at - head + 2))
        at_space, at_data = at + name + kind, at + name + kind + space
        if name < name_bytes or at_data > len(data) or data[at + name] & 15 != VARIABLE_LENGTH:
            continue
        dimensions = data[at_space:at_data][8 if data[at_space] == 1 else 4 :][: 8 * data[at_space + 1]]
        count = math.prod(struct.unpack(f"<{len(dimensions) // 8}Q", dimensions[: len(dimensions) // 8 * 8]))
        held = data[at_data : at_data + 16 * min(count, len(data))]
        yield from (length for (length,) in struct.iter_unpack("<I12x", held[: len(held) // 16 * 16]))
