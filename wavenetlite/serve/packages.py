"""The packages of the extra ``serve``, imported when first used: the rest of wavenetlite does without them."""

from __future__ import annotations

from typing import Any

from wavenetlite.support.optional import optional


class Lazy:
    """A module that is imported when one of its names is first used; if it is missing, the error has the remedy."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what inspects every object must not need the package
            raise AttributeError(name)
        found = getattr(optional(self._module, "serve", "wavenetlite serve"), name)
        setattr(self, name, found)
        return found


aiohttp: Any = Lazy("aiohttp")
aiohttp_errors: Any = Lazy("aiohttp.http_exceptions")
web: Any = Lazy("aiohttp.web")
picows: Any = Lazy("picows")
picows_protocol: Any = Lazy("picows.picows")
prometheus: Any = Lazy("prometheus_client")
redis: Any = Lazy("redis.asyncio")
redis_errors: Any = Lazy("redis.exceptions")
wyoming_audio: Any = Lazy("wyoming.audio")
wyoming_error: Any = Lazy("wyoming.error")
wyoming_event: Any = Lazy("wyoming.event")
wyoming_info: Any = Lazy("wyoming.info")
wyoming_ping: Any = Lazy("wyoming.ping")
wyoming_wake: Any = Lazy("wyoming.wake")
