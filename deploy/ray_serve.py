"""A classifier as a deployment of Ray Serve: files by POST, live audio by WebSocket, as many replicas as are asked for.

    pip install wavenetlite "ray[serve]"
    cd deploy && serve run --working-dir . ray_serve:app

A stream lives in the replica that its connection has come to, and ends with it: `wavenetlite serve` is for streams that
must outlive their process. What the two have in common is written the same way, see docs/how-to/serve.md.
"""

import asyncio
import os
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from ray import serve

import wavenetlite as wl

web = FastAPI()


def samples_of(block: bytes) -> np.ndarray:
    """float32 samples in -1..1 of little-endian 16-bit ones."""
    if len(block) % 2:
        raise wl.ParameterError(f"message has {len(block)} bytes; it must have whole samples of 2 bytes")
    return np.frombuffer(block, "<i2").astype(np.float32) / np.float32(32768)


def message(n: int, event: wl.Event) -> dict[str, Any]:
    return {"type": "event", "n": n, "label": event.label, "score": float(event.score), "time_s": event.time_s}


@serve.deployment(num_replicas=int(os.environ.get("REPLICAS", "1")), max_ongoing_requests=500)
@serve.ingress(web)
class Classifier:
    """One model; its streams share its weights."""

    def __init__(self, model: str) -> None:
        self.classifier = wl.load(model)

    @web.post("/v1/classify")
    async def classify(self, request: Request) -> dict[str, Any]:
        """The prediction for a file, and the events in it; computed in a thread, so that streams do not wait for it."""
        try:
            return await asyncio.to_thread(self.classify_file, await request.body())
        except wl.WavenetliteError as error:
            raise HTTPException(400, str(error)) from None

    def classify_file(self, data: bytes) -> dict[str, Any]:
        y, _ = wl.audio.read(wl.audio.Encoded("the file", data), sr=self.classifier.sr, resample=True, mono="mean")
        stream = self.classifier.stream()
        events = stream.process(y) + stream.flush()
        prediction = stream.prediction()
        return {
            "label": prediction.label,
            "score": float(prediction.score),
            "events": [message(n, event) for n, event in enumerate(events, 1)],
        }

    @web.websocket("/v1/stream")
    async def stream(self, socket: WebSocket) -> None:
        """Binary messages of 16-bit samples at the model's rate, at the end an empty one; events as they are found."""
        await socket.accept()
        stream, n = self.classifier.stream(), 0
        try:
            while True:
                block = await socket.receive_bytes()
                events = stream.process(samples_of(block)) if block else stream.flush()
                for event in events:
                    n += 1
                    await socket.send_json(message(n, event))
                if not block:
                    await socket.close()
                    return
        except wl.WavenetliteError as error:
            await socket.close(1007, str(error)[:120])
        except KeyError:  # of FastAPI: a message of text has no bytes
            await socket.close(1003, "messages must be binary; an empty one ends the stream")
        except WebSocketDisconnect:
            pass


app = Classifier.bind(os.environ.get("WAVENETLITE_MODEL", "speech-commands-12"))  # type: ignore[attr-defined]
