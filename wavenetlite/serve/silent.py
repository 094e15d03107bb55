"""Connections that have never sent a whole request are cut: they would hold a descriptor for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SWEEP_S = 10.0
"""A connection has between one and two sweeps of time for its first request."""

MANY = 256
"""Connections that are lost are forgotten when there are so many more."""


class SilentConnections:
    """Which connections have spoken, and a task that cuts the others."""

    def __init__(self) -> None:
        self._spoke: set[Any] = set()
        self._silent: set[Any] = set()
        self._most = MANY

    def has_spoken(self, connection: Any) -> None:
        self._spoke.add(connection)
        if len(self._spoke) > self._most:  # hundreds in a second must not be kept until the next sweep
            self._spoke = {one for one in self._spoke if one.transport is not None}
            self._most = 2 * len(self._spoke) + MANY

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
