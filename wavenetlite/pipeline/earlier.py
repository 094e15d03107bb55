"""What earlier extractions know of very many recordings: where it is, and not all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """The rows of some recordings in the sidecars that were written with the same recipes.

    Design: of each row that is wanted there is a hash of its key and the number of its sidecar, which is read again
    when the turn of the recording comes.

    Parameters
    ----------
    out
        Folder of the feature set.
    channels
        Of the features, by the digest of each recipe.
    keys
        Of the recordings.
    """

    def __init__(self, out: Place, channels: Mapping[str, int], keys: Iterable[str]) -> None:
        self.out, self.channels = out, channels
        before: Iterable[Place] = (out / sidecars.FOLDER).glob("*.npz")
        self.paths = [path for path in before if not specs.is_tables(path.name)]
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
        if sidecar is None or sidecar.features not in self.channels:
            return None
        shard, channels = self.out / shards.FOLDER / sidecar.shard, self.channels[sidecar.features]
        return sidecar if not sidecar.shard or shards.complete(shard, sidecar.frames, channels) else None

    def of(self, entries: Sequence[Entry]) -> dict[str, dict[str, Old]]:
        """What is known of these, by recipe and key; the last sidecar counts."""
        found: dict[str, dict[str, Old]] = {features: {} for features in self.channels}
        if not len(self.hashes):
            return found
        keys = {entry.key for entry in entries}
        hashes = hashes_of(keys)
        ranges = zip(*(np.searchsorted(self.hashes, hashes, side).tolist() for side in ("left", "right")), strict=True)
        places = [place for first, last in ranges for place in range(first, last)]
        for number in np.unique(self.numbers[places]).tolist():
            sidecar = self.sidecar(number)
            if sidecar is not None:
                for row, statistics in zip(sidecar.rows, sidecar.statistics, strict=True):
                    if row["key"] in keys:
                        found[sidecar.features][row["key"]] = Old(sidecar.shard, row, statistics)
        return found


def hashes_of(keys: Iterable[str]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, keys), np.int64)
