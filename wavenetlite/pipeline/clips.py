"""Batches of small recordings, which are read and computed in one compiled call each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from wavenetlite.pipeline import archives
from wavenetlite.pipeline._clips import ClipReader, computes
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.reading import BLOCK
from wavenetlite.pipeline.specs import Recipe
from wavenetlite.pipeline.statistics import Statistics
from wavenetlite.support.arrays import Floats

MOST_BYTES = 1 << 21
"""Of a recording: a longer one is read in blocks."""
AT_ONCE = 32
"""Recordings in a call: some ten milliseconds, between which progress is reported and Ctrl-C heard."""


class Clip:
    """A recording that was computed.

    Attributes
    ----------
    facts
        Of its row in the sidecar.
    statistics
        Of its frames.
    frames
        float32, (frames, channels).
    """

    __slots__ = ("audio", "facts", "frames", "statistics")

    def __init__(self, found: Any, frames: Floats) -> None:
        self.audio, _, count, sr, samples, channels, peak, digest, (first, *rest) = found
        self.statistics, self.frames = sum((Statistics(*part) for part in rest), Statistics(*first)), frames
        self.facts: dict[str, Any] = {
            "frames": count, "duration_s": samples / sr, "hash": digest, "peak": peak, "sr": sr, "samples": samples,
            "channels": channels,
        }  # fmt: skip


class Clips:
    """Computes recordings of which nothing is special; the others are left to `wavenetlite.pipeline.reading`."""

    def __init__(self, recipe: Recipe) -> None:
        online = recipe.spec.stream() if recipe.spec.causal else None
        self.reader: ClipReader | None = None
        if computes(online):
            reading = recipe.reading
            self.reader = ClipReader(
                online, sr=recipe.spec.sr, max_s=reading.max_s, most_samples=BLOCK, mono=reading.mono
            )

    def takes(self, entry: Entry) -> bool:
        """Whether it may be computed here: a small recording, as a whole."""
        whole = entry.start_s is None and entry.end_s is None and entry.channel is None
        return self.reader is not None and whole and 0 < entry.size <= MOST_BYTES

    def of(self, entries: Sequence[Entry]) -> Iterator[Clip | None]:
        """For each entry its clip; None: it must be read by other means."""
        assert self.reader is not None
        at = 0
        while at < len(entries):
            paths, contents = sources(entries[at : at + AT_ONCE])
            found = self.reader.compute(paths, contents)
            for one in found:
                yield None if one is None else Clip(one, self.reader.rows(one[1], one[2]))
            at += len(found)


def sources(entries: Sequence[Entry]) -> tuple[list[bytes | None], list[bytes]]:
    """The names of files, or None and their bytes where they are in an archive, or their names are not bytes."""
    paths: list[bytes | None] = []
    contents = []
    for entry in entries:
        in_memory = entry.member is not None or sys.platform == "win32"
        paths.append(None if in_memory else os.fsencode(entry.path))
        contents.append(bytes_of(entry) if in_memory else b"")
    return paths, contents


def bytes_of(entry: Entry) -> bytes:
    """The bytes of a recording; b"" if they cannot be read, which is reported when it is read by itself."""
    try:
        if entry.member is not None:
            return archives.data(entry.path, entry.member)
        with open(entry.path, "rb") as file:  # noqa: PTH123
            return file.read() if os.path.isfile(entry.path) else b""  # noqa: PTH113
    except (OSError, ValueError):
        return b""
