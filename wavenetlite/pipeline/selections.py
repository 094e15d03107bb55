"""What another form of a feature set says of itself: counts of the items that are in it, and the columns of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.pipeline.assembly import COLUMNS, VERSION, Totals
from wavenetlite.pipeline.items import Item, ItemSequence


def about(items: ItemSequence, storage: str, shard_rows: list[dict[str, Any]], digest: str) -> dict[str, Any]:
    """As dataset.json, of some items of a set; mean and variance stay those of the whole set.

    Parameters
    ----------
    storage
        The form.
    shard_rows, digest
        Files of the frames, and a hash of the index.
    """
    totals = Totals()
    for item in items:
        totals.add(item, item.frames, item.duration_s)
    return {
        **items.about,
        "format_version": VERSION,
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
    row = {name: getattr(item, name) for name in COLUMNS if name not in ("shard", "offset")}
    return {name: value for name, value in row.items() if value is not None} | item.extra
