"""What a server allows its clients, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.support.errors import WavenetliteError


@dataclass(frozen=True)
class Limits:
    """The most that clients may have and take.

    Attributes
    ----------
    streams
        Streams at the same time, of all models and protocols.
    message_bytes
        A message of audio or text.
    file_bytes
        A file to classify.
    stream_s
        Audio of one stream, seconds; None: no limit.
    idle_s
        Seconds without audio after which a stream is closed.
    """

    streams: int = 1000
    message_bytes: int = 1 << 20
    file_bytes: int = 64 << 20
    stream_s: float | None = None
    idle_s: float = 30.0


class RequestError(WavenetliteError, RuntimeError):
    """A request is refused; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def busy(message: str) -> RequestError:
    return RequestError(503, message)
