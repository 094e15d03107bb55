"""The recordings of any source that `wavenetlite.pipeline` lists, each with its label, speaker and part of a corpus."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from wavenetlite.corpora import layouts
from wavenetlite.corpora.layouts import NOISE_FOLDER, SILENCE, Division, Item, Listing, readable
from wavenetlite.pipeline import archives, sources
from wavenetlite.pipeline.entries import Entry, Member
from wavenetlite.pipeline.sources import Source
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import RemotePath
from wavenetlite.support.urls import is_url, shown


def find(source: Source, layout: str, columns: Mapping[str, str], division: Division) -> Listing[list[Item]]:
    """The recordings of a source, each in its part: as the source tells, else drawn."""
    own = Division(0.0, 0.0, division.seed)  # of several, one draw for all: no speaker of two is in two parts
    if isinstance(source, str | os.PathLike):
        check_exists(os.fspath(source))
        own = division
    listed = sources.listed(source, layout=layout, columns=columns, division=own)
    listing = Listing(listed.layout, list[Item](), problems=[problem.message for problem in listed.problems])
    unpacked = Unpacked([*listed.entries, *listed.noises])
    listing.noises = [replace(unpacked.item(entry), label=SILENCE) for entry in listed.noises]
    for entry in listed.entries:
        if PurePosixPath(entry.name).parent.name == NOISE_FOLDER:
            listing.noises.append(replace(unpacked.item(entry), label=SILENCE))
        else:
            listing.items.append(unpacked.item(entry))
    if not listed.divided:
        divide(labelled(listing), division)
    listing.items.sort(key=lambda item: (item.label, item.name))
    return listing


class Unpacked:
    """Archives that are compressed as a whole, decompressed into temporary files for as long as their items live."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        packed = archives.packed(entries)
        self.path_of: dict[str, str] = {}
        if packed:
            folder = Path(tempfile.mkdtemp(prefix="wavenetlite-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            for path in packed:
                target = folder / f"{blake2b(path.encode(), digest_size=8).hexdigest()}.tar"
                archives.unpack(path, target)
                self.path_of[path] = str(target)

    def item(self, entry: Entry) -> Item:
        return Item(
            shown(entry.path),
            entry.key,
            layouts.composed(entry.label),
            entry.speaker,
            entry.split,
            entry.start_s,
            entry.end_s,
            entry.channel,
            self.reader(entry),
        )

    def reader(self, entry: Entry) -> Callable[[], bytes] | None:
        """Reads the bytes of what is not a file."""
        if entry.member is not None:
            return partial(self.data, entry.path, entry.member)
        return RemotePath(entry.path).read_bytes if is_url(entry.path) else None

    def data(self, path: str, member: Member) -> bytes:
        return archives.data(self.path_of.get(path, path), member)


def labelled(listing: Listing[list[Item]]) -> Listing[list[Item]]:
    """The listing without recordings that have no label or are in no part of a corpus; their number is reported."""
    kept, splits = [], Counter[str]()
    unlabelled = [item for item in listing.items if not item.label]
    for item in listing.items:
        part = layouts.PARTS.get(item.part.strip().lower(), "") if item.part else ""
        if item.part and not part:
            splits[item.part] += 1
        elif item.label:
            kept.append(replace(item, part=part))
    if unlabelled:
        listing.problems.append(f"{readable(unlabelled[0].name)}: has no label{and_more(unlabelled)}; skipped")
    for split, n in splits.items():
        listing.problems.append(
            f"{n} recordings of the split {readable(split)!r}: must be train, valid or test; skipped"
        )
    listing.items = kept
    return listing


def and_more(items: Sequence[Item]) -> str:
    return f", as {len(items) - 1:,} others" if len(items) > 1 else ""


def divide(listing: Listing[list[Item]], division: Division) -> None:
    """Every recording in a part: those of the source, if it tells any, and a validation part in any case."""
    untold = [item for item in listing.items if not item.part]
    if len(untold) < len(listing.items):
        layouts.not_held_out(f"source ({listing.layout})", division)
        if untold:
            listing.problems.append(
                f"{readable(untold[0].name)}: is in no split{and_more(untold)}, but others are; taken for training"
            )
    items = [replace(item, part=item.part or "train") for item in listing.items]
    if len(untold) == len(listing.items):
        listing.items = layouts.draw(items, division, listing.problems)
    elif any(item.part == "valid" for item in items):
        listing.items = items
    else:
        tested = {item.speaker for item in items if item.part == "test"} - {""}
        mixed = any(item.speaker in tested for item in items if item.part == "train")  # as in the FSDD
        listing.items = layouts.split_off("valid", division.valid_part, items, division.seed, by_label=mixed)


def named(source: Source) -> str:
    """A source in a message."""
    parts = [source] if isinstance(source, str | os.PathLike) else source
    return ", ".join(readable(os.fspath(part)) for part in parts)


def check_exists(source: str) -> None:
    """Raise if a path does not exist that is no glob."""
    if is_url(source):
        return  # it is listed in any case
    if not os.path.lexists(source) and not glob.has_magic(source):
        raise ParameterError(f"source={readable(source)!r}: there is no such folder or file")
