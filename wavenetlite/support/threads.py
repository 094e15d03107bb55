"""Work in threads that ends soon after its owner is interrupted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeVar

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


class Result(Generic[Made]):
    """What work in another thread gives, or raises."""

    def __init__(self, work: Callable[[], Made]) -> None:
        self.work = work
        self.made: list[Made] = []
        self.error: BaseException | None = None
        self.ended = threading.Event()

    def compute(self) -> None:
        try:
            self.made.append(self.work())
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    def wait(self) -> Made:
        self.ended.wait()
        if self.error is not None:
            raise self.error
        return self.made[0]


def serve(calls: SimpleQueue[Result[Made] | None], stop: threading.Event) -> None:
    """Compute results until there is a None."""
    belong_to(stop)
    while (result := calls.get()) is not None:
        result.compute()
        del result  # or its arrays would stay until the next


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
    waiting = deque[Result[list[Made]]]()
    calls: SimpleQueue[Result[list[Made]] | None] = SimpleQueue()
    started: list[threading.Thread] = []
    try:
        for some in groups:
            waiting.append(Result(partial(group, some)))
            calls.put(waiting[-1])
            if len(started) < threads:
                thread = threading.Thread(target=serve, args=(calls, stop), name=f"{name}_{len(started)}", daemon=True)
                started.append(thread)  # before it starts: an interrupt between the two would leave it behind
                thread.start()
            if len(waiting) >= AHEAD * threads:
                yield from waiting.popleft().wait()
        while waiting:
            yield from waiting.popleft().wait()
    finally:
        stop.set()  # what is still in the queue ends when it begins
        for _ in range(threads):
            calls.put(None)
        for thread in started:
            with suppress(RuntimeError):  # interrupted before it had started: if it still does, it ends at the None
                thread.join()
