"""Packages that only some uses need; where one is missing, the error has the command that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wavenetlite.support.errors import MissingPackageError, WavenetliteError


def optional(module: str, extra: str, need: str, error: type[WavenetliteError] = MissingPackageError) -> Any:
    """A module of a package that an extra of wavenetlite installs.

    Parameters
    ----------
    module
        Name of the module, such as "scipy.fft".
    extra
        The extra that brings it; see pyproject.toml. "": it belongs to every installation.
    need
        What needs it, as the subject of a sentence: "a .keras file".
    error
        The error to raise if it is not installed, or cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as problem:
        package = module.partition(".")[0]
        missing = isinstance(problem, ModuleNotFoundError) and str(problem.name).partition(".")[0] == package
        why = "is not installed" if missing else f"cannot be imported: {' '.join(str(problem).split())}"
        install = f"'wavenetlite[{extra}]'" if extra else package
        raise error(f"{need} needs the package {package}, which {why}: pip install {install}") from None
