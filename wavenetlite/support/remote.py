"""Files of object stores and servers, through fsspec: as much of a `pathlib.Path` as a corpus and a feature set need.

An object is written elsewhere first and sent when it is complete: it is there whole, or not at all. Whatever a store
raises becomes an OSError in one line, in which there is nothing of an account.
"""

from __future__ import annotations

import errno
import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, BinaryIO, NamedTuple

from wavenetlite.support import atomic_files
from wavenetlite.support.errors import MissingPackageError, ParameterError, WavenetliteError
from wavenetlite.support.optional import optional
from wavenetlite.support.urls import is_url, join_url, name_of, parent_url, path_of, protocol, shown, without

WHOLE_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "memory"})
"""Stores in which an object appears when all of it has come; elsewhere a file gets its name afterwards."""
READ_ONLY = frozenset({"http", "https", "zip", "tar", "data", "github", "git", "reference"})
MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "crc32c",
    "mtime",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "updated",
    "created",
)
"""What stores say of an object that changes with its content."""
IN_MEMORY = 1 << 24
"""Bytes of an object that is written; more wait on disk."""
BLOCK = 4 << 20
"""Bytes that are fetched at once of a file that is read in parts."""
CHANGED_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
KEPT_WHOLE = 2
"""Archives that are kept in memory, of servers that do not give parts of files."""
IN_PARTS_NEVER: set[str] = set()
"""URLs of such archives, which are not asked for parts again."""


class Status(NamedTuple):
    """As of `os.stat`; `st_mtime_ns` is a number that changes with the content, not a time."""

    st_size: int
    st_mtime_ns: int


@contextmanager
def told(url: str) -> Iterator[None]:
    """What stores raise, as an OSError that says nothing of an account."""
    try:
        yield
    except WavenetliteError:
        raise
    except FileNotFoundError as error:
        cause = error.__cause__ if is_http(url) else None  # the server does not answer, or does not want to
        if cause is not None and getattr(cause, "status", 0) not in (404, 410):
            raise OSError(errno.EIO, reason(cause, url), shown(url)) from None
        raise FileNotFoundError(errno.ENOENT, "there is no such file", shown(url)) from None
    except PermissionError as error:
        raise PermissionError(errno.EACCES, reason(error, url), shown(url)) from None
    except ImportError as error:
        text = f"{shown(url)} needs a package that is not installed: {reason(error, url)}"
        remedy = ": pip install 'wavenetlite[remote]'" if protocol(url) in ("http", "https", "s3", "s3a") else ""
        raise MissingPackageError(text + remedy) from None
    except Exception as error:
        raise OSError(errno.EIO, reason(error, url), shown(url)) from None


def is_http(url: str) -> bool:
    return protocol(url) in ("http", "https")


def reason(error: BaseException, url: str) -> str:
    return without(" ".join(str(error).split()), url)[:300] or type(error).__name__


class RemotePath:
    """A file or folder by its URL. As text it is without what the URL says of an account.

    Attributes
    ----------
    url
        In full: by it the file is opened, and for nothing else.
    """

    __slots__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return shown(self.url)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __hash__(self) -> int:
        return hash(self.url)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self.url == other.url

    def __lt__(self, other: RemotePath) -> bool:
        return self.url < other.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(join_url(self.url, name))

    @property
    def name(self) -> str:
        return name_of(self.url)

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        return RemotePath(parent_url(self.url))

    # What is there

    def connect(self, *, anew: bool = False) -> tuple[Any, str]:
        """The file system, and the path in it; `anew`: what it remembers of other files may have changed."""
        fsspec = optional("fsspec", "remote", str(self))
        try:
            store, path = fsspec.core.url_to_fs(self.url)
        except ValueError as error:
            raise ParameterError(f"{self}: {reason(error, self.url)}") from None
        if anew:
            store.invalidate_cache()
        return store, path

    def stat(self) -> Status:
        with told(self.url):
            store, path = self.connect(anew=True)
            return status(store.info(path))

    def exists(self) -> bool:
        with told(self.url):
            store, path = self.connect(anew=True)
            return bool(store.exists(path))

    def is_dir(self) -> bool:
        with told(self.url):
            store, path = self.connect(anew=True)
            below = path_of(self.url).partition("/")[2]
            if is_http(self.url) and "." in PurePosixPath(below).name:
                return False  # a server gives a page for either
            return bool(store.isdir(path))

    def is_file(self) -> bool:
        with told(self.url):
            store, path = self.connect(anew=True)
            return bool(store.isfile(path))

    def listing(self) -> list[tuple[str, bool, Status]]:
        """What a folder holds: name, whether it is a folder, status."""
        with told(self.url):
            store, path = self.connect(anew=True)
            top = PurePosixPath(store._strip_protocol(path)).parts
            found = {}
            for info in store.ls(path, detail=True):
                below = PurePosixPath(store._strip_protocol(info["name"])).parts[len(top) :]
                if len(below) == 1:  # the folder itself may be an object
                    found[below[0].partition("?")[0]] = (info["type"] == "directory", status(info))
        return [(name, *found[name]) for name in sorted(found)]

    def iterdir(self) -> Iterator[RemotePath]:
        try:
            names = [name for name, _, _ in self.listing()]
        except FileNotFoundError:
            return  # a store has no empty folders
        yield from (self / name for name in names)

    def glob(self, pattern: str) -> Iterator[RemotePath]:
        """The files of this folder whose names match."""
        return (path for path in self.iterdir() if fnmatchcase(path.name, pattern))

    # Reading

    def read_bytes(self) -> bytes:
        with told(self.url):
            store, path = self.connect()
            return bytes(store.cat_file(path))

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def part(self, start: int, end: int) -> bytes:
        """Bytes from `start` up to `end`, or up to the end of the file."""
        with told(self.url):
            store, path = self.connect()
            if not is_http(self.url):
                return bytes(store.cat_file(path, start=start, end=end))
            status = self.stat()
            if self.url not in IN_PARTS_NEVER:
                with suppress(ValueError):  # the server gives whole files only, and says so; others do so in silence
                    found = bytes(store.cat_file(path, start=start, end=end))
                    if len(found) == min(end, status.st_size) - start:
                        return found
                IN_PARTS_NEVER.add(self.url)
            return whole(self, status)[start:end]

    def open(self, mode: str = "r", encoding: str | None = None, newline: str | None = None) -> Any:
        """For reading; parts of a large file are fetched as they are read."""
        if "b" not in mode:
            return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding=encoding or "utf-8", newline=newline)
        if is_http(self.url):  # which may not give parts of a file
            file: IO[Any] = tempfile.TemporaryFile()  # noqa: SIM115
            self.fetch(file)
            return file
        with told(self.url):
            store, path = self.connect()
            return store.open(path, "rb", block_size=BLOCK)

    def fetch(self, file: IO[Any]) -> None:
        """Copy the content into an open file, which is then at its beginning."""
        with told(self.url):
            store, path = self.connect()
            with store.open(path, "rb", **({"block_size": 0} if path.startswith("http") else {})) as source:
                shutil.copyfileobj(source, file, 1 << 20)
        file.seek(0)

    # Writing

    def mkdir(self, **_: Any) -> None:
        """Nothing: folders come with their files."""

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            with told(self.url):
                store, path = self.connect(anew=True)
                store.rm_file(path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    @contextmanager
    def replacing(self) -> Iterator[BinaryIO]:
        """As `wavenetlite.support.atomic_files.replacing`."""
        with RemoteFile() as new:
            yield new.file
            new.publish(self)

    def send(self, file: BinaryIO) -> None:
        """Make this the content of an open file, in one step."""
        file.seek(0, io.SEEK_END)
        size = file.tell()
        file.seek(0)
        with told(self.url):
            store, path = self.connect()
            if protocol(self.url) in WHOLE_OBJECTS and size <= IN_MEMORY:
                store.pipe_file(path, file.read())
                return
            there = path if protocol(self.url) in WHOLE_OBJECTS else f"{path}.tmp"
            if there != path:
                store.makedirs(store._parent(path), exist_ok=True)
            with store.open(there, "wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
            if there != path:
                store.mv(there, path)


class Part(NamedTuple):
    """Bytes of a file from `start` up to `end`; None: from its beginning, to its end."""

    path: RemotePath
    start: int | None = None
    end: int | None = None


def read_parts(parts: Sequence[Part]) -> list[bytes]:
    """Several parts of files, fetched together; b"" in place of one that cannot be read."""
    found = [b""] * len(parts)
    by_store: dict[int, tuple[Any, list[tuple[int, str]]]] = {}
    for number, part in enumerate(parts):
        store, path = part.path.connect()
        by_store.setdefault(id(store), (store, []))[1].append((number, path))
    for store, wanted in by_store.values():
        starts, ends = ([getattr(parts[number], name) for number, _ in wanted] for name in ("start", "end"))
        answers = store.cat_ranges([path for _, path in wanted], starts, ends, on_error="return")
        for (number, _), answer in zip(wanted, answers, strict=True):
            found[number] = answer if isinstance(answer, bytes) else b""
    return found


@lru_cache(KEPT_WHOLE)
def whole(path: RemotePath, status: Status) -> bytes:
    """All of a file; `status` changes with it."""
    return path.read_bytes()


def status(info: dict[str, Any]) -> Status:
    """Of what a store says of an object. Without a mark it may be another one at any time."""
    mark = next((str(info[name]) for name in MARKS if info.get(name)), "")
    number = int.from_bytes(blake2b(mark.encode(), digest_size=7).digest()) if mark else time.time_ns()
    size = info.get("size")
    return Status(-1 if size is None else int(size), number)


class RemoteFile:
    """A file that is sent when it is complete; as `wavenetlite.support.atomic_files.NewFile`."""

    def __init__(self) -> None:
        self.file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def publish(self, target: RemotePath) -> None:
        target.send(self.file)


Place = Path | RemotePath
"""Of a file or folder, here or elsewhere."""


def place(text: Any) -> Place:
    """The place of a path or a URL."""
    if isinstance(text, RemotePath):
        return text
    if isinstance(text, PurePath) and text.parts and CHANGED_URL.fullmatch(text.parts[0]):
        raise ParameterError(f"{text} was a URL before pathlib took a slash out of it; URLs must be strings")
    if not (isinstance(text, str) and is_url(text)):
        return Path(text)
    if text.lower().startswith("file://"):
        return Path(text[len("file://") :])
    return RemotePath(text)


def address(path: Place) -> str:
    """What `place` makes the same place of: in full, not for the eyes of others."""
    return path.url if isinstance(path, RemotePath) else str(path)


@contextmanager
def replacing(path: Place) -> Iterator[BinaryIO]:
    """As `wavenetlite.support.atomic_files.replacing`, here or elsewhere."""
    with path.replacing() if isinstance(path, RemotePath) else atomic_files.replacing(path) as file:
        yield file


def new_file(folder: Place) -> atomic_files.NewFile | RemoteFile:
    """A file in a folder that gets its name when it is complete."""
    return RemoteFile() if isinstance(folder, RemotePath) else atomic_files.NewFile(folder)


def check_writable(path: Place, name: str) -> None:
    """Raise ParameterError if nothing can ever be written there."""
    if isinstance(path, RemotePath) and protocol(path.url) in READ_ONLY:
        raise ParameterError(
            f"{name}={str(path)!r}: {protocol(path.url)} cannot be written to; choose a folder, or a store such as s3://"
        )
