"""Opening model files: every error is one line that names the file."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wavenetlite import models
from wavenetlite.storage.hub_file import SCHEME, hub_file
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError, WavenetliteError

MOST_MESSAGE = 240
"""Characters of a message, which may quote long parts of a file."""


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """The file, or that of the bundled model of this name, and its size."""
    path = found(path)
    with named_errors(path):
        if not stat.S_ISREG(path.stat().st_mode):  # first, as opening a pipe would block
            raise ModelFileError("not a file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether it is a folder here, not the name of a bundled model or an address."""
    return isinstance(path, str | os.PathLike) and Path(path).is_dir()


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Make each error one line that names the file or folder."""
    try:
        yield
    except ModelFileError as error:
        named = str(error).startswith(f"{path}: ")  # where a file was opened twice
        raise ModelFileError(str(error) if named else one_line(path, str(error))) from error.__cause__
    except WavenetliteError:  # concerns the caller's options, not the file
        raise
    except FileNotFoundError:
        raise ModelFileError(one_line(path, "there is no such file")) from None
    except (OSError, ValueError) as error:  # ValueError: an impossible file name
        raise ModelFileError(one_line(path, f"cannot be read: {error}")) from None


def found(path: str | os.PathLike[str]) -> Path:
    """`path`, or the file of the bundled model of this name, or of a ``hf://`` address."""
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    if isinstance(path, str) and path.startswith(SCHEME):
        return hub_file(path)
    if not isinstance(path, str) or not re.fullmatch(r"[\w-]+", path, re.ASCII) or Path(path).exists():
        return Path(path)
    try:
        return models.path(path)
    except ParameterError:
        bundled = ", ".join(models.names()) or "none"
        raise ModelFileError(
            one_line(Path(path), f"there is no such file, nor a bundled model of that name; bundled: {bundled}")
        ) from None


def one_line(path: Path, message: str) -> str:
    """A message about a file, in which quoted text is shortened and control characters are replaced."""
    half = MOST_MESSAGE // 2
    short = message if len(message) <= MOST_MESSAGE else f"{message[:half]} ... {message[-half:]}"
    return "".join(character if character.isprintable() else "?" for character in f"{path}: {short}")
