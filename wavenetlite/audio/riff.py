"""WAV files with wrong lengths: written to a pipe, off by a header, or beyond 32 bits.

"RIFF", its size, "WAVE", then chunks: a name, a size, that many bytes, and a padding byte if the size is odd. A size
beyond the end of the file is handled by libsndfile (it reads to the end); one that is too small is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

HEADER_SIZES = frozenset({8, 12, 20, 24, 28, 36, 44, 46, 58, 68, 72, 80})
"""Errors in a length when a program wrongly counts, or omits, a part of the header."""
LEAST_UNKNOWN = 0x7FFF_0000
"""From here to 2**31, and around 2**32, a size is a placeholder of programs that do not know the length:
0x7ffff000 (SoX), 0x7fffffff, 0x80000000 (arecord), 0xffffffff (FFmpeg), and less by their headers."""
NEAR = 0x1_0000
MOST_CHUNKS = 10_000
MP3_TAG, MPEG_TAG = 0x55, 0x50


def unknown(size: int) -> bool:
    """Whether a length is a placeholder left by a program that writes to a pipe."""
    return LEAST_UNKNOWN <= size <= 0x8000_0000 + NEAR or size >= 0xFFFF_FFFF - NEAR


def chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset of its bytes, declared length) of each chunk of a file of `size` bytes."""
    at = 12
    for _ in range(MOST_CHUNKS):
        if at + 8 > size:
            return
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little" if order == "RIFF" else "big")
        yield head[:4], at + 8, length
        at += 8 + length + length % 2


def repaired(file: BinaryIO, size: int) -> tuple[bytes, int] | None:
    """A header whose data chunk reaches to the end of the file, and its offset; None: the file's own is correct.

    A repair is needed if the length is 0, wrapped at 4 GiB, or short by a header, and no chunk follows.
    """
    file.seek(0)
    order = file.read(4).decode("latin-1")
    for name, start, length in chunks(file, size, order):
        if name == b"data":
            left = size - start - length
            if left <= 0 or not (length == 0 or left in HEADER_SIZES or left >= 2**32 - NEAR):
                return None
            file.seek(start + length + length % 2)
            if length and left < 2**32 - NEAR and is_chunk(file.read(8), left):
                return None
            return endless(file, start, size), start
    return None


def endless(file: BinaryIO, start: int, size: int) -> bytes:
    """The header of a file whose samples begin at `start` and reach to its end; beyond 32 bits, an RF64 header."""
    file.seek(0)
    head = file.read(start - 4)
    if size < 2**31:
        return head + b"\xff\xff\xff\xff"
    sizes = b"".join(number.to_bytes(8, "little") for number in (size + 28, size - start, 0)) + bytes(4)
    ds64 = b"ds64" + len(sizes).to_bytes(4, "little") + sizes
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + head[12:] + b"\xff\xff\xff\xff"


def is_chunk(head: bytes, left: int) -> bool:
    """Whether a chunk follows the samples: a printable name, and a size that fits."""
    sizes = (int.from_bytes(head[4:8], "little"), int.from_bytes(head[4:8], "big"))
    return len(head) == 8 and head[:4].isascii() and head[:4].decode().isprintable() and min(sizes) <= left


def codec(file: BinaryIO, size: int) -> int:
    """The format tag of the encoding; 0 if there is none."""
    file.seek(0)
    order = file.read(4).decode("latin-1")
    for name, start, length in chunks(file, size, order):
        if name == b"fmt ":
            file.seek(start)
            return int.from_bytes(file.read(min(2, length)), "little" if order == "RIFF" else "big")
    return 0
