"""A server from its settings: listens, reloads models on SIGHUP, and drains on SIGTERM and Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from wavenetlite.serve.folder_store import FolderStore
from wavenetlite.serve.http import Routes
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.metrics import Metrics
from wavenetlite.serve.models import Models
from wavenetlite.serve.packages import web
from wavenetlite.serve.redis_store import RedisStore
from wavenetlite.serve.settings import Settings
from wavenetlite.serve.store import MemoryStore, Store
from wavenetlite.serve.tokens import Tokens
from wavenetlite.serve.upgrade import check_picows
from wavenetlite.serve.wyoming import WyomingServer
from wavenetlite.serve.zeroconf import Announcement
from wavenetlite.support.errors import ParameterError, WavenetliteError

BACKLOG = 1024
KEEPALIVE_S = 30.0
GOODBYE_S = 8.0
"""Longest that clients are waited for after they have been told to go."""

Answer = TypeVar("Answer")

log = logging.getLogger("wavenetlite.serve")


class Server:
    """Everything that listens, around one hub.

    Parameters
    ----------
    settings
        What to serve, where, and how much of it.

    Examples
    --------
    >>> import asyncio
    >>> from wavenetlite.serve import Server, Settings
    >>> async def serve_for_a_moment():
    ...     server = Server(Settings(models=("spoken-digits",), port=0))
    ...     addresses = await server.start()
    ...     await server.stop()
    ...     return sorted(addresses)
    >>> asyncio.run(serve_for_a_moment())
    ['http', 'ready', 'websocket']
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hub = Hub(Models(settings.models, settings.most_streams), store_of(settings), settings.limits, Metrics())
        self.routes = Routes(self.hub, Tokens(settings.token_file))
        self.wyoming = WyomingServer(self.hub)
        self.announcement = Announcement()
        self._runner: Any = None
        self._site: Any = None
        self._ticking: asyncio.Task[None] | None = None
        self._cutting: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Listen; returns the addresses by protocol."""
        check_picows()
        settings = self.settings
        self._runner = web.AppRunner(
            self.routes.application(), access_log=None, shutdown_timeout=GOODBYE_S, keepalive_timeout=KEEPALIVE_S
        )
        await self._runner.setup()
        self._site = web.TCPSite(
            self._runner, settings.host, settings.port, ssl_context=tls_of(settings), backlog=BACKLOG
        )
        await listening(f"host={settings.host!r}, port={settings.port}", self._site.start())
        self._cutting = asyncio.create_task(self.routes.silent.cut(lambda: list(self._runner.server.connections)))
        if not await self.hub.store.ready():
            log.warning("the store cannot be reached; streams with an id are refused until it can")
        self._ticking = asyncio.create_task(self.hub.run())
        self._ticking.add_done_callback(report_end)
        port = self._runner.addresses[0][1]
        place = f"{shown_host(settings.host)}:{port}"
        secure = "s" if settings.tls_cert else ""
        addresses: dict[str, Any] = {
            "ready": True,
            "http": f"http{secure}://{place}",
            "websocket": f"ws{secure}://{place}/v1/stream",
        }
        if settings.wyoming_port is not None:
            wyoming_port = await listening(
                f"host={settings.host!r}, wyoming_port={settings.wyoming_port}",
                self.wyoming.listen(settings.host, settings.wyoming_port),
            )
            addresses["wyoming"] = f"tcp://{shown_host(settings.host)}:{wyoming_port}"
            if settings.zeroconf is not None:
                host = None if settings.host in ("0.0.0.0", "::", "") else settings.host
                await self.announcement.register(settings.zeroconf, host, wyoming_port)
        if settings.unix is not None:
            await listening(f"unix={settings.unix!r}", self.wyoming.listen_unix(settings.unix))
            addresses["unix"] = f"unix://{settings.unix}"
        return addresses

    async def stop(self) -> None:
        """Stop accepting, save all streams, tell the clients where they are, and close."""
        if self._site is not None:
            self.hub.draining = True
            await self.announcement.withdraw()
            self.wyoming.stop_listening()
            await self._site.stop()
            await self.hub.drain()
            await self.routes.sockets.close(GOODBYE_S)
            await self.wyoming.close()
            await self._runner.cleanup()
        for task in (self._ticking, self._cutting):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.hub.store.close()

    async def reload(self) -> None:
        """Load the models again: new streams get the new ones, old streams keep theirs."""
        try:
            classifiers = await asyncio.to_thread(self.hub.models.read)
        except (WavenetliteError, OSError) as error:
            log.error("models were not reloaded: %s", error)
            return
        changed = self.hub.models.replace(classifiers)
        log.info("models reloaded; changed: %s", ", ".join(changed) or "none")


def store_of(settings: Settings) -> Store:
    """Memory, Redis or a folder."""
    if settings.store == "memory":
        return MemoryStore(settings.store_s)
    if settings.store.startswith(("redis://", "rediss://", "unix://")):
        return RedisStore(settings.store, settings.store_s)
    if "://" in settings.store:
        raise ParameterError(f"store={settings.store!r} must be memory, a folder, redis://, rediss:// or unix://")
    return FolderStore(Path(settings.store), settings.store_s)


async def listening(where: str, started: Awaitable[Answer]) -> Answer:
    """Wait for a server to listen; what it cannot is told with the place."""
    try:
        return await started
    except WavenetliteError:
        raise
    except (OSError, ValueError) as error:
        raise ParameterError(f"{where}: cannot listen there: {error}") from None


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # or `ssl.SSLError`, which is one
        raise ParameterError(f"tls_cert={settings.tls_cert!r}, tls_key={settings.tls_key!r}: {error}") from None
    return context


def shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def report_end(task: asyncio.Task[None]) -> None:
    """Ticks end when they are cancelled, and never else: a process without them must not seem to be well."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("ticks have ended; the server stops", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


async def run(settings: Settings, listening: Callable[[dict[str, Any]], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `listening` is called with the addresses."""
    server = Server(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(server.reload())
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    for name, handler in (("SIGTERM", stopped.set), ("SIGINT", stopped.set), ("SIGHUP", reload)):
        if hasattr(signal, name):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(getattr(signal, name), handler)
    try:
        listening(await server.start())
        await stopped.wait()
        log.info("stopping: %d streams", len(server.hub))
    finally:
        await server.stop()
    log.info("stopped")
