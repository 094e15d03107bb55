"""A non-blocking lock: a second thread gets an error instead of waiting."""

from __future__ import annotations

import threading

from wavenetlite.support.errors import StreamStateError


class OneThread:
    """Context manager that guards a stream or a pool; `what` names it in the error."""

    __slots__ = ("_lock", "_what")

    def __init__(self, what: str) -> None:
        self._lock = threading.Lock()
        self._what = what

    def __enter__(self) -> None:
        if not self._lock.acquire(False):
            raise StreamStateError(f"{self._what} is in use by another thread; give each thread its own {self._what}")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
