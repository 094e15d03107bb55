"""What is to be extracted: an entry for each recording or part of one, and the problems of a source."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.urls import is_url, join_url


class PipelineError(WavenetliteError, RuntimeError):
    """An extraction cannot continue, or a folder has no complete one; finished work is kept."""


@dataclass(frozen=True, slots=True)
class Member:
    """The location of a file in an archive.

    Attributes
    ----------
    kind
        "tar", "zip", or "packed": a tar that is compressed as a whole and can only be read from the start; or
        "parquet".
    name
        In the archive.
    offset, size
        Of its bytes in a tar (uncompressed), or of its local header and its compressed bytes in a zip.
    method, crc, unpacked
        Of a zip: compression method, and checksum and size of the content.

    In a table of Parquet `name` is the column, `offset` the row group, `size` the row in it, and `crc` changes with the
    file.
    """

    kind: str
    name: str
    offset: int
    size: int
    method: int = 0
    crc: int = 0
    unpacked: int = 0


@dataclass(slots=True)
class Entry:
    """A recording, or a part of one.

    Attributes
    ----------
    key
        Its unique name in the feature set.
    base
        Folder that its name is relative to, or the archive that contains it.
    name
        Its path as the source gives it, with "/".
    label, speaker, split
        "" where it is not known.
    start_s, end_s
        Part of the recording, seconds; None: from its beginning, to its end.
    channel
        Which channel of it; None: as `extract` says.
    size, mtime_ns
        Of the file, or of an archive's member by its directory. They show, without reading, that a file is unchanged.
        -1: not accessible.
    member
        Its location in an archive; None: it is a separate file.
    extra
        Further columns of a manifest.
    url
        Where it is opened, if its name is a URL that is not all of it.
    """

    key: str
    base: str = field(repr=False)  # a URL may say something of an account, and clusters log what they run
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
    channel: int | None = None
    url: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.label, self.speaker = sys.intern(self.label), sys.intern(self.speaker)  # there may be millions of entries

    @property
    def path(self) -> str:
        """Of the file, or of the archive that contains it."""
        if self.member is not None:
            return self.base
        return self.url or joined(self.base, self.name)

    @property
    def identity(self) -> list[Any]:
        """What stays the same as long as the features do: JSON-able."""
        return [self.name, self.size, self.mtime_ns, *self.part]

    @property
    def part(self) -> list[Any]:
        """Which part of its file it is."""
        return [self.start_s, self.end_s] + ([] if self.channel is None else [self.channel])


def joined(base: str, name: str) -> str:
    """The path or URL of a file below a folder."""
    if is_url(base) or is_url(name):
        return join_url(base, name)
    return os.path.join(base, name)  # noqa: PTH118  (Path is several times slower)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be used or is suspicious: a line of ``errors.jsonl``.

    Attributes
    ----------
    key
        Of its entry, or "".
    reason
        One word: see `REASONS`.
    message
        One line.
    kept
        Whether its features are in the set anyway.
    """

    key: str
    reason: str
    message: str
    kept: bool = False


REASONS = {
    "unreadable": "missing, not readable, not audio, or damaged",
    "empty": "without bytes or without samples",
    "truncated": "shorter than its header says",
    "rate": "another sample rate",
    "channels": "several channels",
    "nonfinite": "has NaN or infinities",
    "range": "samples far outside -1..1",
    "short": "shorter than one frame",
    "oversized": "longer than allowed",
    "segment": "start_s or end_s is outside the recording",
    "silent": "no sample above one step of 16 bits",
    "duplicate": "the same bytes as another",
    "manifest": "an invalid line of the manifest",
    "layout": "found where no recording is expected",
}


@dataclass(frozen=True)
class Root:
    """Where the names of entries begin: a folder as the caller named it, or an archive."""

    path: str
    archive: bool = False


@dataclass
class Listing:
    """All entries of a source, sorted by key, and its problems.

    Attributes
    ----------
    layout
        How the source is laid out.
    source
        Its name.
    roots
        By the `base` of entries.
    places
        Real paths of what was listed.
    told
        Whether companions of the recordings tell their labels, as in WebDataset's tars.
    divided
        Whether all entries are in their final splits, told or drawn.
    noises
        Recordings of background noise, which are no entries.
    """

    layout: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    source: str = ""
    roots: dict[str, Root] = field(default_factory=dict, repr=False)
    places: list[str] = field(default_factory=list)
    told: bool = False
    divided: bool = False
    noises: list[Entry] = field(default_factory=list)

    def finish(self, source: str) -> Listing:
        """Sort the entries and report duplicate keys."""
        self.source = source
        self.entries.sort(key=lambda entry: entry.key)
        before: Entry | None = None
        kept = []
        for entry in self.entries:
            if before is not None and before.key == entry.key:
                self.problems.append(Problem(entry.key, "manifest", f"{entry.key}: duplicate key"))
            else:
                kept.append(entry)
            before = entry
        self.entries = kept
        return self


def concatenate(layout: str, listings: Iterable[Listing]) -> Listing:
    """Several listings as one."""
    whole = Listing(layout)
    for listing in listings:
        whole.entries += listing.entries
        whole.problems += listing.problems
        whole.roots |= listing.roots
        whole.places += listing.places
        whole.noises += listing.noises
    return whole
