"""Where streams are kept between connections and processes: this process's memory, a folder, or Redis.

Whoever opens a stream claims it, which gives a number greater than that of every claim before. A process writes with
the number of its claim, and what an older claim writes is refused: a process that has lost a stream without noticing
cannot overwrite what its successor has saved.

A client that waits in vain for a connection asks for another, and the first may be served last. So clients count their
connections: an attempt is ``NAME.NUMBER``, and one that comes after a later one of the same name claims nothing.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple, Protocol

from wavenetlite.support.errors import WavenetliteError

ATTEMPT = re.compile(r"([A-Za-z0-9._~-]{1,64})\.([0-9]{1,9})")


class StoreError(WavenetliteError, RuntimeError):
    """The store cannot be reached or written."""


class LateError(WavenetliteError, RuntimeError):
    """A later connection of the same client has claimed the stream."""


def is_late(attempt: str, newest: str) -> bool:
    """Whether an attempt comes after a later one of the same client; "": it is not known which it is."""
    mine, latest = ATTEMPT.fullmatch(attempt), ATTEMPT.fullmatch(newest)
    return mine is not None and latest is not None and mine[1] == latest[1] and int(mine[2]) < int(latest[2])


class Store(Protocol):
    """Records of streams by id; a record is forgotten `keep_s` seconds after it was last written."""

    async def claim(self, stream: str, attempt: str = "") -> tuple[int, bytes | None]:
        """The number of a new claim, and the record; None: there is none. `LateError` if the attempt is late."""

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        """Write records by id, each with the number of its claim; returns the ids whose claim is outdated."""

    async def forget(self, stream: str, claim: int) -> None:
        """Remove a record, unless its claim is outdated."""

    async def ready(self) -> bool:
        """Whether the store can be reached."""

    async def close(self) -> None: ...


MOST_RECORDS = 10_000
"""Records in memory; the oldest give way."""


class Kept(NamedTuple):
    """What memory has of a stream."""

    claim: int = 0
    attempt: str = ""
    record: bytes | None = None
    written: float = 0.0


class MemoryStore:
    """Streams outlive their connections, but not this process."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._kept: dict[str, Kept] = {}

    async def claim(self, stream: str, attempt: str = "") -> tuple[int, bytes | None]:
        self._expire()
        kept = self._of(stream)
        if is_late(attempt, kept.attempt):
            raise LateError
        self._keep(stream, Kept(kept.claim + 1, attempt, kept.record))
        return kept.claim + 1, kept.record

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        self._expire()
        outdated = {stream for stream, (claim, _) in records.items() if self._of(stream).claim > claim}
        for stream, (claim, record) in records.items():
            if stream not in outdated:
                self._keep(stream, Kept(claim, self._of(stream).attempt, record))
        return outdated

    async def forget(self, stream: str, claim: int) -> None:
        if self._of(stream).claim <= claim:
            self._kept.pop(stream, None)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._kept.clear()

    def _of(self, stream: str) -> Kept:
        return self._kept.get(stream, Kept())

    def _keep(self, stream: str, kept: Kept) -> None:
        self._kept.pop(stream, None)  # so that the oldest come first
        self._kept[stream] = kept._replace(written=time.monotonic())

    def _expire(self) -> None:
        oldest = time.monotonic() - self.keep_s
        for stream, kept in list(self._kept.items()):
            if kept.written >= oldest and len(self._kept) <= MOST_RECORDS:
                break
            del self._kept[stream]
