"""Manifests: JSON lines, JSON, CSV or Parquet with one row per recording, or per part of one; Lhotse's too."""

from __future__ import annotations

import csv
import errno
import gzip
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, RawIOBase, TextIOWrapper
from pathlib import PurePath
from typing import Any, TextIO

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline import lhotse, parquet
from wavenetlite.pipeline.columns import (
    MOST_COLUMNS,
    Columns,
    RowError,
    check_columns,
    parsed,
    part_of_key,
    shown,
    split_in,
)
from wavenetlite.pipeline.entries import Entry, Listing, Problem, joined
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath, Status, address, is_http
from wavenetlite.support.urls import is_url, name_of, parent_url
from wavenetlite.support.urls import shown as public

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
DELIMITERS = ",\t;|"
MOST_LINE = 1 << 24
"""Characters of a line: a row is far shorter."""
MOST_CHARACTERS, MOST_MARKS = 1 << 27, 5_000_000
"""Of a manifest that is one JSON value, also of brackets and commas; as JSON lines it may have any number."""
PACKED = ".jsonl.gz"
"""As Lhotse writes them."""
FREE, RATIO = 16 << 20, 200
"""Bytes to which a packed manifest may unpack, and how many for each of its own: JSON repeats much."""
ONE_LINE = ("path", "key", "label", "speaker", "split")
FOLDERS = ("", "clips", "wavs", "wav", "audio", "recordings")
"""Beside a manifest, where the recordings are that it names; Common Voice has them in clips/."""
MOST_FOLDERS = 1000
"""Of stores, whose files are kept."""
MOST_SHAPES = 1000
"""Different sets of columns whose meaning is kept; rows usually have one."""
PLACEHOLDERS = ("{data_root}/", "{data_folder}/", "{root}/", "$data_root/", "$data_folder/")
"""How SpeechBrain writes the folder of the data."""


def is_manifest(path: PurePath | RemotePath) -> bool:
    return path.name.lower().endswith((*ENDINGS, PACKED))


def read(path: Place, columns: Mapping[str, str]) -> Listing:
    """The entries of a manifest.

    Parameters
    ----------
    path
        Of the manifest; paths in it are relative to its folder.
    columns
        Names of its columns where they are not those of `COLUMNS`, nor of `ELSEWHERE`.

    Raises
    ------
    ParameterError
        It cannot be read. Invalid rows are problems of the listing.
    """
    check_columns(columns)
    reader = RowReader(path, columns)
    listing = Listing("manifest")
    for line, row in rows(path, columns):
        try:
            listing.entries.append(reader.entry(row))
        except RowError as error:
            message = f"{readable(path.name)}, {line}: {readable(str(error))}"
            listing.problems.append(Problem("", "manifest", message))
    check_channels(path, listing)
    reader.check_given(path)
    return listing


def check_channels(path: Place, listing: Listing) -> None:
    """Channels count from 0; a manifest that counts from 1 would give wrong ones in silence."""
    numbers = {entry.channel for entry in listing.entries} - {None}
    if 0 not in numbers and {1, 2} <= numbers:
        raise ParameterError(f"{readable(str(path))}: its channels count from 1; they must count from 0: subtract 1")


# Rows


class Row(dict[str, Any]):
    """A row; `key` is its name in an object of rows."""

    key = ""


def rows(path: Place, columns: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Where each row is, and the row; a `RowError` in place of a row that cannot be used."""
    yield from lhotse.translated(written_rows(path, columns), path, lambda other: written_rows(other, columns))


def written_rows(path: Place, columns: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """The rows as they are in the file."""
    if parquet.is_parquet(path):
        yield from parquet.rows(path)
        return
    read = {".csv": table, ".tsv": table, ".json": whole}.get(path.suffix.lower(), json_lines)
    try:
        with opened(path) as file:
            yield from read(file, path, columns)
    except (OSError, EOFError, zlib.error, UnicodeError, csv.Error) as error:
        raise ParameterError(f"{readable(str(path))}: cannot be read: {' '.join(str(error).split())}") from None


@contextmanager
def opened(path: Place) -> Iterator[TextIO]:
    if not path.name.lower().endswith(PACKED):
        with path.open(encoding=encoding(path), newline="") as file:
            yield file
        return
    with path.open("rb") as packed, gzip.open(packed) as content:
        limit = Limited(content, FREE + RATIO * path.stat().st_size)
        yield TextIOWrapper(BufferedReader(limit), encoding="utf-8-sig", newline="")


class Limited(RawIOBase):
    """A file that may have so many bytes."""

    def __init__(self, file: Any, most: int) -> None:
        self.file, self.left, self.most = file, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.file.read(len(buffer))
        self.left -= len(found)
        if self.left < 0:
            raise OSError(errno.EFBIG, f"unpacks to more than {self.most:,} bytes, far more than a manifest does")
        buffer[: len(found)] = found
        return len(found)


def encoding(path: Place) -> str:
    """UTF-8, unless a byte order mark says UTF-16, as spreadsheets write it."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; one that would not fit into memory is an error."""
    number = 0
    while line := file.readline(MOST_LINE):
        number += 1
        if len(line) == MOST_LINE:
            raise csv.Error(f"line {number} has more than {MOST_LINE:,} characters")
        yield line


def json_lines(file: TextIO, path: Place, columns: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines(file), 1):
        if line.strip():
            yield f"line {number}", attempt(line, MOST_LINE)


def attempt(text: str, most_marks: int) -> Any:
    """The value, or a RowError."""
    try:
        return parsed(text, most_marks)
    except RowError as error:
        return error


def has_objects_on_lines(file: TextIO) -> bool:
    """Whether the first two lines are objects."""
    found = (line.strip() for line in lines(file) if line.strip())
    first, second = next(found, ""), next(found, "")
    file.seek(0)
    return second.startswith("{") and isinstance(attempt(first, MOST_LINE), dict)


def whole(file: TextIO, path: Place, columns: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """A list of objects, an object of objects as SpeechBrain writes it, or JSON lines as NeMo names them."""
    if has_objects_on_lines(file):
        yield from json_lines(file, path, columns)
        return
    text = file.read(MOST_CHARACTERS)
    if len(text) == MOST_CHARACTERS:
        raise ParameterError(f"{readable(str(path))}: has more than {MOST_CHARACTERS:,} characters; write JSON lines")
    value = attempt(text, MOST_MARKS)
    if isinstance(value, RowError):
        raise ParameterError(f"{readable(str(path))}: {value}")
    lists = [inner for inner in value.values() if isinstance(inner, list)] if isinstance(value, dict) else []
    if isinstance(value, dict) and value and all(isinstance(inner, dict) for inner in value.values()):
        for key, inner in value.items():
            row = Row(inner)
            row.key = key
            yield shown(key), row
    elif isinstance(value, dict) and "path" in Columns(value, columns).name_of:
        yield "line 1", value
    elif isinstance(value, list) or len(lists) == 1:
        for number, row in enumerate(value if isinstance(value, list) else lists[0], 1):
            yield f"object {number}", row
    else:
        raise ParameterError(
            f"{readable(str(path))}: must be a list of objects, or an object of them, one for each recording"
        )


def table(file: TextIO, path: Place, columns: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """The rows of a table whose first line names the columns."""
    source = lines(file)
    head = next((line for line in source if line.strip()), "")
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    delimiter = usual if usual in head else max(DELIMITERS, key=head.count)
    cells = tab_cells if delimiter == "\t" else comma_cells(delimiter)
    records = cells([head], source)
    _, header = next(records, (0, []))
    if len(header) > MOST_COLUMNS:
        raise ParameterError(f"{readable(str(path))}: has {len(header):,} columns; at most {MOST_COLUMNS:,} are read")
    names = [name.strip() for name in header]
    known = Columns(names, columns)
    if known.name_of.get("path") not in names:
        wanted = known.name_of.get("path", "path")
        seen = readable(", ".join(map(shown, names[:8])) or "nothing")
        raise ParameterError(f"{readable(str(path))}: has no column {wanted!r} (its first line has {seen}); pass "
                             "columns={'path': NAME} (--column path=NAME)")  # fmt: skip
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ParameterError(f"{readable(str(path))}: has two columns {shown(twice[0])}; names must differ")
    one_line = {known.name_of[meaning] for meaning in ONE_LINE if known.name_of.get(meaning) in names}
    for number, values in records:
        if not any(value.strip() for value in values):
            continue
        try:
            yield f"line {number}", as_row(names, values, delimiter, one_line)
        except RowError as error:
            yield f"line {number}", error


def as_row(names: list[str], values: list[str], delimiter: str, one_line: set[str]) -> dict[str, str]:
    """Raises RowError."""
    if len(values) == len(names) + 1 and not values[-1].strip():
        values = values[:-1]  # a delimiter at the end of every line
    if len(values) != len(names):
        more = f": a value with {delimiter!r} in it must be in quotes" if len(values) > len(names) else ""
        raise RowError(f"has {len(values)} values, and the first line names {len(names)}{more}")
    row = dict(zip(names, values, strict=True))
    for name in one_line:
        if "\n" in row[name]:
            raise RowError(f"{name} goes over several lines: a quote is not closed")
    return row


Cells = Callable[[list[str], Iterator[str]], Iterator[tuple[int, list[str]]]]


def comma_cells(delimiter: str) -> Cells:
    def cells(head: list[str], source: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(chain(head, source), delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            for values in reader:
                yield reader.line_num, values
        except csv.Error as error:
            raise csv.Error(f"line {reader.line_num}: {error}") from None

    return cells


def chain(head: list[str], source: Iterator[str]) -> Iterator[str]:
    yield from head
    yield from source


def tab_cells(head: list[str], source: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Values between tabs; quotes belong to the text, unless they enclose a value as spreadsheets write it."""
    for number, line in enumerate(chain(head, source), 1):
        yield number, [unquoted(value) for value in line.rstrip("\r\n").split("\t")]


def unquoted(value: str) -> str:
    inner = value[1:-1]
    enclosed = len(value) > 1 and value[0] == value[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if enclosed else value


# Entries


class RowReader:
    """Makes entries of the rows of a manifest."""

    def __init__(self, path: Place, columns: Mapping[str, str]) -> None:
        self.base, self.given, self.split = address(path.parent), columns, split_in(path.stem)
        self.columns: dict[tuple[str, ...], Columns] = {}
        self.names: set[str] = set()
        self.found: dict[str, tuple[str, int, int]] = {}
        self.folders: dict[str, dict[str, Status]] = {}

    def entry(self, row: Any) -> Entry:
        """The entry of a row; raises RowError."""
        if isinstance(row, RowError):
            raise row
        if not isinstance(row, dict):
            raise RowError("must be an object")
        if len(row) > MOST_COLUMNS:
            raise RowError(f"has {len(row):,} columns; at most {MOST_COLUMNS:,} are read")
        names = tuple(row)
        columns = self.columns.get(names)
        if columns is None:
            columns = self.columns[names] = Columns(names, self.given)
            self.names.update(names)
            if len(self.columns) > MOST_SHAPES:
                self.columns.clear()
        name = columns.value(row, "path")
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise RowError(f"{columns.name_of.get('path', 'path')}={shown(name)} must be the path of a recording")
        name, size, mtime_ns = self.located(name)
        url, name = (name, public(name)) if is_url(name) else ("", name)
        (start_s, end_s), channel = columns.times(row), columns.channel(row)
        key = columns.text(row, "key") or getattr(row, "key", "") or name + part_of_key(start_s, end_s, channel)
        return Entry(key, self.base, name, columns.text(row, "label"), columns.text(row, "speaker"),
                     columns.split(row) or self.split, start_s, end_s, size, mtime_ns,
                     extra=columns.extra(row), channel=channel,
                     url=url if url != name else "")  # fmt: skip

    def check_given(self, path: Place) -> None:
        """A column that the caller named, and no row has, would lose its values in silence."""
        for meaning, name in self.given.items():
            if name and self.names and name not in self.names:
                raise ParameterError(f"{readable(str(path))}: no row has the column {name!r} of columns={meaning!r}")

    def located(self, name: str) -> tuple[str, int, int]:
        """The path of a recording relative to the manifest, its size and time."""
        if name not in self.found:
            tried = ((one, *self.size_and_mark(joined(self.base, one))) for one in spellings(name))
            first = next(tried)
            self.found[name] = first if first[1] >= 0 else next((one for one in tried if one[1] >= 0), first)
        return self.found[name]

    def size_and_mark(self, path: str) -> tuple[int, int]:
        """Of a file; in a store, a folder is listed once, as that takes as long as to ask for one of its files."""
        if not is_url(path) or is_http(path):
            return size_and_time(path)
        folder = parent_url(path)
        if folder not in self.folders:
            if len(self.folders) >= MOST_FOLDERS:
                self.folders.clear()
            try:
                listing = RemotePath(folder).listing()
            except OSError:
                listing = []
            self.folders[folder] = {name: status for name, is_folder, status in listing if not is_folder}
        return self.folders[folder].get(name_of(path), (-1, 0))


def spellings(name: str) -> Iterator[str]:
    """Paths that a manifest may mean, the likeliest first."""
    for placeholder in PLACEHOLDERS:
        name = name.removeprefix(placeholder)
    if is_url(name.strip()):
        yield name.strip()
        return
    names = [name.strip(), name.strip().replace("\\", "/")]
    for folder in FOLDERS:
        for one in dict.fromkeys(names):
            yield PurePath(folder, one).as_posix()


def size_and_time(path: str) -> tuple[int, int]:
    try:
        if is_url(path):
            return RemotePath(path).stat()
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return -1, 0
    return found.st_size, found.st_mtime_ns
