"""The bytes that libsndfile reads: a file's own, or the same behind a corrected header."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET, BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Union

from wavenetlite.support.errors import ArrayTypeError, WavenetliteError

PathLike = str | os.PathLike[str]
Readable = Union[str, os.PathLike[str], "Encoded"]


class AudioFileError(WavenetliteError, ValueError):
    """A file is missing, not audio, truncated, or not as requested; the message names it.

    Attributes
    ----------
    kind
        The reason as one word, for programs: "unreadable", "empty", "truncated", "rate", "channels", "nonfinite".
    """

    def __init__(self, message: str, kind: str = "unreadable") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.kind)


ZERO_OFFER = " (or pass on_nonfinite='zero')"
"""What the reader of one file can do about values that are not finite; readers of many files have no such option."""


def reason(error: WavenetliteError, *names: Readable) -> str:
    """What is wrong with one file of many, without its name in front, or the offer that only `read` has."""
    text = str(error).removesuffix(ZERO_OFFER)
    for name in names:
        text = text.removeprefix(f"{shown(name)}: ")
    return text


@dataclass(frozen=True)
class Encoded:
    """An audio file in memory, accepted wherever a path is.

    Attributes
    ----------
    name
        Its name in messages.
    data
        The bytes of the file.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from pathlib import Path
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.wav")
    ...     audio.write(path, np.zeros(8000, np.float32), 16000)
    ...     encoded = audio.Encoded("a.wav", path.read_bytes())
    >>> audio.read(encoded)[0].shape
    (8000,)
    """

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


class Spliced(RawIOBase):
    """A file whose first bytes are replaced: `head`, then `file` from `skip` on, up to `end`."""

    def __init__(self, file: BinaryIO, head: bytes, skip: int, end: int) -> None:
        self.file, self.head, self.skip = file, head, skip
        self.size = len(head) + end - skip
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self.at = max(0, offset + {SEEK_SET: 0, SEEK_CUR: self.at, SEEK_END: self.size}[whence])
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self.size - self.at))
        piece = self.head[self.at : self.at + wanted]
        if not piece and wanted:
            self.file.seek(self.skip + self.at - len(self.head))
            piece = self.file.read(wanted)
        buffer[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)


def shown(path: Any) -> str:
    """A path for messages, on one line; bytes that are not UTF-8 appear as ``\\xe9``."""
    text = os.fsencode(str(path)).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def checked_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    return Path(path)


def name_of(path: Readable) -> str | Encoded:
    return path if isinstance(path, str | Encoded) else os.fspath(checked_path(path))


def bytes_in(path: str | Encoded) -> int:
    """Size of a file; raises AudioFileError if it is not a regular file."""
    if isinstance(path, Encoded):
        return len(path.data)
    try:
        found = os.stat(path)  # noqa: PTH116  (Path would take as long as opening the file)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        reason = "not a file" if Path(path).exists() else "there is no such file"
    else:
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        reason = "not a file"
    raise AudioFileError(f"{shown(path)}: {reason}")


@contextmanager
def bytes_of(path: str | Encoded) -> Iterator[BinaryIO]:
    """A binary file object, on disk or in memory."""
    with BytesIO(path.data) if isinstance(path, Encoded) else open(os.fsencode(path), "rb") as file:  # noqa: PTH123
        yield file
