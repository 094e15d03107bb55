"""Open feature sets: items whose frames are mapped into memory, and selections of them."""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from wavenetlite.features import Features, MeanVariance
from wavenetlite.pipeline import shards, speakers, specs
from wavenetlite.pipeline.about import DAMAGE, arrays_of, damaged, parsed, read_about
from wavenetlite.pipeline.assembly import ARRAYS, CHUNKS, COLUMNS, DATASET, INDEX, SPEAKERS
from wavenetlite.pipeline.context_chunks import padded
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.speakers import SpeakerStatistics
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.remote import Place, RemotePath

Ints = npt.NDArray[np.int64]

STORED: dict[str, Any] = {
    name: 0 if name in ("root", "copy", "pad_start", "pad_end") else None
    for name in COLUMNS
    if name not in ("shard", "offset", "frames", ARRAYS)
}
"""Columns that an item has as they are, and what it has where a row has none."""
KEPT_SHARDS = 16
"""Of a set in a store, in memory."""


class Arrays(dict[str, Floats]):
    """The frames of an item by the names of their specs; equal if all their values are."""

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, dict) and self.keys() == other.keys() and
                all(np.array_equal(frames, other[name]) for name, frames in self.items()))  # fmt: skip

    __hash__ = None


@dataclass(frozen=True, slots=True)
class Item:
    """A recording of a feature set, or a part of one.

    Attributes
    ----------
    key
        Its unique name.
    features
        float32, (frames, channels), read-only: mapped from the file. Of a set of several arrays, the first.
    label, speaker, split
        "" where it is not known.
    y
        Index of the label in `Items.labels`.
    duration_s
        Length of the recording, or the part, seconds.
    path
        Of the recording, as given by its source.
    sr, samples, channels
        Of the recording, by its file.
    start_s, end_s
        Part of the recording; None: from its beginning, to its end.
    channel
        Which channel of it; None: as the set was extracted.
    root
        Index of the folder, or archive, in the ``roots`` of ``dataset.json``, that `path` is relative to.
    audio_hash, feature_hash
        16 hexadecimal digits each: of the file's bytes, and of the frames.
    extra
        Further columns of the manifest.
    copy
        Number of an augmented copy of the recording; 0: itself.
    trim_start, trim_end
        What was kept of the recording where its ends were trimmed: first sample and one past the last, at its own rate.
    chunk_start
        Of a chunk: its first frame without context, counted in the recording; None: the item is no chunk.
    pad_start, pad_end
        How many frames of a chunk repeat the recording's first or last one.
    arrays
        All arrays by name, such as ``{"logmel": ..., "mfcc": ...}``; ``item["mfcc"]`` is one of them.
    """

    key: str
    features: Floats = field(repr=False, compare=False)  # `arrays` has them too, and can be compared
    label: str
    speaker: str
    split: str
    y: int
    duration_s: float
    path: str
    sr: int
    samples: int
    channels: int
    start_s: float | None
    end_s: float | None
    channel: int | None
    root: int
    audio_hash: str
    feature_hash: str
    copy: int
    trim_start: int | None
    trim_end: int | None
    chunk_start: int | None
    pad_start: int
    pad_end: int
    extra: dict[str, Any]
    arrays: Arrays = field(repr=False)

    @property
    def frames(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Floats:
        """An array by its name."""
        return self.arrays[name]


class Table:
    """The index of a feature set: some columns as arrays, the rest of a row read on demand: tens of bytes per item.

    Parameters
    ----------
    folder
        Of the set.
    name
        Of one of its arrays, of which this is the index then; "": the set as it is.

    Attributes
    ----------
    names
        Of the arrays; the columns are those of the first.
    """

    def __init__(self, folder: Place, name: str = "") -> None:
        self.folder, self.name = folder, name
        self.about = about_array(read_about(folder), name)
        self.names = [name] if name else list(arrays_of(self.about))
        self.index = map_file(folder / INDEX)
        if blake2b(self.index, digest_size=16).hexdigest() != self.about["index"]["blake2b"]:
            raise PipelineError(
                f"{folder}: {INDEX} does not match {DATASET}: an extraction was interrupted; run it again"
            )
        self.labels = list(self.about["labels"])
        self.shards = [shard["file"] for shard in self.about["shards"]]
        arrays = arrays_of(self.about).values()
        self.known_shards = {shard["file"] for array in arrays for shard in array["shards"]}
        try:
            self.read_columns()
        except DAMAGE as error:
            raise damaged(folder, error) from None
        self.open_shards: dict[str, Floats] = {}
        self.views: dict[str, Self] = {}

    def read_columns(self) -> None:
        n = self.about["items"]
        if n > len(self.index):
            raise ValueError(f"{INDEX} has not the {n:,} lines of {DATASET}")
        label_of = {label: number for number, label in enumerate(self.labels)}
        splits, shard_of = {"": 0}, {file: number for number, file in enumerate(self.shards)}
        self.lines, self.offsets, self.frames = np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.y, self.split, self.shard = np.zeros(n, np.int64), np.zeros(n, np.int16), np.zeros(n, np.int32)
        # an export has what is padded as it is
        self.pads = np.zeros((n, 2), np.int32) if CHUNKS in self.about and "storage" not in self.about else None
        at, last, self.is_sorted = 0, "", True
        for number in range(n):
            end = self.index.find(b"\n", at) + 1
            row = self.of_name(parsed(self.index[at:end]))
            self.offsets[number], self.frames[number] = row["offset"], row["frames"]
            self.y[number], self.shard[number] = label_of[row["label"]], shard_of[row["shard"]]
            self.split[number] = splits.setdefault(row["split"], len(splits))
            if self.pads is not None:
                self.pads[number] = row["pad_start"], row["pad_end"]
            self.is_sorted, last = self.is_sorted and last <= row["key"], row["key"]
            at = self.lines[number + 1] = end
        if at != len(self.index) or self.offsets.min(initial=0) < 0 or self.frames.min(initial=0) < 0:
            raise ValueError(f"{INDEX} has lines that {DATASET} does not know, or offsets below 0")
        if self.pads is not None:
            if self.pads.min(initial=0) < 0 or self.pads.max(initial=0) > self.about[CHUNKS]["frames"] + self.context:
                raise ValueError(f"{INDEX} has chunks that are padded by more than they have")
            self.frames += self.pads.sum(axis=1)
        self.splits = list(splits)

    @property
    def context(self) -> int:
        return int(self.about[CHUNKS]["left"] + self.about[CHUNKS]["right"])

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs, which maps the files itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("index", "open_shards", "views")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.index, self.open_shards, self.views = map_file(self.folder / INDEX), {}, {}

    @cached_property
    def by_key(self) -> Ints:
        """Numbers of the items, sorted by keys: those of copies may lie otherwise than those of their recordings."""
        numbers = range(len(self.y))
        return np.array(numbers if self.is_sorted else sorted(numbers, key=lambda number: self.row(number)["key"]))

    def row(self, number: int) -> dict[str, Any]:
        return self.of_name(parsed(self.index[self.lines[number] : self.lines[number + 1]]))

    def of_name(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of the index, of one array if this is the index of one."""
        return {**row, **row.pop(ARRAYS)[self.name]} if self.name else row

    def view(self, name: str) -> Self:
        """The index of one array."""
        if name not in self.views:
            self.views[name] = type(self)(self.folder, name)
        return self.views[name]

    def frames_of(self, number: int) -> Floats:
        """The frames of an item, mapped from the file."""
        shard, count, (start, end) = self.shards[self.shard[number]], int(self.frames[number]), self.pads_of(number)
        found = self.mapped(shard, int(self.offsets[number]), count - start - end, self.about["channels"])
        return padded(found, start, end)

    def pads_of(self, number: int) -> tuple[int, int]:
        """How many frames are repeated at the beginning and the end."""
        return (0, 0) if self.pads is None else (int(self.pads[number, 0]), int(self.pads[number, 1]))

    def arrays_of(self, number: int, row: dict[str, Any]) -> Arrays:
        """The frames of an item in each array; `row` is its row."""
        first = self.frames_of(number)
        if ARRAYS not in self.about:
            return Arrays({self.names[0]: first})
        try:
            rest = {name: self.place(name, row[ARRAYS][name]) for name in self.names[1:]}
        except DAMAGE as error:
            raise damaged(self.folder, error) from None
        pads = self.pads_of(number)
        return Arrays(
            {self.names[0]: first} | {name: padded(self.mapped(*place), *pads) for name, place in rest.items()}
        )

    def place(self, name: str, row: dict[str, Any]) -> tuple[str, int, int, int]:
        """Shard, offset, frames and channels of an item in an array; `row` is that of the array."""
        array = self.about[ARRAYS][name]
        if row["shard"] not in self.known_shards or row["offset"] < 0 or row["frames"] < 0:
            raise ValueError(f"{INDEX} has a shard that {DATASET} does not know, or an offset below 0")
        return row["shard"], row["offset"], row["frames"], array["channels"]

    def mapped(self, name: str, first: int, count: int, channels: int) -> Floats:
        """Some frames of a shard."""
        found = self.open_shards.get(name)
        if found is None:
            if isinstance(self.folder, RemotePath):
                drop_first(self.open_shards, KEPT_SHARDS)
            try:
                found = self.open_shards[name] = shards.open_shard(self.folder / name, channels)
            except DAMAGE as error:
                raise damaged(self.folder, error) from None
        if shards.is_tar(name):
            frames = found[first : first + count * channels]
            frames = frames.reshape(-1, channels) if not frames.size % channels else frames
        else:
            frames = found[first : first + count]
        if frames.shape != (count, channels):
            raise damaged(self.folder, ValueError(f"{name} ends too early"))
        return frames

    def spec(self) -> Features | None:
        """Of the first array."""
        return specs.read(self.folder / specs.tables_of(self.name or self.names[0]))

    def speakers(self) -> dict[str, SpeakerStatistics] | None:
        """Statistics of speakers; None: there are none."""
        path = self.folder / speakers.file_of(self.name or self.names[0])
        if SPEAKERS not in self.about:
            return None
        found = speakers.unpacked(path.read_bytes(), self.about["channels"]) if path.exists() else None
        if found is None:
            raise damaged(self.folder, ValueError(f"{path.name} is missing, or not what was written"))
        return found


def about_array(about: dict[str, Any], name: str) -> dict[str, Any]:
    """What describes a set as if it had one array only; "": as it is."""
    if not name:
        return about
    return {key: value for key, value in about.items() if key != ARRAYS} | arrays_of(about)[name]


def drop_first(kept: dict[Any, Any], most: int) -> None:
    """Make room for another one; threads may do so at the same time."""
    for key in list(kept)[: max(0, len(kept) + 1 - most)]:
        kept.pop(key, None)


def map_file(path: Place) -> Any:
    """A file, mapped into memory, or fetched from a store."""
    try:
        if isinstance(path, RemotePath):
            return path.read_bytes()
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise damaged(path.parent, error) from None


class ItemSequence(Sequence[Item]):
    """Items of a feature set, in the order of their keys: all, or a selection.

    A sequence: ``items[3]``, ``items["yes/a.wav"]``, ``items[10:20]`` (a selection), ``for item in items``. It can be
    pickled; the frames stay in their files.

    Attributes
    ----------
    table
        The index behind it.
    """

    def __init__(self, table: Table, numbers: Ints | None = None) -> None:
        self.table = table
        self.numbers: Ints = np.arange(len(table.y)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        def counted(n: int, what: str) -> str:
            return f"{n:,} {what}{'' if n == 1 else 's'}"

        return (
            f"Items({counted(len(self), 'item')}, {counted(int(self.frames.sum()), 'frame')} of {self.channels} "
            f"channels, {counted(len(self.labels), 'label')}"
            f"{', arrays ' + ', '.join(self.names) if self.names[1:] else ''})"
        )

    def _repr_html_(self) -> str:
        facts = {"folder": self.table.folder, "items": f"{len(self):,}", "frames": f"{int(self.frames.sum()):,}",
                 "channels": self.channels, "spec": self.table.about["features"]["type"]}  # fmt: skip
        counts = np.bincount(self.y[self.y >= 0], minlength=len(self.labels)).tolist()
        return html("Items", facts, head=["label", "items"], rows=list(zip(self.labels, counts, strict=True)))

    def __getitem__(self, which: Any) -> Any:
        """An item by its index or key; a selection by a slice, indices or a mask; one of several arrays by its name."""
        if isinstance(which, str):
            return self.named(which)
        if isinstance(which, int | np.integer):
            if not -len(self) <= which < len(self):
                raise IndexError(f"item {which} of {len(self)}")
            return self.item(int(self.numbers[which]))
        return type(self)(self.table, self.numbers[which])

    def __iter__(self) -> Iterator[Item]:
        return (self.item(int(number)) for number in self.numbers)

    def item(self, number: int) -> Item:
        row, stored, extra = self.table.row(number), dict(STORED), {}
        for name, value in row.items():
            if name not in COLUMNS:
                extra[name] = value
            elif name in STORED and value is not None:
                stored[name] = value
        arrays = self.table.arrays_of(number, row)
        return Item(features=arrays[self.names[0]], y=int(self.table.y[number]), extra=extra, arrays=arrays, **stored)

    def named(self, text: str) -> Item | Self:
        """An item by its key, or an array by its name; `extract` sees to it that a key is no name of several."""
        try:
            return self.item(self.number_of(text))
        except KeyError:
            if text in self.names:
                return self.array(text)
            raise

    def array(self, name: str) -> Self:
        """The same items with one of their arrays as `features`; statistics and spec are its own."""
        return type(self)(self.table.view(name) if ARRAYS in self.about else self.table, self.numbers)

    def number_of(self, key: str) -> int:
        """The index of a key in the whole set."""
        order = self.table.by_key
        place = bisect_left(order, key, key=lambda number: self.table.row(number)["key"])
        if place < len(order) and self.table.row(order[place])["key"] == key and order[place] in self.numbers:
            return int(order[place])
        raise KeyError(key)

    # Properties

    @property
    def about(self) -> dict[str, Any]:
        """The content of ``dataset.json``, which describes the whole set."""
        return self.table.about

    @property
    def names(self) -> list[str]:
        """Names of the arrays; ``["features"]`` of a set of one spec that was given no name."""
        return self.table.names

    @property
    def labels(self) -> list[str]:
        """The labels of the whole set, sorted; `y` are indices into this list."""
        return self.table.labels

    @property
    def channels(self) -> int:
        """Values per frame."""
        return int(self.about["channels"])

    @property
    def y(self) -> Ints:
        """int64, (items,): numbers of the labels."""
        return self.table.y[self.numbers]

    @property
    def frames(self) -> Ints:
        """int64, (items,): how many frames each item has."""
        return self.table.frames[self.numbers]

    @property
    def keys(self) -> list[str]:
        """Of the items."""
        return [self.table.row(int(number))["key"] for number in self.numbers]

    @cached_property
    def spec(self) -> Features:
        """The spec that the frames were computed with."""
        spec = self.table.spec()
        if spec is None or spec.fingerprint.hex() != self.about["feature_spec_hash"]:
            raise damaged(
                self.table.folder,
                ValueError(f"{specs.tables_of(self.names[0])} does not hold the features of {DATASET}"),
            )
        return spec

    @cached_property
    def mean_variance(self) -> MeanVariance:
        """Mean and variance of every channel over all frames of the whole set, as a step for a spec."""
        statistics = self.about["statistics"]
        return MeanVariance(np.array(statistics["mean"]), np.array(statistics["variance"]))

    @property
    def speakers(self) -> dict[str, SpeakerStatistics]:
        """Mean and variance of each speaker's frames in the whole set, where `extract` was asked for them."""
        found = self.table.speakers()
        if found is None:
            raise ParameterError(f"{self.table.folder}: has no statistics of speakers; extract it again with "
                                 "speaker_statistics=True, which computes no features again")  # fmt: skip
        return found

    @cached_property
    def normalised(self) -> Features:
        """`spec` followed by `mean_variance`: live features for a network trained on normalised batches."""
        return self.spec.then(self.mean_variance)

    # Selections

    def select(
        self,
        *,
        split: str | None = None,
        label: str | Sequence[str] | None = None,
        copy: int | None = None,
        where: Callable[[Item], bool] | None = None,
    ) -> Self:
        """The items that meet all conditions.

        Parameters
        ----------
        split
            Such as "train".
        label
            One or several labels.
        copy
            Number of the augmented copies wanted; 0: recordings as they are.
        where
            A condition: a function of an item.
        """
        chosen = np.ones(len(self), bool)
        if split is not None:
            if split not in self.table.splits:
                known = ", ".join(sorted(filter(None, self.table.splits))) or "none"
                raise ParameterError(f"split={split!r} must be one of the set's: {known}")
            chosen &= self.table.split[self.numbers] == self.table.splits.index(split)
        if label is not None:
            names = [label] if isinstance(label, str) else list(label)
            unknown = [name for name in names if name not in self.labels]
            if unknown:
                raise ParameterError(f"label={unknown[0]!r} must be one of the set's labels")
            chosen &= np.isin(self.y, [self.labels.index(name) for name in names])
        if copy is not None:
            wanted = count("copy", copy)
            chosen &= [(self.table.row(int(number)).get("copy") or 0) == wanted for number in self.numbers]
        if where is not None:
            chosen &= [bool(where(item)) for item in self]
        return type(self)(self.table, self.numbers[chosen])

    def verify(self) -> list[str]:
        """Keys of the items whose frames have changed on disk since they were written."""
        if ARRAYS in self.about:
            changed = {key for name in self.names for key in self.array(name).verify()}
            return [key for key in self.keys if key in changed]
        return [item.key for item in self if hash_of(item.features) != item.feature_hash]


def hash_of(frames: Floats) -> str:
    digest = shards.frames_hash()
    digest.update(np.ascontiguousarray(frames, shards.DTYPE))
    return str(digest.hexdigest())
