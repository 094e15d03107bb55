"""WebSocket at /v1/stream: samples in, JSON out.

Design: a message of 20 ms of audio must cost microseconds, so nothing of a connection is a task and nothing waits:
picows calls with each frame, which is queued; the session calls when there is something to send, which is sent at once.
Measured with 700 clients in blocks of 20 ms, CPU time of a message: 15 us by aiohttp's socket and a task that reads it,
9.9 us so, and 8.9 us for reading the bytes alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from wavenetlite.serve.encodings import encoding
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.limits import RequestError
from wavenetlite.serve.messages import (
    BROKEN,
    DONE,
    FAILED,
    INVALID,
    TOO_LARGE,
    Closing,
    Message,
    error_message,
)
from wavenetlite.serve.packages import picows, web
from wavenetlite.serve.session import Opening, Session
from wavenetlite.serve.store import ATTEMPT
from wavenetlite.serve.upgrade import upgrade
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ParameterError, WavenetliteError

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse, WebSocketResponse

SEND_S = 10.0
CLOSE_S = 5.0
MOST_TEXT_MARKS = 1000
SUBPROTOCOL = "wavenetlite"
CONTINUATION, TEXT, BINARY, CLOSE = 0, 1, 2, 8
"""Kinds of frames, RFC 6455, section 5.2."""

log = logging.getLogger("wavenetlite.serve")

Write = Callable[[Message], Awaitable[None]]


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number of a query; None: it has none of that name."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ParameterError(f"{name}={text[:50]!r} must be a whole number from 0")
    return int(text)


def attempt_of(query: Mapping[str, str]) -> str:
    attempt = query.get("attempt", "")
    if attempt and not ATTEMPT.fullmatch(attempt):
        raise ParameterError(
            f"attempt={attempt[:100]!r} must be NAME.NUMBER: 1 to 64 letters, digits or any of . _ ~ -, and 1-9 digits"
        )
    return attempt


def opening_of(query: Mapping[str, str], owner: str) -> Opening:
    """What the query of a URL asks for."""
    return Opening(
        model=query.get("model"),
        sr=whole_number(query, "sr"),
        encoding=encoding(query.get("format", "pcm16")),
        stream=query.get("id", ""),
        owner=owner,
        have=whole_number(query, "have"),
        attempt=attempt_of(query),
        saves=query.get("saves") == "1",
        scores=query.get("probabilities") == "1",
    )


class Connection:
    """A WebSocket and its stream, as a listener of picows (see `connection_type`).

    Attributes
    ----------
    ended
        Is done when the connection is lost.
    close_code
        The client's close code; None: it has sent none.
    """

    def __init__(self, hub: Hub, session: Session) -> None:
        self.hub, self.session = hub, session
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.close_code: int | None = None
        self.socket: Any = None
        self._begun: tuple[int, bytearray] | None = None  # kind and content of a message whose last frame is to come
        self._writable, self._reading, self._closing = True, True, False
        self._deadline: asyncio.TimerHandle | None = None
        session.taken = self.balance
        session.abort = self.abort

    async def live(self) -> None:
        """Until the connection is lost, and the stream has been saved."""
        try:
            await self.ended
        finally:
            await self.hub.leave(self.session)
            self.session.let_go()
        if self.session.closing is DONE and self.close_code == DONE.code:
            await self.hub.forget(self.session)

    # Called by picows

    def on_ws_connected(self, socket: Any) -> None:
        self.socket = socket
        for message in self.session.first:
            socket.send(TEXT, json.dumps(message))
        self.session.told = self.flush
        self.flush()

    def on_ws_frame(self, socket: Any, frame: Any) -> None:
        try:
            if self._begun is None and self.session.closing is None and self.session.inbox.hear(frame):
                if self.session.inbox.crowded:
                    self.balance()
                return
            kind = int(frame.msg_type)
            if kind == CLOSE:
                self.answer_close(frame.get_payload_as_bytes())
            elif kind <= BINARY:
                self.assemble(kind, frame)
        except WavenetliteError as error:
            self.session.tell(error_message(error))
            self.session.close(INVALID)
        except Exception:
            log.exception("a message of a WebSocket failed")
            self.session.close(FAILED)

    def on_ws_disconnected(self, socket: Any) -> None:
        self.socket = None
        self.wait(None)
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        """The client does not read what it is told: nothing more is written or read until it does."""
        self._writable = False
        self.wait(SEND_S)
        self.balance()

    def resume_writing(self) -> None:
        self._writable = True
        self.wait(CLOSE_S if self._closing else None)
        self.flush()
        self.balance()

    # From the client

    def assemble(self, kind: int, frame: Any) -> None:
        """A frame of text, or one of several of a message."""
        if frame.rsv1 or frame.rsv2 or frame.rsv3 or (kind == CONTINUATION) != (self._begun is not None):
            self.session.close(BROKEN)
            return
        kind, content = self._begun or (kind, bytearray())
        content += frame.get_payload_as_bytes()
        if len(content) > self.hub.limits.message_bytes:
            self.session.close(TOO_LARGE)
            return
        self._begun = None if frame.fin else (kind, content)
        if frame.fin:
            self.obey(kind, bytes(content))

    def obey(self, kind: int, content: bytes) -> None:
        """A message: samples, or ``{"type": "end"}``."""
        session = self.session
        if session.closing is not None:
            return
        if kind == BINARY:
            session.feed(content)
            self.balance()
            return
        given = parse_json("message", text_of(content), MOST_TEXT_MARKS).get("type")
        if given != "end":
            raise ParameterError(f"type={str(given)[:50]!r} must be 'end'; samples are sent in binary messages")
        session.end_signal()

    def answer_close(self, content: bytes) -> None:
        """The client closes, or answers our close."""
        if self.close_code is None and self.socket is not None:
            self.close_code = int.from_bytes(content[:2], "big")
            self.socket.send_close(self.close_code or DONE.code)
            self.socket.disconnect()

    def balance(self) -> None:
        """Read unless the client is too fast for us, or does not read itself."""
        reading = self._writable and not self.session.inbox.crowded
        self.session.inbox.watched = not reading
        if reading != self._reading and self.socket is not None:
            transport = self.socket.underlying_transport
            if not transport.is_closing():
                self._reading = reading
                (transport.resume_reading if reading else transport.pause_reading)()

    # To the client

    def flush(self) -> None:
        """Send what the client is told, as far as it reads."""
        if self.socket is None or not self._writable:
            return
        for message in self.session.messages_now():
            if isinstance(message, Closing):
                self._closing = True
                self.socket.send_close(message.code, message.reason)
                self.wait(CLOSE_S)
            else:
                self.socket.send(TEXT, json.dumps(message))

    def wait(self, seconds: float | None) -> None:
        """Cut the connection after so many seconds; None, or another call before: do not."""
        if self._deadline is not None:
            self._deadline.cancel()
        if seconds is None or self.socket is None:
            self._deadline = None
        else:
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)

    def abort(self) -> None:
        if self.socket is not None:
            self.socket.underlying_transport.abort()


def text_of(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ParameterError("message is not valid UTF-8; a message of text must be") from None


@cache
def connection_type() -> type[Connection]:
    """`Connection` as a subclass of picows' listener, whose package is imported when it is first needed."""
    return type("ListeningConnection", (Connection, picows.WSListener), {})


class Connections:
    """All WebSockets of a server."""

    def __init__(self) -> None:
        self._living: dict[asyncio.Task[None], Connection] = {}

    def __len__(self) -> int:
        return len(self._living)

    async def open(self, hub: Hub, request: Request, owner: str) -> StreamResponse:
        """Answer a request for a stream; the connection lives on by itself."""
        ready = new_socket(hub, request).can_prepare(request)
        if not ready.ok:
            raise RequestError(400, "the request must be one for a WebSocket of version 13: Upgrade: websocket")
        session = await hub.open(opening_of(request.query, owner))
        connection = connection_type()(hub, session)
        task = asyncio.create_task(connection.live())
        self._living[task] = connection
        task.add_done_callback(self._ended)
        try:
            return upgrade(request, connection, ready.protocol, hub.limits.message_bytes)
        except BaseException:
            connection.on_ws_disconnected(None)
            raise

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._living[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a WebSocket did not end well", exc_info=error)

    async def close(self, seconds: float) -> None:
        """Wait until all clients have gone; those who have not are cut."""
        if self._living:
            await asyncio.wait(list(self._living), timeout=seconds)
        for connection in self._living.values():
            connection.abort()
        if self._living:
            await asyncio.wait(list(self._living), timeout=seconds)


async def write_all(session: Session, write: Write) -> None:
    """Write all messages of a stream up to its closing."""
    for first in session.first:
        await timely(write(first))
    while not isinstance(message := await session.next_message(), Closing):
        await timely(write(message))


async def timely(written: Awaitable[Any]) -> None:
    async with asyncio.timeout(SEND_S):
        await written


def new_socket(hub: Hub, request: Request) -> WebSocketResponse:
    """A socket of aiohttp without pings: who is gone sends no audio either, and is cut for that."""
    made: WebSocketResponse = web.WebSocketResponse(
        max_msg_size=hub.limits.message_bytes,
        timeout=CLOSE_S,
        compress=False,
        protocols=(SUBPROTOCOL,),
    )
    return made


def abort(request: Request) -> None:
    """Cut a connection without asking the client."""
    if request.transport is not None:
        request.transport.abort()
