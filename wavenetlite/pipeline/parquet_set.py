"""Feature sets as one table of Parquet: a row for each item, which pandas, Polars, DuckDB and `datasets` read."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from wavenetlite.audio import shown
from wavenetlite.features import Features
from wavenetlite.pipeline import parquet, shards, speakers, specs
from wavenetlite.pipeline.about import DAMAGE, arrays_of, check_about, damaged
from wavenetlite.pipeline.assembly import ARRAYS, CHUNKS, COLUMNS, FORMAT, SPEAKERS, VERSION
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.exports import Target, check_other
from wavenetlite.pipeline.items import Arrays, ItemSequence, Table, about_array, drop_first
from wavenetlite.pipeline.selections import about, ordered, place_of, row_of
from wavenetlite.pipeline.speakers import SpeakerStatistics
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
OF_CHANGES = {"trim": ("trim_start", "trim_end"), "copies": ("copy",),
              CHUNKS: ("chunk_start", "pad_start", "pad_end")}  # fmt: skip
"""Columns that are there where dataset.json, or `reading` in it, has something of the name."""


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
    Several arrays are columns of their names in place of `features`. :func:`wavenetlite.pipeline.open` reads the table
    too. The same items and the same version of pyarrow give the same bytes.
    """
    arrow, writer = parquet.packages()
    target, items = place(path), ordered(items)
    check_writable(target, "path")
    check_other(target, items)
    described = about(items, STORAGE, [], "")
    parts = {name: items.array(name) for name in arrays_of(items.about)}
    metadata: dict[bytes, Any] = {ABOUT: json.dumps(described, allow_nan=False)}
    metadata |= {spec_of(name): base64.b64encode(specs.packed(part.spec)) for name, part in parts.items()}
    if SPEAKERS in described:
        metadata |= {
            speakers_of(name): base64.b64encode(speakers.packed(part.speakers)) for name, part in parts.items()
        }
    changes = [
        column for change in (*described.get("reading", {}), *described) for column in OF_CHANGES.get(change, ())
    ]
    schema = schema_of(arrow, {name: part.channels for name, part in parts.items()}, changes).with_metadata(metadata)
    with replacing(target) as file, writer.ParquetWriter(file, schema, compression="zstd") as table:
        for begin, end in groups(items):
            chosen = {name: part[begin:end] for name, part in parts.items()}
            rows = columns_of(arrow, items[begin:end], schema, chosen)
            table.write_table(rows, row_group_size=max(end - begin, 1))


def spec_of(name: str) -> bytes:
    """The key of an array's spec in the metadata."""
    return SPEC if name == specs.ONLY else SPEC + f".{name}".encode()


def speakers_of(name: str) -> bytes:
    """The key of an array's statistics of speakers."""
    return ABOUT + f".{speakers.file_of(name).removesuffix('.npz')}".encode()


def schema_of(arrow: Any, channels: Mapping[str, int], changes: Sequence[str]) -> Any:
    """`channels`: of each array; `changes`: further columns of whole numbers."""
    kinds = {**dict.fromkeys(TEXTS, arrow.string()), **dict.fromkeys((*WHOLE, *changes), arrow.int64()),
             **dict.fromkeys(REAL, arrow.float64())}  # fmt: skip
    names = ["key", "y", *(name for name in COLUMNS if name in kinds and name != "key")]
    rest = [("extra", arrow.string()), *([(ARRAYS, arrow.string())] if channels.keys() != {specs.ONLY} else [])]
    frames = [(name, arrow.list_(arrow.list_(arrow.float32(), n))) for name, n in channels.items()]
    return arrow.schema([*((name, kinds[name]) for name in names), *rest, *frames])


def groups(items: ItemSequence) -> Iterator[tuple[int, int]]:
    """The first item of each row group, and one past its last."""
    begin, frames = 0, 0
    for end, count in enumerate(items.frames.tolist(), 1):
        frames += count
        if frames >= GROUP_FRAMES or end == len(items):
            yield begin, end
            begin, frames = end, 0


def columns_of(arrow: Any, items: ItemSequence, schema: Any, arrays: Mapping[str, ItemSequence]) -> Any:
    """A row group; `arrays` are the same items for each array."""
    rows = []
    for item in items:
        row = {name: value for name, value in row_of(item).items() if name in COLUMNS}
        rows.append(
            {**row, "y": item.y, "frames": item.frames, "extra": json.dumps(item.extra) if item.extra else None}
        )
        if ARRAYS in items.about:
            rows[-1][ARRAYS] = json.dumps({name: place_of(frames) for name, frames in item.arrays.items()})
    columns = [column_of(arrow, rows, field) for field in schema if field.name not in arrays]
    columns += [frames_column(arrow, part) for part in arrays.values()]
    return arrow.Table.from_arrays(columns, schema=schema)


def column_of(arrow: Any, rows: list[dict[str, Any]], field: Any) -> Any:
    try:
        return arrow.array([row.get(field.name) for row in rows], field.type)
    except UnicodeEncodeError as error:
        raise PipelineError(
            f"{field.name} {shown(error.object)} is not UTF-8, as texts of Parquet must be; rename it and extract anew,"
            " which computes only that, or export to another format"
        ) from None


def frames_column(arrow: Any, items: ItemSequence) -> Any:
    offsets = np.concatenate([[0], np.cumsum(items.frames)]).astype(np.int32)
    values = np.concatenate([item.features for item in items], dtype=np.float32).ravel()
    frames = arrow.FixedSizeListArray.from_arrays(arrow.array(values), items.channels)
    return arrow.ListArray.from_arrays(offsets, frames)


class ParquetTable(Table):
    """The index of a feature set in a table of Parquet; frames are read with their row group.

    Raises
    ------
    PipelineError
        It is no such table, or damaged.
    """

    def __init__(self, path: Place, name: str = "") -> None:
        self.folder, self.name = path, name
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
        self.groups: dict[tuple[str, int], Any] = {}
        self.views = {}

    def read(self, file: Any) -> None:
        metadata = file.schema_arrow.metadata or {}
        if ABOUT not in metadata:
            raise PipelineError(f"{self.folder}: not a feature set; wavenetlite.pipeline.to_parquet writes them")
        about = json.loads(metadata[ABOUT])
        if about["format"] != FORMAT or about["format_version"] > VERSION:
            raise PipelineError(f"{self.folder}: was written by another program, or by a newer version")
        check_about(about)
        columns = list(arrays_of(about))
        self.about = about_array(about, self.name)
        self.names = [self.name] if self.name else columns
        self.labels, self.packed = list(about["labels"]), base64.b64decode(metadata[spec_of(self.names[0])])
        known = metadata.get(speakers_of(self.names[0] if ARRAYS in about else specs.ONLY))
        self.known_speakers = None if known is None else base64.b64decode(known)
        found = file.read([name for name in file.schema_arrow.names if name not in columns])
        self.rows = found
        if self.name:
            lengths = [json.loads(text)[self.name]["frames"] for text in found.column(ARRAYS).to_pylist()]
            self.frames = np.array(lengths, np.int64)
        else:
            self.frames = found.column("frames").to_numpy().astype(np.int64)
        label_of = {label: number for number, label in enumerate(self.labels)}
        self.y = np.array([label_of[label] for label in found.column("label").to_pylist()], np.int64)
        splits = {"": 0}
        names = found.column("split").to_pylist()
        self.split = np.array([splits.setdefault(name, len(splits)) for name in names], np.int16)
        self.splits, self.pads = list(splits), None
        keys = found.column("key").to_pylist()
        self.is_sorted = all(a <= b for a, b in pairwise(keys))
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        self.ends = np.cumsum([0, *sizes])
        if self.ends[-1] != self.about["items"]:
            raise ValueError(f"has {self.ends[-1]:,} rows; {self.about['items']:,} were written")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "groups": {}, "views": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def row(self, number: int) -> dict[str, Any]:
        found = self.rows.slice(number, 1).to_pylist()[0]
        extra, arrays = json.loads(found.pop("extra") or "{}"), found.pop(ARRAYS, None)
        row: dict[str, Any] = {name: value for name, value in found.items() if name in COLUMNS}
        if arrays is not None:
            row[ARRAYS] = json.loads(arrays)
        row.update(extra)
        return self.of_name(row)

    def frames_of(self, number: int) -> Floats:
        """The frames of an item; the last few row groups are kept."""
        return self.read_frames(self.names[0], number, int(self.frames[number]), self.about["channels"])

    def arrays_of(self, number: int, row: dict[str, Any]) -> Arrays:
        """The frames of an item in each array."""
        found = Arrays({self.names[0]: self.frames_of(number)})
        for name in self.names[1:]:
            try:
                count, channels = row[ARRAYS][name]["frames"], self.about[ARRAYS][name]["channels"]
            except DAMAGE as error:
                raise damaged(self.folder.parent, error) from None
            found[name] = self.read_frames(name, number, count, channels)
        return found

    def read_frames(self, name: str, number: int, count: int, channels: int) -> Floats:
        group = int(np.searchsorted(self.ends, number, "right")) - 1
        column = self.groups.get((name, group))
        if column is None:
            drop_first(self.groups, KEPT_GROUPS * len(self.names))
            try:
                with parquet.opened(self.folder) as file:
                    read = file.read_row_group(group, columns=[name])
            except (ParameterError, *DAMAGE) as error:
                raise damaged(self.folder.parent, error) from None
            column = self.groups[name, group] = read.column(name).combine_chunks()
        frames = column[number - int(self.ends[group])].values
        found: Floats = frames.flatten().to_numpy(zero_copy_only=False).astype(shards.DTYPE, copy=False)
        found = found.reshape(-1, channels)
        if len(found) != count:
            raise damaged(self.folder.parent, ValueError(f"row {number} has {len(found)} frames"))
        return found

    def speakers(self) -> dict[str, SpeakerStatistics] | None:
        """Statistics of speakers; None: there are none."""
        if self.known_speakers is None:
            return None
        found = speakers.unpacked(self.known_speakers, self.about["channels"])
        if found is None:
            raise damaged(self.folder.parent, ValueError("its statistics of speakers are not what was written"))
        return found

    def spec(self) -> Features | None:
        return specs.unpacked(self.packed)
