"""Reading that is bounded in bytes and in time.

Design: a timer for each read takes longer than the read itself when what is read has already come, as an event of a few
kilobytes mostly has. So a read only notes until when it may wait, and one task looks at all connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from time import monotonic

from wavenetlite.serve.limits import RequestError

LOOK_S = 0.25
"""Between two looks for connections that have waited too long."""
BETWEEN_EVENTS_S = 600.0
"""A satellite sends no audio while Home Assistant answers."""


class BoundedReader:
    """A stream of bytes that refuses to read more than `most` at once, or to wait long for the rest of an event."""

    def __init__(self, reader: asyncio.StreamReader, most: int, idle_s: float) -> None:
        self.reader, self.most, self.idle_s = reader, most, idle_s
        self._until = inf

    async def readline(self) -> bytes:
        return await self._read(self.reader.readline(), max(self.idle_s, BETWEEN_EVENTS_S))

    async def readexactly(self, size: int) -> bytes:
        if not 0 <= size <= self.most:
            raise RequestError(413, f"a part of an event has {size} bytes; it must have at most {self.most}")
        return await self._read(self.reader.readexactly(size), self.idle_s)

    async def _read(self, reading: Awaitable[bytes], seconds: float) -> bytes:
        self._until = monotonic() + seconds
        try:
            return await reading
        finally:
            self._until = inf

    def cut(self, now: float) -> None:
        """Let a read that has waited too long raise `TimeoutError`."""
        if now > self._until:
            self.reader.set_exception(TimeoutError())


async def cut_slow(readers: Callable[[], Iterable[BoundedReader]]) -> None:
    """Cut those that have waited too long, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_S)
        now = monotonic()
        for reader in readers():
            reader.cut(now)
