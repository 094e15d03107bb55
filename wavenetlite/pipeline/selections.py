"""What another form of a feature set says of itself: counts of the items that are in it, and the columns of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.pipeline.assembly import ARRAYS, COLUMNS, SEVERAL, STORED, Totals
from wavenetlite.pipeline.items import Item, ItemSequence, hash_of
from wavenetlite.support.arrays import Floats


def about(items: ItemSequence, storage: str, shard_rows: list[dict[str, Any]], digest: str) -> dict[str, Any]:
    """As dataset.json, of some items of a set; mean and variance stay those of the whole set.

    Parameters
    ----------
    storage
        The form.
    shard_rows, digest
        Files of the frames, and a hash of the index.
    """
    totals, frames = Totals(), dict.fromkeys(items.names, 0)
    for item in items:
        totals.add(item, item.frames, item.duration_s)
        for name, array in item.arrays.items():
            frames[name] += len(array)
    arrays = items.about.get(ARRAYS, {})
    several = {name: {**array, "frames": frames[name], "shards": shard_rows} for name, array in arrays.items()}
    return {
        **items.about,
        **({ARRAYS: several} if several else {}),
        "format_version": SEVERAL if several else STORED,
        "storage": storage,
        **totals.counts(),
        "shards": shard_rows,
        "index": {**items.about["index"], "blake2b": digest},
    }


def ordered(items: ItemSequence) -> ItemSequence:
    """The items in the order of their keys, by which they are found again."""
    return type(items)(items.table, np.unique(items.numbers))


def row_of(item: Item) -> dict[str, Any]:
    """The columns of an item, as in a line of the index but for where its frames are."""
    row = {name: getattr(item, name) for name in COLUMNS if name not in ("shard", "offset", ARRAYS)}
    absent = [] if item.copy else ["copy"]
    for name in absent if item.chunk_start is not None else (*absent, "pad_start", "pad_end"):
        del row[name]
    return {name: value for name, value in row.items() if value is not None} | item.extra


def place_of(frames: Floats) -> dict[str, Any]:
    """What a row says of an item's frames in one of several arrays, but for where they are."""
    return {"frames": len(frames), "feature_hash": hash_of(frames)}
