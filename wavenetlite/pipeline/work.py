"""The work on one chunk: from recordings to a shard and its sidecar for each array. A pure function of its task.

Rows of a sidecar: ``key``, ``identity`` (of the entry), ``audio`` (hash of the file), ``offset`` and ``frames`` in the
shard, ``duration_s``, ``hash`` (of the frames), ``peak``, and of the file ``sr``, ``samples``, ``channels``. Of a
recording that was refused: ``key``, ``identity``, ``audio``, ``refused`` (reason and message) and ``again``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby, repeat
from typing import Any

import numpy as np

from wavenetlite.pipeline import shards, sidecars, specs
from wavenetlite.pipeline.clips import Clip, Clips
from wavenetlite.pipeline.clips import Part as ClipPart
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
class Part:
    """What a task computes of one array.

    Attributes
    ----------
    name
        Of the array.
    digest
        Of the chunk: the name of its sidecar.
    features
        Digest of the recipe.
    old
        What is known of the entries from an earlier extraction, by key.
    """

    name: str
    digest: str
    features: str
    old: dict[str, Old] = field(default_factory=dict)


@dataclass
class Task:
    """A chunk to be processed; plain data, and the classifier of a `VoiceTrim`, that can be sent to another machine.

    Attributes
    ----------
    out
        Folder of the feature set, which all workers must reach.
    reading
        How recordings are read.
    entries
        Of the chunk.
    parts
        One for each array that is not there yet: the recordings are read once for all of them.
    """

    out: Place
    reading: Reading
    entries: list[Entry]
    parts: list[Part]


@dataclass
class Done:
    """The result of a chunk.

    Attributes
    ----------
    entries, copied
        Number of entries, and of those of which no frames were computed.
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


def recipe_of(task: Task, part: Part) -> Recipe:
    """The recipe of an array: known in this process, or read from the feature set."""
    if part.features not in RECIPES:
        spec = specs.read(task.out / sidecars.FOLDER / specs.tables_of(part.name))
        recipe = None if spec is None else Recipe(spec, task.reading)
        if recipe is None or recipe.digest != part.features:
            raise PipelineError(
                f"{task.out}: a worker cannot read the features' spec, or has other versions of libraries"
            )
        RECIPES[part.features] = recipe
    return RECIPES[part.features]


def work(task: Task) -> Done:
    """Process a task: when this returns, shards and sidecars are on disk."""
    listener = LISTENERS.get(task.out)
    with ExitStack() as opened:
        lanes = [Lane(task.out, part, recipe_of(task, part), opened) for part in task.parts]
        chunk = Chunk(task, lanes)
        for entry, clip in chunk.clips():
            chunk.add(entry, clip)
            if listener is not None:
                listener()
        for lane in lanes:
            lane.finish()
    reported = len(task.entries) if listener is not None else 0
    refused = {row["key"]: refusal(row) for lane in reversed(lanes) for row in lane.rows if "refused" in row}
    return Done(len(task.entries), chunk.copied, reported, list(refused.values()))


def refusal(row: SidecarRow) -> Problem:
    reason, message = row["refused"]
    return Problem(row["key"], reason, message)


class Lane:
    """An array of a chunk in progress: its shard and the rows of its sidecar."""

    def __init__(self, out: Place, part: Part, recipe: Recipe, opened: ExitStack) -> None:
        self.out, self.part, self.recipe = out, part, recipe
        self.channels = recipe.spec.out_channels
        self.writer = opened.enter_context(shards.ShardWriter(out / shards.FOLDER, self.channels))
        self.rows: list[SidecarRow] = []
        self.statistics: list[Statistics] = []
        self.shards: dict[str, Floats] = {}

    # One entry

    def begin(self, entry: Entry) -> None:
        self.row: SidecarRow = {"key": entry.key, "identity": entry.identity, "audio": ""}
        self.before, self.found, self.hash = self.writer.frames, Statistics.none(self.channels), shards.frames_hash()

    def append(self, block: Floats) -> None:
        self.found += Statistics.of(block)
        self.hash.update(np.ascontiguousarray(block, shards.DTYPE))
        self.writer.append(block)

    def complete(self, facts: RecordingFacts) -> None:
        """The row of an entry of which all frames are appended; raises UnusableRecordingError if there is none."""
        if not self.found.count:
            raise UnusableRecordingError("short", f"lasts {facts.duration_s:g} s, less than one frame")
        if not np.isfinite(self.found.deviations).all():
            raise UnusableRecordingError("nonfinite", "its features have NaN or infinities")
        self.row.update(offset=self.before, frames=self.found.count, duration_s=facts.duration_s,
                        hash=self.hash.hexdigest(), peak=facts.peak, **facts.of_file(),
                        **facts.of_trim())  # fmt: skip
        self.end(self.found)

    def take(self, entry: Entry, audio: str, part: ClipPart) -> None:
        """The frames of a clip, and its row."""
        facts, statistics, frames = part
        self.rows.append(
            {"key": entry.key, "identity": entry.identity, "audio": audio, "offset": self.writer.frames, **facts}
        )
        self.writer.append(frames)
        self.statistics.append(statistics)

    def copy(self, old: Old) -> None:
        """The frames, or the refusal, of an earlier extraction."""
        self.row.update({name: value for name, value in old.row.items() if name not in ("key", "identity", "offset")})
        if "refused" not in self.row:
            self.row["offset"] = self.before
            self.copy_frames(old.shard, old.row["offset"], old.row["frames"])
        self.end(old.statistics)

    def copy_frames(self, shard: str, first: int, count: int) -> None:
        if shard not in self.shards:
            self.shards = {shard: shards.open_shard(self.out / shards.FOLDER / shard, self.channels)}
        for at in range(first, first + count, COPIED_FRAMES):
            self.writer.append(self.shards[shard][at : min(at + COPIED_FRAMES, first + count)])

    def refuse(self, error: UnusableRecordingError) -> None:
        """Only a row with the reason why there are no frames."""
        self.writer.cut(self.before)
        self.row["refused"] = [error.reason, str(error)]
        if error.again:
            self.row["again"] = True
        self.end(Statistics.none(self.channels))

    def end(self, statistics: Statistics) -> None:
        self.rows.append(self.row)
        self.statistics.append(statistics)

    # All of them

    def finish(self) -> None:
        """Write the shard, and then the sidecar."""
        frames, name = self.writer.frames, ""
        if frames:
            name = self.name()
            self.writer.finish(name)
        sidecars.write(
            self.out, self.part.digest, Sidecar(self.part.features, name, frames, self.rows, self.statistics)
        )

    def name(self) -> str:
        """The shard's name, a hash of its content: the same recordings give the same feature set anywhere."""
        made = [[row["key"], row["hash"]] for row in self.rows if "refused" not in row]
        text = json.dumps([self.part.features, made]).encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=8).hexdigest() + ".npy"


class Chunk:
    """A chunk in progress."""

    def __init__(self, task: Task, lanes: Sequence[Lane]) -> None:
        self.task, self.lanes = task, lanes
        self.recordings = Recordings()
        self.reader = FrameReader(task.reading, [lane.recipe.spec for lane in lanes])
        self.fast = Clips(task.reading, [lane.recipe.spec for lane in lanes])
        self.known = {key for lane in lanes for key in lane.part.old}
        self.copied = 0

    def clips(self) -> Iterator[tuple[Entry, Clip | bytes]]:
        """The entries in order, and of those that are computed in batches what came of it."""
        for takes, group in groupby(self.task.entries, self.is_new_clip):
            entries = list(group)
            yield from zip(entries, self.fast.of(entries) if takes else repeat(b""), strict=False)

    def is_new_clip(self, entry: Entry) -> bool:
        return entry.key not in self.known and self.fast.takes(entry)

    def add(self, entry: Entry, clip: Clip | bytes) -> None:
        """An entry in all lanes; `clip` is what came of a batch, or its bytes if they were fetched already."""
        if isinstance(clip, Clip):
            for lane, part in zip(self.lanes, clip.parts, strict=True):
                lane.take(entry, clip.audio, part)
            return
        if clip:
            self.recordings.keep(entry, clip)
        for lane in self.lanes:
            lane.begin(entry)
        new = [lane for lane in self.lanes if not self.is_copied(entry, lane)]
        self.copied += not new
        if new:
            self.compute(entry, new)

    def is_copied(self, entry: Entry, lane: Lane) -> bool:
        old = lane.part.old.get(entry.key)
        try:
            unchanged = old is not None and self.unchanged(entry, lane.row, old)
        except UnusableRecordingError:
            return False  # and it is refused when it is read again
        if old is not None and unchanged:
            lane.copy(old)
        return unchanged

    def unchanged(self, entry: Entry, row: SidecarRow, old: Old) -> bool:
        """Whether a recording is unchanged: by size and date, else by its bytes."""
        if old.row["identity"] == row["identity"]:
            return not old.row.get("again")
        _, _, _, *part = old.row["identity"]
        return part == entry.part and bool(old.row["audio"] == self.recordings.of(entry)[1])

    def compute(self, entry: Entry, lanes: Sequence[Lane]) -> None:
        """The frames of a recording, which is read once for all lanes."""
        facts, waiting = RecordingFacts(), dict(enumerate(self.lanes))
        waiting = {number: lane for number, lane in waiting.items() if lane in lanes}
        try:
            source, audio = self.recordings.of(entry)
            for lane in lanes:
                lane.row["audio"] = audio
            with closing(self.reader.frames(entry, source, facts, list(waiting))) as blocks:
                for number, block in blocks:
                    if isinstance(block, UnusableRecordingError):
                        waiting.pop(number).refuse(block)
                    elif len(block):
                        waiting[number].append(block)
        except UnusableRecordingError as error:
            for lane in waiting.values():
                lane.refuse(error)
            return
        for lane in waiting.values():
            try:
                lane.complete(facts)
            except UnusableRecordingError as error:
                lane.refuse(error)
