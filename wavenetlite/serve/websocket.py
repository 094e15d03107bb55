"""WebSocket at /v1/stream: samples in, JSON out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wavenetlite.serve.encodings import encoding
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.messages import DONE, INVALID, Closing, Message, error_message
from wavenetlite.serve.packages import aiohttp, web
from wavenetlite.serve.session import Opening, Session
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ParameterError, WavenetliteError

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse, WebSocketResponse

SEND_S = 10.0
CLOSE_S = 5.0
MOST_TEXT_MARKS = 1000
SUBPROTOCOL = "wavenetlite"

Write = Callable[[Message], Awaitable[None]]


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number of a query; None: it has none of that name."""
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ParameterError(f"{name}={text[:50]!r} must be a whole number from 0")
    return int(text)


def opening_of(query: Mapping[str, str], owner: str) -> Opening:
    """What the query of a URL asks for."""
    return Opening(
        model=query.get("model"),
        sr=whole_number(query, "sr"),
        encoding=encoding(query.get("format", "pcm16")),
        stream=query.get("id", ""),
        owner=owner,
        have=whole_number(query, "have"),
        saves=query.get("saves") == "1",
        scores=query.get("probabilities") == "1",
    )


class Connection:
    """A WebSocket and its stream: one task reads, another writes."""

    def __init__(self, hub: Hub, session: Session, socket: WebSocketResponse) -> None:
        self.hub, self.session, self.socket = hub, session, socket

    async def run(self) -> None:
        writing = asyncio.create_task(self.write())
        try:
            await self.read()
            if self.session.closing is not None:
                await asyncio.wait([writing], timeout=SEND_S)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            await self.hub.leave(self.session)
        if self.session.closing is DONE and self.socket.close_code == DONE.code:
            await self.hub.forget(self.session)

    async def read(self) -> None:
        async for message in self.socket:
            try:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.session.feed(message.data)
                    if self.session.crowded:
                        await self.session.room()
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self.obey(message.data)
            except WavenetliteError as error:
                self.session.tell(error_message(error))
                self.session.close(INVALID)
            if self.session.closing is not None:
                return

    async def obey(self, text: str) -> None:
        """A message in text: only ``{"type": "end"}`` means something."""
        kind = parse_json("message", text, MOST_TEXT_MARKS).get("type")
        if kind != "end":
            raise ParameterError(f"type={str(kind)[:50]!r} must be 'end'; samples are sent in binary messages")
        await self.session.finish()

    async def write(self) -> None:
        """Send what the client is told; the last message is followed by the close."""
        try:
            await write_all(self.session, self.socket.send_json)
            closing = self.session.closing or DONE
            await self.socket.close(code=closing.code, message=closing.reason.encode())
        except (ConnectionError, TimeoutError, RuntimeError):  # the client is gone, or does not read
            self.session.abort()


async def write_all(session: Session, write: Write) -> None:
    """Write all messages of a stream up to its closing."""
    for first in session.first:
        await timely(write(first))
    while not isinstance(message := await session.next_message(), Closing):
        await timely(write(message))


async def timely(written: Awaitable[Any]) -> None:
    async with asyncio.timeout(SEND_S):
        await written


async def stream(hub: Hub, request: Request, owner: str) -> StreamResponse:
    """The life of a connection."""
    session = await hub.open(opening_of(request.query, owner))
    socket = new_socket(hub, request)
    session.abort = lambda: abort(request)
    try:
        await socket.prepare(request)
    except BaseException:
        await hub.leave(session)
        raise
    await Connection(hub, session, socket).run()
    return socket


def new_socket(hub: Hub, request: Request) -> WebSocketResponse:
    """A socket without pings: who is gone sends no audio either, and is cut for that."""
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
