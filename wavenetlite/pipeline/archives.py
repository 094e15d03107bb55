"""Recordings in tar and zip archives: the location and the bytes of each, without unpacking the archive.

An archive may come from anywhere. What unpacks to more than recordings do is refused before it is unpacked, and what is
damaged is one line.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import PurePath
from typing import IO, Any

from wavenetlite.corpora import layouts
from wavenetlite.corpora.trees import MOST_TEXT, OTHER, readable
from wavenetlite.pipeline import parquet
from wavenetlite.pipeline.archive_tree import ArchiveTree, Link, Stored
from wavenetlite.pipeline.entries import Entry, Member
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath, address, place, replacing

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
UNPACKERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""By the first bytes of a file, whatever its ending says."""
FREE, RATIO = 32 << 20, 20
"""Compressed bytes may unpack to `FREE` and `RATIO` times their number: recordings stay far below, and bombs above."""
MOST_HEADER = 1 << 20
"""Bytes of a long name or of extended attributes in a tar."""
MOST_ZEROS = 1 << 12
"""Empty blocks after the end of a tar; more are not searched for further members."""
TEXTS = (".txt", ".cls", ".json", ".label", ".spk")
"""Read while a compressed tar is listed: it can only be read from the start."""
MOST_TEXTS = 32 << 20
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
"""The local file header of a zip archive (APPNOTE 4.3.7): signature, ..., lengths of name and extra field."""
SIGNATURE = b"PK\3\4"
SLACK, MOST_SLACK = 512, 1 << 18
"""Bytes of a local header beside its name: usually, and at most."""
ENCRYPTED, UTF8 = 1, 1 << 11
"""Flags of a member of a zip."""
DAMAGE = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, ValueError,
          ArithmeticError, LookupError, RuntimeError, MemoryError)  # fmt: skip
"""What the readers of the standard library raise on damaged archives."""


def is_archive(path: PurePath | RemotePath) -> bool:
    return path.name.lower().endswith(ENDINGS)


def tree(path: Place) -> ArchiveTree:
    """The files of an archive.

    Raises
    ------
    ParameterError
        It is damaged, or no archive, or unpacks to more than it should.
    """
    try:
        return zip_tree(path) if zipfile_like(path) else tar_tree(path)
    except DAMAGE as error:
        reason = readable(" ".join(str(error)[:200].split()) or type(error).__name__)
        raise ParameterError(f"{readable(str(path))}: not an archive, or damaged: {reason}") from None


def zipfile_like(path: Place) -> bool:
    return path.name.lower().endswith(".zip")


def most_bytes(packed: int) -> int:
    """To how much so many compressed bytes may unpack."""
    return FREE + RATIO * packed


# Zip


def zip_tree(path: Place) -> ArchiveTree:
    made = ArchiveTree(address(path), lambda member: data(address(path), member))
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    refuse_overlaps(members)
    for info in members:
        name = zip_name(info)
        member = Member(
            "zip", name, info.header_offset, info.compress_size, info.compress_type, info.CRC, info.file_size
        )
        mode = info.external_attr >> 16
        if info.is_dir() or name.endswith("/"):
            made.add(name, {})
        elif stat.S_ISLNK(mode):
            made.add(name, Link(made.read(member).decode("utf-8", "surrogateescape")))
        elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
            made.add(name, Stored(member, info.file_size, info.CRC))
        else:
            made.add(name, OTHER)
    return made


def refuse_overlaps(members: Sequence[zipfile.ZipInfo]) -> None:
    """Bytes that several members share unpack to far more than they are."""
    end = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ValueError("its members overlap")
        end = info.header_offset + LOCAL_HEADER.size + info.compress_size


def zip_name(info: zipfile.ZipInfo) -> str:
    """Some programs write UTF-8 without saying so, or the separators of Windows."""
    name = info.filename
    if not info.flag_bits & UTF8:
        with suppress(UnicodeError):  # else it is in the old code page of DOS
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


# Tar


class Header(tarfile.TarInfo):
    """A header that is checked before anything is read by it."""

    zeros = 0  # empty blocks since the last header: two are the end of a tar
    most = 0  # bytes of the whole tar
    checked = False  # whether tarfile has read a header in the way below

    @classmethod
    def read(cls, buf: bytes | bytearray, *arguments: Any, **options: Any) -> Any:
        cls.checked = True
        try:
            info = getattr(super(), FROM_BUFFER)(buf, *arguments, **options)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                cls.zeros += 1
                if cls.zeros > MOST_ZEROS:
                    raise EndOfTarError from None
                raise
            if not buf:
                raise
            raise ValueError(f"a header cannot be read ({error})") from None
        cls.zeros = 0
        if info.type in HEADER_TYPES and info.size > MOST_HEADER:
            raise ValueError(f"a name or attributes of {info.size:,} bytes; at most {MOST_HEADER:,} are read")
        cls.check_size(info)
        return info

    @classmethod
    def check_size(cls, info: tarfile.TarInfo) -> None:
        if not 0 <= info.size <= cls.most:
            raise ValueError(f"{readable(info.name)}: would have {info.size:,} bytes, the archive at most {cls.most:,}")


FROM_BUFFER = "_frombuf" if hasattr(tarfile.TarInfo, "_frombuf") else "frombuf"
"""What tarfile reads every header with: from Python 3.14.8 on no longer with what it documents."""
setattr(Header, FROM_BUFFER, vars(Header)["read"])

HEADER_TYPES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class EndOfTarError(Exception):
    """Nothing but zeros has come for long."""


class Unpacking:
    """A compressed file, unpacked up to a limit."""

    def __init__(self, file: Any, most: int) -> None:
        self.file, self.most, self.done = file, most, 0

    def read(self, size: int) -> bytes:
        block: bytes = self.file.read(size)
        self.done += len(block)
        if self.done > self.most:
            raise ValueError(f"unpacks to more than {self.most:,} bytes, far more than recordings do; unpack it first")
        return block


@contextmanager
def opened_tar(path: Place) -> Iterator[tuple[str, Any, int]]:
    """The kind of a tar, "tar" or "packed", its unpacked bytes, and how many they can be."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(6)
        file.seek(0)
        for magic, unpacker in UNPACKERS.items():
            if head.startswith(magic):
                with unpacker(file) as unpacked:
                    yield "packed", Unpacking(unpacked, most_bytes(size)), most_bytes(size)
                return
        yield "tar", file, size


def members(path: Place, problems: list[tuple[str, str]]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
    """Every member of a tar, of several tars one after the other too, and the tar's kind."""
    header: Any = type("Header", (Header,), {})  # one for each archive: it counts
    last = -1
    with opened_tar(path) as (kind, file, header.most):
        mode: Any = "r:" if kind == "tar" else "r|"
        try:
            with tarfile.open(fileobj=file, mode=mode, tarinfo=header, ignore_zeros=True) as archive:
                for info in archive:
                    if not header.checked:
                        raise ValueError("this version of Python reads headers of tars in a way that is not checked")
                    header.check_size(info)  # that of extended attributes is another
                    if info.offset <= last:
                        raise ValueError(f"{readable(info.name)}: comes before its predecessor")
                    last = info.offset
                    yield archive, info, kind
                    archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every member
        except EndOfTarError:
            pass
    if not header.zeros:
        problems.append(("", "has no end mark: it may be cut"))


def tar_tree(path: Place) -> ArchiveTree:
    texts: dict[Member, bytes] = {}
    where = address(path)
    made = ArchiveTree(where, lambda member: texts[member] if member in texts else data(where, member))
    room = MOST_TEXTS
    for archive, info, kind in members(path, made.problems):
        if info.isdir():
            made.add(info.name, {})
        elif info.issym():
            made.add(info.name, Link(info.linkname))
        elif info.islnk():
            made.add_hard_link(info.name, info.linkname)
        elif info.issparse():
            made.add(info.name, "stored sparse (tar --sparse), which cannot be read")
        elif info.isreg():
            member = Member(kind, info.name, info.offset_data, info.size)
            made.add(info.name, Stored(member, info.size, int(info.mtime)))
            if kind == "packed" and info.name.lower().endswith(TEXTS) and info.size <= MOST_TEXT:
                room -= info.size
                if room < 0:
                    raise ValueError(f"it has more than {MOST_TEXTS:,} bytes of text files; unpack it first")
                texts[member] = contents(archive, info)
        else:
            made.add(info.name, OTHER)
    return made


def contents(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    assert file is not None
    return file.read()


# Bytes


def data(path: str, member: Member) -> bytes:
    """The bytes of a file in an archive.

    Raises
    ------
    OSError, ValueError
        The archive is damaged, or has changed.
    """
    if member.kind == parquet.KIND:
        return parquet.data(path, member)
    where = place(path)
    if isinstance(where, RemotePath):
        found = None
        for slack in (SLACK, MOST_SLACK):
            found = found or from_part(where.part(*(extent(member, slack) or (0, 0))), member)
    else:
        with open(path, "rb") as file:  # noqa: PTH123
            file.seek(member.offset)
            found = unpacked(stored_bytes(file, member, os.fstat(file.fileno()).st_size), member)
    if found is None:
        raise ValueError("the archive is truncated")
    return found


def extent(member: Member, slack: int = SLACK) -> tuple[int, int] | None:
    """Where in its archive the bytes of a member begin and end, about; None: not in one piece."""
    if member.kind == parquet.KIND:
        return None
    more = len(member.name) + slack if member.kind == "zip" else 0
    return member.offset, member.offset + member.size + more


def from_part(part: bytes, member: Member) -> bytes | None:
    """A member of the part of its archive that `extent` says; None: it has more. Raises as `data`."""
    return unpacked(stored_bytes(BytesIO(part), member, len(part)), member)


def unpacked(stored: bytes | None, member: Member) -> bytes | None:
    return decompress(stored, member) if member.kind == "zip" and stored is not None else stored


def stored_bytes(file: IO[bytes], member: Member, whole: int) -> bytes | None:
    """The bytes of a member as they are stored, from a file of `whole` bytes, which is at them; None: too few."""
    if member.kind == "zip":
        header = file.read(LOCAL_HEADER.size)
        fields = LOCAL_HEADER.unpack(header) if len(header) == LOCAL_HEADER.size else ()
        if not fields or fields[0] != SIGNATURE:
            raise ValueError("the archive is damaged")
        if fields[2] & ENCRYPTED:
            raise ValueError("it is encrypted")
        file.seek(fields[9] + fields[10], 1)
    if file.tell() + member.size > whole:
        return None
    return file.read(member.size)


def decompress(found: bytes, member: Member) -> bytes:
    if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its compression, method {member.method}, is not stored or deflated")
    if member.unpacked > most_bytes(len(found)):
        raise ValueError(f"{len(found):,} bytes would unpack to {member.unpacked:,}, far more than a recording does")
    try:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        stored = member.method == zipfile.ZIP_STORED
        whole = found if stored else unpacker.decompress(found, member.unpacked + 1)
    except zlib.error as error:
        raise ValueError(f"the archive is damaged: {error}") from None
    if len(whole) != member.unpacked or zlib.crc32(whole) != member.crc:
        raise ValueError("the archive is damaged: wrong size or checksum")
    return whole


def first(path: str, most: int) -> Iterator[bytes]:
    """The bytes of the first `most` recordings in a tar."""
    for archive, info, _ in members(place(path), []):
        if info.isreg() and layouts.is_audio(info.name.rpartition("/")[2]):
            yield contents(archive, info)
            most -= 1
        if not most:
            return


def packed(entries: Iterable[Entry]) -> dict[str, None]:
    """The paths of the archives that are compressed as a whole, in order."""
    return dict.fromkeys(entry.path for entry in entries if entry.member is not None and entry.member.kind == "packed")


def unpack(path: str, target: Place) -> None:
    """Decompress a tar, so that every member can be read directly."""
    with opened_tar(place(path)) as (_, plain, _), replacing(target) as file:
        shutil.copyfileobj(plain, file, 1 << 20)
