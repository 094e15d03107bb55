"""A feature set, opened: its items, and what they become."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from wavenetlite.pipeline import exports, parquet
from wavenetlite.pipeline.batches import Batches
from wavenetlite.pipeline.items import ItemSequence, Table
from wavenetlite.pipeline.normalising import Normalise
from wavenetlite.pipeline.parquet_set import ParquetTable, to_parquet
from wavenetlite.pipeline.webdataset import to_webdataset
from wavenetlite.support.errors import ArrayTypeError
from wavenetlite.support.remote import RemotePath, place


class Items(ItemSequence):
    __doc__ = ItemSequence.__doc__

    def batches(self, **options: Any) -> Batches:
        """Batches for training; see :class:`wavenetlite.pipeline.Batches`."""
        return Batches(self, **options)

    def dataset(self, *, normalise: Normalise = False) -> exports.MapDataset:
        """A map-style dataset; see :class:`wavenetlite.pipeline.MapDataset`."""
        return exports.MapDataset(self, normalise=normalise)

    def iterable(self, **options: Any) -> Any:
        """A dataset for PyTorch's DataLoader that shuffles by itself and shares items among workers and processes.

        See :class:`wavenetlite.pipeline.torch_dataset.IterableItems`, of which `options` are.
        """
        return import_module("wavenetlite.pipeline.torch_dataset").IterableItems(self, **options)

    def to_webdataset(self, folder: exports.Target, *, items_per_shard: int = 1000) -> None:
        """Write shards of WebDataset; see :func:`wavenetlite.pipeline.to_webdataset`."""
        to_webdataset(self, folder, items_per_shard=items_per_shard)

    def to_parquet(self, path: exports.Target) -> None:
        """Write one table of Parquet; see :func:`wavenetlite.pipeline.to_parquet`."""
        to_parquet(self, path)

    def to_npz(self, path: exports.Target) -> None:
        """Write one .npz file; see :func:`wavenetlite.pipeline.to_npz`."""
        exports.to_npz(self, path)

    def to_lhotse(self, folder: exports.Target, *, audio: str | os.PathLike[str] | None = None) -> None:
        """Write Lhotse's manifests; see :func:`wavenetlite.pipeline.to_lhotse`."""
        exports.to_lhotse(self, folder, audio=audio)


def open(out: exports.Target) -> Items:
    """The feature set in a folder, or in a table of Parquet.

    Parameters
    ----------
    out
        The `out` of :func:`extract`, the folder of :func:`to_webdataset` or the table of :func:`to_parquet`: a path, or
        a URL such as ``s3://bucket/features``, of which shards are fetched when their items are.

    Raises
    ------
    PipelineError
        It is missing, incomplete or damaged.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data", "tone").mkdir(parents=True)
    ...     wl.audio.write(Path(folder, "data", "tone", "a.wav"), np.ones(16000, np.float32), 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"))
    ...     items = wl.pipeline.open(Path(folder, "features"))
    ...     item = items["tone/a.wav"]
    >>> items
    Items(1 item, 97 frames of 40 channels, 1 label)
    >>> item.label, item.duration_s, item.features.shape
    ('tone', 1.0, (97, 40))
    """
    if not isinstance(out, str | os.PathLike | RemotePath):
        raise ArrayTypeError(f"out is a {type(out).__name__}; it must be a string or a path")
    where = place(out)
    return Items(ParquetTable(where) if parquet.is_parquet(where) else Table(where))
