"""A connection changes from aiohttp, which has read the request, to picows, which reads frames of a WebSocket."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from wavenetlite.serve.packages import picows, picows_protocol, web
from wavenetlite.support.errors import MissingPackageError

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

KNOWN = "2.3."
"""The beginning of picows' versions that `protocol_of` knows; the extra in pyproject.toml asks for the same."""
READ_BYTES = 4096
"""Of a connection's buffer at the start."""

log = logging.getLogger("wavenetlite.serve.picows")
log.setLevel(logging.CRITICAL)  # what clients do wrong is no error of the server


class Early:
    """What a client has sent after its request without waiting for the answer; as a parser of aiohttp."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        return None


def upgrade(request: Request, listener: Any, subprotocol: str | None, most_bytes: int) -> StreamResponse:
    """Accept a WebSocket, whose frames go to `listener` from now on; returns a response that is never sent."""
    made: StreamResponse = web.Response()
    transport = request.transport
    if transport is None or transport.is_closing():
        listener.on_ws_disconnected(None)
        return made
    http: Any = request.protocol
    early = Early()
    http.set_parser(early)
    http.transport = None  # which is not aiohttp's any more, so that it does not close it
    http.connection_lost(None)
    protocol = protocol_of(listener, subprotocol, most_bytes)
    transport.set_protocol(protocol)
    transport.resume_reading()
    protocol.connection_made(transport)
    feed(protocol, request_bytes(request) + early.data)
    return made


def check_picows() -> None:
    """Raise unless picows is of the version whose protocol is known here: it is not part of what picows publishes."""
    version = picows.version.__version__
    if not version.startswith(KNOWN):
        raise MissingPackageError(
            f"wavenetlite serve needs picows {KNOWN}x; {version} is installed: pip install 'wavenetlite[serve]'"
        )


def protocol_of(listener: Any, subprotocol: str | None, most_bytes: int) -> Any:
    """What `picows.ws_create_server` makes of an accepted connection."""
    headers = {} if subprotocol is None else {"Sec-WebSocket-Protocol": subprotocol}
    answer = picows.WSUpgradeResponse.create_101_response(headers)

    def accept(asked: Any) -> Any:
        return picows.WSUpgradeResponseWithListener(answer, listener)

    # (host and port, path, client side), listener, log, disconnect on exceptions, seconds for the request, pings (on,
    # two times, strategy), pongs, most bytes of a frame, headers, bytes of the buffer
    pings = (False, 0, 0, picows.WSAutoPingStrategy.PING_WHEN_IDLE)
    return picows_protocol.WSProtocol(
        None, None, False, accept, log, True, None, *pings, True, most_bytes, None, READ_BYTES
    )


def request_bytes(request: Request) -> bytes:
    """What picows needs of a request that has been checked."""
    names = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key")
    lines = [f"{name}: {request.headers.get(name, '')}\r\n" for name in names]
    return f"GET / HTTP/1.1\r\n{''.join(lines)}\r\n".encode(errors="replace")


def feed(protocol: Any, data: bytes) -> None:
    """Give bytes to a buffered protocol."""
    at = 0
    while at < len(data):
        buffer = protocol.get_buffer(len(data) - at)
        size = min(len(buffer), len(data) - at)
        buffer[:size] = data[at : at + size]
        protocol.buffer_updated(size)
        at += size
