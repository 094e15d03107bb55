"""One tick of a model: what waits in all its streams goes through the pool in one call."""

from __future__ import annotations

from collections.abc import Callable

from wavenetlite.classifier import Event, Prediction
from wavenetlite.serve.messages import DONE, done_message, scores_message
from wavenetlite.serve.models import ServedModel
from wavenetlite.serve.session import Session
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import StreamStateError, WavenetliteError

TICK_AUDIO_S = 20.0
"""Audio that a tick takes of all streams together, so that those who send a file do not hold up those who speak."""
LEAST_SHARE_S = 0.1

Failed = Callable[[Session, WavenetliteError], None]


def tick(model: ServedModel, failed: Failed) -> tuple[int, int]:
    """Process what waits; returns how many blocks and events. `failed` is told of streams with invalid samples."""
    events, fed = 0, [session for session in model.sessions.values() if session.waiting]
    if fed:
        share = max(LEAST_SHARE_S, TICK_AUDIO_S / len(fed))
        events += process(model, resampled(take(fed, share), failed), failed)
    for session in [one for one in model.sessions.values() if one.end is not None and not one.waiting]:
        if not session.ended:
            events += end(model, session, failed)
    return len(fed), events


def take(sessions: list[Session], share_s: float) -> dict[Session, Floats]:
    """The samples that wait in each, decoded together: an array each would take longer than the arithmetic."""
    blocks: dict[Session, Floats] = {}
    for encoding in {id(one.opening.encoding): one.opening.encoding for one in sessions}.values():
        same = [one for one in sessions if one.opening.encoding is encoding]
        taken = [one.take(share_s) for one in same]
        samples = encoding.decode(b"".join(taken))
        at = 0
        for session, data in zip(same, taken, strict=True):
            end = at + len(data) // encoding.sample_bytes
            blocks[session] = samples[at:end]
            at = end
    return blocks


def process(model: ServedModel, blocks: dict[Session, Floats], failed: Failed) -> int:
    """The blocks of many streams in one call; returns the number of events."""
    try:
        events = model.pool.process({session.sid: block for session, block in blocks.items()})
    except WavenetliteError:
        events = one_by_one(model, blocks, failed)
    found = 0
    for session, block in blocks.items():
        session.heard += len(block)
        mine = events.get(session.sid)
        if mine:
            found += len(mine)
            session.found(mine)
        if session.opening.scores and mine is not None:
            tell_scores(model, session)
    return found


def one_by_one(model: ServedModel, blocks: dict[Session, Floats], failed: Failed) -> dict[int, list[Event]]:
    """After a call that raised: find the stream it was, and process the others.

    Usually nothing has been fed. After an overflow everything has been, and an empty block fetches the events.
    """
    events: dict[int, list[Event]] = {}
    for session, block in blocks.items():
        left = session.heard + len(block) - model.pool.samples_in(session.sid)
        try:
            events |= model.pool.process({session.sid: block[len(block) - left :]})
        except WavenetliteError as error:
            failed(session, error)
    return events


def resampled(blocks: dict[Session, Floats], failed: Failed) -> dict[Session, Floats]:
    """The blocks at the model's rate."""
    ready = {}
    for session, block in blocks.items():
        try:
            ready[session] = block if session.resampler is None else session.resampler.process(block)
        except WavenetliteError as error:
            failed(session, error)
    return ready


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
