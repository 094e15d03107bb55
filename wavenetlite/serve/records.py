"""A stream as bytes in a store: where it is, the events a client may have missed, and the snapshots it resumes from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    """

    model: str
    sr: int
    owner: str
    samples: int
    n: int


class Record(NamedTuple):
    """A stored stream; `kept` are the newest of its events, as JSON: hundreds, of which few are ever read again."""

    position: Position
    kept: list[str]
    snapshot: bytes
    resampler: bytes


def write_record(position: Position, kept: Iterable[str], snapshot: bytes, resampler: bytes) -> bytes:
    body = pack(json.dumps(vars(position)).encode(), "\n".join(kept).encode(), snapshot, resampler)
    return body + checksum(body).to_bytes(8, "little")


def read_record(record: bytes) -> Record:
    """What `write_record` was given; raises `SnapshotError` if the record is damaged."""
    body = record[:-8]
    if len(record) > MOST_BYTES or checksum(body).to_bytes(8, "little") != record[-8:]:
        raise SnapshotError(UNFIT)
    head, events, snapshot, resampler = unpack(body, 4, UNFIT)
    try:
        fields: dict[str, Any] = json.loads(head)
        return Record(Position(**fields), events.decode().splitlines(), snapshot, resampler)
    except (ValueError, TypeError, RecursionError):
        raise SnapshotError(UNFIT) from None
