"""The folder of a feature set before anything is written to it: nothing that is not its own is overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from wavenetlite.corpora.layouts import is_audio
from wavenetlite.corpora.trees import is_within, join, readable, walk
from wavenetlite.pipeline import assembly, shards, sidecars, specs
from wavenetlite.pipeline.entries import AT_ONCE, Listing
from wavenetlite.pipeline.remote_tree import tree_of
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath, check_writable, replacing

PLACES = "places"
"""Beside the sidecars: the real paths of the sources."""
OURS = (assembly.DATASET, assembly.INDEX, assembly.ERRORS, specs.TABLES, shards.FOLDER)
MOST_FOLDERS = 1000
"""That are searched for recordings."""
REMEDY = "choose another folder, or remove this one first"


def check(out: Place, listing: Listing) -> None:
    """Refuse a folder inside the source, with other files than a feature set's, or with the set of another corpus.

    Raises
    ------
    ParameterError
    """
    check_writable(out, "out")
    remote = isinstance(out, RemotePath)
    real = str(out) if remote else os.path.realpath(str(out))
    for place in listing.places:
        if (remote or os.path.isdir(place)) and is_within(real, place):  # noqa: PTH112
            raise ParameterError(
                f"out={readable(str(out))!r} is inside the source {readable(place)!r}, and would become part of "
                "it; choose a folder outside"
            )
    with reaching(out):
        check_content(out, listing)


@contextmanager
def reaching(out: Place) -> Iterator[None]:
    """What a store that cannot be reached says, in one line."""
    try:
        yield
    except OSError as error:
        raise ParameterError(f"out={readable(str(out))!r} cannot be reached: {error.strerror or error}") from None


def check_content(out: Place, listing: Listing) -> None:
    """Refuse a folder with other files than a feature set's, or with the set of another corpus."""
    if not out.is_dir():
        return
    set_of = about(out)
    begun = (out / sidecars.FOLDER).is_dir()
    if not begun and "source" not in set_of:
        foreign = [name for name in OURS if (out / name).exists()]
        if foreign:
            raise ParameterError(
                f"out={readable(str(out))!r} has {foreign[0]}, which is not part of a feature set; {REMEDY}"
            )
        if recording := first_recording(out):
            raise ParameterError(f"out={readable(str(out))!r} holds recordings, such as {readable(recording)}; choose "
                                 "another folder")  # fmt: skip
    elif not same_corpus(out, listing, set_of):
        source = f", {readable(str(set_of['source']))!r}" if "source" in set_of else ""
        raise ParameterError(f"out={readable(str(out))!r} holds the features of another source{source}; {REMEDY}")


def first_recording(out: Place) -> str:
    """A recording in a folder, at any depth: then it is a corpus, given as the target by mistake."""
    folders = islice(walk(tree_of(out), []), MOST_FOLDERS)
    return next((join(folder, node.name) for folder, nodes in folders for node in nodes if is_audio(node.name)), "")


def about(out: Place) -> dict[str, Any]:
    """The content of dataset.json; {} if there is none of a feature set."""
    try:
        found = json.loads((out / assembly.DATASET).read_bytes())
        return found if isinstance(found, dict) and found.get("format") == assembly.FORMAT else {}
    except (OSError, ValueError, RecursionError):
        return {}


def same_corpus(out: Place, listing: Listing, set_of: dict[str, Any]) -> bool:
    """Whether the set was made of a source of this listing, or of the same recordings at another place."""
    before = places(out)
    if set(before) & set(listing.places) or (not before and set_of.get("source") == listing.source):
        return True
    known = np.unique(np.fromiter(map(hash, recordings(out)), np.int64))  # there may be very many
    if not len(known):
        return not set_of and not before  # nothing was extracted yet
    for first in range(0, len(listing.entries), AT_ONCE):
        some = listing.entries.between(first, min(first + AT_ONCE, len(listing.entries)))
        hashes = np.array([hash((entry.name, entry.size, entry.mtime_ns)) for entry in some])
        if (known[np.searchsorted(known[:-1], hashes)] == hashes).any():
            return True
    return False


def recordings(out: Place) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of every recording that was read."""
    for path in (out / sidecars.FOLDER).glob("*.npz"):
        sidecar = None if specs.is_tables(path.name) else sidecars.read(path)
        for row in sidecar.rows if sidecar is not None else ():
            name, size, mtime_ns, *_ = row["identity"]
            yield name, size, mtime_ns


def places(out: Place) -> list[str]:
    try:
        found = json.loads((out / sidecars.FOLDER / PLACES).read_bytes())
        return [place for place in found if isinstance(place, str)] if isinstance(found, list) else []
    except (OSError, ValueError, RecursionError):
        return []


def remember(out: Place, listing: Listing) -> None:
    """Write where the recordings are, for the next check."""
    if places(out) != listing.places:
        with replacing(out / sidecars.FOLDER / PLACES) as file:
            file.write(json.dumps(listing.places).encode())
