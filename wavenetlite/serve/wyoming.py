"""Wyoming, Home Assistant's protocol for voice, over TCP and a Unix socket: wake words."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from wavenetlite.classifier import Event
from wavenetlite.serve.bounded_reader import BoundedReader, cut_slow
from wavenetlite.serve.encodings import ENCODINGS
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.messages import DONE, IDLE, Closing
from wavenetlite.serve.models import ServedModel
from wavenetlite.serve.packages import (
    wyoming_audio,
    wyoming_error,
    wyoming_event,
    wyoming_info,
    wyoming_ping,
    wyoming_wake,
)
from wavenetlite.serve.session import Opening, Session
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError, WavenetliteError
from wavenetlite.support.version import __version__

MOST_LINE = 1 << 16
SEND_S = 10.0
TURNS = 4
"""Of the loop, from the acceptance of a connection to its task: without one, nobody would close it."""
MALFORMED = (ValueError, TypeError, AttributeError, KeyError, RecursionError, EOFError)
"""What the reader of events raises for lines and lengths that are none."""
MALFORMED_TEXT = "malformed event: it must be a line of JSON with type, and the lengths of what follows"

log = logging.getLogger("wavenetlite.serve")


class Listening:
    """A model that listens for a wake word; its detections are told under `name`."""

    def __init__(self, name: str, label: str | None, session: Session) -> None:
        self.name, self.label, self.session = name, label, session


class Connection:
    """One client: what it asks for, and the streams that listen for it.

    Home Assistant sends `detect`, `audio-start` and chunks, and closes the connection after the first detection,
    without `audio-stop`. Satellites keep it open, and start again.
    """

    def __init__(self, hub: Hub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hub, self.writer = hub, writer
        self.reader = BoundedReader(reader, hub.limits.message_bytes, hub.limits.idle_s)
        self.names: list[str] | None = None
        self.listening: list[Listening] = []
        self.first_ms: int | None = None
        self.detected = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while (event := await wyoming_event.async_read_event(self.reader)) is not None:
                await self.obey(event)
            if not self.reader.reader.at_eof():  # the package takes a line that is no JSON for the end
                await self.refuse(MALFORMED_TEXT)
        except WavenetliteError as error:
            await self.refuse(str(error))
        except MALFORMED:
            await self.refuse(MALFORMED_TEXT)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            await self.stop(flush=False)
            self.writer.close()

    async def obey(self, event: Any) -> None:
        """One event of the client; those of other services are ignored."""
        if wyoming_info.Describe.is_type(event.type):
            await self.send(describe(self.hub).event())
        elif wyoming_ping.Ping.is_type(event.type):
            await self.send(wyoming_ping.Pong(text=wyoming_ping.Ping.from_event(event).text).event())
        elif wyoming_wake.Detect.is_type(event.type):
            self.names = checked_names(wyoming_wake.Detect.from_event(event).names)
            find_words(self.hub, self.names)
        elif wyoming_audio.AudioStart.is_type(event.type):
            await self.start(checked_rate(event.data))
        elif wyoming_audio.AudioChunk.is_type(event.type):
            await self.hear(event)
        elif wyoming_audio.AudioStop.is_type(event.type):
            await self.stop(flush=True)

    async def start(self, sr: int) -> None:
        """Open a stream for each word that is asked for."""
        await self.stop(flush=False)
        self.first_ms, self.detected = None, False
        for name, model, label in find_words(self.hub, self.names):
            session = await self.hub.open(Opening(model.name, sr, ENCODINGS["pcm16"]))
            one = Listening(name, label, session)
            session.abort = self.writer.transport.abort
            session.hear = lambda event, one=one: self.tell(one, event)  # type: ignore[misc]
            self.listening.append(one)
            self._task(self._tasks, self.watch(session))

    async def hear(self, event: Any) -> None:
        if not self.listening:  # audio without a start, as satellites send it
            await self.start(checked_rate(event.data))
        if self.first_ms is None:
            timestamp = event.data.get("timestamp")
            self.first_ms = timestamp if isinstance(timestamp, int) else 0
        for one in self.listening:
            one.session.feed(event.payload or b"")
        for one in list(self.listening):
            await one.session.room()

    async def watch(self, session: Session) -> None:
        """Until a stream is closed. After a pause the next audio starts anew; else the connection ends."""
        problem = ""
        while not isinstance(message := await session.next_message(), Closing):
            problem = message.get("message", "")
        if message is DONE:
            return
        await self.stop(flush=False)
        if message is not IDLE:
            if problem:
                await self.refuse(problem)
            self.writer.close()

    def tell(self, one: Listening, event: Event) -> None:
        """A detection, if it is of the word that is asked for. Its time is in the client's own count."""
        if one.label not in (None, event.label):
            return
        self.detected = True
        timestamp = (self.first_ms or 0) + round(1000 * event.time_s)
        detection = wyoming_wake.Detection(name=one.name, timestamp=timestamp).event()
        self._task(self._sending, self.send_or_cut(detection))

    async def stop(self, flush: bool) -> None:
        """End the streams; with `flush`, the client is told if nothing was detected."""
        listening, self.listening = self.listening, []
        for one in listening:
            if flush:
                await one.session.finish()
            await self.hub.leave(one.session)
            one.session.close(DONE)
        if self._sending:
            await asyncio.wait(self._sending)
        if flush and listening and not self.detected:
            await self.send(wyoming_wake.NotDetected().event())

    async def send(self, event: Any) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await wyoming_event.async_write_event(event, self.writer)
        except RuntimeError:  # of uvloop, if the connection has been lost
            if not self.writer.is_closing():
                raise
            raise ConnectionResetError from None

    async def send_or_cut(self, event: Any) -> None:
        try:
            await self.send(event)
        except (ConnectionError, TimeoutError):
            self.writer.transport.abort()

    def _task(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def refuse(self, problem: str) -> None:
        with suppress(ConnectionError, TimeoutError):
            await self.send(wyoming_error.Error(text=problem).event())


def checked_names(names: Any) -> list[str] | None:
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ParameterError(f"names={json.dumps(names)[:100]} must be a list of names, or null")
    return names or None


def checked_rate(data: Any) -> int:
    """The sample rate of an `audio-start` or chunk, whose audio must be mono and of 16 bits."""
    if data.get("width") != 2 or data.get("channels") != 1:
        raise ParameterError(
            f"audio has width={data.get('width')!r}, channels={data.get('channels')!r}; it must be 2, 1"
        )
    return positive_int("rate", data.get("rate"))


def words_of(hub: Hub) -> list[tuple[str, ServedModel, str | None]]:
    """What can be detected: each model by its name, for any of its words; and each word of those that have several."""
    found: list[tuple[str, ServedModel, str | None]] = []
    for model in hub.models.newest:
        found.append((model.name, model, None))
        if len(model.words) > 1:
            found += [(f"{model.name}/{word}", model, word) for word in model.words]
    return found


def find_words(hub: Hub, names: list[str] | None) -> list[tuple[str, ServedModel, str | None]]:
    """Those of `names`; None: every model."""
    known = {word[0]: word for word in words_of(hub)}
    if names is None:
        return [word for word in known.values() if word[2] is None]
    missing = [name for name in names if name not in known]
    if missing:
        raise ParameterError(f"names has {missing[0][:100]!r}; it must have names that `describe` gives")
    return [known[name] for name in dict.fromkeys(names)]


def describe(hub: Hub) -> Any:
    """What Home Assistant wants to know. It fails on what lacks any of these fields."""
    attribution = wyoming_info.Attribution(name="wavenetlite", url="")  # Home Assistant needs the field
    models = [
        wyoming_info.WakeModel(
            name=name,
            attribution=attribution,
            installed=True,
            description=name if label is None else label,
            version=__version__,
            languages=["en"],
            phrase=label or (model.words[0] if len(model.words) == 1 else None),
        )
        for name, model, label in words_of(hub)
    ]
    program = wyoming_info.WakeProgram(
        name="wavenetlite",
        attribution=attribution,
        installed=True,
        description="Wake words and speech commands",
        version=__version__,
        models=models,
    )
    return wyoming_info.Info(wake=[program])


class WyomingServer:
    """Listens on TCP and a Unix socket, and can be announced to Home Assistant."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.addresses: list[str] = []
        self._servers: list[asyncio.Server] = []
        self._unix: Path | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._cutting: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int) -> int:
        """Listen on TCP; returns the port."""
        server = await asyncio.start_server(self._connected, host, port, limit=MOST_LINE)
        self._servers.append(server)
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    async def listen_unix(self, path: str) -> None:
        """Listen on a Unix socket; one that a killed process has left is replaced."""
        if sys.platform != "win32":
            await check_unused(path)
            self._servers.append(await asyncio.start_unix_server(self._connected, path, limit=MOST_LINE))
            self._unix = Path(path)
        else:
            raise ParameterError(f"unix={path!r}: this system has no Unix sockets; use wyoming_port")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= 2 * self.hub.limits.streams:
            writer.transport.abort()
            return
        if self._cutting is None:
            self._cutting = asyncio.create_task(cut_slow(self._readers))
        connection = Connection(self.hub, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        try:
            await connection.run()
        except Exception:
            log.exception("a Wyoming connection failed")
        finally:
            del self._connections[task]

    def _readers(self) -> list[BoundedReader]:
        return [connection.reader for connection in self._connections.values()]

    def stop_listening(self) -> None:
        for server in self._servers:
            server.close()

    async def close(self) -> None:
        """Close all connections; clients connect again by themselves."""
        self.stop_listening()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        tasks = list(self._connections)
        if self._cutting is not None:
            tasks.append(self._cutting)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=SEND_S)
        if self._unix is not None:
            self._unix.unlink(missing_ok=True)


async def check_unused(path: str) -> None:
    """Raise if a server listens at a Unix socket: another would take its place without a word."""
    if sys.platform != "win32":
        with suppress(OSError):  # there is none, or nobody listens any more
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
            raise ParameterError(f"unix={path!r}: a server listens there; choose another path")
