"""The bytes of several recordings at once: those in a store are asked for together, as each answer takes its time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry
from wavenetlite.support.remote import Part, RemotePath, is_http, read_parts
from wavenetlite.support.urls import is_url

CANNOT = b""
"""In place of what cannot be read, which is reported when it is read by itself."""


def contents(entries: Sequence[Entry]) -> list[bytes]:
    """The bytes of each recording, or `CANNOT`."""
    wanted = {number: part for number, entry in enumerate(entries) if (part := part_of(entry)) is not None}
    fetched = dict(zip(wanted, read_parts(list(wanted.values())), strict=True))
    return [taken(entry, fetched[number]) if number in fetched else here(entry) for number, entry in enumerate(entries)]


def part_of(entry: Entry) -> Part | None:
    """What is fetched of a store; None: it is read in another way."""
    if not is_url(entry.path):
        return None
    if entry.member is None:
        return Part(RemotePath(entry.path))
    extent = None if is_http(entry.path) else archives.extent(entry.member)  # a server may give whole files only
    return None if extent is None else Part(RemotePath(entry.path), *extent)


def taken(entry: Entry, fetched: bytes) -> bytes:
    """A recording of what was fetched: in an archive perhaps compressed."""
    if entry.member is None or not fetched:
        return fetched
    try:
        return archives.from_part(fetched, entry.member) or CANNOT
    except ValueError:
        return CANNOT


def here(entry: Entry) -> bytes:
    path = entry.path
    try:
        if entry.member is not None:
            return archives.data(path, entry.member)
        return Path(path).read_bytes() if os.path.isfile(path) else CANNOT  # noqa: PTH113  (a pipe would block)
    except (OSError, ValueError):
        return CANNOT
