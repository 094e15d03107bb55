"""The examples of live use: the loop of `examples/live.py`, the server of `examples/serve.py`."""

import asyncio
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from places import EXAMPLES

import wavenetlite as wl

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples do not lie beside the tests")


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clf():
    return wl.load("speech-commands-12")


@pytest.fixture(scope="module")
def speech(clf):
    """Five seconds, as 16-bit samples give them."""
    y, _ = wl.audio.read(EXAMPLES / "data" / "recording.flac", sr=clf.sr, samples=8 * clf.sr)
    return y


def test_live_prints_the_events_of_a_file(tmp_path, clf, speech):
    path = tmp_path / "speech.flac"
    wl.audio.write(path, speech[: 2 * clf.sr], clf.sr)
    run = subprocess.run(
        [sys.executable, EXAMPLES / "live.py", "--file", path], capture_output=True, text=True, check=True
    )
    events = clf.stream().process(speech[: 2 * clf.sr])
    lines = run.stdout.splitlines()[1:-1]
    assert [line.split()[2] for line in lines] == [event.label for event in events]
    assert "200 blocks of 10 ms" in run.stdout


def test_live_says_what_is_wrong():
    run = subprocess.run([sys.executable, EXAMPLES / "live.py", "--file", "none.flac"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("live: error: none.flac") and run.stderr.count("\n") == 1


def test_every_caller_is_told_what_a_lone_stream_says(clf, capsys):
    assert asyncio.run(example("serve").demonstrate(clf, 5)) == 0
    assert "each received the events of a single stream" in capsys.readouterr().out


async def served(clf, capacity, talk):
    serve = example("serve")
    server = serve.Server(clf, capacity)
    listening = await server.serve("127.0.0.1", 0)
    try:
        return await asyncio.wait_for(talk(serve, server, *listening.sockets[0].getsockname()[:2]), 30)
    finally:
        server.ticking.cancel()
        listening.close()


def test_a_caller_who_hangs_up_disturbs_nobody(clf, speech):
    async def talk(serve, server, host, port):
        for _ in range(3):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"\1" * 12345)  # an odd number of bytes, then gone
            await writer.drain()
            writer.transport.abort()
        said = await serve.call(host, port, speech, 1001)
        while len(server.pool):  # their places come back
            await asyncio.sleep(0.01)
        return said, [serve.line(event) for event in serve.alone(clf, speech)]

    said, expected = asyncio.run(served(clf, 4, talk))
    assert said == [*expected, {"end": True}]
    assert expected


def test_a_caller_too_many_is_told_so(clf):
    async def talk(serve, server, host, port):
        reader, writer = await asyncio.open_connection(host, port)
        while not len(server.pool):
            await asyncio.sleep(0.01)
        second = await serve.call(host, port, np.zeros(100, np.float32), 64)
        writer.write_eof()
        first = json.loads(await reader.readline())
        writer.close()
        return first, second

    first, second = asyncio.run(served(clf, 1, talk))
    assert first == {"end": True}
    assert len(second) == 1 and "capacity" in second[0]["error"]
