"""Sidecars: a file for each shard, by which an extraction resumes, and recomputes only what has changed.

A sidecar's name is the digest of what its shard is made of (`wavenetlite.pipeline.chunks.digest`). It is written after
the shard: a chunk with a sidecar is done.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from wavenetlite.pipeline.statistics import Statistics
from wavenetlite.support.remote import Place, replacing

FOLDER = ".parts"


@dataclass
class Sidecar:
    """The sidecar of a chunk.

    Attributes
    ----------
    features
        How its features were computed: see `wavenetlite.pipeline.specs.Recipe`.
    shard
        Name of the file, in the folder of the shards.
    frames
        In the shard.
    rows
        JSON-serialisable, one per entry: see `wavenetlite.pipeline.work`.
    statistics
        One per entry.
    """

    features: str
    shard: str
    frames: int
    rows: list[dict[str, Any]]
    statistics: list[Statistics]

    @property
    def again(self) -> bool:
        """Whether a recording was unreadable for a cause that may disappear without changing its size and date."""
        return any(row.get("again") for row in self.rows)


def path_of(out: Place, digest: str) -> Place:
    return out / FOLDER / f"{digest}.npz"


def write(out: Place, digest: str, sidecar: Sidecar) -> None:
    head = {"features": sidecar.features, "shard": sidecar.shard, "frames": sidecar.frames, "rows": sidecar.rows}
    text = json.dumps(head, separators=(",", ":"))
    arrays = {
        "head": np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8),
        "count": np.array([one.count for one in sidecar.statistics], np.int64),
        "mean": np.array([one.mean for one in sidecar.statistics]),
        "deviations": np.array([one.deviations for one in sidecar.statistics]),
    }
    with replacing(path_of(out, digest)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(path: Place) -> Sidecar | None:
    """The sidecar in a file; None if it is missing or unusable."""
    try:
        with np.load(BytesIO(path.read_bytes())) as arrays:
            head = json.loads(arrays["head"].tobytes().decode("utf-8", "surrogateescape"))
            columns = zip(arrays["count"].tolist(), arrays["mean"], arrays["deviations"], strict=True)
            statistics = [Statistics(*column) for column in columns]
        sidecar = Sidecar(head["features"], head["shard"], head["frames"], head["rows"], statistics)
    except (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None
    return sidecar if len(sidecar.rows) == len(sidecar.statistics) else None
