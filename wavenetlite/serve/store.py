"""Where streams are kept between connections and processes: this process's memory, a folder, or Redis.

Whoever opens a stream claims it, which gives a number greater than that of every claim before. A process writes with
the number of its claim, and what an older claim writes is refused: a process that has lost a stream without noticing
cannot overwrite what its successor has saved.
"""

from __future__ import annotations

import time
from typing import Protocol

from wavenetlite.support.errors import WavenetliteError


class StoreError(WavenetliteError, RuntimeError):
    """The store cannot be reached or written."""


class Store(Protocol):
    """Records of streams by id; a record is forgotten `keep_s` seconds after it was last written."""

    async def claim(self, stream: str) -> tuple[int, bytes | None]:
        """The number of a new claim, and the record; None: there is none."""

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        """Write records by id, each with the number of its claim; returns the ids whose claim is outdated."""

    async def forget(self, stream: str, claim: int) -> None:
        """Remove a record, unless its claim is outdated."""

    async def ready(self) -> bool:
        """Whether the store can be reached."""

    async def close(self) -> None: ...


MOST_RECORDS = 10_000
"""Records in memory; the oldest give way."""


class MemoryStore:
    """Streams outlive their connections, but not this process."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._kept: dict[str, tuple[int, bytes | None, float]] = {}

    async def claim(self, stream: str) -> tuple[int, bytes | None]:
        self._expire()
        number, record, _ = self._kept.pop(stream, (0, None, 0.0))
        self._kept[stream] = number + 1, record, time.monotonic()
        return number + 1, record

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        self._expire()
        outdated = {stream for stream, (claim, _) in records.items() if self._claim_of(stream) > claim}
        for stream, (claim, record) in records.items():
            if stream not in outdated:
                self._kept.pop(stream, None)  # so that the oldest come first
                self._kept[stream] = claim, record, time.monotonic()
        return outdated

    async def forget(self, stream: str, claim: int) -> None:
        if self._claim_of(stream) <= claim:
            self._kept.pop(stream, None)

    async def ready(self) -> bool:
        return True

    async def close(self) -> None:
        self._kept.clear()

    def _claim_of(self, stream: str) -> int:
        return self._kept.get(stream, (0, None, 0.0))[0]

    def _expire(self) -> None:
        oldest = time.monotonic() - self.keep_s
        for stream, (_, _, written) in list(self._kept.items()):
            if written >= oldest and len(self._kept) <= MOST_RECORDS:
                break
            del self._kept[stream]
