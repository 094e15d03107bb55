"""Tables of Parquet: recordings inside them as Hugging Face stores them, with their labels, or a row for each file.

A column of recordings is a struct of `bytes` and `path`; what its schema says of labels (their names) is used. A row is
read with its row group, of which the last few are kept. Nothing of a recording is decoded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline.columns import Columns, RowError, check_columns, part_of_key, shown, split_in
from wavenetlite.pipeline.entries import Entry, Listing, Member, Problem
from wavenetlite.support.errors import ParameterError, WavenetliteError
from wavenetlite.support.optional import optional
from wavenetlite.support.remote import Place, address, place
from wavenetlite.support.urls import shown as public

ENDINGS = (".parquet",)
KIND = "parquet"
BYTES, PATH = "bytes", "path"
KEPT_GROUPS = 4
ROWS_AT_ONCE = 1000


def is_parquet(path: Any) -> bool:
    return str(path.name).lower().endswith(ENDINGS)


def packages() -> tuple[Any, Any]:
    """pyarrow and its reader of Parquet."""
    return optional("pyarrow", "arrow", "Parquet"), optional("pyarrow.parquet", "arrow", "Parquet")


@contextmanager
def opened(path: Place) -> Iterator[Any]:
    """A file of Parquet; what is wrong with it is one line."""
    arrow, parquet = packages()
    try:
        with path.open("rb") as file:
            yield parquet.ParquetFile(file)
    except WavenetliteError:
        raise
    except (arrow.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        reason = readable(" ".join(str(error)[:200].split()) or type(error).__name__)
        raise ParameterError(f"{readable(str(path))}: not a table of Parquet, or damaged: {reason}") from None


# Rows without recordings


def rows(path: Place) -> Iterator[tuple[str, Any]]:
    """Where each row is, and the row, or a `RowError` in its place."""
    with opened(path) as file:
        names, number = label_names(file.schema_arrow), 0
        for batch in file.iter_batches(ROWS_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                try:
                    found: Any = plain(named(row, names))
                except RowError as error:
                    found = error
                yield f"row {number}", found


def has_recordings(path: Place, columns: Mapping[str, str]) -> bool:
    with opened(path) as file:
        return bool(recordings_column(file.schema_arrow, columns))


# Rows with recordings


def read(path: Place, columns: Mapping[str, str]) -> Listing:
    """The entries of a table that holds recordings.

    Parameters
    ----------
    path
        Of the table.
    columns
        Names of its columns where they are not those of manifests; "path" names that of the recordings.

    Raises
    ------
    ParameterError
        It cannot be read. Rows without a recording are problems of the listing.
    """
    check_columns(columns)
    listing = Listing("parquet")
    with opened(path) as file:
        table = Table(path, file, columns)
        for group in range(file.num_row_groups):
            table.add(group, listing)
    return listing


class Table:
    """A table of recordings, while it is listed."""

    def __init__(self, path: Place, file: Any, columns: Mapping[str, str]) -> None:
        schema = file.schema_arrow
        self.path, self.file, self.address = path, file, address(path)
        self.column, self.split = recordings_column(schema, columns), split_in(path.stem)
        self.names = label_names(schema)
        others = [name for name in schema.names if name != self.column and not holds_bytes(schema.field(name).type)]
        self.leaves = [*others, f"{self.column}.{PATH}"]
        self.known = Columns(others, {**columns, "path": ""})
        self.mark = path.stat().st_mtime_ns
        self.done = 0

    def add(self, group: int, listing: Listing) -> None:
        """The rows of a row group; their recordings are not read."""
        found = self.file.read_row_group(group, columns=self.leaves).to_pylist()
        size = self.bytes_of(group) // max(len(found), 1)
        for place_in_group, row in enumerate(found):
            number = self.done + place_in_group
            name = (row.pop(self.column, None) or {}).get(PATH) or f"{number:08}"
            member = Member(KIND, self.column, group, place_in_group, crc=self.mark)
            try:
                row = plain(named(row, self.names))
                listing.entries.append(self.entry(number, public(name), row, member, size))
            except RowError as error:
                message = f"{readable(self.path.name)}, row {number + 1}: {readable(str(error))}"
                listing.problems.append(Problem("", "manifest", message))
        self.done += len(found)

    def entry(self, number: int, name: str, row: dict[str, Any], member: Member, size: int) -> Entry:
        """Keys are in the order of the rows, so that a row group is read once."""
        columns = self.known
        (start_s, end_s), channel = columns.times(row), columns.channel(row)
        key = columns.text(row, "key") or f"{number:08}-{name.rpartition('/')[2]}"
        return Entry(key + part_of_key(start_s, end_s, channel), self.address, name, columns.text(row, "label"),
                     columns.text(row, "speaker"), columns.split(row) or self.split, start_s, end_s, size, self.mark,
                     member, columns.extra(row), channel)  # fmt: skip

    def bytes_of(self, group: int) -> int:
        """Of the recordings in a row group, as they are stored."""
        about = self.file.metadata.row_group(group)
        leaves = (about.column(number) for number in range(about.num_columns))
        return sum(
            int(leaf.total_compressed_size) for leaf in leaves if leaf.path_in_schema == f"{self.column}.{BYTES}"
        )


def data(path: str, member: Member) -> bytes:
    """The bytes of a recording.

    Raises
    ------
    OSError, ValueError
        There are none, or the table is damaged.
    """
    try:
        found = row_group(path, member.name, member.offset, member.crc)[member.size].as_py()
    except ParameterError as error:
        raise ValueError(str(error)) from None
    except (IndexError, KeyError):
        raise ValueError("the table has changed") from None
    if found is None:
        raise ValueError("has no bytes in the table")
    return bytes(found)


@lru_cache(KEPT_GROUPS)
def row_group(path: str, column: str, group: int, mark: int) -> Any:
    """The recordings of a row group; `mark` changes with the file."""
    arrow, _ = packages()
    with opened(place(path)) as file:
        if not 0 <= group < file.num_row_groups:
            raise ParameterError("the table has changed")
        found = file.read_row_group(group, columns=[f"{column}.{BYTES}"]).column(column)
        return arrow.compute.struct_field(found.combine_chunks(), BYTES)


# Columns


def recordings_column(schema: Any, columns: Mapping[str, str]) -> str:
    """The column that holds recordings; "": there is none."""
    holding = [field.name for field in schema if is_recording(field.type)]
    wanted = columns.get("path") or ("audio" if "audio" in holding else "")
    if wanted:
        return wanted if wanted in holding else ""
    return holding[0] if holding else ""


def is_recording(kind: Any) -> bool:
    arrow, _ = packages()
    return bool(arrow.types.is_struct(kind)) and {field.name for field in kind} >= {BYTES, PATH}


def holds_bytes(kind: Any) -> bool:
    """Whether a column is none of a recording's properties."""
    arrow, _ = packages()
    return is_recording(kind) or arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind)


def label_names(schema: Any) -> dict[str, Sequence[str]]:
    """By column, the names of the numbers in it, as `datasets` stores them."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def named(row: dict[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The row with names in place of numbers."""
    for column, known in names.items():
        number = row.get(column)
        if isinstance(number, int):
            if not -1 <= number < len(known):
                raise RowError(f"{column}={shown(number)} is not one of {len(known)} labels")
            row[column] = known[number] if number >= 0 else None  # -1: not known
    return row


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row as it can stand in JSON: dates as ISO 8601 has them; bytes, and numbers that are none, are left out."""
    dated = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    return {name: value for name, value in dated.items() if is_plain(value)}


def is_plain(value: Any) -> bool:
    """Whether a value can stand in JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
