"""The Wyoming server announced by zeroconf, so that Home Assistant finds it by itself."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

from wavenetlite.support.errors import ParameterError
from wavenetlite.support.optional import optional

SERVICE = "_wyoming._tcp.local."
ELSEWHERE = "224.0.0.251"
"""Where mDNS is spoken: the address that leads there is this machine's on the local network."""


class Announcement:
    """A name on the local network, until it is withdrawn."""

    def __init__(self) -> None:
        self._network: Any = None
        self._announcing: asyncio.Future[None] | None = None

    async def register(self, name: str, host: str | None, port: int) -> None:
        """Announce a port of this machine; `host` None: the address that leads to the local network."""
        package = optional("zeroconf", "serve", "--zeroconf")
        spoken = optional("zeroconf.asyncio", "serve", "--zeroconf")
        try:
            address = ip_address(own_address() if host is None else socket.getaddrinfo(host, port)[0][4][0])
            service = spoken.AsyncServiceInfo(SERVICE, f"{name}.{SERVICE}", addresses=[address.packed], port=port)
            self._network = spoken.AsyncZeroconf()
            self._announcing = asyncio.ensure_future(await self._network.async_register_service(service))
        except (OSError, ValueError, package.Error) as error:
            why = str(error) or type(error).__name__
            raise ParameterError(f"zeroconf={name!r} cannot be announced: {why}") from None

    async def withdraw(self) -> None:
        """Take the name back, also while it is still being announced."""
        if self._announcing is not None:
            self._announcing.cancel()  # what it has still to send would bring the name back after it was withdrawn
            await asyncio.gather(self._announcing, return_exceptions=True)
        if self._network is not None:
            await self._network.async_unregister_all_services()
            await self._network.async_close()


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((ELSEWHERE, 1))
        address: str = asking.getsockname()[0]
    return address
