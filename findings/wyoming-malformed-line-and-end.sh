#!/usr/bin/env bash
# wyoming 1.10.2: reads events of the Wyoming protocol, a line of JSON each, from a stream.
# Expected: a line that is not an event can be told from the end of the stream, by an exception or by another value, so that a
# server can log or answer the one and takes the other for a client that hung up.
# Behaviour: async_read_event() and read_event() return None for both. After a malformed line the reader still holds the next
# event, and a loop of "while event := ..." ends before it as if the client had left. A line of JSON without a "type" does
# raise, KeyError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet wyoming==1.10.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import io
from importlib.metadata import version

from wyoming.event import async_read_event, read_event

GOOD, MALFORMED, NO_TYPE = b'{"type": "describe"}\n', b'{"type": "describe"\n', b'{"data": {}}\n'


async def events(lines, number):
    reader = asyncio.StreamReader()
    reader.feed_data(lines)
    reader.feed_eof()
    return [event and event.type for event in [await async_read_event(reader) for _ in range(number)]]


print("wyoming", version("wyoming"))
at_end = asyncio.run(events(GOOD, 2))
malformed = asyncio.run(events(GOOD + MALFORMED + GOOD, 4))
stream = io.BytesIO(MALFORMED + GOOD)
blocking = [event and event.type for event in (read_event(stream), read_event(stream), read_event(stream))]
print("an event, the end:", at_end)
print("an event, a malformed line, an event, the end:", malformed)
print("read_event, a malformed line, an event, the end:", blocking)
assert at_end == ["describe", None]
assert malformed == ["describe", None, "describe", None]
assert blocking == [None, "describe", None]
try:
    asyncio.run(events(NO_TYPE, 1))
except KeyError as error:
    print("without a type: KeyError", error)
else:
    raise AssertionError("no KeyError")
PYTHON
echo "as described"
