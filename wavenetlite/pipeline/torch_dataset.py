"""Feature sets as iterable datasets of PyTorch. The module is imported when one is asked for, and PyTorch with it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from wavenetlite.pipeline.exports import MapDataset
from wavenetlite.pipeline.items import ItemSequence
from wavenetlite.pipeline.normalising import Normalise
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.optional import optional

try:
    data: Any = import_module("torch.utils.data")
    Base: Any = data.IterableDataset
except ImportError:  # and the constructor says so
    Base = object


class IterableItems(Base):  # type: ignore[misc]
    """Items one after the other as (frames, number of the label), for a PyTorch DataLoader.

    Every item comes once an epoch, whatever the number of workers and processes: they share the items among them.

    Parameters
    ----------
    items
        Of a feature set.
    normalise
        Whether to subtract the mean of the whole set and divide by its standard deviation; or as in
        :class:`wavenetlite.pipeline.Batches`.
    shuffle, seed
        Whether to shuffle, in an order that depends on the seed and the epoch only.
    rank, world
        Of several processes that train together, which one this is, and their number.

    Attributes
    ----------
    epoch
        Number of the epoch; `set_epoch` changes it.
    """

    def __init__(
        self,
        items: ItemSequence,
        *,
        normalise: Normalise = False,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        optional("torch", "torch", "an iterable dataset")
        self.samples = MapDataset(items, normalise=normalise)
        self.shuffle, self.seed, self.epoch = flag("shuffle", shuffle), count("seed", seed), 0
        self.rank, self.world = count("rank", rank), positive_int("world", world)
        if self.rank >= self.world:
            raise ParameterError(f"rank={rank} must be below world={world}")

    collate = staticmethod(MapDataset.collate)

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch, which decides the order; before the DataLoader begins it."""
        self.epoch = count("epoch", epoch)

    def __len__(self) -> int:
        """Number of items of this process."""
        return len(range(self.rank, len(self.samples), self.world))

    def __iter__(self) -> Iterator[tuple[Floats, int]]:
        worker = data.get_worker_info()
        part, parts = (0, 1) if worker is None else (worker.id, worker.num_workers)
        order = np.arange(len(self.samples))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        for number in order[self.rank :: self.world][part::parts].tolist():
            yield self.samples[number]
