"""One thread at a time: a second one gets an error, and does not wait."""

from __future__ import annotations

import threading

from wavenetlite.support.errors import StreamStateError


class OneThread:
    """``with guard:`` around what changes a stream or a pool; `what` it is, for the error."""

    __slots__ = ("_lock", "_what")

    def __init__(self, what: str) -> None:
        self._lock = threading.Lock()
        self._what = what

    def __enter__(self) -> None:
        if not self._lock.acquire(False):
            raise StreamStateError(f"{self._what} is in use by another thread; give each thread its own {self._what}")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
