"""A client's stream by itself: what waits, what is taken and what is told."""

import asyncio
import json

from wavenetlite.classifier import Event
from wavenetlite.serve.encodings import encoding
from wavenetlite.serve.messages import SLOW
from wavenetlite.serve.session import KEPT, MOST_UNSENT, Opening, Session


def session(sr=8000):
    return Session(Opening(None, sr, encoding("pcm16")), sr, 0, None, lambda: None)


def event(number):
    return Event("go", 0.5, float(number), float(number), float(number))


def test_a_tick_takes_its_share_and_the_rest_waits():
    one = session()
    one.feed(b"\1\0" * 3000)
    one.feed(b"\2\0" * 2000)
    assert bytes(one.take(0.25)) == b"\1\0" * 2000 and one.samples == 2000
    assert bytes(one.take(1.0)) == b"\1\0" * 1000 + b"\2\0" * 2000 and one.samples == 5000
    assert not one.waiting and not one.take(1.0)


def test_what_comes_after_the_end_is_not_heard():
    async def run():
        one = session()
        one.feed(b"\1\0" * 10)
        one.end_signal()
        one.feed(b"\2\0" * 10)
        return bytes(one.take(1.0))

    assert asyncio.run(run()) == b"\1\0" * 10


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
