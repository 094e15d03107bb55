"""A bound on the work of building a network from a file, which may ask for any amount in a few bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from wavenetlite.support.errors import ParameterError

MOST_PIECES = 2**19
"""Phases and links of all layers, each time that one is built: far more than any useful network has."""

_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def bounded() -> Iterator[None]:
    """Within it, networks with too many phases and links are refused; without it, their size is the caller's affair."""
    token = _left.set([MOST_PIECES])
    try:
        yield
    finally:
        _left.reset(token)


def spend(pieces: int) -> None:
    """Count phases and links that are about to be made."""
    left = _left.get()
    if left is None:
        return
    left[0] -= pieces
    if left[0] < 0:
        raise ParameterError(f"its layers have more than {MOST_PIECES} phases and links of upsampling and over bins")
