"""Functions of modules that a command imports when it calls them: few of its calls do."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def later(module: str, name: str) -> Callable[..., Any]:
    """A function that is looked up when it is called.

    Examples
    --------
    >>> from wavenetlite.commands.later import later
    >>> later("os.path", "basename")("folder/file.wav")
    'file.wav'
    """

    def call(*args: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*args, **options)

    call.__name__ = name
    return call
