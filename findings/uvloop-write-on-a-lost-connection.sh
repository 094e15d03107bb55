#!/usr/bin/env bash
# uvloop 0.23.0 and, to compare, asyncio's own loop of the same Python: StreamWriter.write and writelines on a TCP connection
# that was lost, after its transport has noticed it (connection_lost was called), as a server meets it that sends to many.
# Expected: the same as with asyncio: both are silent (or log), and drain() raises a ConnectionError; so one
# "except ConnectionError" around them covers a client that has gone.
# Behaviour: with uvloop both raise RuntimeError, "unable to perform operation on ...; the handler is closed", at once; drain()
# raises ConnectionError as with asyncio. A sender that is only tested with asyncio's loop, and passes there, ends with an
# error that its handlers do not know.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvloop==0.23.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import logging

import uvloop

logging.disable()


async def outcomes():
    gone, found = asyncio.get_running_loop().create_future(), {}

    async def serve(reader, writer):
        await reader.read()  # until the client has gone
        writer.transport.abort()
        await asyncio.sleep(0.1)  # connection_lost has been called
        for name, send in {
            "write": lambda: writer.write(b"x"),
            "writelines": lambda: writer.writelines([b"x", b"y"]),
        }.items():
            try:
                send()
                found[name] = "silent"
            except Exception as error:
                found[name] = f"{type(error).__name__}: {error}"
        try:
            await writer.drain()
            found["drain"] = "silent"
        except Exception as error:
            found["drain"] = "ConnectionError" if isinstance(error, ConnectionError) else repr(error)
        gone.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.close()
    await gone
    server.close()
    return found


theirs, plain = uvloop.run(outcomes()), asyncio.run(outcomes())
print("uvloop", uvloop.__version__, theirs)
print("asyncio", plain)
assert plain == {"write": "silent", "writelines": "silent", "drain": "ConnectionError"}
for name in ("write", "writelines"):
    assert theirs[name].startswith("RuntimeError") and theirs[name].endswith("the handler is closed")
assert theirs["drain"] == "ConnectionError"
PYTHON
echo "as described"
