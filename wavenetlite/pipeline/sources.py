"""Sources of recordings: folders, corpora, manifests, archives, globs. No audio is read here."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from wavenetlite.corpora import layouts
from wavenetlite.corpora.layouts import Division
from wavenetlite.corpora.trees import Below, DiskTree, Tree, join, readable, walk
from wavenetlite.pipeline import archives, companions, manifests, parquet
from wavenetlite.pipeline.archive_tree import ArchiveTree
from wavenetlite.pipeline.columns import check_columns, part_of_key, split_in
from wavenetlite.pipeline.entries import Entries, Entry, Listing, Problem, Root, concatenate
from wavenetlite.pipeline.patterns import expanded, fits, found_by
from wavenetlite.pipeline.remote_tree import RemoteTree, tree_of
from wavenetlite.support.checks import count, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.remote import Place, RemotePath, address, place
from wavenetlite.support.urls import CHAIN, is_url, path_of, protocol, shown

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

VALID_PART = TEST_PART = 0.1
"""Shares of validation and test clips where a folder does not define them: those of `train`."""
MOST_WRAPPERS = 8
LAYOUTS = ("auto", *layouts.FINDERS, "tree")


def listed(
    source: Source,
    *,
    layout: str = "auto",
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
    division: Division | None = None,
) -> Listing:
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
    division
        That split in full; of no parts: folders without told splits are left without. None: a tenth for each part.

    Raises
    ------
    ParameterError, ArrayTypeError
        The source does not exist, or is none of these.
    """
    one_of("layout", layout, LAYOUTS)
    count("seed", seed)
    check_columns(columns or {})
    options = Options(layout, columns or {}, division or Division(VALID_PART, TEST_PART, seed))
    given = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(given, Sequence) or not all(isinstance(part, str | os.PathLike) for part in given):
        raise ArrayTypeError(f"source is a {type(source).__name__}; it must be a path, or a list of paths")
    if not given:
        raise ParameterError("source is an empty list; it must name at least one path")
    source_name = ", ".join(readable(os.fspath(part)) for part in given)
    names = [name for part in given for name in spelled(os.fspath(part))]
    listings = [one(name, options) for name in names]
    if len(listings) == 1:
        return listings[0].finish(source_name)
    for listing, prefix in zip(listings, prefixes(names), strict=True):
        below(listing, prefix)
    return concatenate("several", listings).finish(source_name)


def spelled(source: str) -> list[str]:
    """A source, or those that its braces stand for."""
    return [source] if not is_url(source) and os.path.lexists(source) else expanded(source)


def prefixes(names: Sequence[str]) -> list[str]:
    """For each source the end of its path, long enough that no two are the same."""
    paths = [PurePosixPath(path_of(name) if is_url(name) else os.path.abspath(name)).parts for name in names]  # noqa: PTH100
    lengths = [1] * len(paths)
    while True:
        ends = ["/".join(parts[-length:]) for parts, length in zip(paths, lengths, strict=True)]
        longer = [
            i
            for i, end in enumerate(ends)
            if any(other == end and paths[j] != paths[i] and lengths[i] < len(paths[i]) for j, other in enumerate(ends))
        ]
        if not longer:
            return ends
        for i in longer:
            lengths[i] += 1


@dataclass(frozen=True)
class Options:
    """How sources are read; parameters of `listed`."""

    layout: str
    columns: Mapping[str, str]
    division: Division


def one(source: str, options: Options) -> Listing:
    """The listing of one source; where its recordings are is remembered as the source was given."""
    path = place(source)
    if isinstance(path, RemotePath):
        found = at_url(path, options)
    else:
        path = path.absolute()  # workers may have another working directory
        found = on_disk(Path(os.path.normpath(path)), source, options)
    for entry in found.entries.of_each_base():
        if entry.base not in found.roots:
            remote = os.path.isabs(source) or is_url(entry.base)  # noqa: PTH117
            found.roots[entry.base] = Root(
                shown(entry.base) if remote else os.path.relpath(entry.base), entry.member is not None
            )
    found.places.append(str(path) if isinstance(path, RemotePath) else os.path.realpath(path))
    return found


def on_disk(path: Path, source: str, options: Options) -> Listing:
    if path.is_dir():
        return corpus(DiskTree(path), options)
    if path.is_file():
        return file(path, options)
    if glob.has_magic(source):
        return matches(path, options)
    reason = "not a file" if path.exists() else "there is no such file"
    raise ParameterError(f"source={readable(source)!r}: {reason}")


def at_url(path: RemotePath, options: Options) -> Listing:
    """What a URL names; zip:// and tar:// before another URL are a folder in that archive."""
    kind, _, outer = path.url.partition(CHAIN)
    try:
        if protocol(kind) in ("zip", "tar"):
            archive = place(outer)
            archive = archive if isinstance(archive, RemotePath) else archive.absolute()
            return inside(archive, path_of(kind).strip("/"), options)
        if glob.has_magic(path_of(path.url)):
            return matches(path, options)
        if path.is_dir():
            return corpus(RemoteTree(path), options)
        path.stat()  # which says why not, where there is none
        return file(path, options)
    except FileNotFoundError as error:
        raise ParameterError(f"source={str(path)!r}: {error.strerror}") from None
    except OSError as error:
        raise ParameterError(f"source={str(path)!r}: cannot be read: {error.strerror or error}") from None


def is_source(name: str) -> bool:
    return archives.is_archive(PurePosixPath(name)) or manifests.is_manifest(PurePosixPath(name))


def file(path: Place, options: Options) -> Listing:
    """A manifest, an archive or a recording, by its ending."""
    if parquet.is_parquet(path) and parquet.has_recordings(path, options.columns):
        return parquet.read(path, options.columns)
    if manifests.is_manifest(path):
        return manifests.read(path, options.columns)
    if archives.is_archive(path):
        return archive(path, options)
    if layouts.is_audio(path.name):
        return Listing("file", Entries([with_stat(Entry(path.name, address(path.parent), path.name))]))
    raise ParameterError(
        f"source={readable(str(path))!r} must be a folder, a manifest ({', '.join(manifests.ENDINGS)}), an archive "
        f"({', '.join(archives.ENDINGS)}) or an audio file, by its ending"
    )


def archive(path: Place, options: Options) -> Listing:
    """The corpus in an archive, or WebDataset's samples."""
    return in_archive(archives.tree(path), path, options)


def inside(path: Place, folder: str, options: Options) -> Listing:
    """What a folder, a file or a pattern in an archive holds."""
    if not archives.is_archive(path):
        raise ParameterError(f"source={readable(str(path))!r} must be an archive ({', '.join(archives.ENDINGS)})")
    found = archive(path, options)
    if not folder:
        return found
    wanted = tuple(folder.split("/"))
    found.entries = Entries(
        entry for entry in found.entries if entry.name.startswith(f"{folder}/") or fits(entry.name.split("/"), wanted)
    )
    if not found.entries:
        raise ParameterError(f"source={readable(str(path))!r} has no recordings in {readable(folder)!r}")
    return found


def in_archive(tree: ArchiveTree, path: Place, options: Options) -> Listing:
    found = Listing("")
    if companions.ENDINGS & tree.endings:
        found = everything(tree, options, texts=not archives.zipfile_like(path))
    if not found.told:
        found = corpus(tree, options)
        found.layout = "archive"
    elif split := split_in(path.name):
        found.entries.change(lambda entry: setattr(entry, "split", entry.split or split))
    found.problems += [Problem("", "truncated", f"{readable(path.name)} {why}") for _, why in tree.problems]
    return found


def corpus(tree: Tree, options: Options) -> Listing:
    """A corpus in a layout that `wavenetlite.corpora.layouts` knows, perhaps inside one folder; else `everything`."""
    if options.layout == "tree":
        return everything(tree, options)
    division, layout = options.division, options.layout
    if layout == "auto":
        layout = layouts.recognised(tree)
        if layout == "folders" and not layouts.subfolders(tree):
            return everything(tree, options)
    found, folder = layouts.find(tree, layout, division), ""
    if options.layout == "auto" and not found.items and (folder := wrapper(tree)):
        found = layouts.find(Below(tree, folder), "auto", division)
    if options.layout == "auto" and (not found.items or (found.problems and found.layout in ("folders", "fsdd"))):
        whole = everything(tree, options)
        if not len(found.items) or len(whole.entries) > 2 * len(found.items) + len(found.noises):
            return whole  # what a layout leaves out mostly is not laid out by it
    divided = found.layout != "folders" or division.draws
    if isinstance(tree, DiskTree) and not folder:
        entries = Entries.of_files(found.items, tree.place(""), stat_on_disk, divided=divided)
    else:
        entries = Entries(
            entry_of(tree, join(folder, item.name), item.label, item.speaker, item.part if divided else "")
            for item in found.items
        )
    prefix = f"{readable(folder)}/" if folder else ""
    noises = [entry_of(tree, join(folder, item.name), item.label) for item in found.noises]
    return Listing(found.layout, entries, [Problem("", "layout", prefix + line) for line in found.problems],
                   divided=divided, noises=noises)  # fmt: skip


def wrapper(tree: Tree) -> str:
    """The folder inside which a corpus is, if there is nothing else: archives often have one at their top."""
    folder = ""
    for _ in range(MOST_WRAPPERS):
        nodes = tree.nodes(folder)
        inner = [node.name for node in nodes if node.is_folder]
        if len(inner) != 1 or any(layouts.is_audio(node.name) for node in nodes):
            break
        folder = join(folder, inner[0])
        if inner[0].lower() in layouts.PARTS:
            break
    return folder


def everything(tree: Tree, options: Options, *, texts: bool = False) -> Listing:
    """Every recording at any depth, labelled by its companions, else by its folder; "" at the top."""
    listing = Listing("tree")
    skipped: list[tuple[str, str]] = []
    others: list[str] = []
    beside = tuple(companions.ENDINGS)
    for folder, nodes in walk(tree, skipped):
        names = {node.name for node in nodes if node.is_file and node.name.endswith(beside)}
        for node in nodes:
            path = join(folder, node.name)
            if node.is_file and layouts.is_audio(node.name):
                listing.entries.append(sample(tree, folder, node.name, names, options, texts, listing))
            elif layouts.has_audio_ending(node.name):
                skipped.append((path, "a hidden file" if node.is_file else node.kind))
            elif not listing.entries and is_source(node.name):
                others.append(path)
    listing.problems += problems_of(skipped)
    if not listing.entries:
        listing.problems += [
            Problem("", "layout", f"{readable(path)}: a manifest or an archive; pass it as the source")
            for path in others
        ]
    if listing.told:
        listing.layout = "webdataset"
    return listing


def problems_of(skipped: Sequence[tuple[str, str]]) -> list[Problem]:
    return [
        Problem("", "unreadable" if why.startswith("cannot be read") else "layout", f"{readable(path)}: {why}; skipped")
        for path, why in skipped
    ]


def sample(
    tree: Tree, folder: str, name: str, names: set[str], options: Options, texts: bool, listing: Listing
) -> Entry:
    """The entry of a recording and what its companions tell."""
    key = join(folder, name)
    entry = entry_of(tree, key, *by_name(folder, name))
    found = companions.of(name, names)
    if not companions.are_labels(found, texts=texts or not folder):
        return entry
    told, problems = companions.read(tree, folder, found, options.columns)
    listing.problems += [Problem(key, "manifest", readable(line)) for line in problems]
    label = told.label or (told.text if texts or not folder else "")
    if not label and not told.speaker and not told.extra:
        return entry
    listing.told = True
    extra = told.extra | ({"text": told.text} if told.text and told.text != label else {})
    (start_s, end_s), channel = told.times, told.channel
    return replace(entry, key=key + part_of_key(start_s, end_s, channel), label=label or entry.label,
                   speaker=told.speaker or entry.speaker, split=told.split or entry.split, start_s=start_s, end_s=end_s,
                   channel=channel, extra=extra or None)  # fmt: skip


def by_name(folder: str, name: str) -> tuple[str, str, str]:
    """Label, speaker and split that the names of folders tell, or that of a recording of FSDD."""
    label = layouts.composed(folder.rpartition("/")[2])
    above = [layouts.PARTS[part.lower()] for part in folder.split("/")[:-1] if part.lower() in layouts.PARTS]
    split = above[0] if above else ""
    match = layouts.RECORDING.match(layouts.composed(layouts.stem(name)))
    if match and match[1].isdecimal() and label in ("", "recordings"):
        return match[1], match[2], split or ("test" if int(match[3]) < 5 else "train")
    return label, layouts.speaker_in(name, label), split


def entry_of(tree: Tree, name: str, label: str = "", speaker: str = "", split: str = "") -> Entry:
    """The entry of a file of a tree."""
    if isinstance(tree, ArchiveTree):
        stored = tree.stored(name)
        assert stored is not None
        return Entry(name, tree.path, name, label, speaker, split, size=stored.size, mtime_ns=stored.mark,
                     member=stored.member)  # fmt: skip
    if isinstance(tree, RemoteTree):
        size, mark = tree.files[name]
        return Entry(name, tree.root.url, name, label, speaker, split, size=size, mtime_ns=mark)
    return with_stat(Entry(name, tree.place(""), name, label, speaker, split))


def matches(pattern: Place, options: Options) -> Listing:
    """What a glob finds: recordings, labelled by the folder below its fixed part; folders; archives; manifests."""
    own, skipped = Listing("glob"), list[tuple[str, str]]()
    fixed, tree, names = found_by(pattern, skipped)
    listings = [own]
    recordings = {layouts.stem(name) for name in names if layouts.is_audio(name.rpartition("/")[2])}
    for name in names:
        path = fixed / name
        if name not in tree.files if isinstance(tree, RemoteTree) else Path(str(path)).is_dir():
            listings.append(below(everything(tree_of(path), options), name))
        elif is_source(name) and layouts.stem(name) not in recordings:  # else it belongs to a recording
            listings.append(below(file(path, options), name))
        elif layouts.is_audio(path.name):
            label = layouts.composed(PurePosixPath(name).parent.name)
            own.entries.append(entry_of(tree, name, label, layouts.speaker_in(name, label)))
    own.problems += problems_of(skipped)
    whole = concatenate("glob", listings)
    if not whole.entries and not whole.problems:
        raise ParameterError(f"source={readable(str(pattern))!r} matches no recording, manifest or archive")
    return whole


def below(listing: Listing, prefix: str) -> Listing:
    """Prefix keys with the name of their source."""

    def change(entry: Entry) -> None:
        entry.key = f"{prefix}/{entry.key}"

    if prefix:
        listing.entries.change(change)
        for noise in listing.noises:
            change(noise)
    return listing


def with_stat(entry: Entry) -> Entry:
    """The entry with the size and date of its file."""
    entry.size, entry.mtime_ns = stat(entry.path)
    return entry


def stat(path: str) -> tuple[int, int]:
    """Size and date of a file; those of an entry by default if it has none, which is reported when it is read."""
    if not is_url(path):
        return stat_on_disk(path)
    try:
        return RemotePath(path).stat()
    except OSError:
        return -1, 0


def stat_on_disk(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  (Path is several times slower, for every file)
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns
