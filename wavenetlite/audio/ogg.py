"""Ogg files as chains of consecutive streams, of which libsndfile reads only the first (RFC 3533)."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

MOST_PAGE = 65_307
FIRST, LAST = 2, 4  # flags of a page
CODECS = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC", b"Speex   ": "Speex",
          b"\x80theora": "Theora", b"fishead\0": "Skeleton", b"OVP80": "VP8"}  # fmt: skip


class Link(NamedTuple):
    """One stream of a chain, or several multiplexed ones: its byte range and codecs."""

    start: int
    end: int
    codecs: tuple[str, ...]


def page_at(file: BinaryIO, at: int) -> tuple[int, int, bytes] | None:
    """(length, flags, first bytes of the body) of the page at this offset."""
    file.seek(at)
    head = file.read(27 + 255 + 64)
    if head[:4] != b"OggS" or len(head) < 27:
        return None
    lengths = head[27 : 27 + head[26]]
    return 27 + head[26] + sum(lengths), head[5], head[27 + head[26] :][:64]


def serial_at(file: BinaryIO, at: int) -> bytes:
    file.seek(at + 14)
    return file.read(4)


def last_page(file: BinaryIO, size: int) -> int:
    """Offset of the last page; -1 if there is none."""
    start = max(0, size - 2 * MOST_PAGE)
    file.seek(start)
    at = file.read().rfind(b"OggS")
    return -1 if at < 0 else start + at


def ends(file: BinaryIO, size: int) -> bool:
    """Whether a file contains its complete last page, marked as such; libsndfile does not check (section 6)."""
    at = last_page(file, size)
    page = page_at(file, at) if at >= 0 else None
    return page is not None and bool(page[1] & LAST) and at + page[0] <= size


def links(file: BinaryIO, size: int) -> list[Link]:
    """The streams of a chain. A file whose last page belongs to its first stream is assumed to be one stream."""
    first, at = page_at(file, 0), last_page(file, size)
    if first is None or at < 0:
        return []
    following = page_at(file, first[0])
    alone = following is None or not following[1] & FIRST
    if alone and serial_at(file, 0) == serial_at(file, at):
        return [Link(0, size, (codec(first[2]),))]
    return scan_links(file, size)


def scan_links(file: BinaryIO, size: int) -> list[Link]:
    """The streams of a chain, found page by page: each begins with a page so marked that follows an unmarked one."""
    found: list[tuple[int, list[str]]] = []
    at, opening = 0, False
    while at < size and (page := page_at(file, at)) is not None:
        length, flags, body = page
        if flags & FIRST:
            if not opening:
                found.append((at, []))
            found[-1][1].append(codec(body))
        opening = bool(flags & FIRST)
        at += length
    starts = [start for start, _ in found] + [min(at, size)]
    return [Link(start, starts[i + 1], tuple(codecs)) for i, (start, codecs) in enumerate(found)]


def codec(body: bytes) -> str:
    return next((name for mark, name in CODECS.items() if body.startswith(mark)), "unknown")
