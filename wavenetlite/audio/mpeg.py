"""The frames of MPEG audio (MP3, MP2): counting samples, and writing a header with the correct count.

libsndfile takes the number of samples from a "Xing" or "Info" frame; without one it guesses from the first frame's bit
rate, which loses half of a variable-rate file, and in concatenated files it trusts the first. So all frames are scanned
(ISO 11172-3, section 2.4.2.3), and if the header disagrees, a correct one is put in front of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

Bytes = bytes | mmap

V1, V2 = 3, 2  # versions as coded in the header; 0: MPEG 2.5
RATES = {V1: (44100, 48000, 32000), V2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
LAYER_1, LAYER_2, LAYER_3 = 3, 2, 1
BIT_RATES = {
    (True, LAYER_1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, LAYER_3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s by (MPEG 1, layer) and the header's code minus one."""
MONO = 3
MARKS = re.compile(rb"\xff[\xe0-\xff]|ID3|TAG|APETAGEX")
"""The first bytes of a frame or a tag."""


class Frame(NamedTuple):
    """A frame: its offset, length in bytes, and header."""

    at: int
    length: int
    header: int

    @property
    def kind(self) -> int:
        """The header bits that all frames of a stream share: version, layer, sample rate."""
        return self.header & 0xFFFE_0C00

    @property
    def samples(self) -> int:
        version, layer = self.header >> 19 & 3, self.header >> 17 & 3
        return 384 if layer == LAYER_1 else 576 if layer == LAYER_3 and version != V1 else 1152

    @property
    def tag_at(self) -> int:
        """Offset of a Xing or Info tag in the frame: after the side information of layer 3."""
        version, mono = self.header >> 19 & 3, self.header >> 6 & 3 == MONO
        return 4 + ((17 if mono else 32) if version == V1 else (9 if mono else 17))


MOST_SKIPPED = 100_000
"""Consecutive tags or false frame starts after which no audio is expected."""


def frame_at(data: Bytes, at: int) -> Frame | None:
    """The frame whose header is at this offset, complete or not."""
    header = int.from_bytes(data[at : at + 4], "big")
    version, layer = header >> 19 & 3, header >> 17 & 3
    bit_rate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer == 0 or bit_rate in (0, 15) or rate == 3:
        return None
    bits = 1000 * BIT_RATES[version == V1, layer][bit_rate - 1]
    if layer == LAYER_1:
        return Frame(at, (12 * bits // RATES[version][rate] + padding) * 4, header)
    slots = 72 if layer == LAYER_3 and version != V1 else 144
    return Frame(at, slots * bits // RATES[version][rate] + padding, header)


def id3_bytes(data: Bytes) -> int:
    """Length of an ID3v2 tag at the beginning; 0 if there is none."""
    if len(data) < 10 or data[:3] != b"ID3" or any(byte & 0x80 for byte in data[6:10]):
        return 0
    return 10 + sum(byte << 7 * (3 - i) for i, byte in enumerate(data[6:10])) + (10 if data[5] & 0x10 else 0)


def frames(data: Bytes) -> Iterator[Frame]:
    """All frames; tags and junk between them are skipped."""
    at, skipped = 0, 0
    while at + 4 <= len(data) and skipped < MOST_SKIPPED:
        frame = frame_at(data, at)
        if frame is not None and followed(data, frame):
            yield frame
            at, skipped = at + frame.length, 0
        else:
            at, skipped = after_tag(data, at), skipped + 1


def followed(data: Bytes, frame: Frame) -> bool:
    """Whether a frame, a tag, zeros or the end follow a frame: any four bytes may look like a header."""
    end = frame.at + frame.length
    marks = data[end : end + 8]
    known = not any(marks) or marks.startswith((b"ID3", b"TAG", b"APETAGEX"))
    return end >= len(data) - 4 or known or frame_at(data, end) is not None


def after_tag(data: Bytes, at: int) -> int:
    """Where the next frame or tag may begin: after the tag at this offset, or at the next mark of one."""
    if tag := id3_bytes(data[at : at + 10]):
        nearly = range(
            max(at + 10, at + tag - 10), at + tag
        )  # some programs write a size that is a few bytes too large
        return next((p for p in nearly if (frame := frame_at(data, p)) and followed(data, frame)), at + tag)
    if data[at : at + 3] == b"TAG":
        return at + 128
    if data[at : at + 8] == b"APETAGEX":
        return at + 32 + int.from_bytes(data[at + 12 : at + 16], "little")
    mark = MARKS.search(data, at + 1)
    return len(data) if mark is None else mark.start()


class Layout(NamedTuple):
    """The contents of a file of MPEG audio."""

    sound: list[Frame]  # without those that hold tags
    declared: int | None  # frames of sound according to a Xing or Info tag; None: not declared
    tags: int  # frames that hold such a tag
    missing: int  # bytes missing from the last frame

    @property
    def mixed(self) -> bool:
        """Whether sample rate, version or layer change within the file."""
        return len({frame.kind for frame in self.sound}) > 1


def layout(data: Bytes) -> Layout:
    sound: list[Frame] = []
    declared, tags = None, 0
    for frame in frames(data):
        tag = data[frame.at + frame.tag_at :][:12] if frame.header >> 17 & 3 == LAYER_3 else b""
        if tag[:4] in (b"Xing", b"Info"):
            if not tags and not sound and tag[7] & 1:
                declared = int.from_bytes(tag[8:12], "big")
            tags += 1
        elif data[frame.at + 36 : frame.at + 40] == b"VBRI":
            if not tags and not sound:
                declared = int.from_bytes(data[frame.at + 50 : frame.at + 54], "big")
            tags += 1
        else:
            sound.append(frame)
    missing = max(0, sound[-1].at + sound[-1].length - len(data)) if sound else 0
    return Layout(sound, declared, tags, missing)


def with_header(data: Bytes, found: Layout) -> bytes:
    """The frames of sound after a tag frame that declares their number."""
    header, length = tag_frame(found.sound[0])
    sound = b"".join(data[frame.at : frame.at + frame.length] for frame in found.sound)
    numbers = (3, len(found.sound), len(sound) + length)  # flags: frame and byte counts are present
    tag = b"Xing" + b"".join(number.to_bytes(4, "big") for number in numbers)
    head = header.to_bytes(4, "big").ljust(Frame(0, 0, header).tag_at, b"\0") + tag
    return head.ljust(length, b"\0") + sound


def tag_frame(like: Frame) -> tuple[int, int]:
    """The header and the length of the shortest frame of the same kind that can hold a tag."""
    for bit_rate in range(1, 15):
        header = like.header & 0xFFFF_0DFF | bit_rate << 12 | 0x1_0000  # no padding, no checksum
        frame = frame_at(header.to_bytes(4, "big"), 0)
        if frame is not None and frame.length >= frame.tag_at + 16:
            break
    assert frame is not None
    return header, frame.length
