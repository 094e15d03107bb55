"""Connections that have never sent a whole request are cut: they would hold a descriptor for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SWEEP_S = 10.0
"""A connection has between one and two sweeps of time for its first request."""


class SilentConnections:
    """Which connections have spoken, and a task that cuts the others."""

    def __init__(self) -> None:
        self._spoke: set[Any] = set()
        self._silent: set[Any] = set()

    def has_spoken(self, connection: Any) -> None:
        self._spoke.add(connection)

    async def cut(self, connections: Callable[[], list[Any]]) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = set(connections())
            self._spoke &= now
            silent = now - self._spoke
            for connection in silent & self._silent:
                if connection.transport is not None:
                    connection.transport.abort()
            self._silent = silent
