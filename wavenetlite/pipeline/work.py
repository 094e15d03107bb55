"""The work on one chunk: from recordings to a shard and its sidecar. A pure function of its task.

Rows of a sidecar: ``key``, ``identity`` (of the entry), ``audio`` (hash of the file), ``offset`` and ``frames`` in the
shard, ``duration_s``, ``hash`` (of the frames), ``peak``, and of the file ``sr``, ``samples``, ``channels``. Of a
recording that was refused: ``key``, ``identity``, ``audio``, ``refused`` (reason and message) and ``again``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby, repeat
from typing import Any

import numpy as np

from wavenetlite.pipeline import shards, sidecars, specs
from wavenetlite.pipeline.clips import Clip, Clips
from wavenetlite.pipeline.entries import Entry, PipelineError, Problem
from wavenetlite.pipeline.reading import FrameReader, RecordingFacts, Recordings, UnusableRecordingError
from wavenetlite.pipeline.sidecars import Sidecar
from wavenetlite.pipeline.specs import Reading, Recipe
from wavenetlite.pipeline.statistics import Statistics
from wavenetlite.support.arrays import Floats
from wavenetlite.support.remote import Place

SidecarRow = dict[str, Any]
COPIED_FRAMES = 1 << 14


@dataclass
class Old:
    """What an earlier extraction with the same recipe has of a recording."""

    shard: str
    row: SidecarRow
    statistics: Statistics


@dataclass
class Task:
    """A chunk to be processed; small plain data that can be sent to another machine.

    Attributes
    ----------
    out
        Folder of the feature set, which all workers must reach.
    digest
        Of the chunk: the name of its sidecar.
    features
        Digest of the recipe.
    entries, old
        Of the chunk, and what is known of them from an earlier extraction.
    """

    out: Place
    digest: str
    features: str
    reading: Reading
    entries: list[Entry]
    old: dict[str, Old] = field(default_factory=dict)


@dataclass
class Done:
    """The result of a chunk.

    Attributes
    ----------
    entries, copied
        Number of entries, and of those whose frames were copied.
    reported
        Number of entries that were reported to a listener.
    refused
        The recordings that cannot be used.
    """

    entries: int
    copied: int
    reported: int
    refused: list[Problem]


RECIPES: dict[str, Recipe] = {}
LISTENERS: dict[Place, Callable[[], object]] = {}
"""By folder of the feature set: called for every recording, if workers are threads of the calling process."""


def recipe_of(task: Task) -> Recipe:
    """The recipe of a task: known in this process, or read from the feature set."""
    if task.features not in RECIPES:
        spec = specs.read(task.out / sidecars.FOLDER / specs.TABLES)
        recipe = None if spec is None else Recipe(spec, task.reading)
        if recipe is None or recipe.digest != task.features:
            raise PipelineError(
                f"{task.out}: a worker cannot read the features' spec, or has other versions of libraries"
            )
        RECIPES[task.features] = recipe
    return RECIPES[task.features]


def work(task: Task) -> Done:
    """Process a task: when this returns, shard and sidecar are on disk."""
    chunk = Chunk(task, recipe_of(task))
    listener = LISTENERS.get(task.out)
    with shards.ShardWriter(task.out / shards.FOLDER, chunk.recipe.spec.out_channels) as writer:
        for entry, clip in chunk.clips():
            if isinstance(clip, Clip):
                chunk.take(entry, clip, writer)
            else:
                chunk.add(entry, writer, clip)
            if listener is not None:
                listener()
        name = chunk.name() if writer.frames else ""
        if name:
            writer.finish(name)
    sidecar = Sidecar(task.features, name, writer.frames, chunk.rows, chunk.statistics)
    sidecars.write(task.out, task.digest, sidecar)
    reported = len(task.entries) if listener is not None else 0
    refused = [refusal(row) for row in chunk.rows if "refused" in row]
    return Done(len(task.entries), chunk.copied, reported, refused)


def refusal(row: SidecarRow) -> Problem:
    reason, message = row["refused"]
    return Problem(row["key"], reason, message)


class Chunk:
    """A chunk in progress."""

    def __init__(self, task: Task, recipe: Recipe) -> None:
        self.task, self.recipe = task, recipe
        self.recordings, self.reader, self.fast = Recordings(), FrameReader(recipe), Clips(recipe)
        self.rows: list[SidecarRow] = []
        self.statistics: list[Statistics] = []
        self.copied = 0
        self.shards: dict[str, Floats] = {}

    def clips(self) -> Iterator[tuple[Entry, Clip | bytes]]:
        """The entries in order, and of those that are computed in batches what came of it."""
        for takes, group in groupby(self.task.entries, self.is_new_clip):
            entries = list(group)
            yield from zip(entries, self.fast.of(entries) if takes else repeat(b""), strict=False)

    def is_new_clip(self, entry: Entry) -> bool:
        return entry.key not in self.task.old and self.fast.takes(entry)

    def take(self, entry: Entry, clip: Clip, writer: shards.ShardWriter) -> None:
        """Append the frames of a clip to the shard, and its row."""
        row = {"key": entry.key, "identity": entry.identity, "audio": clip.audio, "offset": writer.frames, **clip.facts}
        writer.append(clip.frames)
        self.rows.append(row)
        self.statistics.append(clip.statistics)

    def add(self, entry: Entry, writer: shards.ShardWriter, content: bytes = b"") -> None:
        """Append the frames of an entry to the shard, and its row; or only a row with the reason why not.

        `content`: its bytes, if they were fetched already.
        """
        if content:
            self.recordings.keep(entry, content)
        before = writer.frames
        row: SidecarRow = {"key": entry.key, "identity": entry.identity, "audio": ""}
        old = self.task.old.get(entry.key)
        try:
            if old is None or not self.unchanged(entry, row, old):
                statistics = self.compute(entry, row, writer)
            else:
                statistics = self.copy(row, old, writer)
        except UnusableRecordingError as error:
            writer.cut(before)
            statistics = Statistics.none(self.recipe.spec.out_channels)
            row["refused"] = [error.reason, str(error)]
            if error.again:
                row["again"] = True
        self.rows.append(row)
        self.statistics.append(statistics)

    def unchanged(self, entry: Entry, row: SidecarRow, old: Old) -> bool:
        """Whether a recording is unchanged: by size and date, else by its bytes."""
        if old.row["identity"] == row["identity"]:
            return not old.row.get("again")
        _, _, _, *part = old.row["identity"]
        return part == entry.part and bool(old.row["audio"] == self.recordings.of(entry)[1])

    def copy(self, row: SidecarRow, old: Old, writer: shards.ShardWriter) -> Statistics:
        """Copy the frames, or the refusal, of an earlier extraction."""
        self.copied += 1
        row.update({name: value for name, value in old.row.items() if name not in ("key", "identity", "offset")})
        if "refused" in row:
            return old.statistics
        if old.shard not in self.shards:
            path = self.task.out / shards.FOLDER / old.shard
            self.shards = {old.shard: shards.open_shard(path, self.recipe.spec.out_channels)}
        first, count = old.row["offset"], old.row["frames"]
        row["offset"] = writer.frames
        for at in range(first, first + count, COPIED_FRAMES):
            writer.append(self.shards[old.shard][at : min(at + COPIED_FRAMES, first + count)])
        return old.statistics

    def compute(self, entry: Entry, row: SidecarRow, writer: shards.ShardWriter) -> Statistics:
        """Compute the frames of the recording."""
        source, row["audio"] = self.recordings.of(entry)
        facts, digest, before = RecordingFacts(), shards.frames_hash(), writer.frames
        statistics = Statistics.none(self.recipe.spec.out_channels)
        with closing(self.reader.frames(entry, source, facts)) as blocks:
            for block in filter(len, blocks):
                statistics += Statistics.of(block)
                digest.update(np.ascontiguousarray(block, shards.DTYPE))
                writer.append(block)
        if not statistics.count:
            raise UnusableRecordingError("short", f"lasts {facts.duration_s:g} s, less than one frame")
        if not np.isfinite(statistics.deviations).all():
            raise UnusableRecordingError("nonfinite", "its features have NaN or infinities")
        assert facts.about is not None
        about = facts.about
        row.update(offset=before, frames=statistics.count, duration_s=facts.duration_s, hash=digest.hexdigest(),
                   peak=facts.peak, sr=about.sr, samples=about.samples, channels=about.channels)  # fmt: skip
        return statistics

    def name(self) -> str:
        """The shard's name, a hash of its content: the same recordings give the same feature set anywhere."""
        made = [[row["key"], row["hash"]] for row in self.rows if "refused" not in row]
        text = json.dumps([self.task.features, made]).encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=8).hexdigest() + ".npy"
