"""Clients of one core over Wyoming, beside wyoming-openwakeword: ``python -m benchmarks.serving_wyoming`` (Linux).

Both servers get the same chunks of 80 ms at the speed of speech, on core 0, from clients on core 1. Ours runs once with
speech-commands-12 (ten words) and once with the very file that the other runs (one word). The other needs NumPy 1, and
so an environment of its own: ``--peer ITS_PYTHON``; without it ours runs alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.serving import MODEL, SR, cpu_s

CHUNK_S = 0.08
FORMAT = {"rate": SR, "width": 2, "channels": 1}
WORD = "ok_nabu"
FOLDER = "import wyoming_openwakeword as w, pathlib; print(pathlib.Path(w.__file__).parent / 'models')"
SLOTS = 20


def event(kind: str, data: dict, payload: bytes = b"") -> bytes:
    head = {"type": kind, "data": data} | ({"payload_length": len(payload)} if payload else {})
    return json.dumps(head).encode() + b"\n" + payload


async def load(port: int, pid: int, clients: int, seconds: float, name: str) -> dict:
    """CPU time of a server while so many clients speak."""
    rng = np.random.default_rng(0)
    chunks = [
        event("audio-chunk", FORMAT, (300 * rng.standard_normal(int(CHUNK_S * SR))).astype("<i2").tobytes())
        for _ in range(50)
    ]
    writers = []
    for _ in range(clients):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(event("detect", {"names": [name]}) + event("audio-start", FORMAT))
        writers.append(writer)
    await asyncio.sleep(1.0)
    before, begin = cpu_s(pid), time.perf_counter()
    for turn in range(int(seconds / CHUNK_S)):
        for slot in range(SLOTS):
            await asyncio.sleep(max(0, begin + (turn + slot / SLOTS) * CHUNK_S - time.perf_counter()))
            for writer in writers[slot::SLOTS]:
                writer.write(chunks[turn % len(chunks)])
    await asyncio.sleep(0.5)  # what is still to be done counts, too
    core = (cpu_s(pid) - before) / seconds
    for writer in writers:
        writer.close()
    return {"clients": clients, "core": round(core, 2), "clients_of_one_core": round(clients / core)}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(command: list[str], port: int) -> Iterator[int]:
    """A server on core 0 that listens; its process id. One that raised errors, and so was idle, is refused."""
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        os.sched_setaffinity(server.pid, {0})
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield server.pid
        finally:
            server.terminate()
            server.wait(20)
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
        if any(line.startswith("Traceback") for line in lines):
            raise SystemExit(f"{command[2]} raised an error: {lines[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with wyoming-openwakeword")
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    rows, models, runs = [], [MODEL], [(MODEL, 400)]
    if options.peer:
        folder = subprocess.run([options.peer, "-c", FOLDER], check=True, capture_output=True, text=True).stdout.strip()
        models, runs = [*models, f"{WORD}={folder}/{WORD}_v0.1.tflite"], [*runs, (WORD, 150)]
    port, theirs = free_port(), free_port()
    ours = [sys.executable, "-m", "wavenetlite", "serve", *models, "--port", "0", "--wyoming-port", str(port)]
    with serving(ours, port) as pid:
        os.sched_setaffinity(0, {1})
        for name, clients in runs:
            row = asyncio.run(load(port, pid, clients, options.seconds, name))
            rows.append({"server": "wavenetlite", "model": name, **row})
    if options.peer:
        uri = f"tcp://127.0.0.1:{theirs}"
        command = [options.peer, "-m", "wyoming_openwakeword", "--uri", uri, "--preload-model", WORD]
        with serving(command, theirs) as pid:
            row = asyncio.run(load(theirs, pid, 20, options.seconds, WORD))
            rows.append({"server": "wyoming-openwakeword", "model": WORD, **row})
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
