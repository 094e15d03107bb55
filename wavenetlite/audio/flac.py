"""The number of samples in a FLAC file from its last frame: the header may lack it or be wrong (RFC 9639)."""

from __future__ import annotations

from typing import BinaryIO

TAIL = 1 << 16
STREAMINFO = (
    42  # bytes: "fLaC", the head of a block, the block; the number of samples stands in the last 36 bits before an MD5
)
TOTAL = slice(18, 26)
MOST_TOTAL = 2**36 - 1


def crc8(data: bytes) -> int:
    """RFC 9639, section 9.1.8: polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x107 if crc & 0x80 else 0)) & 0xFF
    return crc


def declared(head: bytes) -> int:
    """The sample count declared in the header; 0: unknown."""
    return int.from_bytes(head[TOTAL], "big") & MOST_TOTAL


def with_total(head: bytes, samples: int) -> bytes:
    """The header with another number of samples."""
    word = int.from_bytes(head[TOTAL], "big")
    return head[:18] + (word - (word & MOST_TOTAL) + samples).to_bytes(8, "big") + head[26:]


def coded_number(data: bytes) -> tuple[int, int]:
    """A number coded like UTF-8, and its length in bytes; (-1, 0) if invalid."""
    first = data[0]
    if first < 0x80:
        return first, 1
    length = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= length <= 7 or len(data) < length or any(byte & 0xC0 != 0x80 for byte in data[1:length]):
        return -1, 0
    number = first & (0x7F >> length)
    for byte in data[1:length]:
        number = number << 6 | byte & 0x3F
    return number, length


def end_of_frame(data: bytes, most_block: int) -> int:
    """The sample after the frame whose header begins `data`; -1 if none does (section 9.1)."""
    if len(data) < 6 or data[2] >> 4 == 0 or data[2] & 15 == 15 or data[3] & 1 or data[3] >> 4 > 10:
        return -1
    number, length = coded_number(data[4:11])
    code, at = data[2] >> 4, 4 + length
    sizes = {6: 1, 7: 2}.get(code, 0)
    block = int.from_bytes(data[at : at + sizes], "big") + 1 if sizes else fixed_block(code)
    at += sizes + {12: 1, 13: 2, 14: 2}.get(data[2] & 15, 0)
    if number < 0 or len(data) <= at or crc8(data[:at]) != data[at]:
        return -1
    return (number if data[1] & 1 else number * most_block) + block


def fixed_block(code: int) -> int:
    return 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8)


def last_sample(file: BinaryIO, size: int, head: bytes) -> list[int]:
    """Total sample counts according to the frame headers near the end of a file, the last one first.

    By chance, about one in several hundred thousand positions looks like a header: to be sure, check whether
    the count in the file's header is among them, and otherwise decode.
    """
    most_block = int.from_bytes(head[10:12], "big")
    file.seek(max(0, size - TAIL))
    tail = file.read()
    found, at = [], len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9"):
            end = end_of_frame(tail[at : at + 20], most_block)
            if end > 0:
                found.append(end)
    return found
