"""A stream as bytes in a store: where it is, the events a client may have missed, and the snapshots it resumes from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from wavenetlite.serve.messages import Message
from wavenetlite.support.errors import SnapshotError
from wavenetlite.support.parts import pack, unpack
from wavenetlite.support.snapshots import checksum

UNFIT = "the stored stream is damaged; start a new one with another id"
MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Position:
    """What a stored stream is, and how far it has come.

    Attributes
    ----------
    model, sr
        Its model's name and the client's sample rate.
    owner
        The name of the token that opened it; nobody else resumes it.
    samples, n
        Samples at the client's rate that have been processed, and events found in them.
    kept
        The newest of these events.
    """

    model: str
    sr: int
    owner: str
    samples: int
    n: int
    kept: list[Message]


def write_record(position: Position, snapshot: bytes, resampler: bytes) -> bytes:
    body = pack(json.dumps(asdict(position)).encode(), snapshot, resampler)
    return body + checksum(body).to_bytes(8, "little")


def read_record(record: bytes) -> tuple[Position, bytes, bytes]:
    """The position and the snapshots of stream and resampler; raises `SnapshotError` if the record is damaged."""
    body = record[:-8]
    if len(record) > MOST_BYTES or checksum(body).to_bytes(8, "little") != record[-8:]:
        raise SnapshotError(UNFIT)
    head, snapshot, resampler = unpack(body, 3, UNFIT)
    try:
        fields: dict[str, Any] = json.loads(head)
        return Position(**fields), snapshot, resampler
    except (ValueError, TypeError, RecursionError):
        raise SnapshotError(UNFIT) from None
