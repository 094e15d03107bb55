"""A client's stream by itself: what waits, what is taken and what is told."""

import asyncio
import gc
import json
import struct
import weakref

import numpy as np
import pytest

from wavenetlite.classifier import Event
from wavenetlite.serve.encodings import encoding
from wavenetlite.serve.inbox import list_again, sort_out, take
from wavenetlite.serve.messages import SLOW
from wavenetlite.serve.session import KEPT, MOST_UNSENT, Opening, Session
from wavenetlite.support.errors import ParameterError


def session(sr=8000, encoding_name="pcm16", listed=None, wake=lambda: None):
    opening = Opening(None, sr, encoding(encoding_name))
    return Session(opening, sr, 7, None, [] if listed is None else listed, wake)


def taken(one, seconds):
    return take([one.inbox], seconds)[7].tolist()


def event(number):
    return Event("go", 0.5, float(number), float(number), float(number))


def test_a_tick_takes_its_share_and_the_rest_waits():
    one = session()
    one.feed(struct.pack("<3000h", *[1] * 3000))
    one.feed(struct.pack("<2000h", *[-32768] * 2000))
    assert taken(one, 0.25) == [1 / 32768] * 2000 and one.samples == 2000
    assert taken(one, 1.0) == [1 / 32768] * 1000 + [-1.0] * 2000 and one.samples == 5000
    assert not one.inbox and not taken(one, 1.0)


@pytest.mark.parametrize("kind", ["pcm16", "float32"])
def test_samples_are_decoded_as_they_came(kind):
    """In messages and shares of all sizes; the memory of the inbox is moved, grows, and is given back."""
    rng = np.random.default_rng(0)
    one, sent, got = session(encoding_name=kind), [], []
    for size in [1, 7, 3000, 0, 900, 60_000, 1, 2, 40_000]:
        values = rng.integers(-32768, 32768, size).astype("<i2")
        sent += (values / np.float32(32768)).tolist()
        one.feed((values if kind == "pcm16" else values.astype("<f4") / np.float32(32768)).tobytes())
        got += taken(one, float(rng.uniform(0, 2)))
    while one.inbox:
        got += taken(one, 1.0)
    assert got == sent and one.samples == one.inbox.heard == len(sent)


def test_half_a_sample_is_refused_and_nothing_is_queued():
    one = session(encoding_name="float32")
    one.feed(bytes(8))
    with pytest.raises(
        ParameterError, match="message has 6 bytes; a message of format=float32 must have whole samples of 4"
    ):
        one.feed(bytes(6))
    assert len(one.inbox) == 8


def test_only_streams_that_have_something_are_looked_at():
    listed, woken = [], []
    first, second, third = [session(listed=listed, wake=lambda: woken.append(True)) for _ in range(3)]
    first.feed(b"\1\0" * 9000)
    first.feed(b"\1\0")
    third.inbox.end()
    assert listed == [first.inbox, third.inbox] and len(woken) == 1
    full, others = sort_out(listed)
    assert (full, others, listed) == ([first.inbox], [third.inbox], [])
    take(full, 1.0)
    assert list_again(full + others, 5.0) == [third.inbox]
    assert listed == [first.inbox] and len(woken) == 2
    first.inbox.close()
    assert sort_out(listed) == ([], [first.inbox]) and not second.inbox


def test_what_is_left_has_waited_since_it_came():
    """Else the latency that a server tells is small just when it has too many clients."""
    listed, seen = [], []
    one = session(sr=1000, listed=listed)
    one.feed(bytes(2 * 250))
    began = one.inbox.fed_at
    for now, more in (10, 100), (20, 0), (30, 100), (40, 0):
        full, _ = sort_out(listed)
        take(full, 0.1)
        list_again(full, began + now)
        seen.append(one.inbox.since - began)
        one.feed(bytes(2 * more))
    assert seen == [0, 0, pytest.approx(10), pytest.approx(30)]


def test_what_comes_after_the_end_is_not_heard():
    async def run():
        one = session()
        one.feed(b"\1\0" * 10)
        one.end_signal()
        one.feed(b"\2\0" * 10)
        return taken(one, 1.0)

    assert asyncio.run(run()) == [1 / 32768] * 10


def test_who_waits_for_room_goes_on_when_samples_are_taken():
    async def run():
        one = session(sr=1000)
        one.feed(bytes(2 * 2001))
        waiting = asyncio.create_task(one.room())
        await asyncio.sleep(0)
        assert one.inbox.crowded and not waiting.done()
        take([one.inbox], 1.0)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(run())


def test_a_stream_that_is_released_is_not_kept_until_the_garbage_collection():
    one = session()
    one.feed(bytes(20))
    known = weakref.ref(one)
    gc.disable()
    try:
        one.released()
        one.let_go()
        del one
        assert known() is None
    finally:
        gc.enable()


def test_the_newest_events_are_kept_by_their_numbers():
    one = session()
    one.found([event(n) for n in range(KEPT + 3)])
    assert one.n == KEPT + 3 and [json.loads(kept)["n"] for kept in one.kept] == list(range(4, KEPT + 4))


def test_a_client_that_reads_nothing_is_cut():
    one, cut = session(), []
    one.abort = lambda: cut.append(True)
    one.found([event(n) for n in range(MOST_UNSENT)])
    assert not cut and one.closing is None
    one.found([event(MOST_UNSENT)])
    assert cut == [True] and one.closing is SLOW
