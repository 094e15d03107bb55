"""How work is divided: runs of consecutive entries, each of which becomes one shard.

Design: the division depends on the entries alone, so results are the same for any number of workers. The hash of a key
decides whether a chunk ends there ("content-defined chunking", as rsync and backup programs cut files): an added or
removed recording changes its own chunk and not those after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from zlib import crc32

from wavenetlite.pipeline.entries import Entry

BYTES = 256 << 10
"""A file weighs 1, plus 1 for this many bytes: a chunk has few long recordings."""
LEAST, MOST = 96, 320
"""Weight of a chunk."""
ONE_IN = 64
"""One in this many keys may end a chunk."""


def chunks(entries: Sequence[Entry], each: int = 1) -> Iterator[list[Entry]]:
    """The entries in chunks, where each is computed so many times: its copies come into its chunk.

    Examples
    --------
    >>> from wavenetlite.pipeline.chunks import chunks
    >>> from wavenetlite.pipeline.entries import Entry
    >>> entries = [Entry(f"{i:04}.wav", "", "", size=1000) for i in range(1000)]
    >>> runs = list(chunks(entries))
    >>> again = list(chunks(entries[:10] + entries[11:]))     # one is removed: only its chunk changes
    >>> len(runs), sum(run in runs for run in again)
    (8, 7)
    """
    run: list[Entry] = []
    weight, one_in = 0, max(1, ONE_IN // each)
    for entry in entries:
        run.append(entry)
        weight += each * (1 + max(entry.size, 0) // BYTES)
        if weight >= MOST or (weight >= LEAST and crc32(entry.key.encode("utf-8", "surrogateescape")) % one_in == 0):
            yield run
            run, weight = [], 0
    if run:
        yield run


def digest(chunk: Sequence[Entry], features: str) -> str:
    """A hash of what a chunk's shard is made of: the state of its entries, and how features are computed."""
    text = json.dumps([features, [[entry.key, *entry.identity] for entry in chunk]])
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
