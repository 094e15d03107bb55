"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes its name, and the place of an older file, when all has been written to the disk."""
    with replacing_path(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())  # the bytes before the name: a power cut leaves the old file or the new one


@contextmanager
def replacing_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of a file to be made, which takes the name `path` in the end.

    Until then, and if anything fails, an older file of that name stays as it was.
    """
    target = Path(path).resolve()  # a link goes on to lead to the file
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"  # in that folder: a rename stays within one disk
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
