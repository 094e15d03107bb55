"""Random and truncated messages, half-open connections: no crash, nothing left, and others unhurt."""

import contextlib
import json
import logging
import os
import random
import socket
import struct
import sys
from pathlib import Path

import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
pytest.importorskip("websockets", reason="needs websockets")
from serving import alone, in_thread, save_tones, tones, triples
from websockets.sync.client import connect

TRIES = int(os.environ.get("WAVENETLITE_HOSTILE", "150"))
"""Connections for each protocol; the goal of a long run is 100,000 messages."""
MOST_GROWTH_MB = 30
"""Of the process, however many have come."""
UPGRADE = (b"GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")  # fmt: skip

POST = b"POST /v1/classify%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
STARTS = [
    UPGRADE % b"/v1/stream?id=a",
    UPGRADE % b"/vosk",
    UPGRADE % b"/v1/stream?format=float32",
    POST % (b"", b"Content-Length: 900") + b"RIFF",
    POST % (b"?format=pcm16", b"Transfer-Encoding: chunked") + b"5\r\n",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with in_thread(models=(save_tones(tmp_path_factory.mktemp("hostile")),), most_streams=50) as running:
        yield running


def frame(code, data, rng):
    """A masked frame; now and then with a wrong length."""
    size = len(data)
    if rng.random() < 0.2:
        length = bytes([0x80 | 127]) + struct.pack(">Q", rng.randrange(1 << 20))
    else:
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
    return bytes([0x80 | code]) + length + bytes(4) + data


def message(rng):
    texts = ['{"type": "end"}', '{"type": 1}', "[1]", '{"eof": 1}', '{"config": {"sample_rate": 8000}}', "\x00"]
    kind = rng.randrange(4)
    if kind == 0:
        return frame(1, rng.choice(texts).encode(), rng)
    if kind == 1:
        return frame(rng.randrange(16), rng.randbytes(rng.randrange(200)), rng)
    if kind == 2:
        return rng.randbytes(rng.randrange(200))
    return frame(2, rng.randbytes(2 * rng.randrange(500)), rng)


def request(rng):
    """A request to one of the paths, damaged."""
    start = rng.choice(STARTS)
    if rng.random() < 0.7:
        return start
    damaged = bytearray(start[: rng.randrange(1, len(start))])
    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_random_messages_hurt_nobody(server, caplog):
    caplog.set_level(logging.CRITICAL, "aiohttp.server")  # pytest would keep every record with its traceback
    rng = random.Random(1)
    pcm = tones(3)
    early = None
    with connect(f"{server.url}/v1/stream", ping_interval=None, max_queue=None) as witness:
        for number in range(TRIES):
            with socket.create_connection(("127.0.0.1", server.port)) as hostile:
                try:
                    hostile.sendall(request(rng))
                    for _ in range(rng.randrange(8)):
                        hostile.sendall(message(rng))
                    if rng.random() < 0.3:  # cut without a goodbye
                        hostile.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
            if number == TRIES // 2 and sys.platform == "linux":
                early = resident_mb()
            at = len(pcm) * number // TRIES
            witness.send(pcm[at : len(pcm) * (number + 1) // TRIES].tobytes())
        witness.send('{"type": "end"}')
        said = [one for one in map(json.loads, witness) if one["type"] == "event"]
    assert triples(said) == alone(judge(), pcm)
    server.until(lambda: len(server.server.hub) == 0, timeout=20)
    assert server.count("requests_refused_total", status="500") == 0
    assert early is None or resident_mb() - early < MOST_GROWTH_MB


def test_connections_that_say_nothing_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("wavenetlite.serve.silent.SWEEP_S", 0.1)
    with in_thread(models=(save_tones(tmp_path),)) as server, connect(f"{server.url}/v1/stream") as stream:
        for said in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as half_open:
                half_open.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    assert half_open.recv(1) == b""
        stream.send(tones(1).tobytes())
        stream.send('{"type": "end"}')
        assert json.loads(list(stream)[-1])["samples"] == SR


def test_half_open_connections_take_no_stream(server):
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
    try:
        with connect(f"{server.url}/v1/stream") as stream:
            stream.send(tones(1).tobytes())
            stream.send('{"type": "end"}')
            assert json.loads(list(stream)[-1])["samples"] == SR
    finally:
        for one in idle:
            one.close()
