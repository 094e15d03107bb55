"""What earlier extractions know of very many recordings: where it is, and not all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wavenetlite.pipeline import shards, sidecars, specs
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.sidecars import Sidecar
from wavenetlite.pipeline.work import Old
from wavenetlite.support.remote import Place

KEPT = 4
"""Sidecars in memory: the recordings of a chunk are mostly in one or two, and those of the next one behind them."""


class Earlier:
    """The rows of some recordings in the sidecars that were written with the same recipe.

    Design: of each row that is wanted there is a hash of its key and the number of its sidecar, which is read again
    when the turn of the recording comes.

    Parameters
    ----------
    out
        Folder of the feature set.
    features
        Digest of the recipe.
    channels
        Of the features.
    keys
        Of the recordings.
    """

    def __init__(self, out: Place, features: str, channels: int, keys: Iterable[str]) -> None:
        self.out, self.features, self.channels = out, features, channels
        self.paths: list[Place] = [path for path in (out / sidecars.FOLDER).glob("*.npz") if path.name != specs.TABLES]
        self.paths.sort(key=str)
        self.sidecar = lru_cache(KEPT)(self.read)
        hashes, numbers = [np.empty(0, np.int64)], [np.empty(0, np.uint32)]
        wanted = np.sort(hashes_of(keys)) if self.paths else hashes[0]
        for number in range(len(self.paths)):
            sidecar = self.read(number)
            if sidecar is not None:
                found = hashes_of(row["key"] for row in sidecar.rows)
                found = found[np.searchsorted(wanted, found) < np.searchsorted(wanted, found, "right")]
                hashes.append(found)
                numbers.append(np.full(len(found), number, np.uint32))
        self.hashes, self.numbers = np.concatenate(hashes), np.concatenate(numbers)
        order = np.argsort(self.hashes)
        self.hashes, self.numbers = self.hashes[order], self.numbers[order]

    def read(self, number: int) -> Sidecar | None:
        """A sidecar, if it and its shard can be used."""
        sidecar = sidecars.read(self.paths[number])
        if sidecar is None or sidecar.features != self.features:
            return None
        shard = self.out / shards.FOLDER / sidecar.shard
        return sidecar if not sidecar.shard or shards.complete(shard, sidecar.frames, self.channels) else None

    def of(self, entries: Sequence[Entry]) -> dict[str, Old]:
        """What is known of these, by key; the last sidecar counts."""
        if not len(self.hashes):
            return {}
        keys = {entry.key for entry in entries}
        hashes = hashes_of(keys)
        ranges = zip(*(np.searchsorted(self.hashes, hashes, side).tolist() for side in ("left", "right")), strict=True)
        places = [place for first, last in ranges for place in range(first, last)]
        found = {}
        for number in np.unique(self.numbers[places]).tolist():
            sidecar = self.sidecar(number)
            if sidecar is not None:
                for row, statistics in zip(sidecar.rows, sidecar.statistics, strict=True):
                    if row["key"] in keys:
                        found[row["key"]] = Old(sidecar.shard, row, statistics)
        return found


def hashes_of(keys: Iterable[str]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, keys), np.int64)
