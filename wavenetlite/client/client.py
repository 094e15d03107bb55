"""Client: blocks of audio in, events out, over a WebSocket that is opened again when it is lost."""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import numpy as np
import numpy.typing as npt

from wavenetlite.client.unsaved import Unsaved
from wavenetlite.support.checks import number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError, WavenetliteError
from wavenetlite.support.optional import optional

PATH = "/v1/stream"
PIECE_SAMPLES = 16000
"""Samples of one message at most."""
MOST_UNSAVED_S = 60.0
"""Audio that is kept to be sent again; `process` waits for the server where it would be more."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
FINAL_CODES = {1007: "the server refused a message", 1009: "a message is too large",
               4409: "another connection has taken the stream over",
               4413: "the stream is longer than the server allows"}  # fmt: skip
"""Close codes after which connecting again would change nothing."""
WORTH_A_TRY = (408, 425, 429)
"""Of the HTTP statuses from 400 to 499, those of servers and proxies that had no time, not of a wrong request."""
DTYPES = {"float32": "<f4", "pcm16": "<i2"}


class ClientError(WavenetliteError, RuntimeError):
    """The server refuses the stream, has lost it, or cannot be reached."""


@dataclass(frozen=True)
class StreamEvent:
    """An event of a stream.

    Attributes
    ----------
    n
        Its number in the stream, from 1.
    label, score, time_s
        As of :class:`wavenetlite.Event`.
    """

    n: int
    label: str
    score: float
    time_s: float


@dataclass(frozen=True)
class Result:
    """The prediction for a whole stream; label and score are None if it was too short.

    Attributes
    ----------
    samples
        Its length at the client's rate.
    """

    label: str | None
    score: float | None
    samples: int


class Client:
    """A stream of a server.

    When the connection is lost or the server restarts, it connects again and sends what the server has not processed:
    the events are those of a stream that was never interrupted. Not for several threads at once.

    Parameters
    ----------
    url
        The server's address: ``ws://HOST:PORT``, or ``wss://`` with TLS.
    model
        Name of the model; None: the server's first.
    sr
        Sample rate of the blocks, Hz. A rate that is not the model's is converted by the server.
    format
        How samples are sent: "float32", or "pcm16", half of the bytes, for blocks of int16.
    token
        The server's bearer token, if it wants one.
    stream_id
        The stream's id; None: a new, random one. With that of a stream that the server has kept, it goes on there: the
        next block must begin at `samples_in`.
    reconnect_s
        Seconds for which connecting is tried again.

    Attributes
    ----------
    stream_id
        The stream's id.
    result
        The prediction, after `close`.

    Raises
    ------
    ClientError
        The server refuses, or cannot be reached in `reconnect_s` seconds.

    Examples
    --------
    ::

        client = wl.client.Client("ws://127.0.0.1:8080", model="speech-commands-12", sr=16000)
        for block in blocks:
            for event in client.process(block):
                print(event.label, event.time_s)
        last_events = client.close()
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        sr: int,
        format: str = "float32",
        token: str | None = None,
        stream_id: str | None = None,
        reconnect_s: float = 60.0,
    ) -> None:
        self.sr = positive_int("sr", sr)
        self.format = one_of("format", format, list(DTYPES))
        self.reconnect_s = number("reconnect_s", reconnect_s, least=0.0)
        self.stream_id = uuid.uuid4().hex if stream_id is None else stream_id
        self.result: Result | None = None
        self._url = stream_url(url)
        self._query = {"sr": str(self.sr), "format": format, "id": self.stream_id, "saves": "1"}
        if model is not None:
            self._query["model"] = model
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._unsaved = Unsaved(np.dtype(DTYPES[self.format]).itemsize)
        self._sent = 0
        self._name, self._attempts = uuid.uuid4().hex, 0
        self._n = 0
        self._events: list[StreamEvent] = []
        self._closed = False
        self._socket: Any = None
        self._sync = optional("websockets.sync.client", "client", "wavenetlite.client")
        self._exceptions = optional("websockets.exceptions", "client", "wavenetlite.client")
        self._connect(new=True)

    @property
    def samples_in(self) -> int:
        """Samples given so far; at first where a stream that the server has kept goes on."""
        return self._unsaved.end

    def process(self, block: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> list[StreamEvent]:
        """Send the next samples; returns the events that have come meanwhile.

        Parameters
        ----------
        block
            (n,), float32 in -1..1 or int16; with ``format="pcm16"`` only int16.

        Raises
        ------
        ArrayTypeError, ParameterError
            Wrong shape or dtype; nothing was sent.
        ClientError
            The server refuses the audio, has lost the stream, or cannot be reached.
        """
        if self._closed:
            raise StreamStateError("client is closed; make another")
        self._unsaved.add(self._encoded(block))
        self._keep_connected(self._pump)
        return self._taken()

    def close(self) -> list[StreamEvent]:
        """End the stream; returns its last events. The prediction is in `result`."""
        if self._closed:
            return []
        self._closed = True
        try:
            self._keep_connected(self._end)
        finally:
            self._socket.close()
        return self._taken()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._closed = True
            self._socket.close()

    # Samples

    def _encoded(self, block: Any) -> bytes:
        if not isinstance(block, np.ndarray) or block.dtype not in (np.float32, np.int16):
            kind = getattr(block, "dtype", type(block).__name__)
            raise ArrayTypeError(f"block is {kind}; it must be an array of float32 or int16")
        if block.ndim != 1:
            raise ParameterError(f"block has shape {block.shape}; it must be (samples,)")
        if self.format == "pcm16":
            if block.dtype != np.int16:
                raise ArrayTypeError('block is float32; with format="pcm16" it must be int16')
            return block.astype("<i2").tobytes()
        scale = np.float32(32768 if block.dtype == np.int16 else 1)
        return (block.astype(np.float32) / scale).astype("<f4").tobytes()

    def _taken(self) -> list[StreamEvent]:
        taken, self._events = self._events, []
        return taken

    # The connection

    def _keep_connected(self, work: Any) -> None:
        """Do `work`, from the beginning again after each lost connection."""
        while True:
            try:
                work()
                return
            except self._exceptions.ConnectionClosed as closed:
                code = None if closed.rcvd is None else closed.rcvd.code
                if code in FINAL_CODES:
                    raise ClientError(f"stream {self.stream_id}: {FINAL_CODES[code]}") from None
            self._connect()

    def _pump(self) -> None:
        """Send what has not been sent, and read what has come."""
        self._read()
        while self._sent < self._unsaved.end:
            stop = min(self._sent + PIECE_SAMPLES, self._unsaved.end)
            self._socket.send(self._unsaved.between(self._sent, stop))
            self._sent = stop
            self._read()
        while self._unsaved.end - self._unsaved.first > MOST_UNSAVED_S * self.sr:
            self._hear(self._socket.recv())

    def _end(self) -> None:
        self._pump()
        if self.result is None:
            self._socket.send(json.dumps({"type": "end"}))
        while self.result is None:
            self._hear(self._socket.recv())

    def _read(self) -> None:
        """Take the messages that have come."""
        while True:
            try:
                text = self._socket.recv(timeout=0)
            except TimeoutError:
                return
            self._hear(text)

    def _hear(self, text: str) -> None:
        message = json.loads(text)
        kind = message.get("type")
        if kind == "event" and message["n"] == self._n + 1:
            self._n += 1
            self._events.append(StreamEvent(**{name: message[name] for name in ("n", "label", "score", "time_s")}))
        elif kind == "event" and message["n"] > self._n:
            raise ClientError(f"stream {self.stream_id}: event {self._n + 1} is missing; {message['n']} came instead")
        elif kind == "saved":
            self._unsaved.forget(message["samples"])
        elif kind == "done":
            self.result = Result(message["label"], message["score"], message["samples"])
        elif kind == "error":
            raise ClientError(f"stream {self.stream_id}: {message['message']}")

    def _connect(self, new: bool = False) -> None:
        """Connect, learn where the stream goes on, and take it up there."""
        until, pause = time.monotonic() + self.reconnect_s, FIRST_PAUSE_S
        while True:
            try:
                self._open(new)
                return
            except (OSError, self._exceptions.WebSocketException) as error:
                problem = self._problem(error)
            if time.monotonic() + pause > until:
                raise ClientError(f"{self._url} cannot be reached: {problem}")
            time.sleep(random.uniform(0.5, 1.0) * pause)  # all clients of a server lose it at the same moment
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _open(self, new: bool) -> None:
        self._attempts += 1
        attempt = f"{self._name}.{self._attempts}"  # a slow server that opens it after a later one refuses it
        query = urlencode({**self._query, "attempt": attempt, **({} if new else {"have": self._n})})
        if self._socket is not None:
            self._socket.close()
        connecting = self._sync.connect(
            f"{self._url}?{query}", additional_headers=self._headers, compression=None, max_queue=None, proxy=None
        )
        self._socket = connecting.__enter__()  # websockets wants it so; it is closed by `close`, or by the next one
        resume = json.loads(self._socket.recv(timeout=10))
        samples = resume["samples"]
        if new:
            self._unsaved.first = self._unsaved.end = samples
            self._n = resume["n"]
        elif not self._unsaved.first <= samples <= self._unsaved.end:
            raise ClientError(
                f"stream {self.stream_id}: the server goes on at sample {samples}; this client has"
                f" {self._unsaved.first} to {self._unsaved.end}. The server has lost it: start a new stream"
            )
        self._sent = samples

    def _problem(self, error: Exception) -> str:
        """Why connecting failed; raises where another try would change nothing."""
        if isinstance(error, self._exceptions.InvalidStatus):
            response = error.response
            reason = reason_in(response.body) or f"HTTP status {response.status_code}"
            if 400 <= response.status_code < 500 and response.status_code not in WORTH_A_TRY:
                raise ClientError(f"{self._url} refuses the stream: {reason}") from None
            return reason
        return str(error) or type(error).__name__


def stream_url(url: str) -> str:
    """The address of the server's streams."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.netloc or parts.query:
        raise ParameterError(f"url={url!r} must be ws://HOST:PORT or wss://HOST:PORT")
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path if path.endswith(PATH) else path + PATH, "", ""))


def reason_in(body: bytes | None) -> str:
    try:
        return str(json.loads(body or b"")["error"])
    except (ValueError, KeyError, TypeError):
        return ""
