"""Random and truncated messages, half-open connections: no crash, nothing left, and others unhurt."""

import contextlib
import json
import os
import random
import socket
import struct
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
pytest.importorskip("websockets", reason="needs websockets")
from serving import alone, as_process, in_thread, save_tones, tones, triples
from websockets.sync.client import connect

MESSAGES = int(os.environ.get("WAVENETLITE_HOSTILE", "1000"))
"""For each protocol; a long run sends 100,000."""
MOST_GROWTH_MB = 30
"""Of the process from the first half of the messages to the last, however many they are."""
UPGRADE = (b"GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")  # fmt: skip
POST = b"POST /v1/classify%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
STREAMS = [
    b"/v1/stream",
    b"/v1/stream?id=a",
    b"/v1/stream?id=a&saves=1&have=3",
    b"/v1/stream?probabilities=1&format=float32",
]
TEXTS = [
    '{"type": "end"}',
    '{"type": 1}',
    "[1]",
    '{"eof": 1}',
    '{"config": {"sample_rate": 16000}}',
    "\x00",
    "[" * 5000,
]
WYOMING = ["describe", "detect", "audio-start", "audio-chunk", "audio-stop", "ping", "run-pipeline"]


def damaged(data, rng):
    """A message that ends too early, or of which a byte is another."""
    changed = bytearray(data[: rng.randrange(1, len(data) + 1)])
    changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def frame(code, data, rng):
    """A masked frame; now and then with a wrong length, up to the greatest."""
    size = len(data)
    if rng.random() < 0.1:
        length = bytes([0x80 | 127]) + struct.pack(">Q", rng.randrange(1 << rng.choice([8, 20, 40, 64])))
    else:
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
    return bytes([0x80 | code]) + length + bytes(4) + data


def frames(rng):
    while True:
        kind = rng.randrange(8)
        if kind == 0:
            yield frame(1, rng.choice(TEXTS).encode(), rng)
        elif kind == 1:
            yield frame(rng.randrange(16), rng.randbytes(rng.randrange(200)), rng)
        elif kind == 2:
            yield rng.randbytes(rng.randrange(1, 200))
        else:
            yield frame(2, rng.randbytes(2 * rng.randrange(500)), rng)


def stream(rng):
    yield UPGRADE % rng.choice(STREAMS)
    yield from frames(rng)


def vosk(rng):
    yield UPGRADE % b"/vosk"
    if rng.random() < 0.5:
        yield frame(1, TEXTS[4].encode(), rng)
    yield from frames(rng)


def http(rng):
    """Requests one after the other: files, chunks, paths that are none, headers without end."""
    bodies = [b"RIFF" + rng.randbytes(300), bytes(rng.randrange(900)), rng.randbytes(700)]
    while True:
        kind, body = rng.randrange(5), rng.choice(bodies)
        if kind == 0:
            yield POST % (b"", b"Content-Length: %d" % rng.choice([len(body), 900, 1 << 62])) + body
        elif kind == 1:
            chunk = b"%x\r\n" % rng.choice([len(body), 5, 1 << 60]) + body + rng.choice([b"\r\n0\r\n\r\n", b""])
            yield POST % (b"?format=pcm16", b"Transfer-Encoding: chunked") + chunk
        elif kind == 2:
            yield b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % rng.choice(
                [b"", b"v1/models", b"metrics", b"../x", b"%00", b"a" * 9000]
            )
        elif kind == 3:
            yield b"GET / HTTP/1.1\r\n" + b"X: %s\r\n" % (b"y" * rng.choice([9, 9000])) * rng.randrange(1, 9)
        else:
            yield rng.randbytes(rng.randrange(1, 300))


def wyoming(rng):
    """Lines of JSON with lengths that are right, wrong and giant, and what should follow them."""
    while True:
        data = {
            "rate": rng.choice([SR, 16000, 0, -1, 1 << 70]),
            "width": rng.choice([2, 2, 3]),
            "channels": 1,
            "names": [[], "tones"],
        }
        if rng.random() < 0.7:
            data.update(rate=SR, width=2, names=["tones"])
        payload = rng.randbytes(2 * rng.randrange(300))
        event = {"type": rng.choice(WYOMING), "data": data}
        if event["type"] == "audio-chunk":
            event["payload_length"] = (
                len(payload) if rng.random() < 0.9 else rng.choice([-1, 1.5, "7", 1 << 20, 1 << 60])
            )
        yield json.dumps(event).encode() + b"\n" + (payload if "payload_length" in event else b"")


PROTOCOLS = {"stream": stream, "vosk": vosk, "http": http, "wyoming": wyoming}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    model = save_tones(tmp_path_factory.mktemp("hostile"))
    with as_process(model, "--most-streams", 50, "--wyoming-port", 0) as running:
        yield running
        entries = [json.loads(line) for line in running.kill().splitlines()]
        errors = [f"{one['message']}: {one.get('traceback')}" for one in entries if one["level"] == "error"]
        assert not errors, f"{len(errors)} errors:\n" + "\n".join({one[-200:]: one for one in errors}.values())


def attack(port, messages, rng):
    """Send some messages, some of them damaged, and cut the connection; returns how many were sent."""
    sent, last = 0, rng.randrange(1, 25)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as hostile:
        try:
            for message in messages(rng):
                hostile.sendall(damaged(message, rng) if rng.random() < 0.1 else message)
                sent += 1
                if sent == last:
                    break
            if rng.random() < 0.3:  # without a goodbye
                hostile.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    return sent


def resident_mb(server):
    if sys.platform != "linux":
        return 0.0
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def streams_of(server):
    with urlopen(f"http://127.0.0.1:{server.port}/v1/models") as answered:
        return sum(model["streams"] for model in json.load(answered)["models"])


def is_left(server):
    """Whether no stream is open for a second, within a minute: connections may still wait to be accepted."""
    until, none = time.monotonic() + 60, 0
    while none < 5 and time.monotonic() < until:
        none = 0 if streams_of(server) else none + 1
        time.sleep(0.2)
    return none == 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_random_messages_hurt_nobody(server, protocol):
    rng = random.Random(protocol)
    port = int(server.addresses["wyoming"].rpartition(":")[2]) if protocol == "wyoming" else server.port
    pcm = tones(3)
    sent, at, early = 0, 0, None
    with connect(f"{server.url}/v1/stream", ping_interval=None, max_queue=None) as witness:
        while sent < MESSAGES:
            sent += attack(port, PROTOCOLS[protocol], rng)
            if early is None and sent >= MESSAGES // 2:
                early = resident_mb(server)
            now = len(pcm) * min(sent, MESSAGES) // MESSAGES
            witness.send(pcm[at:now].tobytes())
            at = now
        witness.send('{"type": "end"}')
        said = [one for one in map(json.loads, witness) if one["type"] == "event"]
    assert triples(said) == alone(judge(), pcm)
    assert is_left(server)
    with urlopen(f"http://127.0.0.1:{server.port}/metrics") as answered:
        assert 'refused_total{status="500"}' not in answered.read().decode()
    grown = resident_mb(server) - early
    print(f"{protocol}: {sent} messages, {early:.1f} MB, then {grown:+.1f} MB")
    assert grown < MOST_GROWTH_MB


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
