"""Recordings in tar and zip archives: the location and the bytes of each, without unpacking the archive."""

from __future__ import annotations

import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from wavenetlite.corpora import layouts
from wavenetlite.corpora.layouts import readable
from wavenetlite.pipeline.entries import Entry, Listing, Member
from wavenetlite.support.errors import ParameterError

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
"""The local file header of a zip archive (APPNOTE 4.3.7): signature, ..., lengths of name and extra field."""
SIGNATURE = b"PK\3\4"


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ENDINGS)


def read(path: Path) -> Listing:
    """The entries of an archive; label, speaker and split come from the names and the two lists, as in folders."""
    try:
        if path.name.lower().endswith(".zip"):
            found, lists = zip_members(path)
        else:
            found, lists = tar_members(path)
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ParameterError(f"{readable(str(path))}: not an archive, or damaged: {reason}") from None
    part_of = parts(lists)
    return Listing("archive", [entry(path, member, size, mark, part_of) for member, size, mark in found])


Found = list[tuple[Member, int, int]]
"""Members, their unpacked sizes, and a number that changes with their content."""


def zip_members(path: Path) -> tuple[Found, dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        found, lists = [], {}
        for info in archive.infolist():
            base = PurePosixPath(info.filename).name
            if base in layouts.LISTS.values():
                lists[base] = archive.read(info).decode("utf-8-sig")
            elif not info.is_dir() and layouts.is_audio(base):
                member = Member(
                    "zip", info.filename, info.header_offset, info.compress_size, info.compress_type, info.CRC
                )
                found.append((member, info.file_size, info.CRC))
        return found, lists


def tar_members(path: Path) -> tuple[Found, dict[str, str]]:
    kind = "tar" if path.name.lower().endswith(".tar") else "packed"
    with tarfile.open(path) as archive:
        found, lists = [], {}
        for info in archive:
            base = PurePosixPath(info.name).name
            if info.isreg() and base in layouts.LISTS.values():
                inner = archive.extractfile(info)
                assert inner is not None
                lists[base] = inner.read().decode("utf-8-sig")
            elif info.isreg() and layouts.is_audio(base):
                name = info.name.removeprefix("./")
                found.append((Member(kind, name, info.offset_data, info.size), info.size, int(info.mtime)))
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every member
        return found, lists


def entry(path: Path, member: Member, size: int, mark: int, part_of: Mapping[str, str]) -> Entry:
    """Labelled by its folder, or by its name in the layout of FSDD."""
    place = PurePosixPath(member.name)
    label = layouts.composed(place.parent.name)
    speaker = layouts.speaker_of(member.name, label)
    split = part_of.get(layouts.stem("/".join(place.parts[-2:])), "train" if part_of else "")
    match = layouts.RECORDING.match(layouts.composed(place.stem))
    if match and match[1].isdecimal() and label in ("", "recordings"):
        label, speaker, split = match[1], match[2], "test" if int(match[3]) < 5 else "train"
    folders = [layouts.PARTS[part.lower()] for part in place.parts[:-2] if part.lower() in layouts.PARTS]
    if folders:
        split = folders[0]
    return Entry(member.name, str(path), member.name, label, speaker, split, size=size, mtime_ns=mark, member=member)


def parts(lists: Mapping[str, str]) -> dict[str, str]:
    """LABEL/NAME without ending -> "valid" or "test", by the two lists of Speech Commands."""
    return {
        layouts.stem(layouts.composed(line.strip())): part
        for part, name in layouts.LISTS.items()
        for line in lists.get(name, "").splitlines()
        if line.strip()
    }


# Bytes


def data(path: str, member: Member) -> bytes:
    """The bytes of a file in an archive.

    Raises
    ------
    OSError, ValueError
        The archive is damaged, or has changed.
    """
    with open(path, "rb") as file:  # noqa: PTH123
        file.seek(member.offset)
        if member.kind == "zip":
            header = file.read(LOCAL_HEADER.size)
            fields = LOCAL_HEADER.unpack(header) if len(header) == LOCAL_HEADER.size else ()
            if not fields or fields[0] != SIGNATURE:
                raise ValueError("the archive is damaged")
            if fields[2] & 1:
                raise ValueError("it is encrypted")
            file.seek(fields[9] + fields[10], 1)
        found = file.read(member.size)
    if len(found) < member.size:
        raise ValueError("the archive is truncated")
    return decompress(found, member) if member.kind == "zip" else found


def decompress(found: bytes, member: Member) -> bytes:
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its compression, method {member.method}, is not stored or deflated")
    try:
        whole = found if member.method == zipfile.ZIP_STORED else zlib.decompress(found, -zlib.MAX_WBITS)
    except zlib.error as error:
        raise ValueError(f"the archive is damaged: {error}") from None
    if zlib.crc32(whole) != member.crc:
        raise ValueError("the archive is damaged: wrong checksum")
    return whole


def first(path: str, most: int) -> Iterator[bytes]:
    """The bytes of the first `most` recordings in a tar."""
    with tarfile.open(path) as archive:
        for info in archive:
            if most and info.isreg() and layouts.is_audio(PurePosixPath(info.name).name):
                inner = archive.extractfile(info)
                assert inner is not None
                yield inner.read()
                most -= 1
            if not most:
                return


def packed(entries: Sequence[Entry]) -> dict[str, None]:
    """The paths of the archives that are compressed as a whole, in order."""
    return dict.fromkeys(entry.path for entry in entries if entry.member is not None and entry.member.kind == "packed")


def unpack(path: str, target: Path) -> None:
    """Decompress a tar, so that every member can be read directly."""
    with tarfile.open(path) as archive, target.open("wb") as file:
        plain: Any = archive.fileobj
        plain.seek(0)
        shutil.copyfileobj(plain, file, 1 << 20)
