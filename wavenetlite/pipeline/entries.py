"""What is to be extracted: an entry for each recording or part of one, and what could not become one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wavenetlite.support.errors import WavenetliteError


class PipelineError(WavenetliteError, RuntimeError):
    """An extraction cannot go on, or there is no complete one in a folder; what was finished is kept."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file lies in an archive.

    Attributes
    ----------
    kind
        "tar", "zip", or "packed": a tar that is compressed as a whole, in which nothing can be found without reading
        all before it.
    name
        In the archive.
    offset, size
        Of its bytes in a tar (uncompressed), or of its local header and its compressed bytes in a zip.
    method, crc
        Of a zip: how it is compressed, and the checksum of what it holds.
    """

    kind: str
    name: str
    offset: int
    size: int
    method: int = 0
    crc: int = 0


@dataclass(slots=True)
class Entry:
    """A recording, or a part of one.

    Attributes
    ----------
    key
        Its name in the feature set; no other has it.
    base
        Folder that its name is relative to, or the archive that it lies in.
    name
        Its path as the source tells it, with "/".
    label, speaker, split
        "" where it is not known.
    start_s, end_s
        Part of the recording, seconds; None: from its beginning, to its end.
    size, mtime_ns
        Of the file; of an archive's member what its directory says. They tell, without reading, that a file is as it
        was. -1: it cannot be looked at.
    member
        Where it lies in an archive; None: it is a file of its own.
    extra
        Further columns of a manifest.
    """

    key: str
    base: str
    name: str
    label: str = ""
    speaker: str = ""
    split: str = ""
    start_s: float | None = None
    end_s: float | None = None
    size: int = -1
    mtime_ns: int = 0
    member: Member | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.label, self.speaker = sys.intern(self.label), sys.intern(self.speaker)  # there may be millions of entries

    @property
    def path(self) -> str:
        """Of the file, or of the archive that it lies in."""
        return os.path.join(self.base, self.name) if self.member is None else self.base  # noqa: PTH118

    @property
    def identity(self) -> list[Any]:
        """What stays the same as long as the features do: JSON-able."""
        return [self.name, self.size, self.mtime_ns, self.start_s, self.end_s]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be used, or is odd: a line of ``errors.jsonl``.

    Attributes
    ----------
    key
        Of its entry, or "".
    reason
        One word: see `REASONS`.
    message
        One line.
    kept
        Whether its features are in the set all the same.
    """

    key: str
    reason: str
    message: str
    kept: bool = False


REASONS = {
    "unreadable": "missing, not allowed, no audio, or damaged",
    "empty": "without bytes or without samples",
    "truncated": "ends before its header says",
    "rate": "of another sample rate",
    "channels": "of several channels",
    "nonfinite": "has NaN or infinities",
    "range": "samples far outside -1..1",
    "short": "shorter than one frame",
    "oversized": "longer than is allowed",
    "segment": "start_s and end_s do not lie in the recording",
    "silent": "no sample above one step of 16 bits",
    "duplicate": "the same bytes as another",
    "manifest": "a line of the manifest that is wrong",
    "layout": "lies where no recording is expected",
}


@dataclass
class Listing:
    """All entries of a source, sorted by key, and what was wrong with it.

    Attributes
    ----------
    layout
        How the source is laid out.
    source
        What it is called.
    """

    layout: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    source: str = ""

    def finished(self, source: str) -> Listing:
        """Sorted, and no key twice."""
        self.source = source
        self.entries.sort(key=lambda entry: entry.key)
        before: Entry | None = None
        kept = []
        for entry in self.entries:
            if before is not None and before.key == entry.key:
                self.problems.append(Problem(entry.key, "manifest", f"{entry.key}: there is another of this key"))
            else:
                kept.append(entry)
            before = entry
        self.entries = kept
        return self


def joined(layout: str, listings: Iterable[Listing]) -> Listing:
    """Several listings as one."""
    whole = Listing(layout)
    for listing in listings:
        whole.entries += listing.entries
        whole.problems += listing.problems
    return whole
