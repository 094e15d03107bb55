"""Feature sets as one table of Parquet: a row for each item, which pandas, Polars, DuckDB and `datasets` read."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from wavenetlite.features import Features
from wavenetlite.pipeline import parquet, shards, specs
from wavenetlite.pipeline.about import DAMAGE, check_about, damaged
from wavenetlite.pipeline.assembly import COLUMNS, FORMAT, VERSION
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.exports import Target
from wavenetlite.pipeline.items import ItemSequence, Table, drop_first
from wavenetlite.pipeline.selections import about, ordered, row_of
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, check_writable, place, replacing

STORAGE = "parquet"
ABOUT, SPEC = b"wavenetlite", b"wavenetlite.features"
"""In the metadata of the schema: dataset.json, and features.npz in base64."""
GROUP_FRAMES = 1 << 16
"""Frames of a row group, about: 10 MB of 40 channels."""
KEPT_GROUPS = 4
TEXTS = ("key", "label", "speaker", "split", "path", "audio_hash", "feature_hash")
WHOLE = ("y", "frames", "sr", "samples", "channels", "channel", "root")
REAL = ("duration_s", "start_s", "end_s")


def to_parquet(items: ItemSequence, path: Target) -> None:
    """Write items as one table of Parquet, a row for each, in constant memory.

    Parameters
    ----------
    items
        Of a feature set; they are written in the order of their keys, each once.
    path
        Of the table; a path, or a URL such as ``s3://bucket/features.parquet``.

    Raises
    ------
    OSError
        The file cannot be written.
    MissingPackageError
        pyarrow is not installed.

    Notes
    -----
    Columns are those of the index (`key`, `label`, `y`, `speaker`, `split`, ...), `features`, a list of frames of
    float32, and `extra`, further columns of a manifest as JSON. ``np.stack(row["features"])`` is (frames, channels).
    :func:`wavenetlite.pipeline.open` reads the table too. The same items and the same version of pyarrow give the same
    bytes.
    """
    arrow, writer = parquet.packages()
    target, items = place(path), ordered(items)
    check_writable(target, "path")
    described = about(items, STORAGE, [], "")
    metadata = {ABOUT: json.dumps(described, allow_nan=False), SPEC: base64.b64encode(specs.packed(items.spec))}
    schema = schema_of(arrow, items.channels).with_metadata(metadata)
    with replacing(target) as file, writer.ParquetWriter(file, schema, compression="zstd") as table:
        for chosen in groups(items):
            table.write_table(columns_of(arrow, chosen, schema), row_group_size=max(len(chosen), 1))


def schema_of(arrow: Any, channels: int) -> Any:
    kinds = {**dict.fromkeys(TEXTS, arrow.string()), **dict.fromkeys(WHOLE, arrow.int64()),
             **dict.fromkeys(REAL, arrow.float64())}  # fmt: skip
    names = ["key", "y", *(name for name in COLUMNS if name in kinds and name != "key")]
    frames = arrow.list_(arrow.list_(arrow.float32(), channels))
    return arrow.schema([*((name, kinds[name]) for name in names), ("extra", arrow.string()), ("features", frames)])


def groups(items: ItemSequence) -> Iterator[ItemSequence]:
    """The items of each row group."""
    begin, frames = 0, 0
    for end, count in enumerate(items.frames.tolist(), 1):
        frames += count
        if frames >= GROUP_FRAMES or end == len(items):
            yield items[begin:end]
            begin, frames = end, 0


def columns_of(arrow: Any, items: ItemSequence, schema: Any) -> Any:
    rows = []
    for item in items:
        row = {name: value for name, value in row_of(item).items() if name in COLUMNS}
        rows.append(
            {**row, "y": item.y, "frames": item.frames, "extra": json.dumps(item.extra) if item.extra else None}
        )
    columns = [
        arrow.array([row.get(field.name) for row in rows], field.type) for field in schema if field.name != "features"
    ]
    offsets = np.concatenate([[0], np.cumsum(items.frames)]).astype(np.int32)
    values = np.concatenate([item.features for item in items], dtype=np.float32).ravel()
    frames = arrow.FixedSizeListArray.from_arrays(arrow.array(values), items.channels)
    return arrow.Table.from_arrays([*columns, arrow.ListArray.from_arrays(offsets, frames)], schema=schema)


class ParquetTable(Table):
    """The index of a feature set in a table of Parquet; frames are read with their row group.

    Raises
    ------
    PipelineError
        It is no such table, or damaged.
    """

    def __init__(self, path: Place) -> None:
        self.folder = path
        if not path.exists():
            raise PipelineError(f"{path}: there is no such file")
        try:
            with parquet.opened(path) as file:
                self.read(file)
        except PipelineError:
            raise
        except ParameterError as error:  # it names the file
            raise PipelineError(str(error)) from None
        except DAMAGE as error:
            raise damaged(path, error) from None
        self.groups: dict[int, Any] = {}

    def read(self, file: Any) -> None:
        metadata = file.schema_arrow.metadata or {}
        if ABOUT not in metadata:
            raise PipelineError(f"{self.folder}: not a feature set; wavenetlite.pipeline.to_parquet writes them")
        self.about = json.loads(metadata[ABOUT])
        if self.about["format"] != FORMAT or self.about["format_version"] > VERSION:
            raise PipelineError(f"{self.folder}: was written by another program, or by a newer version")
        check_about(self.about)
        self.labels, self.packed = list(self.about["labels"]), base64.b64decode(metadata[SPEC])
        found = file.read([name for name in file.schema_arrow.names if name != "features"])
        self.rows = found
        self.frames = found.column("frames").to_numpy().astype(np.int64)
        label_of = {label: number for number, label in enumerate(self.labels)}
        self.y = np.array([label_of[label] for label in found.column("label").to_pylist()], np.int64)
        splits = {"": 0}
        names = found.column("split").to_pylist()
        self.split = np.array([splits.setdefault(name, len(splits)) for name in names], np.int16)
        self.splits = list(splits)
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        self.ends = np.cumsum([0, *sizes])
        if self.ends[-1] != self.about["items"]:
            raise ValueError(f"has {self.ends[-1]:,} rows; {self.about['items']:,} were written")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "groups": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def row(self, number: int) -> dict[str, Any]:
        found = self.rows.slice(number, 1).to_pylist()[0]
        extra = json.loads(found.pop("extra") or "{}")
        row: dict[str, Any] = {name: value for name, value in found.items() if name in COLUMNS}
        row.update(extra)
        return row

    def frames_of(self, number: int) -> Floats:
        """The frames of an item; the last few row groups are kept."""
        group = int(np.searchsorted(self.ends, number, "right")) - 1
        column = self.groups.get(group)
        if column is None:
            drop_first(self.groups, KEPT_GROUPS)
            try:
                with parquet.opened(self.folder) as file:
                    read = file.read_row_group(group, columns=["features"])
            except (ParameterError, *DAMAGE) as error:
                raise damaged(self.folder.parent, error) from None
            column = self.groups[group] = read.column("features").combine_chunks()
        frames = column[number - int(self.ends[group])].values
        found: Floats = frames.flatten().to_numpy(zero_copy_only=False).astype(shards.DTYPE, copy=False)
        found = found.reshape(-1, self.about["channels"])
        if len(found) != self.frames[number]:
            raise damaged(self.folder.parent, ValueError(f"row {number} has {len(found)} frames"))
        return found

    def spec(self) -> Features | None:
        return specs.unpacked(self.packed)
