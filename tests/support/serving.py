"""Servers for tests: in a thread of this process, or as a process that can be killed; and what a lone stream says."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

import numpy as np
from level_classifier import SR, judge, sound

from wavenetlite.serve import Server, Settings

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def tones(seconds=6, sr=SR, seed=0):
    """Low and high tones of a quarter of a second, with pauses between; as 16-bit samples give them."""
    rng = np.random.default_rng(seed)
    pieces = [sound(("low", "high", "none", "none")[rng.integers(4)], SR // 4, n) for n in range(4 * seconds)]
    return np.round(np.concatenate(pieces) * 32767).astype("<i2")


def floats(pcm):
    return pcm.astype(np.float32) / np.float32(32768)


def alone(clf, pcm):
    """The events of a stream of its own."""
    stream = clf.stream()
    return [(e.label, e.score, e.time_s) for e in stream.process(floats(pcm)) + stream.flush()]


def triples(events):
    return [(e["label"], e["score"], e["time_s"]) for e in events]


def save_tones(folder, name="tones", **options):
    path = folder / f"{name}.safetensors"
    judge(**options).save(path)
    return str(path)


class InThread:
    """A server whose loop runs in a thread."""

    def __init__(self, **settings):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = Server(Settings(**{"port": 0, **settings}))
        self.addresses = self.do(self.server.start())
        self.port = int(self.addresses["http"].rpartition(":")[2])
        self.url = f"ws://127.0.0.1:{self.port}"

    def do(self, coroutine, timeout=30):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def count(self, name, **labels):
        """The value of a metric."""
        return self.server.hub.metrics.registry.get_sample_value(f"wavenetlite_{name}", labels) or 0.0

    def until(self, condition, timeout=10):
        """Wait until a condition of the server holds."""

        async def wait():
            async with asyncio.timeout(timeout):
                while not condition():
                    await asyncio.sleep(0.01)

        self.do(wait(), timeout + 5)

    def stop(self):
        self.do(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@contextlib.contextmanager
def in_thread(**settings):
    running = InThread(**settings)
    try:
        yield running
    finally:
        running.stop()


class Process:
    """``wavenetlite serve`` as a process of its own."""

    def __init__(self, *arguments, port=0):
        command = [sys.executable, "-m", "wavenetlite", "serve", "--port", str(port), *map(str, arguments)]
        # A pipe that nobody reads would stop a server with much to say.
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=ENVIRONMENT)
        line = self.process.stdout.readline()
        assert line, self.said()
        self.addresses = json.loads(line)
        self.port = int(self.addresses["http"].rpartition(":")[2])
        self.url = f"ws://127.0.0.1:{self.port}"

    def kill(self, number=signal.SIGTERM):
        """Send a signal and wait for the end; returns the log."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.said()

    def said(self):
        """The log, when the process has ended."""
        self.process.wait(10)
        with self.log:
            self.log.seek(0)
            return self.log.read()


@contextlib.contextmanager
def as_process(*arguments, port=0):
    running = Process(*arguments, port=port)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill(signal.SIGKILL)
        running.log.close()
