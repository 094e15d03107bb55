"""A server and some clients, each of which receives the events of a stream of its own.

python examples/serve.py --clients 4        needs pip install 'wavenetlite[serve]'
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite.serve import Server, Settings

MODEL = "speech-commands-12"
RECORDING = Path(__file__).parent / "data" / "recording.flac"
Found = list[tuple[str, float, float]]


def alone(clf: wl.AudioClassifier, y: np.ndarray) -> Found:
    """The events of a single stream."""
    stream = clf.stream()
    return [(event.label, event.score, event.time_s) for event in stream.process(y) + stream.flush()]


def speak(url: str, y: np.ndarray, sr: int, block: int) -> Found:
    """The events that the server finds in a signal."""
    client = wl.client.Client(url, model=MODEL, sr=sr)
    events = [event for at in range(0, len(y), block) for event in client.process(y[at : at + block])]
    return [(event.label, event.score, event.time_s) for event in events + client.close()]


async def demonstrate(clients: int) -> int:
    clf = wl.load(MODEL)
    y, sr = wl.audio.read(RECORDING, sr=clf.sr)
    server = Server(Settings(models=(MODEL,), port=0))
    url = (await server.start())["websocket"]
    heard = await asyncio.gather(*(asyncio.to_thread(speak, url, y, sr, 400 + 74 * n) for n in range(clients)))
    await server.stop()
    expected = alone(clf, y)
    for label, score, time_s in expected:
        print(f"{time_s:7.2f} s  {label:<12} {score:.2f}")
    same = all(found == expected for found in heard)
    verdict = "each received the events of a single stream" if same else "they differ from those of a single stream"
    print(f"{clients} clients, {len(y) / sr:.1f} s of audio each: {verdict}")
    return 0 if same else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=4)
    sys.exit(asyncio.run(demonstrate(parser.parse_args().clients)))
