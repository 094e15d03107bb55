"""Bundled models: files of this folder, which ``wavenetlite.load`` finds by their names."""

from __future__ import annotations

from pathlib import Path

from wavenetlite.support.errors import ParameterError

FOLDER = Path(__file__).parent
SUFFIX = ".safetensors"


def names() -> list[str]:
    """Names of the bundled models, in order."""
    return sorted(file.stem for file in FOLDER.glob(f"*{SUFFIX}"))


def path(name: str) -> Path:
    """The file of a bundled model.

    Raises
    ------
    ParameterError
        There is no bundled model of that name.
    """
    if name not in names():
        raise ParameterError(f"name={name!r} must be one of the bundled models: {', '.join(names()) or '(none)'}")
    return FOLDER / f"{name}{SUFFIX}"
