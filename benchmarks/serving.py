"""How many live clients one core serves: ``python -m benchmarks.serving --clients 1000 --block-ms 20`` (Linux).

The server runs on core 0, the clients on core 1. Each sends its own part of a recording at the speed of speech, and
every event that it gets is compared with those of a lone stream. Times are from the last sample of the block that
completes an event to its arrival at the client, so they contain the clients' own delays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import wavenetlite as wl

MODEL, SR = "speech-commands-12", 16000
NAME = "served"
RECORDING = Path(__file__).parents[1] / "examples" / "data" / "recording.flac"
STARTS = 40
"""Places of the recording where clients begin, so that not all hear a word at the same moment."""
SLOTS = 20
"""Groups of clients, whose blocks are sent one after the other."""
UPGRADE = (
    "GET /v1/stream?model={model}&sr={sr}{id} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def signals(seconds: float) -> list[np.ndarray]:
    """The recording, from each of the starts on, as 16-bit samples."""
    y, _ = wl.audio.read(RECORDING, sr=SR, resample=True)
    whole = np.round(np.clip(np.tile(y, 2 + int(seconds * SR / len(y))), -1, 1) * 32767).astype("<i2")
    step = len(y) // STARTS
    return [whole[start * step :][: int(seconds * SR)] for start in range(STARTS)]


def lone_events(model: str, pcm: np.ndarray) -> list[tuple]:
    stream = wl.load(model).stream()
    return [(e.label, e.score, e.time_s) for e in stream.process(pcm.astype(np.float32) / np.float32(32768))]


def frames(pcm: np.ndarray, block: int) -> list[bytes]:
    """The blocks as frames of a client, under a mask of zeros."""
    blocks = [pcm[at : at + block].tobytes() for at in range(0, len(pcm) - block + 1, block)]
    return [
        bytes([0x82, 0x80 | 126]) + len(data).to_bytes(2, "big") + bytes(4) + data
        if len(data) > 125
        else bytes([0x82, 0x80 | len(data)]) + bytes(4) + data
        for data in blocks
    ]


class Caller(asyncio.Protocol):
    """A client that reads frames of fewer than 64 kB."""

    def __init__(self, block: int, start: int) -> None:
        self.block, self.start = block, start
        self.buffer, self.up = b"", False
        self.events: list[tuple] = []
        self.sent: list[float] = []
        self.late: list[float] = []

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.buffer += data
        if not self.up:
            head, mark, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101") or not mark:
                raise SystemExit(f"the server answers {head[:200]!r}")
            self.up = True
        while (size := self.size()) is not None and len(self.buffer) >= size[0] + size[1]:
            head, length = size
            self.hear(self.buffer[0] & 15, self.buffer[head : head + length], now)
            self.buffer = self.buffer[head + length :]

    def size(self) -> tuple[int, int] | None:
        """Of the next frame: its head and its content."""
        if len(self.buffer) < 4:
            return None
        short = self.buffer[1] & 127
        return (2, short) if short < 126 else (4, int.from_bytes(self.buffer[2:4], "big"))

    def hear(self, kind: int, content: bytes, now: float) -> None:
        if kind == 1 and (message := json.loads(content))["type"] == "event":
            self.events.append((message["label"], message["score"], message["time_s"]))
            number = int(np.ceil(message["time_s"] * SR / self.block - 1e-9)) - 1
            self.late.append(now - self.sent[number])


async def call(options: argparse.Namespace, port: int) -> dict:
    """All clients, from the first block to the last event."""
    loop, block = asyncio.get_running_loop(), options.block_ms * SR // 1000
    heard = signals(options.seconds)
    sent = [frames(pcm, block) for pcm in heard]
    wanted = [lone_events(options.model, pcm[: len(blocks) * block]) for pcm, blocks in zip(heard, sent, strict=True)]
    callers = []
    for number in range(options.clients):
        transport, caller = await loop.create_connection(lambda n=number: Caller(block, n % STARTS), "127.0.0.1", port)
        query = f"&id={os.getpid()}-{number}" if options.ids else ""
        transport.write(UPGRADE.format(model=NAME, sr=SR, id=query).encode())
        caller.socket = transport.get_extra_info("socket")._sock
        callers.append(caller)
    while not all(caller.up for caller in callers):
        await asyncio.sleep(0.05)
    groups = [callers[slot::SLOTS] for slot in range(SLOTS)]
    begin, behind = time.perf_counter() + 0.1, 0.0
    for turn in range(len(sent[0])):
        for slot, group in enumerate(groups):
            due = begin + (turn + slot / SLOTS) * options.block_ms / 1000
            await asyncio.sleep(max(0, due - time.perf_counter()))
            behind = max(behind, time.perf_counter() - due)
            for caller in group:
                caller.sent.append(time.perf_counter())
                caller.socket.send(sent[caller.start][turn])
    await asyncio.sleep(1.0)
    late = 1000 * np.array([one for caller in callers for one in caller.late] or [np.nan])
    right = sum(caller.events == wanted[caller.start] for caller in callers)
    return {
        "clients": options.clients, "block_ms": options.block_ms, "right": right, "events": len(late),
        "median_ms": round(float(np.median(late)), 1), "p99_ms": round(float(np.percentile(late, 99)), 1),
        "max_ms": round(float(late.max()), 1), "clients_behind_ms": round(1000 * behind, 1),
        "messages": options.clients * len(sent[0]),
    }  # fmt: skip


def weights_of(model: str) -> str:
    """The types of a model's weights, such as int8 of a quantised one."""
    kinds = {str(values.dtype) for values in wl.load(model).model.state_dict().values()}
    return "int8" if "int8" in kinds else "+".join(sorted(kinds))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace) -> dict:
    command = [
        sys.executable,
        "-m",
        "wavenetlite",
        "serve",
        f"{NAME}={options.model}",
        "--port",
        "0",
        "--most-streams",
        "20000",
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        os.sched_setaffinity(server.pid, {0})
        os.sched_setaffinity(0, {1})
        port = int(json.loads(server.stdout.readline())["http"].rpartition(":")[2])
        before = cpu_s(server.pid)
        row = asyncio.run(call(options, port))
        used = cpu_s(server.pid) - before
        status = Path(f"/proc/{server.pid}/status").read_text()
        named = {"model": Path(options.model).name, "weights": weights_of(options.model)}
        return (
            named
            | row
            | {
                "core": round(used / options.seconds, 2),
                "us_a_message": round(1e6 * used / row["messages"], 1),
                "server_mb": int(status.partition("VmRSS:")[2].split()[0]) // 1000,
            }
        )
    finally:
        server.terminate()
        server.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--block-ms", type=int, default=20)
    parser.add_argument("--model", default=MODEL, help="a bundled model, or a file, as of `wavenetlite quantize`")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--ids", action="store_true", help="streams that are saved")
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
