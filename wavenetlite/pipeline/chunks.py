"""How work is divided: chunks of entries that follow each other, each of which becomes one shard.

Design: the division depends on the entries alone, and not on who does the work, so results are the same for any number
of workers. Where a chunk ends is told by the key of its last entry ("content-defined chunking", as rsync and backup
programs cut files): a recording that comes in between, or goes, changes the chunk it lies in and not those behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from zlib import crc32

from wavenetlite.pipeline.entries import Entry

BYTES = 256 << 10
"""A file weighs 1, and 1 more for each of so many bytes: chunks of long recordings have few of them."""
LEAST, MOST = 96, 320
"""Weight of a chunk."""
ONE_IN = 64
"""Share of the keys that may end a chunk."""


def chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries, in runs.

    Examples
    --------
    >>> from wavenetlite.pipeline.chunks import chunks
    >>> from wavenetlite.pipeline.entries import Entry
    >>> entries = [Entry(f"{i:04}.wav", "", "", size=1000) for i in range(1000)]
    >>> runs = list(chunks(entries))
    >>> again = list(chunks(entries[:10] + entries[11:]))     # one is gone: only its chunk is another
    >>> len(runs), sum(run in runs for run in again)
    (8, 7)
    """
    run: list[Entry] = []
    weight = 0
    for entry in entries:
        run.append(entry)
        weight += 1 + max(entry.size, 0) // BYTES
        if weight >= MOST or (weight >= LEAST and crc32(entry.key.encode("utf-8", "surrogateescape")) % ONE_IN == 0):
            yield run
            run, weight = [], 0
    if run:
        yield run


def digest(chunk: Sequence[Entry], features: str) -> str:
    """A name for what a chunk's shard is made of: its entries, as they are now, and how features are made of them."""
    text = json.dumps([features, [[entry.key, *entry.identity] for entry in chunk]])
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
