"""Reading that is bounded in bytes and in time, by one task for all connections."""

import asyncio

import pytest

from wavenetlite.serve import bounded_reader
from wavenetlite.serve.bounded_reader import BoundedReader, cut_slow
from wavenetlite.serve.limits import RequestError


def test_what_waits_too_long_for_the_rest_of_an_event_is_cut_and_no_other(monkeypatch):
    monkeypatch.setattr(bounded_reader, "LOOK_S", 0.01)

    async def run():
        slow, other = (BoundedReader(asyncio.StreamReader(), 100, idle_s) for idle_s in (0.02, 60.0))
        cutting = asyncio.create_task(cut_slow(lambda: [slow, other]))
        waiting = asyncio.create_task(other.readexactly(4))
        slow.reader.feed_data(b"a line\nab")
        assert await slow.readline() == b"a line\n"
        with pytest.raises(TimeoutError):
            await slow.readexactly(4)
        assert not waiting.done()
        other.reader.feed_data(b"abcd")
        assert await waiting == b"abcd"
        await asyncio.sleep(0.05)  # nobody reads: nothing is cut
        other.reader.feed_data(b"ef")
        assert await other.readexactly(2) == b"ef"
        cutting.cancel()

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("size", [-1, 101])
def test_more_than_the_most_is_refused(size):
    async def run():
        with pytest.raises(RequestError, match=f"a part of an event has {size} bytes; it must have at most 100"):
            await BoundedReader(asyncio.StreamReader(), 100, 1.0).readexactly(size)

    asyncio.run(run())
