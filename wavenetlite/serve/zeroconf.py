"""The Wyoming server announced by zeroconf, so that Home Assistant finds it by itself."""

from __future__ import annotations

from typing import Any

from wavenetlite.support.optional import optional


class Announcement:
    """A name on the local network, until it is withdrawn."""

    def __init__(self) -> None:
        self._zeroconf: Any = None

    async def register(self, name: str, host: str | None, port: int) -> None:
        """Announce a port of this machine; `host` None: the address that leads to the local network."""
        service = optional("wyoming.zeroconf", "serve", "--zeroconf").HomeAssistantZeroconf(port, name, host)
        self._zeroconf = service
        await service.register_server()

    async def withdraw(self) -> None:
        if self._zeroconf is not None:
            await self._zeroconf._aiozc.async_unregister_all_services()
            await self._zeroconf._aiozc.async_close()
