"""Opening a model's file: whatever is wrong with it is reported in one line that names it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wavenetlite import models
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError, WavenetliteError

MOST_MESSAGE = 240
"""Characters of a message: what it quotes from a file may be of any length."""


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """The file, or that of the bundled model of that name, and its size."""
    path = found(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening a pipe would wait for its other end
            raise ModelFileError("not a file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except ModelFileError as error:
        raise ModelFileError(one_line(path, str(error))) from error.__cause__
    except WavenetliteError:  # of the caller's options, not of the file
        raise
    except FileNotFoundError:
        raise ModelFileError(one_line(path, "there is no such file")) from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ModelFileError(one_line(path, f"cannot be read: {error}")) from None


def found(path: str | os.PathLike[str]) -> Path:
    """`path`, or the file of the bundled model of that name."""
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
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
    """What is wrong with a file. What is quoted from it may be long, and have line ends and control characters."""
    half = MOST_MESSAGE // 2
    short = message if len(message) <= MOST_MESSAGE else f"{message[:half]} ... {message[-half:]}"
    return "".join(character if character.isprintable() else "?" for character in f"{path}: {short}")
