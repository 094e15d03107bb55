"""Packages that only some uses need; where one is missing, the error has the command that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wavenetlite.support.errors import MissingPackageError


def optional(module: str, extra: str, need: str) -> Any:
    """A module of a package that an extra of wavenetlite installs.

    Parameters
    ----------
    module
        Name of the module, such as "scipy.fft".
    extra
        The extra that brings it; see pyproject.toml.
    need
        What needs it, as the subject of a sentence: "a .keras file".

    Raises
    ------
    MissingPackageError
        It is not installed, or cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        missing = isinstance(error, ModuleNotFoundError) and error.name == package
        why = "is not installed" if missing else f"cannot be imported: {' '.join(str(error).split())}"
        raise MissingPackageError(
            f"{need} needs the package {package}, which {why}: pip install 'wavenetlite[{extra}]'", name=package
        ) from None
