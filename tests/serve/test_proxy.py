"""deploy/haproxy.cfg before two servers with Redis: processes are stopped and killed, and no stream is lost."""

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

import wavenetlite as wl

CLIENTS = int(os.environ.get("WAVENETLITE_PROXY_CLIENTS", "12"))
STOPS = int(os.environ.get("WAVENETLITE_PROXY_STOPS", "4"))
SIGNALS = 25
BLOCK = 80 * SR // 1000
SPEED = float(os.environ.get("WAVENETLITE_PROXY_SPEED", "2" if CLIENTS < 100 else "1"))
"""Of the audio; below 1 on a machine that is busy with other things."""
SECONDS = int(max(20, 6 * STOPS * SPEED))
"""Of audio that each client has, so that it still speaks at the last stop."""
CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"


@pytest.fixture
def proxy():
    if shutil.which("haproxy") is None or not CONFIGURATION.exists():
        pytest.skip("needs haproxy, and its configuration beside the tests")
    ports = [free_port() for _ in range(3)]
    listen, *servers = [f"127.0.0.1:{port}" for port in ports]
    environment = {**os.environ, "LISTEN": listen, "SERVER1": servers[0], "SERVER2": servers[1]}
    subprocess.run(["haproxy", "-c", "-f", CONFIGURATION], env=environment, check=True, capture_output=True)
    process = subprocess.Popen(["haproxy", "-db", "-f", CONFIGURATION], env=environment, stderr=subprocess.DEVNULL)
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


class Caller(threading.Thread):
    """A client that speaks its signal, and keeps what it has heard and how it ended."""

    def __init__(self, url, pcm, wanted):
        super().__init__()
        self.url, self.pcm, self.wanted = url, pcm, wanted
        self.client, self.problem, self.events = None, "has not ended", []

    def run(self):
        try:
            self.speak()
            self.problem = self.difference()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def speak(self):
        client = self.client = wl.client.Client(self.url, sr=SR, format="pcm16", reconnect_s=100)
        for at in range(0, len(self.pcm), BLOCK):
            self.events += client.process(self.pcm[at : at + BLOCK])
            time.sleep(BLOCK / SR / SPEED)
        self.events += client.close()

    def difference(self):
        """From a lone stream; None: there is none."""
        heard = [(event.label, event.score, event.time_s) for event in self.events]
        if heard != self.wanted:
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(heard, self.wanted, strict=False)))
            return f"{len(heard)} events of {len(self.wanted)}, the first {same} are equal"
        samples = self.client.result.samples
        return None if samples == len(self.pcm) else f"{samples} samples of {len(self.pcm)}"

    def state(self):
        sent = None if self.client is None else (self.client.stream_id, self.client.samples_in, self.client.result)
        return f"{self.problem}; {len(self.events)} events; {sent}"


@pytest.mark.slow
def test_every_client_hears_what_a_lone_stream_says(proxy, redis_url, tmp_path):  # noqa: F811
    listen, *ports = proxy
    model, clf = save_tones(tmp_path), judge()
    signals = [tones(SECONDS, seed=n) for n in range(min(SIGNALS, CLIENTS))]
    wanted = [alone(clf, pcm) for pcm in signals]
    kinds = [(signal.SIGTERM, signal.SIGKILL)[turn % 2] for turn in range(STOPS)]
    rng = random.Random(3)
    rng.shuffle(kinds)

    def start(port):
        return Process(model, "--store", redis_url, port=port)

    servers = [start(port) for port in ports]
    url = f"ws://127.0.0.1:{listen}"
    callers = [Caller(url, signals[n % len(signals)], wanted[n % len(signals)]) for n in range(CLIENTS)]
    for caller in callers:
        caller.start()
    for kind in kinds:
        time.sleep(rng.uniform(0.5, 1.5))
        which = rng.randrange(2)
        servers[which].kill(kind)
        servers[which] = start(ports[which])
    assert any(caller.is_alive() for caller in callers), "the last stop came after the last word"
    for caller in callers:
        caller.join(10 * SECONDS / SPEED)
    for server in servers:
        server.kill()
    states = [caller.state() for caller in callers if caller.problem is not None]
    assert not states, f"{len(states)} of {CLIENTS} clients:\n" + "\n".join(states[:20])
