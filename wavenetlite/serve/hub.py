"""All streams of a server: opened, processed tick by tick, saved, resumed and drained, whatever the protocol.

Everything happens in one asyncio loop, and a tick does not await: while it runs, no stream changes. So a snapshot, its
position and its events belong together without a lock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import NamedTuple
from weakref import WeakValueDictionary

from wavenetlite.serve.batch import tick
from wavenetlite.serve.limits import Limits, RequestError, busy
from wavenetlite.serve.messages import (
    DRAINED,
    FAILED,
    IDLE,
    TAKEN_OVER,
    TOO_LONG,
    Closing,
    drain_message,
    error_message,
    resume_message,
    saved_message,
)
from wavenetlite.serve.metrics import Metrics
from wavenetlite.serve.models import Models, ServedModel
from wavenetlite.serve.records import Position, read_record, write_record
from wavenetlite.serve.resampling import SavedResampler
from wavenetlite.serve.session import Opening, Session
from wavenetlite.serve.store import LateError, Store, StoreError, is_late
from wavenetlite.support.errors import ParameterError, SnapshotError, WavenetliteError

TICK_S, LONGEST_TICK_S = 0.02, 0.028
"""From tick to tick; longer under load, when fewer calls with longer blocks take less time."""
SAVE_S = 0.8
"""Streams are saved so often: with a tick and the way to the store, less than a second is sent again."""
CUT_S = 0.1
"""Streams are looked through so often for those to be cut."""
STOOD_STILL_S = 1.0
"""Longest between two ticks; in a longer time, clients have not been silent, but unheard."""
STORE_S = 5.0
"""Longest that a call of the store may take."""
ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")

log = logging.getLogger("wavenetlite.serve")


def late(opening: Opening) -> RequestError:
    return RequestError(409, f"attempt={opening.attempt!r}: a later connection of this client has the stream")


class Saved(NamedTuple):
    """A stream to be written to the store, as it was when its snapshot was taken."""

    session: Session
    samples: int
    n: int
    record: bytes


class Hub:
    """The streams of all connections, and the pools and the store they share."""

    def __init__(self, models: Models, store: Store, limits: Limits, metrics: Metrics) -> None:
        self.models, self.store, self.limits, self.metrics = models, store, limits, metrics
        self.draining = False
        self._model_of: dict[Session, ServedModel] = {}
        self._by_id: dict[str, Session] = {}
        self._opening = 0
        self._cut_at = 0.0
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._work = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._model_of)

    # Streams

    async def open(self, opening: Opening) -> Session:
        """A new stream, or one that goes on from where the store has it.

        Raises
        ------
        RequestError
            There is no such model, no room, or no store; or the stream belongs to another client.
        ParameterError, SnapshotError
            A value is invalid, or the stored stream is of another model.
        """
        self.check_room()
        self.models.find(opening.model)
        self._opening += 1
        try:
            if not opening.stream:
                return self._new(opening)
            if not ID.fullmatch(opening.stream):
                raise ParameterError(
                    f"id={opening.stream[:200]!r} must be 1 to 128 letters, digits or any of . _ ~ -; a random one"
                )
            async with self._locks.setdefault(opening.stream, asyncio.Lock()):
                return await self._claimed(opening)
        finally:
            self._opening -= 1

    def check_room(self) -> None:
        """Raise if no stream can be opened now."""
        if self.draining:
            raise busy("the server is about to stop; connect again")
        if len(self) + self._opening >= self.limits.streams:
            raise busy(f"the server has its {self.limits.streams} streams; try again later")

    async def leave(self, session: Session) -> None:
        """The connection has ended: the stream is saved if it can be resumed, and its place is free."""
        if not session.open:
            return
        saved = self._snapshot(session)
        self._release(session, session.closing.reason if session.closing else "the client left")
        if saved is not None:
            await self._save([saved])

    async def forget(self, session: Session) -> None:
        """The client has everything: nothing is kept."""
        if session.opening.stream and session.ended:
            try:
                async with asyncio.timeout(STORE_S):
                    await self.store.forget(session.opening.stream, session.claim)
            except (StoreError, TimeoutError) as error:
                self._store_failed(error)

    async def _claimed(self, opening: Opening) -> Session:
        live = self._by_id.get(opening.stream)
        if live is not None:
            if is_late(opening.attempt, live.opening.attempt):
                raise late(opening)
            if live.opening.owner != opening.owner:
                raise RequestError(403, f"id={opening.stream!r} is a stream of another client; choose another id")
            live.close(TAKEN_OVER)
            await self.leave(live)
        try:
            async with asyncio.timeout(STORE_S):
                claim, record = await self.store.claim(opening.stream, opening.attempt)
        except LateError:
            raise late(opening) from None
        except (StoreError, TimeoutError) as error:
            self._store_failed(error)
            raise busy("the store of streams cannot be reached; try again later") from None
        if self.draining:
            raise busy("the server is about to stop; connect again")
        session = self._new(opening) if record is None else self._resumed(opening, record)
        session.claim = claim
        session.save_at = monotonic() + random.uniform(0.2, 1.0) * SAVE_S
        self._by_id[opening.stream] = session
        return session

    def _new(self, opening: Opening) -> Session:
        model = self.models.find(opening.model)
        session = self._placed(opening, model, model.pool.open())
        session.first = [resume_message(0, 0)]
        return session

    def _resumed(self, opening: Opening, record: bytes) -> Session:
        position, kept, snapshot, resampler = read_record(record)
        lost = position.n - len(kept)
        self._check_same(opening, position, lost)
        model, sid = self._restored(position.model, snapshot)
        session = self._placed(opening, model, sid)
        try:
            if session.resampler is not None:
                session.resampler.restore(resampler)
        except WavenetliteError:
            self._release(session, "a stored stream that cannot be restored")
            raise
        session.inbox.samples, session.n = position.samples, position.n
        session.saved_samples = position.samples
        session.kept.extend(kept)
        missed = [json.loads(event) for event in kept[max(0, (opening.have or 0) - lost) :]]
        session.first = [resume_message(position.samples, position.n), *missed]
        self.metrics.resumed.labels(model.name).inc()
        return session

    def _check_same(self, opening: Opening, position: Position, lost: int) -> None:
        """Raise unless the client asks for the stream as it began, and has the first `lost` events, which are gone."""
        if position.owner != opening.owner:
            raise RequestError(403, f"id={opening.stream!r} is a stream of another client; choose another id")
        model = self.models.find(opening.model)
        if model.name != position.model:
            raise ParameterError(f"model={model.name!r} must be {position.model!r}, with which the stream began")
        if (opening.sr or model.classifier.sr) != position.sr:
            raise ParameterError(f"sr={opening.sr} must be {position.sr}, with which the stream began")
        if opening.have is not None and opening.have < lost:
            raise RequestError(409, f"have={opening.have}: events before {lost + 1} are not kept any more")

    def _restored(self, name: str, snapshot: bytes) -> tuple[ServedModel, int]:
        """The version of a model that the snapshot is of, and the place of the stream in its pool."""
        versions = self.models.versions(name)
        for model in versions:
            try:
                return model, model.pool.open(snapshot=snapshot)
            except SnapshotError as error:
                problem = error
        raise SnapshotError(f"the stream cannot go on, as model {name!r} has been replaced: {problem}")

    def _placed(self, opening: Opening, model: ServedModel, sid: int) -> Session:
        sr = model.classifier.sr if opening.sr is None else opening.sr
        try:
            resampler = None if sr == model.classifier.sr else SavedResampler(sr, model.classifier.sr)
        except WavenetliteError:
            model.pool.close(sid)
            raise
        session = Session(opening, sr, sid, resampler, model.listed, self._work.set)
        session.inbox.heard = model.pool.samples_in(sid)
        model.sessions[sid] = session
        self._model_of[session] = model
        self.metrics.opened.labels(model.name).inc()
        self.metrics.streams.labels(model.name).inc()
        return session

    def _release(self, session: Session, reason: str) -> None:
        model = self._model_of.pop(session)
        del model.sessions[session.sid]
        model.pool.close(session.sid)
        if self._by_id.get(session.opening.stream) is session:
            del self._by_id[session.opening.stream]
        session.released()
        self.metrics.streams.labels(model.name).dec()
        self.metrics.closed.labels(reason).inc()
        self.models.sweep()

    # Ticks

    async def run(self) -> None:
        """Process what waits, tick by tick, until cancelled."""
        last = monotonic()
        while True:
            await self._wait()
            began = monotonic()
            if began - last > STOOD_STILL_S:
                self._excuse(began - last)
            last = began
            self.tick()
            self._cut(began)
            self._save_due(began)
            took = monotonic() - began
            await asyncio.sleep(max(0.001, min(LONGEST_TICK_S, max(TICK_S, 3 * took)) - took))

    async def _wait(self) -> None:
        """Until there is work, or for the time in which streams may become due to be cut or saved."""
        try:
            async with asyncio.timeout(SAVE_S / 4):
                await self._work.wait()
        except TimeoutError:
            return

    def tick(self) -> None:
        self._work.clear()
        began = monotonic()
        oldest, blocks = inf, 0
        for model in self.models:
            done = tick(model, self._failed)
            if done.blocks:
                self.metrics.blocks.labels(model.name).inc(done.blocks)
            if done.events:
                self.metrics.events.labels(model.name).inc(done.events)
            blocks += done.blocks
            oldest = min(oldest, done.oldest)
        if blocks:
            now = monotonic()
            self.metrics.ticks.observe(now - began)
            self.metrics.latency.observe(now - oldest)

    def _failed(self, session: Session, error: WavenetliteError) -> None:
        """The samples of a stream are invalid: it ends, and no other is touched."""
        session.tell(error_message(error))
        session.close(FAILED)
        self._release(session, FAILED.reason)

    def _excuse(self, seconds: float) -> None:
        """The process has stood still, as a suspended machine does: what came in that time has not been read yet."""
        for session in self._model_of:
            session.inbox.fed_at += seconds

    def _cut(self, now: float) -> None:
        """Close the streams that are too long, or silent for too long."""
        if now < self._cut_at:
            return
        self._cut_at = now + CUT_S
        for session in list(self._model_of):
            if session.end is None and now - session.inbox.fed_at > self.limits.idle_s:
                session.close(IDLE)
            elif self.limits.stream_s is not None and session.samples > self.limits.stream_s * session.sr:
                session.close(TOO_LONG)

    # The store

    def _snapshot(self, session: Session) -> Saved | None:
        """A stream as it is now; None: it has no id, has not begun, has ended or failed."""
        if not session.opening.stream or session.ended or not session.samples:
            return None
        model = self._model_of[session]
        position = Position(model.name, session.sr, session.opening.owner, session.samples, session.n)
        resampler = b"" if session.resampler is None else session.resampler.snapshot()
        try:
            record = write_record(position, session.kept, model.pool.snapshot(session.sid), resampler)
            return Saved(session, session.samples, session.n, record)
        except WavenetliteError as error:
            self.metrics.save_failures.inc()
            log.error("a stream of %s cannot be saved: %s", model.name, error)
            return None

    def _save_due(self, now: float) -> None:
        if self._saving is not None and not self._saving.done():
            return
        due = []
        for session in self._by_id.values():
            if session.save_at <= now and session.samples > session.saved_samples:
                session.save_at = now + SAVE_S
                due.append(self._snapshot(session))
        if saved := [one for one in due if one is not None]:
            self._saving = asyncio.create_task(self._save(saved))

    async def _save(self, saved: list[Saved]) -> None:
        """Write to the store; a stream that another process has claimed is closed here."""
        records = {one.session.opening.stream: (one.session.claim, one.record) for one in saved}
        try:
            async with asyncio.timeout(STORE_S):
                outdated = await self.store.save(records)
        except (StoreError, TimeoutError) as error:
            self._store_failed(error)
            return
        self.metrics.saved.inc(len(records) - len(outdated))
        for session, samples, n, _ in saved:
            if session.opening.stream in outdated:
                session.close(TAKEN_OVER)
                if session.open:
                    self._release(session, TAKEN_OVER.reason)
            elif session.open:
                session.saved_samples = samples
                if session.opening.saves:
                    session.tell(saved_message(samples, n))

    def _store_failed(self, error: Exception) -> None:
        self.metrics.save_failures.inc()
        log.error("the store failed: %s", str(error) or f"it took more than {STORE_S:g} s")

    # The end

    async def drain(self) -> None:
        """Stop accepting, process what has come, save all streams, and tell the clients where they are."""
        self.draining = True
        until = monotonic() + 1.0
        while any(model.listed for model in self.models) and monotonic() < until:
            self.tick()
            await asyncio.sleep(0)
        sessions = [session for session in self._model_of if not session.ended]
        saved = [one for one in map(self._snapshot, sessions) if one is not None]
        self._release_all(sessions, DRAINED)
        if self._saving is not None:
            await self._saving
        await self._save(saved)
        for session in sessions:
            session.tell(drain_message(session.samples))
            session.close(DRAINED)

    def _release_all(self, sessions: Iterable[Session], closing: Closing) -> None:
        for session in sessions:
            self._release(session, closing.reason)
