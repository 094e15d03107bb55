"""What is to be extracted: an entry for each recording or part of one, and the problems of a source."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from wavenetlite.corpora.items import PackedItems
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.packed_texts import PackedNumbers, PackedTexts, Words, order_of
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
    copy
        Number of an augmented copy of it; 0: itself.
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
    copy: int = 0

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
        part = [self.start_s, self.end_s] + ([] if self.channel is None else [self.channel])
        return [*part, f"copy {self.copy}"] if self.copy else part


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
    "short": "shorter than one frame, or than a chunk with its context",
    "oversized": "longer than allowed",
    "segment": "start_s or end_s is outside the recording",
    "silent": "no sample above one step of 16 bits, or nothing but silence to trim",
    "duplicate": "the same bytes as another",
    "manifest": "an invalid line of the manifest",
    "speaker": "a speaker of one item, or none is known, where statistics of speakers are wanted",
    "layout": "found where no recording is expected",
}


def in_64_bits(time_ns: int) -> int:
    """A date as a signed number of 64 bits, which ends in 2262: file systems may say later ones."""
    return (time_ns + 2**63) % 2**64 - 2**63


AT_ONCE = 1 << 10
"""Files that are looked at together."""
USUAL = ("", None, None, None, None, None, "")
"""What most entries have of what few have."""


class Entries(Sequence[Entry]):
    """Entries in the order in which they were added, or sorted.

    Names lie one behind the other; labels, speakers, splits and bases are numbers of texts that repeat. What few
    entries have (a key that is not their name, a part of a recording, a place in an archive, further columns) is kept
    in a tuple.

    Parameters
    ----------
    entries
        The first ones.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.names, self.words = PackedTexts(), Words()
        self.labels, self.speakers, self.splits, self.bases = (PackedNumbers() for _ in range(4))
        self.sizes, self.times = PackedNumbers(), PackedNumbers()
        self.rare: dict[int, tuple[Any, ...]] = {}
        self.order: array[int] | None = None
        self.extend(entries)

    @classmethod
    def of_files(
        cls, items: PackedItems, base: str, stat: Callable[[str], tuple[int, int]], *, divided: bool
    ) -> Entries:
        """Those of the files of a folder; takes over the columns of `items`. `stat` gives size and date of a path."""
        made = cls()
        made.names, made.words, made.labels, made.speakers = items.names, items.words, items.labels, items.speakers
        number = made.words.number
        if divided:
            made.splits = items.parts
        else:
            made.splits.repeat(number(""), len(items))
        made.bases.repeat(number(base), len(items))
        above, names = os.path.join(base, ""), iter(items.names)  # noqa: PTH118
        while found := [stat(above + name) for name in islice(names, AT_ONCE)]:
            sizes, times = zip(*found, strict=True)
            made.sizes.extend(sizes)
            try:
                made.times.extend(times)
            except OverflowError:
                made.times.extend(list(map(in_64_bits, times)))
        return made

    def append(self, entry: Entry) -> None:
        number = self.words.number
        key = "" if entry.key == entry.name else entry.key
        rare = (key, entry.start_s, entry.end_s, entry.member, entry.extra, entry.channel, entry.url)
        if rare != USUAL:
            self.rare[len(self.sizes)] = rare
        self.names.append(entry.name)
        self.labels.append(number(entry.label))
        self.speakers.append(number(entry.speaker))
        self.splits.append(number(entry.split))
        self.bases.append(number(entry.base))
        self.sizes.append(entry.size)
        self.times.append(in_64_bits(entry.mtime_ns))

    def extend(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.append(entry)

    def __iadd__(self, entries: Iterable[Entry]) -> Entries:
        self.extend(entries)
        return self

    def __add__(self, entries: Iterable[Entry]) -> Entries:
        return Entries([*self, *entries])

    def __len__(self) -> int:
        return len(self.sizes) if self.order is None else len(self.order)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return Entries(self[number] for number in range(len(self))[which])
        number = range(len(self))[which]
        return self.made(number if self.order is None else self.order[number])

    def __iter__(self) -> Iterator[Entry]:
        if self.order is None:
            return map(self.named, range(len(self.sizes)), self.names)
        return map(self.made, self.order)

    def between(self, first: int, last: int) -> list[Entry]:
        """Those from one place up to another."""
        if self.order is None:
            return list(map(self.named, range(first, last), self.names.between(first, last)))
        return list(map(self.made, self.order[first:last]))

    def made(self, number: int) -> Entry:
        """The entry that was added as this one."""
        return self.named(number, self.names[number])

    def named(self, number: int, name: str) -> Entry:
        texts = self.words.texts
        key, start_s, end_s, member, extra, channel, url = self.rare.get(number, USUAL)
        return Entry(key or name, texts[self.bases.values[number]], name, texts[self.labels.values[number]],
                     texts[self.speakers.values[number]], texts[self.splits.values[number]], start_s, end_s,
                     self.sizes.values[number], self.times.values[number], member, extra, channel, url)  # fmt: skip

    def key(self, number: int) -> str:
        """The key of the entry that was added as this one."""
        return self.rare.get(number, USUAL)[0] or self.names[number]

    def change(self, function: Callable[[Entry], None]) -> None:
        """Call a function that changes an entry, for each."""
        changed = Entries()
        for entry in self:
            function(entry)
            changed.append(entry)
        self.__dict__.update(changed.__dict__)

    def of_each_base(self) -> list[Entry]:
        """An entry of each base, in their order."""
        first: dict[int, int] = {}
        for number, base in enumerate(self.bases):
            if base not in first:
                first[base] = number
        return [self.made(number) for number in first.values()]

    def sort(self) -> list[str]:
        """Sort by key; returns the keys of those that were left out because there had been the same key before."""
        order = order_of(len(self.sizes), self.key if self.rare else self.names.__getitem__)
        if order is None:
            return []
        kept, twice, before = array("I"), list[str](), None
        for number in order:
            key = self.key(number)
            if key == before:
                twice.append(key)
            else:
                kept.append(number)
            before = key
        self.order = kept
        return twice


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
    entries: Entries = field(default_factory=Entries)
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
        self.problems += [Problem(key, "manifest", f"{key}: duplicate key") for key in self.entries.sort()]
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
