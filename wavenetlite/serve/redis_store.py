"""Streams in Redis, which processes of many machines share."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from wavenetlite.serve.packages import redis, redis_errors
from wavenetlite.serve.store import LateError, StoreError

PREFIX = "wavenetlite:stream:"
CLAIM = """
local client, number = string.match(ARGV[2], '^(.+)%.(%d+)$')
local other, latest = string.match(redis.call('HGET', KEYS[1], 'attempt') or '', '^(.+)%.(%d+)$')
if client and client == other and tonumber(number) < tonumber(latest) then return {0, false} end
redis.call('HSET', KEYS[1], 'attempt', ARGV[2])
local claim = redis.call('HINCRBY', KEYS[1], 'claim', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {claim, redis.call('HGET', KEYS[1], 'record')}
"""
SAVE = """
if tonumber(redis.call('HGET', KEYS[1], 'claim') or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'claim', ARGV[1], 'record', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
FORGET = """
if tonumber(redis.call('HGET', KEYS[1], 'claim') or '0') <= tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
"""
CONNECT_S = 2.0
MOST_CONNECTIONS = 16
"""When another server has stopped, hundreds of clients come at once: their claims share these."""
WAIT_S = 5.0
"""Longest that a call waits for one of them."""

Answer = TypeVar("Answer")


class RedisStore:
    """A hash a stream: `claim`, `attempt` and `record`; each change is one script, so that no other comes between."""

    def __init__(self, url: str, keep_s: float) -> None:
        self._url = url
        self._keep_ms = int(1000 * keep_s)
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url, max_connections=MOST_CONNECTIONS, timeout=WAIT_S, socket_connect_timeout=CONNECT_S
            )
            self._redis: Any = redis.Redis.from_pool(pool)
        except ValueError as error:
            raise StoreError(f"store={url!r} is not an address of Redis: {error}") from None
        self._claim = self._redis.register_script(CLAIM)
        self._save = self._redis.register_script(SAVE)
        self._forget = self._redis.register_script(FORGET)

    async def claim(self, stream: str, attempt: str = "") -> tuple[int, bytes | None]:
        number, record = await self._asked(self._claim(keys=[PREFIX + stream], args=[self._keep_ms, attempt]))
        if not number:
            raise LateError
        return int(number), record

    async def save(self, records: dict[str, tuple[int, bytes]]) -> set[str]:
        pipe = self._redis.pipeline(transaction=False)
        for stream, (claim, record) in records.items():
            await self._save(keys=[PREFIX + stream], args=[claim, record, self._keep_ms], client=pipe)
        written = await self._asked(pipe.execute())
        return {stream for stream, done in zip(records, written, strict=True) if not done}

    async def forget(self, stream: str, claim: int) -> None:
        await self._asked(self._forget(keys=[PREFIX + stream], args=[claim]))

    async def ready(self) -> bool:
        try:
            return bool(await self._asked(self._redis.ping()))
        except StoreError:
            return False

    async def close(self) -> None:
        await self._redis.aclose()

    async def _asked(self, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except (redis_errors.RedisError, OSError) as error:
            raise StoreError(
                f"store={self._url.partition('@')[2] or self._url!r} failed: {str(error) or type(error).__name__}"
            ) from None
