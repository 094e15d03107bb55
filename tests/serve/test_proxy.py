"""deploy/haproxy.cfg before two servers with Redis: processes are stopped and killed, and no stream is lost."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from socket import create_connection

import numpy as np
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
SECONDS = max(20, 5 * STOPS)
"""Of audio that each client has, so that it still speaks at the last stop."""
SIGNALS = 25
SPEED = 2 if CLIENTS < 100 else 1
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


@pytest.mark.slow
def test_every_client_hears_what_a_lone_stream_says(proxy, redis_url, tmp_path):  # noqa: F811
    listen, *ports = proxy
    model, clf = save_tones(tmp_path), judge()
    different = [tones(SECONDS, seed=n) for n in range(min(SIGNALS, CLIENTS))]
    signals = [different[n % len(different)] for n in range(CLIENTS)]
    events = [[] for _ in signals]
    results = [None] * CLIENTS

    def start(port):
        return Process(model, "--store", redis_url, port=port)

    def speak(number):
        rng = np.random.default_rng(number)
        client = wl.client.Client(f"ws://127.0.0.1:{listen}", sr=SR, format="pcm16", reconnect_s=100)
        at = 0
        while at < len(signals[number]):
            block = signals[number][at : at + int(rng.integers(1, SR // 5))]
            events[number] += client.process(block)
            at += len(block)
            time.sleep(len(block) / SR / SPEED)
        events[number] += client.close()
        results[number] = client.result

    servers = [start(port) for port in ports]
    threads = [threading.Thread(target=speak, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    rng = random.Random(3)
    for turn in range(STOPS):
        time.sleep(rng.uniform(0.5, 1.5))
        which = rng.randrange(2)
        servers[which].kill((signal.SIGTERM, signal.SIGKILL)[turn % 2])
        servers[which] = start(ports[which])
    for thread in threads:
        thread.join(10 * SECONDS)
    for server in servers:
        server.kill()
    wanted = [alone(clf, pcm) for pcm in different]
    for number, pcm in enumerate(signals):
        assert [(e.label, e.score, e.time_s) for e in events[number]] == wanted[number % len(wanted)]
        assert results[number].samples == len(pcm)
