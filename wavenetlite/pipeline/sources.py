"""Sources of recordings: folders, corpora, manifests, archives, globs. No audio is read here."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from wavenetlite.corpora import layouts
from wavenetlite.corpora.layouts import Division, readable
from wavenetlite.pipeline import archives, manifests
from wavenetlite.pipeline.entries import Entry, Listing, Problem, concatenate
from wavenetlite.support.checks import count, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

VALID_PART = TEST_PART = 0.1
"""Shares of validation and test clips where a folder does not define them: those of `train`."""
LAYOUTS = ("auto", *layouts.FINDERS, "tree")


def listed(source: Source, *, layout: str = "auto", columns: Mapping[str, str] | None = None, seed: int = 0) -> Listing:
    """The entries of a source.

    Parameters
    ----------
    source
        A folder, a manifest, an archive, an audio file, a glob, or a list of such.
    layout
        Of a folder: one of `LAYOUTS`.
    columns
        Names of a manifest's columns "path", "label", ... where they differ.
    seed
        Of the random split of label folders.

    Raises
    ------
    ParameterError, ArrayTypeError
        The source does not exist, or is none of these.
    """
    one_of("layout", layout, LAYOUTS)
    count("seed", seed)
    if isinstance(source, str | os.PathLike):
        return one(os.fspath(source), layout, columns or {}, seed).finish(readable(os.fspath(source)))
    if not isinstance(source, Sequence) or not all(isinstance(part, str | os.PathLike) for part in source):
        raise ArrayTypeError(f"source is a {type(source).__name__}; it must be a path, or a list of paths")
    if not source:
        raise ParameterError("source is an empty list; it must name at least one path")
    listings = []
    for part in source:
        found = one(os.fspath(part), layout, columns or {}, seed)
        below(found, Path(part).name if len(source) > 1 else "")
        listings.append(found)
    return concatenate(listings[0].layout if len(listings) == 1 else "several", listings).finish(
        ", ".join(readable(os.fspath(part)) for part in source)
    )


def one(source: str, layout: str, columns: Mapping[str, str], seed: int) -> Listing:
    path = Path(os.path.abspath(source))  # noqa: PTH100  (workers may have another working directory)
    if path.is_dir():
        return folder(path, layout, seed)
    if path.is_file():
        return file(path, columns)
    if glob.has_magic(source):
        return matches(str(path), columns)
    raise ParameterError(f"source={readable(source)!r}: {'not a file' if path.exists() else 'there is no such file'}")


def file(path: Path, columns: Mapping[str, str]) -> Listing:
    """A manifest, an archive or a recording, by its ending."""
    if manifests.is_manifest(path):
        return manifests.read(path, columns)
    if archives.is_archive(path):
        return archives.read(path)
    if layouts.is_audio(path.name):
        return Listing("file", [with_stat(Entry(path.name, str(path.parent), path.name))])
    raise ParameterError(
        f"source={readable(str(path))!r} must be a folder, a manifest ({', '.join(manifests.ENDINGS)}), an archive "
        f"({', '.join(archives.ENDINGS)}) or an audio file, by its ending"
    )


def folder(path: Path, layout: str, seed: int) -> Listing:
    """A corpus in a layout that `wavenetlite.corpora.layouts` knows; else every recording at any depth."""
    if layout == "tree":
        return tree(path)
    found = layouts.find(path, layout, Division(VALID_PART, TEST_PART, seed))
    if layout == "auto" and not found.items:
        return tree(path)
    found.items.reverse()
    entries, base = [], str(path)
    while found.items:  # popped, so that two lists of very many files never exist
        item = found.items.pop()
        entries.append(with_stat(Entry(item.name, base, item.name, item.label, item.speaker, item.part)))
    return Listing(found.layout, entries, [Problem("", "layout", line) for line in found.problems])


def tree(root: Path) -> Listing:
    """Every recording below a folder, labelled by its folder; "" at the top."""
    entries, base = [], str(root)
    for where, folders, names in os.walk(root):
        folders.sort()
        inside = PurePosixPath(Path(where).relative_to(root).as_posix())
        for name in filter(layouts.is_audio, names):
            key = str(inside / name)
            label = layouts.composed(inside.name)
            speaker = layouts.speaker_of(key, label)
            entries.append(with_stat(Entry(key, base, key, label, speaker)))
    return Listing("tree", entries)


def matches(pattern: str, columns: Mapping[str, str]) -> Listing:
    """What a glob finds: recordings, labelled by the folder below the pattern's fixed part; archives; manifests."""
    fixed = Path(*fixed_part(pattern))
    listings, entries, base = [], [], str(fixed)
    for found in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  (a pattern may be absolute)
        path = Path(found)
        if not path.is_file():
            continue
        key = PurePosixPath(path.relative_to(fixed).as_posix())
        if archives.is_archive(path) or manifests.is_manifest(path):
            listings.append(below(file(path, columns), str(key)))
        elif layouts.is_audio(path.name):
            label = layouts.composed(key.parent.name)
            entries.append(
                with_stat(Entry(str(key), base, str(key), label, layouts.speaker_of(str(key), label)))
            )  # fmt: skip
    if not entries and not listings:
        raise ParameterError(f"source={readable(pattern)!r} matches no recording, manifest or archive")
    return concatenate("glob", [Listing("glob", entries), *listings])


def fixed_part(pattern: str) -> Iterator[str]:
    """The folders of a pattern before the first that has a wildcard."""
    for part in Path(pattern).parent.parts:
        if glob.has_magic(part):
            return
        yield part


def below(listing: Listing, prefix: str) -> Listing:
    """Prefix keys with the name of their source."""
    for entry in listing.entries if prefix else ():
        entry.key = f"{prefix}/{entry.key}"
    return listing


def with_stat(entry: Entry) -> Entry:
    """The entry with the size and date of its file."""
    try:
        found = os.stat(entry.path)  # noqa: PTH116  (Path is several times slower, for every file)
    except OSError:
        return entry  # reported when it is read
    entry.size, entry.mtime_ns = found.st_size, found.st_mtime_ns
    return entry
