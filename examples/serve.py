"""An asyncio server that runs all its connections through one pool.

    python examples/serve.py                            a demonstration: the server and 20 callers, in one process
    python examples/serve.py --listen 127.0.0.1:7700    the server alone; Ctrl-C stops it

A caller connects, sends mono 16-bit little-endian samples at the classifier's rate, in pieces of any size, and receives
a line of JSON for every event; when it closes its sending side, it receives the events of the end of the signal, and a
last line {"end": true}.

How it works: connections only queue samples. Every 20 ms one task feeds the queued samples of all connections to the
pool in one call, in a worker thread, so that the loop keeps serving the network. Each caller receives, bit for bit, the
events of a separate stream.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite.classifier import ClassifierPool, Event

TICK_S = 0.02
PIECE_BYTES = 1 << 14
MOST_WAITING_S = 2.0  # per caller; one that sends faster than real time has to wait

RECORDING = Path(__file__).parent / "data" / "recording.flac"


def line(event: Event) -> dict[str, object]:
    return {"label": event.label, "score": round(float(event.score), 4), "time_s": round(event.time_s, 4)}


class Caller:
    """One connection: its id in the pool, and the samples queued for the next tick."""

    def __init__(self, sid: int, writer: asyncio.StreamWriter) -> None:
        self.sid = sid
        self.writer = writer
        self.waiting: list[np.ndarray] = []
        self.taken = asyncio.Event()

    def take(self) -> np.ndarray:
        samples = np.concatenate(self.waiting) if self.waiting else np.zeros(0, np.float32)
        self.waiting.clear()
        self.taken.set()
        return samples

    def send(self, events: list[Event]) -> None:
        for event in events:
            self.writer.write(json.dumps(line(event)).encode() + b"\n")


class Server:
    """All connections, and the pool that they share."""

    def __init__(self, clf: wl.AudioClassifier, capacity: int) -> None:
        self.clf = clf
        self.pool: ClassifierPool = clf.pool(capacity, on_nonfinite="zero")
        self.callers: dict[int, Caller] = {}
        self.alone = asyncio.Lock()  # the pool serves one thread at a time

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The life of one connection."""
        caller: Caller | None = None
        try:
            async with self.alone:
                caller = Caller(self.pool.open(), writer)
            self.callers[caller.sid] = caller
            await self.receive(reader, caller)
            async with self.alone:
                caller.send(self.pool.process({caller.sid: caller.take()})[caller.sid])
                caller.send(self.pool.flush(caller.sid))
            writer.write(b'{"end": true}\n')
            await writer.drain()
        except wl.WavenetliteError as error:  # such as a pool that is full
            await self.refuse(reader, writer, error)
        except ConnectionError:  # the caller has disconnected
            pass
        finally:
            if caller is not None:
                async with self.alone:
                    self.callers.pop(caller.sid, None)
                    self.pool.close(caller.sid)
            writer.close()

    async def refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, error: Exception) -> None:
        """Send the reason; read what is still in transit, or the line might be lost with the connection."""
        writer.write(json.dumps({"error": str(error)}).encode() + b"\n")
        writer.write_eof()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                while await reader.read(PIECE_BYTES):
                    pass

    async def receive(self, reader: asyncio.StreamReader, caller: Caller) -> None:
        odd = b""
        while piece := await reader.read(PIECE_BYTES):
            piece = odd + piece
            even = len(piece) // 2 * 2
            odd = piece[even:]
            caller.waiting.append(np.frombuffer(piece[:even], "<i2").astype(np.float32) / np.float32(32768))
            while sum(map(len, caller.waiting)) > MOST_WAITING_S * self.clf.sr:
                caller.taken.clear()
                await caller.taken.wait()

    async def tick(self) -> None:
        """Every 20 ms, process all queued samples in one call."""
        while True:
            await asyncio.sleep(TICK_S)
            async with self.alone:
                blocks = {sid: caller.take() for sid, caller in self.callers.items() if caller.waiting}
                if not blocks:
                    continue
                events = await asyncio.to_thread(self.pool.process, blocks)
            for sid, found in events.items():
                if sid in self.callers:
                    self.callers[sid].send(found)

    async def serve(self, host: str, port: int) -> asyncio.Server:
        self.ticking = asyncio.create_task(self.tick())
        return await asyncio.start_server(self.connected, host, port)


async def call(host: str, port: int, y: np.ndarray, piece: int) -> list[dict[str, object]]:
    """A caller: sends a signal in pieces, returns the lines received."""
    reader, writer = await asyncio.open_connection(host, port)
    pcm = np.clip(np.round(y * 32768), -32768, 32767).astype("<i2").tobytes()
    for at in range(0, len(pcm), piece):
        writer.write(pcm[at : at + piece])
        await writer.drain()
    writer.write_eof()
    said = [json.loads(line) async for line in reader]
    writer.close()
    return said


async def demonstrate(clf: wl.AudioClassifier, callers: int) -> int:
    """The server and some callers, with pieces of different sizes; all must receive the same."""
    server = Server(clf, callers)
    listening = await server.serve("127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    y, sr = wl.audio.read(RECORDING, sr=clf.sr)
    heard = await asyncio.gather(*(call(host, port, y, 400 + 74 * n) for n in range(callers)))
    server.ticking.cancel()
    listening.close()
    expected = [line(event) for event in alone(clf, y)]
    for event in expected:
        print(f"{event['time_s']:7.2f} s  {event['label']:<12} {event['score']:.2f}")
    same = all(said == [*expected, {"end": True}] for said in heard)
    verdict = (
        "each received the events of a single stream" if same else "they differ from the events of a single stream"
    )
    print(f"{callers} callers, {len(y) / sr:.1f} s of audio each: {verdict}")
    return 0 if same else 1


def alone(clf: wl.AudioClassifier, y: np.ndarray) -> list[Event]:
    """The events of a single stream."""
    stream = clf.stream(sr=clf.sr)
    return [*stream.process(y), *stream.flush()]


async def run(clf: wl.AudioClassifier, host: str, port: int, capacity: int) -> int:
    server = Server(clf, capacity)
    async with await server.serve(host, port) as listening:
        print(f"{len(clf.labels)} labels, {clf.sr} Hz, up to {capacity} callers at {host}:{port}", flush=True)
        await listening.serve_forever()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="speech-commands-12", help="a bundled classifier, or the file of one")
    parser.add_argument("--listen", metavar="HOST:PORT", help="serve instead of the demonstration")
    parser.add_argument("--capacity", type=int, default=1000, help="callers at the same time")
    parser.add_argument("--callers", type=int, default=20, help="of the demonstration")
    args = parser.parse_args()
    host, _, port = (args.listen or "127.0.0.1:0").rpartition(":")
    if not port.isdigit():
        parser.error(f"--listen {args.listen}: it must be HOST:PORT")
    try:
        clf = wl.load(args.model)
        if not isinstance(clf, wl.AudioClassifier):
            raise wl.ParameterError(f"--model {args.model} is a {type(clf).__name__}; it must be a classifier")
        return asyncio.run(run(clf, host, int(port), args.capacity) if args.listen else demonstrate(clf, args.callers))
    except (wl.WavenetliteError, OSError) as error:
        print(f"serve: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
