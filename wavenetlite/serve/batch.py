"""One tick of a model: what waits in all its streams goes through the pool in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic

from wavenetlite.classifier import Event, Prediction
from wavenetlite.serve.inbox import Inbox, list_again, oldest_of, sort_out, take
from wavenetlite.serve.messages import DONE, done_message, scores_message
from wavenetlite.serve.models import ServedModel
from wavenetlite.serve.session import Session
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import StreamStateError, WavenetliteError

TICK_AUDIO_S = 20.0
"""Audio that a tick takes of all streams together, so that those who send a file do not hold up those who speak."""
LEAST_SHARE_S = 0.1
TOGETHER = 96
"""Streams of one call: their samples and frames stay in a core's second-level cache on the way to events."""

Failed = Callable[[Session, WavenetliteError], None]


@dataclass
class Done:
    """What a tick has done: blocks, events, and since when the block waited that waited longest."""

    blocks: int = 0
    events: int = 0
    oldest: float = inf


def tick(model: ServedModel, failed: Failed) -> Done:
    """Process what waits; `failed` is called with each stream whose samples are invalid, and the error."""
    if not model.listed:
        return Done()
    full, others = sort_out(model.listed)
    done = Done(blocks=len(full), oldest=oldest_of(full) if full else inf)
    share = max(LEAST_SHARE_S, TICK_AUDIO_S / max(1, len(full)))
    for first in range(0, len(full), TOGETHER):
        done.events += process(model, full[first : first + TOGETHER], share, failed)
    for inbox in list_again(full + others, monotonic()):
        session: Session = inbox.owner
        if not session.ended:
            done.events += end(model, session, failed)
    return done


def process(model: ServedModel, inboxes: list[Inbox], share_s: float, failed: Failed) -> int:
    """A share of what waits in some inboxes, in one call; returns the number of events."""
    blocks = take(inboxes, share_s)
    others = [inbox.owner for inbox in inboxes if not inbox.plain]
    if others:
        resample(others, blocks, failed)
    try:
        events = model.pool.process(blocks)
    except WavenetliteError:
        events = one_by_one(model, blocks, failed)
    found = 0
    for sid, mine in events.items():
        if mine:
            found += len(mine)
            model.sessions[sid].found(mine)
    for session in others:
        if session.opening.scores and session.sid in events:
            tell_scores(model, session)
    return found


def one_by_one(model: ServedModel, blocks: dict[int, Floats], failed: Failed) -> dict[int, list[Event]]:
    """After a call that raised: find the stream it was, and process the others.

    Usually nothing has been fed. After an overflow everything has been, and an empty block fetches the events.
    """
    events: dict[int, list[Event]] = {}
    for sid, block in blocks.items():
        session = model.sessions[sid]
        left = session.inbox.heard - model.pool.samples_in(sid)
        try:
            events |= model.pool.process({sid: block[len(block) - left :]})
        except WavenetliteError as error:
            failed(session, error)
    return events


def resample(sessions: list[Session], blocks: dict[int, Floats], failed: Failed) -> None:
    """Bring blocks of clients with another rate to the model's."""
    for session in sessions:
        if session.resampler is None:
            continue
        block = blocks.pop(session.sid)
        try:
            ready = blocks[session.sid] = session.resampler.process(block)
            session.inbox.heard += len(ready) - len(block)
        except WavenetliteError as error:
            failed(session, error)


def tell_scores(model: ServedModel, session: Session) -> None:
    values = model.pool.probabilities(session.sid)
    if len(values):
        times = model.pool.frame_times_s(session.sid)
        session.tell(scores_message(values.round(5).tolist(), times.round(5).tolist()))


def end(model: ServedModel, session: Session, failed: Failed) -> int:
    """Flush a stream, tell its last events and the prediction; returns the number of events."""
    try:
        rest = None if session.resampler is None else session.resampler.flush()
        events = [] if rest is None else model.pool.process({session.sid: rest})[session.sid]
        events += model.pool.flush(session.sid)
        prediction = prediction_of(model, session)
    except WavenetliteError as error:
        failed(session, error)
        return 0
    session.found(events)
    session.ended = True
    session.tell(done_message(prediction, session.samples))
    session.close(DONE)
    if session.end is not None:
        session.end.set_result(None)
    return len(events)


def prediction_of(model: ServedModel, session: Session) -> Prediction | None:
    try:
        return model.pool.prediction(session.sid)
    except StreamStateError:  # too short for one frame
        return None
