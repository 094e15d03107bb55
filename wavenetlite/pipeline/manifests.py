"""Manifests: JSON lines or CSV with one row per recording, or per part of one."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from wavenetlite.corpora.layouts import readable
from wavenetlite.pipeline.entries import Entry, Listing, Problem
from wavenetlite.support.errors import ParameterError

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv")
COLUMNS = ("path", "key", "label", "speaker", "split", "start_s", "end_s")
"""Columns with a meaning; all others are kept unchanged."""


class RowError(Exception):
    """A row is invalid."""


def is_manifest(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS


def read(path: Path, columns: Mapping[str, str]) -> Listing:
    """The entries of a manifest.

    Parameters
    ----------
    path
        Of the manifest; paths in it are relative to its folder.
    columns
        Names of its columns where they are not those of `COLUMNS`.

    Raises
    ------
    ParameterError
        It cannot be read. Invalid rows are problems of the listing.
    """
    for name in columns:
        if name not in COLUMNS:
            raise ParameterError(f"columns={name!r} must be one of {', '.join(COLUMNS)}")
    listing = Listing("manifest")
    name_of = {name: columns.get(name, name) for name in COLUMNS}
    base, stats = path.parent, dict[str, tuple[int, int]]()
    for line, row in rows(path):
        try:
            listing.entries.append(entry(row, name_of, str(base), stats))
        except RowError as error:
            message = f"{readable(path.name)}, line {line}: {readable(str(error))}"
            listing.problems.append(Problem("", "manifest", message))
    return listing


def rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Line numbers and rows; a `RowError` in place of a row that cannot be parsed."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() in (".csv", ".tsv"):
                table = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
                for row in table:
                    yield table.line_num, row
            else:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, parse(line)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"{readable(str(path))}: cannot be read: {' '.join(str(error).split())}") from None


def parse(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return RowError(f"is not valid JSON: {error}")


def entry(row: Any, name_of: Mapping[str, str], base: str, stats: dict[str, tuple[int, int]]) -> Entry:
    """The entry of a row; raises RowError."""
    if isinstance(row, RowError):
        raise row
    if not isinstance(row, dict):
        raise RowError("must be an object")
    row.pop(None, None)  # fields beyond the header of a table
    name = row.get(name_of["path"])
    if not isinstance(name, str) or not name or "\0" in name:
        raise RowError(f"{name_of['path']}={name!r} must be the path of a recording")
    start_s, end_s = (seconds(row, name_of[column]) for column in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise RowError(f"end_s={end_s} must be above start_s={start_s or 0.0}")
    name = PurePath(name).as_posix()
    if name not in stats:
        stats[name] = size_and_time(os.path.join(base, name))  # noqa: PTH118
    key = text(row, name_of["key"]) or name + part_of_key(start_s, end_s)
    extra = {column: value for column, value in row.items() if column not in name_of.values()}
    label, speaker, split = (text(row, name_of[column]) for column in ("label", "speaker", "split"))
    return Entry(key, base, name, label, speaker, split, start_s, end_s, *stats[name], extra=extra or None)


def text(row: Mapping[str, Any], column: str) -> str:
    """A value as text: labels and speakers may be numbers."""
    value = row.get(column)
    if isinstance(value, dict | list | bool):
        raise RowError(f"{column}={value!r} must be text")
    return "" if value is None else str(value)


def seconds(row: Mapping[str, Any], column: str) -> float | None:
    value = row.get(column)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number < math.inf:
        raise RowError(f"{column}={value!r} must be a number of seconds, at least 0")
    return number


def part_of_key(start_s: float | None, end_s: float | None) -> str:
    """The suffix of the key of a part of a recording."""
    if start_s is None and end_s is None:
        return ""
    return f"#{start_s or 0:g}-{'' if end_s is None else f'{end_s:g}'}"


def size_and_time(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return -1, 0
    return found.st_size, found.st_mtime_ns
