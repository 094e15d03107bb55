"""What clients are told, as JSON; every protocol says it in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wavenetlite.classifier import Event, Prediction

Message = dict[str, Any]


@dataclass(frozen=True)
class Closing:
    """The end of a connection by the server: a WebSocket close code, and why."""

    code: int
    reason: str


DONE = Closing(1000, "done")
DRAINED = Closing(1012, "the server restarts; reconnect with the id")
SLOW = Closing(1008, "the client does not read its messages")
IDLE = Closing(4408, "no audio came in time")
TOO_LONG = Closing(4413, "the stream is longer than this server allows")
TAKEN_OVER = Closing(4409, "the stream goes on by another connection")
FAILED = Closing(1011, "the stream failed")
INVALID = Closing(1007, "invalid message")
BROKEN = Closing(1002, "frames that are no message")
TOO_LARGE = Closing(1009, "the message is too large")


def event_message(event: Event, n: int) -> Message:
    return {"type": "event", "n": n, "label": event.label, "score": float(event.score), "time_s": event.time_s}


def done_message(prediction: Prediction | None, samples: int) -> Message:
    """`label` and `score` are null if the signal was too short for one frame."""
    label = None if prediction is None else prediction.label
    score = None if prediction is None else float(prediction.score)
    return {"type": "done", "label": label, "score": score, "samples": samples}


def resume_message(samples: int, n: int) -> Message:
    return {"type": "resume", "samples": samples, "n": n}


def drain_message(samples: int) -> Message:
    return {"type": "drain", "samples": samples}


def saved_message(samples: int, n: int) -> Message:
    return {"type": "saved", "samples": samples, "n": n}


def error_message(error: Exception | str) -> Message:
    return {"type": "error", "message": str(error)}


def scores_message(values: list[list[float]], times_s: list[float]) -> Message:
    return {"type": "probabilities", "values": values, "times_s": times_s}
