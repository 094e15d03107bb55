"""Atomic writing of files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once everything has been written to disk."""
    with replacing_path(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())  # the bytes before the name: a power cut leaves the old file or the new one


@contextmanager
def replacing_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of a temporary file that finally replaces `path`.

    Until then, and on failure, an existing file is left unchanged.
    """
    target = Path(path).resolve()  # a symbolic link is kept
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"  # in this folder: renaming stays on one disk
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
