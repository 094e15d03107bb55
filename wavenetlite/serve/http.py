"""HTTP: files and chunks to classify, models, metrics, health; and what all requests have in common."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from wavenetlite import audio
from wavenetlite.classifier import AudioClassifier
from wavenetlite.serve import page, vosk, websocket
from wavenetlite.serve.hub import Hub
from wavenetlite.serve.limits import RequestError, busy
from wavenetlite.serve.messages import INVALID, Message, error_message
from wavenetlite.serve.packages import web
from wavenetlite.serve.session import Session
from wavenetlite.serve.silent import SilentConnections
from wavenetlite.serve.tokens import Tokens
from wavenetlite.support.errors import ParameterError, WavenetliteError

if TYPE_CHECKING:
    from aiohttp.web import Application, Request, Response, StreamResponse

MOST_CLASSIFIED = 4
"""Files that are read and classified at the same time."""
MOST_FILE_S = 3600.0
PIECE_BYTES = 1 << 16

log = logging.getLogger("wavenetlite.serve")

Handler = Callable[["Request"], Awaitable["StreamResponse"]]


class Routes:
    """What the server answers, by path."""

    def __init__(self, hub: Hub, tokens: Tokens) -> None:
        self.hub, self.tokens = hub, tokens
        self.silent = SilentConnections()
        self.sockets = websocket.Connections()
        self._classifying = 0

    def application(self) -> Application:
        async def guard(request: Request, handler: Handler) -> StreamResponse:
            return await self.guard(request, handler)

        made: Application = web.Application(
            middlewares=[web.middleware(guard)], client_max_size=self.hub.limits.file_bytes
        )
        made.router.add_get("/v1/stream", self.stream)
        made.router.add_get("/vosk", self.vosk)
        made.router.add_post("/v1/classify", self.classify)
        made.router.add_get("/v1/models", self.models)
        made.router.add_get("/metrics", self.metrics)
        made.router.add_get("/healthz", self.healthz)
        made.router.add_get("/readyz", self.readyz)
        for path in page.FILES:
            made.router.add_get(path, self.page)
        return made

    async def guard(self, request: Request, handler: Handler) -> StreamResponse:
        """Turn refusals into answers; nothing else becomes visible."""
        self.silent.has_spoken(request.protocol)
        try:
            return await handler(request)
        except RequestError as error:
            return self.refusal(error.status, str(error))
        except WavenetliteError as error:
            return self.refusal(400, str(error))
        except web.HTTPException as error:
            return self.refusal(error.status, error.reason)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            if isinstance(error, UnicodeError) and not is_text(request):  # aiohttp raises it when it would quote that
                return self.refusal(400, "the request has bytes that are not text")
            if request.transport is None:  # it has gone meanwhile, which aiohttp says in many ways
                log.debug("a request to %s failed after its client had gone", request.path, exc_info=True)
                raise ConnectionResetError from None
            log.exception("a request to %s failed", request.path)
            return self.refusal(500, "the server failed; its log says why")

    def refusal(self, status: int, message: str) -> Response:
        self.hub.metrics.refused.labels(str(status)).inc()
        headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(status, {})
        return answer({"error": message.replace("resample=True", "resample=1")}, status, headers)

    def owner(self, request: Request) -> str:
        """The name of the request's token."""
        return self.tokens.owner(
            request.headers.get("Authorization", ""), request.headers.get("Sec-WebSocket-Protocol", "")
        )

    def check_origin(self, request: Request) -> None:
        """Refuse a WebSocket that another site's page opens: browsers let every page open one."""
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("Host"):
            raise RequestError(403, f"Origin={origin[:200]!r} must be this server's own page")

    # Streams

    async def stream(self, request: Request) -> StreamResponse:
        self.check_origin(request)
        return await self.sockets.open(self.hub, request, self.owner(request))

    async def vosk(self, request: Request) -> StreamResponse:
        self.check_origin(request)
        return await vosk.talk(self.hub, request, self.owner(request))

    # Requests

    async def classify(self, request: Request) -> StreamResponse:
        """A file at once; with `format`, samples in chunks, answered by the messages of a stream, one in a line."""
        owner = self.owner(request)
        if "format" in request.query:
            session = await self.hub.open(websocket.opening_of(request.query, owner))
            return await Chunks(self.hub, request, session).run()
        model = self.hub.models.find(request.query.get("model"))
        if self.hub.draining or self._classifying >= MOST_CLASSIFIED:
            raise busy(f"the server classifies its {MOST_CLASSIFIED} files; try again later")
        self._classifying += 1
        try:
            async with asyncio.timeout(self.hub.limits.idle_s):
                data = await request.read()
            resample = request.query.get("resample") == "1"
            made = await asyncio.to_thread(classify_file, model.classifier, data, resample)
        except TimeoutError:
            raise RequestError(408, f"the file did not come in {self.hub.limits.idle_s:g} s") from None
        finally:
            self._classifying -= 1
        self.hub.metrics.classified.labels(model.name).inc()
        return answer({"model": model.name, **made})

    async def models(self, request: Request) -> StreamResponse:
        self.owner(request)
        return answer({"models": [model.describe() for model in self.hub.models.newest]})

    # Operations

    async def metrics(self, request: Request) -> StreamResponse:
        text = self.hub.metrics.text()
        made: Response = web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
        return made

    async def healthz(self, request: Request) -> StreamResponse:
        """Whether the process serves."""
        return answer({"status": "ok"})

    async def readyz(self, request: Request) -> StreamResponse:
        """Whether a new stream would be taken."""
        self.hub.check_room()
        if not await self.hub.store.ready():
            raise busy("the store of streams cannot be reached")
        return answer({"status": "ready"})

    async def page(self, request: Request) -> StreamResponse:
        return page.response(request.path)


class Chunks:
    """Samples in the chunks of a request's body, and messages in those of its answer."""

    def __init__(self, hub: Hub, request: Request, session: Session) -> None:
        self.hub, self.request, self.session = hub, request, session
        self.response: StreamResponse = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        session.abort = lambda: websocket.abort(request)

    async def run(self) -> StreamResponse:
        reading = asyncio.create_task(self.read())
        try:
            await self.response.prepare(self.request)
            await websocket.write_all(self.session, self.send)
            await self.response.write_eof()
        except TimeoutError:  # the client does not read
            self.session.abort()
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            await self.hub.leave(self.session)
        return self.response

    async def read(self) -> None:
        """The body, whose chunks may end within a sample."""
        rest = b""
        size = self.session.opening.encoding.sample_bytes
        try:
            async for piece in self.request.content.iter_chunked(PIECE_BYTES):
                data = rest + piece
                whole = len(data) - len(data) % size
                rest = data[whole:]
                self.session.feed(data[:whole])
                await self.session.room()
            if rest:
                raise ParameterError(f"the body ends within a sample: {len(rest)} bytes are left")
            await self.session.finish()
        except WavenetliteError as error:
            self.session.tell(error_message(error))
            self.session.close(INVALID)
        except ConnectionError:
            self.session.close(INVALID)

    async def send(self, message: Message) -> None:
        await self.response.write(json.dumps(message).encode() + b"\n")


def is_text(request: Request) -> bool:
    """Whether a request's first line and headers are UTF-8."""
    try:
        "".join((request.path_qs, *request.headers, *request.headers.values())).encode()
    except UnicodeError:
        return False
    return True


def answer(value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    made: Response = web.json_response(value, status=status, headers=headers)
    return made


def classify_file(clf: AudioClassifier, data: bytes, resample: bool) -> dict[str, Any]:
    """The prediction and the events of an audio file."""
    file = audio.Encoded("the file", data)
    info = audio.info(file)
    if info.samples > MOST_FILE_S * info.sr:
        raise RequestError(413, f"the file is longer than {MOST_FILE_S:g} s")
    y, _ = audio.read(file, sr=clf.sr, resample=resample)
    if y.ndim == 2:
        raise ParameterError(f"the file has {y.shape[1]} channels; it must have one")
    prediction = clf.predict(y)
    stream = clf.stream()
    events = stream.process(y) + stream.flush()
    return {
        "label": prediction.label,
        "score": float(prediction.score),
        "probabilities": dict(zip(prediction.labels, prediction.probabilities.tolist(), strict=True)),
        "events": [{"label": e.label, "score": float(e.score), "time_s": e.time_s} for e in events],
        "samples": len(y),
    }
