"""Sidecars: what an extraction notes beside each shard, so that it can go on, and redo only what has changed.

A sidecar's name tells what its shard is made of (`wavenetlite.pipeline.chunks.digest`), and it appears when the shard
is complete: a chunk whose sidecar is there is done.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite.pipeline.statistics import Moments
from wavenetlite.support.atomic_files import replacing

FOLDER = ".parts"


@dataclass
class Sidecar:
    """Of a chunk.

    Attributes
    ----------
    features
        How its features were made: see `wavenetlite.pipeline.specs.Recipe`.
    shard
        Name of the file, in the folder of the shards.
    frames
        In the shard.
    rows
        JSON-able, one an entry: see `wavenetlite.pipeline.work`.
    moments
        One an entry.
    """

    features: str
    shard: str
    frames: int
    rows: list[dict[str, Any]]
    moments: list[Moments]

    @property
    def again(self) -> bool:
        """Whether a recording could not be read for a reason that may pass without a trace in its size and date."""
        return any(row.get("again") for row in self.rows)


def path_of(out: Path, digest: str) -> Path:
    return out / FOLDER / f"{digest}.npz"


def write(out: Path, digest: str, sidecar: Sidecar) -> None:
    head = {"features": sidecar.features, "shard": sidecar.shard, "frames": sidecar.frames, "rows": sidecar.rows}
    text = json.dumps(head, separators=(",", ":"))
    arrays = {
        "head": np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8),
        "count": np.array([one.count for one in sidecar.moments], np.int64),
        "mean": np.array([one.mean for one in sidecar.moments]),
        "deviations": np.array([one.deviations for one in sidecar.moments]),
    }
    with replacing(path_of(out, digest)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(path: Path) -> Sidecar | None:
    """The sidecar in a file; None where there is none, or none that can be used."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            head = json.loads(arrays["head"].tobytes().decode("utf-8", "surrogateescape"))
            columns = zip(arrays["count"].tolist(), arrays["mean"], arrays["deviations"], strict=True)
            moments = [Moments(*column) for column in columns]
        sidecar = Sidecar(head["features"], head["shard"], head["frames"], head["rows"], moments)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return sidecar if len(sidecar.rows) == len(sidecar.moments) else None
