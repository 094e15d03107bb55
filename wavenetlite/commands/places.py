"""Whether what a command will write can be written: asked before its work, which may take minutes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from wavenetlite.commands.options import UsageError
from wavenetlite.support.atomic_files import PathLike, check_target
from wavenetlite.support.errors import ParameterError


def check_file(path: str, inputs: Iterable[PathLike], name: str) -> None:
    """Raise if a file of that name cannot be made, or is one of the inputs."""
    check_target(path, inputs, name)
    folder = Path(path).parent
    if not folder.is_dir():
        reason = f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}"
        raise ParameterError(f"{path}: cannot be written: {reason}")
    check_access(path, folder)


def check_folder(path: str, option: str) -> Path:
    """The folder, which need not exist yet; raise if files cannot be written there."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{option} {path}: not a folder")
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise ParameterError(f"{path}: cannot be written: {there} is not a folder")
    check_access(path, there)
    return folder


def holds(folder: str, out: Path) -> bool:
    """Whether a folder is another one, or has it below it."""
    return Path(folder).resolve() in (out.resolve(), *out.resolve().parents)


def check_access(path: str, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ParameterError(f"{path}: cannot be written: {folder} may not be written by this user, or is read-only")
