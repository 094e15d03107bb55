"""The dialect of vosk-server at /vosk: each message of audio is answered, and a word is a result of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wavenetlite.classifier import Event
from wavenetlite.serve.encodings import ENCODINGS
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.limits import RequestError
from wavenetlite.serve.messages import INVALID, Closing, Message
from wavenetlite.serve.packages import aiohttp
from wavenetlite.serve.session import Opening, Session
from wavenetlite.serve.websocket import MOST_TEXT_MARKS, abort, new_socket, timely
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError, WavenetliteError

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse, WebSocketResponse

TRY_AGAIN = 1013
"""WebSocket close code of a server that has no room."""


class Dialect:
    """One connection: an optional `config`, audio as 16-bit integers, and `eof`.

    The stream is opened by the first audio, as the configuration before it says at which rate. Without one it is the
    model's.
    """

    def __init__(self, hub: Hub, socket: WebSocketResponse, request: Request, owner: str) -> None:
        self.hub, self.socket, self.request = hub, socket, request
        self.opening = Opening(request.query.get("model"), None, ENCODINGS["pcm16"], owner=owner)
        self.session: Session | None = None
        self.events: list[Event] = []

    async def run(self) -> None:
        try:
            await self.answer_all()
        except WavenetliteError as error:
            await timely(self.socket.send_json({"error": str(error)}))
            code = TRY_AGAIN if isinstance(error, RequestError) else INVALID.code
            await self.socket.close(code=code, message=b"refused")
        except (ConnectionError, TimeoutError):
            abort(self.request)
        finally:
            if self.session is not None:
                await self.hub.leave(self.session)
        await self.socket.close()

    async def answer_all(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await timely(self.socket.send_json(await self.hear(message.data)))
            elif message.type is aiohttp.WSMsgType.TEXT and (answer := await self.obey(message.data)) is not None:
                await timely(self.socket.send_json(answer))
                return

    async def obey(self, text: str) -> Message | None:
        """A message in text; returns the last answer, after `eof`."""
        given = parse_json("message", text, MOST_TEXT_MARKS)
        if "config" in given:
            self.configure(given["config"])
            return None
        if "eof" in given:
            return await self.end()
        raise ParameterError(f"message has {', '.join(given)[:50] or 'nothing'}; it must have 'config' or 'eof'")

    def configure(self, config: Any) -> None:
        if not isinstance(config, dict):
            raise ParameterError(f"config is a {type(config).__name__}; it must be an object")
        if self.session is not None:
            raise ParameterError("config must come before audio")
        rate = config.get("sample_rate")
        if rate is not None:
            whole = int(rate) if isinstance(rate, float) and rate.is_integer() else rate
            self.opening = replace(self.opening, sr=positive_int("sample_rate", whole))

    async def hear(self, data: bytes) -> Message:
        session = await self.opened()
        session.feed(data)
        await session.settled()
        self.check(session)
        return self.result() if self.events else {"partial": ""}

    async def end(self) -> Message:
        session = await self.opened()
        await session.finish()
        self.check(session)
        return self.result()

    async def opened(self) -> Session:
        if self.session is None:
            self.session = await self.hub.open(self.opening)
            self.session.abort = lambda: abort(self.request)
            self.session.hear = self.events.append
        return self.session

    def check(self, session: Session) -> None:
        """Raise if the server has closed the stream."""
        told = [one for one in session.messages_now() if not isinstance(one, Closing)]
        if session.closing is not None and not session.ended:
            problem = next((one["message"] for one in told if one["type"] == "error"), session.closing.reason)
            raise ParameterError(problem)

    def result(self) -> Message:
        """The events since the last answer."""
        words = [{"conf": e.score, "start": e.start_s, "end": e.end_s, "word": e.label} for e in self.events]
        text = " ".join(e.label for e in self.events)
        self.events.clear()
        return {"result": words, "text": text} if words else {"text": text}


async def talk(hub: Hub, request: Request, owner: str) -> StreamResponse:
    hub.check_room()
    hub.models.find(request.query.get("model"))
    socket = new_socket(hub, request)
    await socket.prepare(request)
    await Dialect(hub, socket, request, owner).run()
    return socket
