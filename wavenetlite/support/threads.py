"""Work in threads that ends soon after its owner is interrupted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")

AHEAD = 4
"""Groups of work per thread that are begun before their results are wanted."""

here = threading.local()


class StoppedError(Exception):
    """Nobody wants the result of this thread any more."""


def belong_to(stop: threading.Event) -> None:
    """Let the work of this thread end when `stop` is set."""
    here.stop = stop


def check_stopped() -> None:
    """Raise in a thread whose owner was interrupted: long work calls this between its pieces."""
    stop = getattr(here, "stop", None)
    if stop is not None and stop.is_set():
        raise StoppedError


def in_threads(
    make: Callable[[Key], Made], keys: Sequence[Key], threads: int, *, together: int = 1, name: str = ""
) -> Iterator[Made]:
    """``make(key)`` for each key in turn, computed in threads, `together` keys at a time and only a little ahead.

    Interrupted, or closed, it drops what has not begun, and waits only for the next `check_stopped` of what has.
    """
    stop = threading.Event()

    def group(some: Sequence[Key]) -> list[Made]:
        made = []
        for key in some:
            check_stopped()
            made.append(make(key))
        return made

    groups = (keys[first : first + together] for first in range(0, len(keys), together))
    waiting = deque[Future[list[Made]]]()
    pool = ThreadPoolExecutor(threads, name, belong_to, (stop,))
    try:
        for some in groups:
            waiting.append(pool.submit(group, some))
            if len(waiting) >= AHEAD * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
