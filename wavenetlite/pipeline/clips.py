"""Batches of small recordings, which are read and computed in one compiled call each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from wavenetlite.features import Features
from wavenetlite.pipeline._clips import MOST_BYTES, MOST_LANES, ClipReader, computes
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.fetching import contents
from wavenetlite.pipeline.reading import BLOCK
from wavenetlite.pipeline.specs import Reading
from wavenetlite.pipeline.statistics import Statistics
from wavenetlite.support.arrays import Floats
from wavenetlite.support.urls import is_url

AT_ONCE = 32
"""Recordings in a call: some ten milliseconds, between which progress is reported and Ctrl-C heard."""


Part = tuple[dict[str, Any], Statistics, Floats]
"""One kind of features of a recording: facts of its row in the sidecar, statistics, and frames, (frames, channels)."""


class Clip:
    """A recording that was computed.

    Attributes
    ----------
    audio
        Hash of its bytes.
    parts
        For each kind of features.
    """

    __slots__ = ("audio", "parts")

    def __init__(self, found: Any, reader: ClipReader) -> None:
        self.audio, sr, samples, channels, peak, made = found
        self.parts: list[Part] = []
        for lane, (start, count, digest, (first, *rest)) in enumerate(made):
            statistics = sum((Statistics(*part) for part in rest), Statistics(*first))
            facts = {"frames": count, "duration_s": samples / sr, "hash": digest, "peak": peak, "sr": sr,
                     "samples": samples, "channels": channels}  # fmt: skip
            self.parts.append((facts, statistics, reader.rows(lane, start, count)))


class Clips:
    """Computes recordings of which nothing is special; the others are left to `wavenetlite.pipeline.reading`."""

    def __init__(self, reading: Reading, features: Sequence[Features]) -> None:
        self.reader: ClipReader | None = None
        onlines = [spec.stream() for spec in features if spec.causal]
        all_of_them = len(onlines) == len(features) and all(map(computes, onlines))
        if all_of_them and len(onlines) <= MOST_LANES and not reading.changes:
            self.reader = ClipReader(
                onlines, sr=features[0].sr, max_s=reading.max_s, most_samples=BLOCK, mono=reading.mono
            )

    def takes(self, entry: Entry) -> bool:
        """Whether it may be computed here: a small recording, as a whole."""
        whole = entry.start_s is None and entry.end_s is None and entry.channel is None
        return self.reader is not None and whole and 0 < entry.size <= MOST_BYTES

    def of(self, entries: Sequence[Entry]) -> Iterator[Clip | bytes]:
        """For each entry its clip; or, if it must be read by other means, its bytes where they were fetched already."""
        assert self.reader is not None
        for first in range(0, len(entries), AT_ONCE):
            paths, fetched = sources(entries[first : first + AT_ONCE])
            at = 0
            while at < len(paths):
                found = self.reader.compute(paths[at:], fetched[at:])
                for one, content in zip(found, fetched[at:], strict=False):
                    yield content if one is None else Clip(one, self.reader)
                at += len(found)


def sources(entries: Sequence[Entry]) -> tuple[list[bytes | None], list[bytes]]:
    """The names of files; or None and their bytes where they are in an archive or a store, or names are not bytes."""
    paths = [path_of(entry) for entry in entries]
    fetched = iter(contents([entry for entry, path in zip(entries, paths, strict=True) if path is None]))
    return paths, [next(fetched) if path is None else b"" for path in paths]


def path_of(entry: Entry) -> bytes | None:
    path = entry.path
    named = entry.member is None and not is_url(path) and sys.platform != "win32"
    return os.fsencode(path) if named else None
