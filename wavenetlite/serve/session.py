"""One client's stream: samples that wait for the next tick, its position, and messages that wait to be sent."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from wavenetlite.classifier import Event
from wavenetlite.serve.encodings import Encoding
from wavenetlite.serve.inbox import Inbox
from wavenetlite.serve.messages import SLOW, Closing, Message, event_message
from wavenetlite.serve.resampling import SavedResampler

MOST_WAITING_S = 2.0
"""Audio that waits for a tick; the connection is not read while there is more."""
MOST_UNSENT = 1000
"""Messages that wait to be sent; a client that leaves more unread is cut."""
KEPT = 256
"""Newest events of a stream that are sent again to a client that has missed them."""


@dataclass(frozen=True)
class Opening:
    """What a client asks for.

    Attributes
    ----------
    model
        Its name; None: the server's first.
    sr
        The client's sample rate; None: the model's.
    encoding
        How samples are written.
    stream
        The id by which the stream is resumed; "": it cannot be.
    owner
        The name of the client's token.
    have
        The number of the last event that the client has; None: unknown.
    attempt
        Which of the client's connections it is; see `serve.store`. "": unknown.
    saves, scores
        Whether the client wants to be told what has been saved, and the probabilities.
    """

    model: str | None
    sr: int | None
    encoding: Encoding
    stream: str = ""
    owner: str = ""
    have: int | None = None
    attempt: str = ""
    saves: bool = False
    scores: bool = False


class Session:
    """A stream while a connection feeds it; the hub processes what it queues.

    Parameters
    ----------
    opening, sr, sid
        What the client asked for, its sample rate, and the stream's place in the pool.
    resampler
        None: the client sends at the model's rate.
    listed, wake
        See `Inbox`.

    Attributes
    ----------
    inbox
        The samples that wait.
    n
        Events found in them.
    first
        What the client must be told before all else.
    open
        Whether it has its place in the pool.
    ended
        Whether the client has said that the signal ends, and all of it has been processed.
    abort
        Cuts the connection; set by the protocol.
    hear
        Is called with each event; set by protocols that do not send messages.
    told, taken
        Are called when there is a message to send, and, if the inbox is watched, when samples have been taken; set by
        protocols without tasks.
    kept
        The newest events as JSON: they are saved again and again.
    """

    def __init__(
        self,
        opening: Opening,
        sr: int,
        sid: int,
        resampler: SavedResampler | None,
        listed: list[Inbox],
        wake: Callable[[], None],
    ) -> None:
        self.opening, self.sr, self.sid, self.resampler = opening, sr, sid, resampler
        self.inbox = Inbox(self, sid, sr, opening.encoding.sample_bytes, MOST_WAITING_S, listed, wake)
        self.inbox.plain = resampler is None and not opening.scores
        self.n = 0
        self.kept: deque[str] = deque(maxlen=KEPT)
        self.first: list[Message] = []
        self.claim = 0
        self.saved_samples = 0
        self.save_at = 0.0
        self.open, self.ended = True, False
        self.end: asyncio.Future[None] | None = None
        self.abort: Callable[[], None] = lambda: None
        self.hear: Callable[[Event], None] = lambda event: None
        self.told: Callable[[], None] = lambda: None
        self.taken: Callable[[], None] = lambda: None
        self.closing: Closing | None = None
        self._unsent: asyncio.Queue[Message | Closing] = asyncio.Queue()
        self._room = asyncio.Event()

    @property
    def samples(self) -> int:
        """Samples at the client's rate that have been processed."""
        return self.inbox.samples

    # From the client

    def feed(self, data: bytes) -> None:
        """Queue the next samples; `ParameterError` if they are not whole ones."""
        self.inbox.put(data)

    async def room(self) -> None:
        """Wait until little enough is waiting."""
        while self.inbox.crowded and self.open:
            await self._taken()

    async def settled(self) -> None:
        """Wait until nothing is waiting."""
        while self.inbox and self.open:
            await self._taken()

    async def _taken(self) -> None:
        self._room.clear()
        self.inbox.watched = True
        await self._room.wait()

    def end_signal(self) -> None:
        """No more samples come."""
        if self.open and self.end is None:
            self.end = asyncio.get_running_loop().create_future()
            self.inbox.end()

    async def finish(self) -> None:
        """End the signal, and wait until all of it has been processed."""
        self.end_signal()
        if self.end is not None:
            await self.end

    # From the hub

    def was_taken(self) -> None:
        """Samples have been taken from the inbox."""
        self.inbox.watched = False
        self._room.set()
        self.taken()

    def found(self, events: list[Event]) -> None:
        for event in events:
            self.n += 1
            message = event_message(event, self.n)
            self.kept.append(json.dumps(message))
            self.hear(event)
            self.tell(message)

    def tell(self, message: Message) -> None:
        if self._unsent.qsize() >= MOST_UNSENT:
            self.close(SLOW)
            self.abort()
        else:
            self._unsent.put_nowait(message)
            self.told()

    def close(self, closing: Closing) -> None:
        """Close the connection after what has been told; only the first call counts."""
        if self.closing is None:
            self.closing = closing
            self._unsent.put_nowait(closing)
            self.told()

    def released(self) -> None:
        """The place in the pool is free; nobody waits for it any more."""
        self.open = False
        self.inbox.close()
        self.was_taken()
        if self.end is not None and not self.end.done():
            self.end.set_result(None)

    def let_go(self) -> None:
        """Forget the connection, which is lost: it need not wait for the garbage collection."""
        self.abort = self.told = self.taken = lambda: None

    # To the client

    async def next_message(self) -> Message | Closing:
        """The next message to send; a `Closing` is the last."""
        return await self._unsent.get()

    def messages_now(self) -> list[Message | Closing]:
        """All messages that wait to be sent."""
        return [self._unsent.get_nowait() for _ in range(self._unsent.qsize())]
