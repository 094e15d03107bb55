"""Mean and variance of every speaker's frames."""

from __future__ import annotations

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from wavenetlite.pipeline.entries import Entry, Problem
from wavenetlite.pipeline.specs import ONLY
from wavenetlite.pipeline.statistics import Statistics, merge
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.remote import Place

REASON = "speaker"


@dataclass(frozen=True)
class SpeakerStatistics:
    """Those of one speaker.

    Attributes
    ----------
    items, frames
        Over how many.
    mean, variance
        Of each channel, float64, (channels,).
    """

    items: int
    frames: int
    mean: Doubles
    variance: Doubles


class Speakers:
    """Collects the statistics of speakers, in the order of the items."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.items: dict[str, int] = defaultdict(int)
        self.recordings: dict[str, int] = defaultdict(int)
        self.first: dict[str, str] = {}
        self.statistics: dict[str, Statistics] = {}

    def add(self, entries: Sequence[Entry], statistics: Sequence[Statistics]) -> None:
        """Add items and their statistics; one without a speaker is of none, a copy is no further recording."""
        groups: dict[str, list[Statistics]] = defaultdict(list)
        for entry, found in zip(entries, statistics, strict=True):
            self.items[entry.speaker] += 1
            self.recordings[entry.speaker] += not entry.copy
            self.first.setdefault(entry.speaker, entry.key)
            groups[entry.speaker].append(found)
        for name, group in groups.items():
            before = self.statistics.get(name, Statistics.none(self.channels))
            self.statistics[name] = before + merge(group, self.channels)

    def problems(self) -> Iterator[Problem]:
        """What a user of the statistics should know: who has one recording, and that some items have no speaker."""
        if not self.found():
            yield Problem("", REASON, "no recording has a speaker: there are no statistics of speakers", kept=True)
            return
        for name, count in sorted(self.items.items()):
            if not name:
                have = "1 item has" if count == 1 else f"{count:,} items have"
                message = f"{have} no speaker, and the statistics of the whole set"
                yield Problem(self.first[name], REASON, message, kept=True)
            elif self.recordings[name] == 1:
                message = f"the only recording of speaker {name!r}: the statistics are its own"
                yield Problem(self.first[name], REASON, message, kept=True)

    def found(self) -> dict[str, SpeakerStatistics]:
        """By name."""
        return {
            name: SpeakerStatistics(self.items[name], one.count, one.mean, one.variance)
            for name, one in sorted(self.statistics.items())
            if name
        }


def file_of(array: str) -> str:
    """The file of an array's statistics."""
    return "speakers.npz" if array == ONLY else f"speakers.{array}.npz"


def is_speakers(path: Place) -> bool:
    """Whether a file is one of these."""
    named = path.name == file_of(ONLY) or (path.name.startswith("speakers.") and path.name.endswith(".npz"))
    return named and unpacked(path.read_bytes(), None) is not None


def packed(found: Mapping[str, SpeakerStatistics]) -> bytes:
    """As the bytes of an .npz file."""
    file = BytesIO()
    np.savez(
        file,
        names=np.array(list(found), np.str_),
        items=np.array([one.items for one in found.values()], np.int64),
        frames=np.array([one.frames for one in found.values()], np.int64),
        mean=np.array([one.mean for one in found.values()], np.float64),
        variance=np.array([one.variance for one in found.values()], np.float64),
    )
    return file.getvalue()


def unpacked(data: bytes, channels: int | None) -> dict[str, SpeakerStatistics] | None:
    """By name; None if the bytes are not those of `packed`, for frames of as many channels where that is known."""
    try:
        with np.load(BytesIO(data)) as arrays:
            columns = [arrays[name] for name in ("names", "items", "frames", "mean", "variance")]
    except (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    names, items, frames, mean, variance = columns
    n = len(names)
    frame = mean.shape[1:] if channels is None else (channels,)
    wanted = [("U", (n,)), ("i", (n,)), ("i", (n,)), ("f", (n, *frame)), ("f", (n, *frame))]
    if n and [(column.dtype.kind, column.shape) for column in columns] != wanted:
        return None
    rows = zip(names.tolist(), items.tolist(), frames.tolist(), mean, variance, strict=True)
    return {name: SpeakerStatistics(*values) for name, *values in rows}
