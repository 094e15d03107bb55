"""deploy/haproxy.cfg before two servers with Redis: processes are stopped and killed, and no stream is lost."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from itertools import takewhile
from socket import create_connection

import pytest
from level_classifier import SR, judge
from places import ROOT

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
pytest.importorskip("websockets", reason="needs websockets")
pytest.importorskip("redis", reason="needs redis")
from serving import Process, alone, save_tones, tones
from test_resuming import free_port, redis_url  # noqa: F401  # a fixture
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

import wavenetlite as wl

CLIENTS = int(os.environ.get("WAVENETLITE_PROXY_CLIENTS", "40"))
STOPS = int(os.environ.get("WAVENETLITE_PROXY_STOPS", "4"))
SPEED = float(os.environ.get("WAVENETLITE_PROXY_SPEED", "2"))
"""Of the audio; below 1 on a machine that is busy with other things."""
SECONDS = 20 + STOPS
SIGNALS, BLOCK = 25, 80 * SR // 1000
CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


@pytest.fixture
def proxy(tmp_path):
    if shutil.which("haproxy") is None or not CONFIGURATION.exists():
        pytest.skip("needs haproxy, and its configuration beside the tests")
    ports = [free_port() for _ in range(3)]
    listen, *servers = [f"127.0.0.1:{port}" for port in ports]
    environment = {**os.environ, "LISTEN": listen, "SERVER1": servers[0], "SERVER2": servers[1]}
    subprocess.run(["haproxy", "-c", "-f", CONFIGURATION], env=environment, check=True, capture_output=True)
    log = (tmp_path / "haproxy.log").open("w")
    process = subprocess.Popen(["haproxy", "-db", "-f", CONFIGURATION], env=environment, stderr=log)
    for _ in range(400):
        assert process.poll() is None, "haproxy has ended"
        try:
            create_connection(("127.0.0.1", ports[0])).close()
            break
        except OSError:
            time.sleep(0.05)
    yield ports
    process.terminate()
    process.wait(10)
    log.close()


class Stops:
    """Servers are stopped and killed at random, and started again."""

    def __init__(self, start, ports):
        self.start, self.ports, self.over = start, ports, False
        self.servers = [start(port) for port in ports]

    def run(self, rng):
        kinds = [(signal.SIGTERM, signal.SIGKILL)[turn % 2] for turn in range(STOPS)]
        rng.shuffle(kinds)
        for kind in kinds:
            time.sleep(rng.uniform(0.2, 1.2))
            which = rng.randrange(2)
            self.servers[which].kill(kind)
            self.servers[which] = self.start(self.ports[which])
        self.over = True

    def pause_s(self, share):
        """Between blocks, after a share of the signal: everybody still speaks at the last stop, however late it is."""
        if self.over:
            return BLOCK / SR / max(SPEED, 1.0)
        return 3.0 if share > 0.75 else BLOCK / SR / SPEED


class Caller:
    """A signal, and what has been heard of it."""

    def __init__(self, url, pcm, wanted, stops):
        self.url, self.pcm, self.wanted, self.stops = url, pcm, wanted, stops
        self.at, self.lost, self.heard, self.samples = 0, 0, [], None
        self.error = None

    def problem(self):
        """What was not as with a lone stream; None: nothing."""
        if self.error is None and self.heard == self.wanted and self.samples == len(self.pcm):
            return None
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.heard, self.wanted, strict=False)))
        return (
            f"{type(self.error).__name__}: {self.error}; sample {self.at} of {len(self.pcm)}, {self.samples} told;"
            f" {same} of {len(self.heard)} events are the first of {len(self.wanted)}; {self.lost} connections lost"
        )


class ClientCaller(Caller):
    """By `wl.client`, in a thread."""

    def speak(self):
        try:
            client = wl.client.Client(self.url, sr=SR, format="pcm16", reconnect_s=100)
            while self.at < len(self.pcm):
                self.hear(client.process(self.pcm[self.at : self.at + BLOCK]))
                self.at += BLOCK
                time.sleep(self.stops.pause_s(self.at / len(self.pcm)))
            self.hear(client.close())
            self.samples = client.result.samples
        except Exception as error:
            self.error = error

    def hear(self, events):
        self.heard += [(event.label, event.score, event.time_s) for event in events]


PATIENT = {"ping_interval": None, "max_queue": None, "open_timeout": 60}


class ConnectionCaller(Caller):
    """By the messages that docs/how-to/serve.md has: hundreds cost one thread."""

    saved, tries = 0, 0

    async def speak(self):
        try:
            while self.samples is None:
                self.tries += 1
                await self.connected()
        except Exception as error:
            self.error = error

    async def connected(self):
        query = f"?sr={SR}&id={id(self)}&saves=1&have={len(self.heard)}&attempt={id(self)}.{self.tries}"
        try:
            async with async_connect(f"{self.url}/v1/stream{query}", **PATIENT) as socket:
                self.resume(json.loads(await asyncio.wait_for(socket.recv(), 60)))
                speaking = asyncio.create_task(self.send(socket))
                try:
                    async for text in socket:
                        self.hear(json.loads(text))
                finally:
                    speaking.cancel()
                    await asyncio.wait([speaking])
        except (OSError, WebSocketException) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in (400, 403, 409):
                raise
            if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code not in (1000, 1012):
                raise
            self.lost += 1
            await asyncio.sleep(random.uniform(0.1, 2.0))

    def resume(self, message):
        assert message["type"] == "resume" and self.saved <= message["samples"] <= self.at, (
            message,
            self.saved,
            self.at,
        )
        self.at = message["samples"]

    async def send(self, socket):
        with contextlib.suppress(ConnectionClosed):
            while self.at < len(self.pcm):
                block = self.pcm[self.at : self.at + BLOCK]
                self.at += len(block)
                await socket.send(block.tobytes())
                await asyncio.sleep(self.stops.pause_s(self.at / len(self.pcm)))
            await socket.send('{"type": "end"}')

    def hear(self, message):
        if message["type"] == "event":
            event = message["label"], message["score"], message["time_s"]
            self.heard += [event] if message["n"] == len(self.heard) + 1 else []
            assert self.heard[message["n"] - 1] == event, "an event came again, and was another"
        elif message["type"] == "saved":
            self.saved = message["samples"]
        elif message["type"] == "done":
            self.samples = message["samples"]
        assert message["type"] != "error", message


def in_threads(callers):
    threads = [threading.Thread(target=caller.speak) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_a_loop(callers):
    async def speak():
        await asyncio.gather(*(caller.speak() for caller in callers))

    asyncio.run(speak())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [(ClientCaller, min(CLIENTS, 12)), (ConnectionCaller, CLIENTS)])
def test_every_client_hears_what_a_lone_stream_says(proxy, redis_url, tmp_path, kind, count):  # noqa: F811
    listen, *ports = proxy
    model, clf = save_tones(tmp_path), judge()
    signals = [tones(SECONDS, seed=n) for n in range(min(SIGNALS, count))]
    wanted = [alone(clf, pcm) for pcm in signals]
    stops = Stops(lambda port: Process(model, "--store", redis_url, "--store-s", 3600, port=port), ports)
    url = f"ws://127.0.0.1:{listen}"
    callers = [kind(url, signals[n % len(signals)], wanted[n % len(signals)], stops) for n in range(count)]
    speaking = threading.Thread(target=in_threads if kind is ClientCaller else in_a_loop, args=(callers,))
    speaking.start()
    try:
        stops.run(random.Random(3))
        assert speaking.is_alive(), "the last stop came after the last word"
    finally:
        stops.over = True
        speaking.join()
        for server in stops.servers:
            server.kill()
    problems = [caller.problem() for caller in callers if caller.problem() is not None]
    assert not problems, f"{len(problems)} of {count} clients:\n" + "\n".join(problems[:20])
    print(
        f"{count} clients, {STOPS} stops, {sum(caller.lost for caller in callers)} connections lost, all events equal"
    )
