"""Streams in the files of a folder, which processes of one machine share."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from wavenetlite.serve.store import LateError, StoreError, is_late
from wavenetlite.support.file_locks import lock

NUMBER_BYTES = 8
HEAD_BYTES = NUMBER_BYTES + 1
"""Of the claim and of the attempt's length."""
SUFFIX = ".stream"
SWEEP_S = 60.0

Answer = TypeVar("Answer")


class FolderStore:
    """One file a stream: the number of the claim, the attempt, and the record. A lock on the folder orders all changes.

    A file is replaced as a whole. It is not synchronised with the disk, since it must outlive the process and not a
    power cut, and a damaged record is found by its checksum.
    """

    def __init__(self, folder: Path, keep_s: float) -> None:
        self.folder, self.keep_s = folder, keep_s
        self._swept = 0.0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                pass
        except OSError as error:
            raise StoreError(f"store={str(folder)!r} cannot be used: {error.strerror or error}") from None

    async def claim(self, stream: str, attempt: str = "") -> tuple[int, bytes | None]:
        return await self._run(self._claim, stream, attempt)

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        return await self._run(self._save, records)

    async def forget(self, stream: str, claim: int) -> None:
        await self._run(self._forget, stream, claim)

    async def ready(self) -> bool:
        return os.access(self.folder, os.W_OK)

    async def close(self) -> None: ...

    async def _run(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        try:
            return await asyncio.to_thread(call, *arguments)
        except OSError as error:
            raise StoreError(f"store={str(self.folder)!r} failed: {error.strerror or error}") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while True:
                try:
                    lock(descriptor)
                    break
                except BlockingIOError:
                    time.sleep(0.001)
            yield
        finally:
            os.close(descriptor)

    def _file(self, stream: str) -> Path:
        return self.folder / (hashlib.sha256(stream.encode()).hexdigest()[:40] + SUFFIX)

    def _read(self, stream: str) -> tuple[int, str, bytes]:
        with suppress(FileNotFoundError):
            file = self._file(stream)
            if file.stat().st_mtime >= time.time() - self.keep_s:
                data = file.read_bytes()
                head, rest = data[:HEAD_BYTES], data[HEAD_BYTES:]
                end = head[-1] if len(head) == HEAD_BYTES else 0
                return int.from_bytes(head[:NUMBER_BYTES], "little"), rest[:end].decode("latin-1"), rest[end:]
        return 0, "", b""

    def _write(self, stream: str, claim: int, attempt: str, record: bytes) -> None:
        file = self._file(stream)
        new = file.with_suffix(".new")
        new.write_bytes(
            claim.to_bytes(NUMBER_BYTES, "little") + bytes([len(attempt)]) + attempt.encode("latin-1") + record
        )
        new.replace(file)

    def _claim(self, stream: str, attempt: str) -> tuple[int, bytes | None]:
        with self._locked():
            number, newest, record = self._read(stream)
            if is_late(attempt, newest):
                raise LateError
            self._write(stream, number + 1, attempt, record)
        return number + 1, record or None

    def _save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        outdated = set()
        with self._locked():
            for stream, (claim, record) in records.items():
                newest, attempt, _ = self._read(stream)
                if newest > claim:
                    outdated.add(stream)
                else:
                    self._write(stream, claim, attempt, record)
            self._sweep()
        return outdated

    def _forget(self, stream: str, claim: int) -> None:
        with self._locked():
            if self._read(stream)[0] <= claim:
                self._file(stream).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what is older than `keep_s`, once a minute."""
        now = time.time()
        if now - self._swept < SWEEP_S:
            return
        self._swept = now
        for file in self.folder.glob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < now - self.keep_s:
                    file.unlink()
