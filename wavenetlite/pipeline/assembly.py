"""Assemble the sidecars into the index, the errors, and dataset.json, which makes a feature set complete."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, BinaryIO, Protocol

import numpy as np

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline import shards, sidecars, specs
from wavenetlite.pipeline.context_chunks import SUFFIX, ContextChunks, Span, padded
from wavenetlite.pipeline.entries import Entry, PipelineError, Problem, Root
from wavenetlite.pipeline.first_seen import FirstSeen
from wavenetlite.pipeline.sidecars import Sidecar
from wavenetlite.pipeline.speakers import Speakers, file_of, is_speakers, packed
from wavenetlite.pipeline.specs import Recipe
from wavenetlite.pipeline.statistics import Statistics, merge
from wavenetlite.pipeline.trimming import SILENT
from wavenetlite.pipeline.work import refusal
from wavenetlite.support.arrays import Floats
from wavenetlite.support.remote import Place, replacing

INDEX, ERRORS, DATASET = "index.jsonl", "errors.jsonl", "dataset.json"
FORMAT, VERSION, SHARDED, STORED, SEVERAL = "wavenetlite features", 3, 1, 2, 3
"""What is written, and the newest version that is read: of a set of shards/*.npy, of other forms, of several arrays."""
ARRAYS = "arrays"
"""Of a set of several arrays: where each lies, in a row of the index, and what it is, in dataset.json."""
SPEAKERS = "speakers"
"""In dataset.json: how many have statistics of their own."""
CHUNKS = "chunks"
"""In dataset.json: how recordings were cut into items."""
COLUMNS = ("key", "shard", "offset", "frames", "label", "speaker", "split", "duration_s", "path", "sr", "samples",
           "channels", "start_s", "end_s", "channel", "root", "audio_hash", "feature_hash", "copy",
           "trim_start", "trim_end", "chunk_start", "pad_start", "pad_end", ARRAYS)  # fmt: skip
"""Of the index; further columns of a manifest follow, with "_" appended to a name that is one of these."""
HISTOGRAM_S = (0.5, 1, 2, 5, 10, 30, 60, 600, 3600)
"""Bin edges of the histogram of durations, seconds."""
FOR_KEPT = ("silent", "duplicate")
"""Reasons for which a recording is listed but kept, unless `leave_out` names them: it may be wanted."""


class Labelled(Protocol):
    """An entry, or an item."""

    @property
    def label(self) -> str: ...
    @property
    def split(self) -> str: ...


@dataclass
class Totals:
    """Counts over all items."""

    items: int = 0
    frames: int = 0
    seconds: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    histogram: list[int] = field(default_factory=lambda: [0] * (len(HISTOGRAM_S) + 1))
    problems: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def add(self, entry: Labelled, frames: int, duration_s: float) -> None:
        self.items += 1
        self.frames += frames
        self.seconds += duration_s
        self.labels[entry.label] += 1
        self.splits[entry.split] += 1
        self.histogram[bisect_left(HISTOGRAM_S, duration_s)] += 1

    def counts(self) -> dict[str, Any]:
        """As in dataset.json."""
        return {
            "items": self.items,
            "frames": self.frames,
            "hours": self.seconds / 3600,
            "labels": dict(sorted(self.labels.items())),
            "splits": dict(sorted(self.splits.items())),
            "durations": {"edges_s": list(HISTOGRAM_S), "items": self.histogram},
        }


class Array:
    """What is known of one array over all items."""

    def __init__(self, name: str, recipe: Recipe) -> None:
        self.name, self.recipe = name, recipe
        self.statistics = Statistics.none(recipe.spec.out_channels)
        self.shards: list[dict[str, Any]] = []
        self.frames = 0
        self.opened: tuple[str, Floats] = "", np.empty((0, 0), np.float32)
        self.speakers = Speakers(recipe.spec.out_channels)

    def add(self, sidecar: Sidecar, kept: Sequence[int], spoken: Sequence[Entry] | None) -> None:
        """Add the items of a chunk that are kept; their entries, too, if statistics of their speakers are wanted."""
        found = [sidecar.statistics[place] for place in kept]
        if spoken is not None:
            self.speakers.add(spoken, found)
        self.statistics = self.statistics + merge(found, self.recipe.spec.out_channels)
        if sidecar.shard:
            self.shards.append({"file": f"{shards.FOLDER}/{sidecar.shard}", "frames": sidecar.frames})

    def open(self, out: Place, shard: str) -> Floats:
        """The frames of a shard; the last one is kept."""
        if self.opened[0] != shard:
            self.opened = shard, shards.open_shard(out / shards.FOLDER / shard, self.recipe.spec.out_channels)
        return self.opened[1]

    def about(self) -> dict[str, Any]:
        """As in dataset.json."""
        spec, statistics = self.recipe.spec, self.statistics
        return {
            "features": spec.config(),
            "feature_spec_hash": spec.fingerprint.hex(),
            "channels": spec.out_channels,
            "frames": self.frames,
            "statistics": {
                "frames": statistics.count,
                "mean": statistics.mean.tolist(),
                "variance": statistics.variance.tolist(),
            },
            "shards": self.shards,
        }


def place_of(row: dict[str, Any], shard: str) -> dict[str, Any]:
    """Where the frames of an item lie, in a row of the index."""
    return {"shard": f"{shards.FOLDER}/{shard}", "offset": row["offset"], "frames": row["frames"],
            "feature_hash": row["hash"]}  # fmt: skip


class Assembly:
    """Collects the sidecars, in the order of their chunks."""

    def __init__(
        self,
        out: Place,
        recipes: Mapping[str, Recipe],
        leave_out: Sequence[str],
        strict: bool,
        index: BinaryIO,
        errors: BinaryIO,
        roots: Iterable[str],
        entries: Sequence[Entry],
        speakers: bool = False,
        chunks: ContextChunks | None = None,
    ) -> None:
        self.out = out
        self.arrays = [Array(name, recipe) for name, recipe in recipes.items()]
        self.several = [*recipes] != [specs.ONLY]  # arrays have names, and what lies beside them is of the first
        self.leave_out, self.strict, self.speakers, self.chunks = leave_out, strict, speakers, chunks
        self.index, self.errors, self.digest = index, errors, blake2b(digest_size=16)
        self.totals = Totals()
        self.root_of = {base: number for number, base in enumerate(roots)}
        self.seen, self.entries, self.number = FirstSeen(len(entries)), entries, 0
        copies = self.arrays[0].recipe.reading.copies
        self.each = 1 if copies is None else 1 + copies.count
        self.original_used = False

    def add(self, entries: Sequence[Entry], of_chunk: Sequence[Sidecar]) -> None:
        """Add a chunk, of which there is a sidecar for each array: its items, problems and statistics."""
        kept = []
        rows, names = list(zip(*(sidecar.rows for sidecar in of_chunk), strict=True)), [one.shard for one in of_chunk]
        for place, (entry, row, first) in enumerate(zip(entries, rows, self.firsts(entries, rows), strict=True)):
            if entry.copy and not self.original_used:
                continue  # which is told once
            refused = refused_of(row)
            if refused is not None:
                self.problem(refusal(refused))
            used = refused is None and (bool(entry.copy) or not self.left_out(entry, row[0], first))
            if used and self.items_of(entry, row, names):
                kept.append(place)
            if not entry.copy:
                self.original_used = used
        for array, sidecar in zip(self.arrays, of_chunk, strict=True):
            array.add(sidecar, kept, [entries[place] for place in kept] if self.speakers else None)

    def firsts(self, entries: Sequence[Entry], rows: Sequence[tuple[dict[str, Any], ...]]) -> Iterator[int]:
        """For each recording that can be used, the number of its place, or of the first one with the same bytes.

        Copies have none.
        """
        originals = [place for place, entry in enumerate(entries) if not entry.copy]
        usable = [place for place in originals if refused_of(rows[place]) is None]
        hashes = np.array([heard(entries[place], rows[place][0]) for place in usable], np.uint64)
        numbers = self.number + np.array(usable, np.uint32)
        found = dict(zip(usable, self.seen.add(hashes, numbers).tolist(), strict=True))
        for place in range(len(entries)):
            self.number += 1
            yield found.get(place, -1)

    def left_out(self, entry: Entry, row: dict[str, Any], first: int) -> bool:
        """Report silence and duplicates; True: the item is to be left out."""
        out = False
        if row["peak"] <= SILENT:
            out |= self.odd(entry, "silent", f"no sample above {row['peak']:.1g}")
        elif row.get("nothing"):
            out |= self.odd(entry, "silent", "nothing but silence to trim: kept whole")
        if first != self.number - 1:
            out |= self.odd(entry, "duplicate", f"the same bytes as {self.entries[first // self.each].key}")
        return out

    def odd(self, entry: Entry, reason: str, message: str) -> bool:
        out = reason in self.leave_out
        self.problem(Problem(entry.key, reason, message, kept=not out))
        return out

    def problem(self, problem: Problem) -> None:
        self.totals.problems[problem.reason] += 1
        if not problem.kept and problem.reason not in self.leave_out:
            self.totals.refused += 1
            if self.strict:
                raise refusal_error(problem)
        row = {"key": problem.key, "reason": problem.reason, "message": problem.message, "kept": problem.kept}
        self.errors.write(line(row))

    def items_of(self, entry: Entry, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> bool:
        """The item of a recording, or one for each of its chunks; false if there is none. `names`: of its shards."""
        if self.chunks is None:
            self.item(entry, rows, names)
            return True
        total = min(row["frames"] for row in rows)
        spans = list(self.chunks.spans(total))
        if not spans:
            short = f"has {total} frames, less than a chunk with its context, {self.chunks.length}"
            self.problem(Problem(entry.key, "short", short))
        for span in spans:
            cut = [self.cut(array, row, name, span) for array, row, name in zip(self.arrays, rows, names, strict=True)]
            self.item(entry, cut, names, span)
        return bool(spans)

    def cut(self, array: Array, row: dict[str, Any], shard: str, span: Span) -> dict[str, Any]:
        """The row of a chunk: where its frames lie, and their hash."""
        offset, spec = row["offset"] + span.first, array.recipe.spec
        frames = array.open(self.out, shard)[offset : offset + span.last - span.first]
        digest = shards.frames_hash()
        digest.update(padded(frames, span.pad_start, span.pad_end))
        return {**row, "offset": offset, "frames": len(frames), "hash": digest.hexdigest(),
                "duration_s": span.own * spec.hop_length / spec.sr}  # fmt: skip

    def item(
        self, entry: Entry, rows: Sequence[dict[str, Any]], shard_names: Sequence[str], span: Span | None = None
    ) -> None:
        """A line of the index; `rows` and shards are of each array, `span` of a chunk."""
        row, shard = rows[0], shard_names[0]
        pads = 0 if span is None else span.pad_start + span.pad_end
        self.totals.add(entry, row["frames"] + pads, row["duration_s"])
        for array, one in zip(self.arrays, rows, strict=True):
            array.frames += one["frames"] + pads
        whole: dict[str, Any] = {
            "key": entry.key if span is None else f"{entry.key}{SUFFIX}{span.number:06}",
            "shard": f"{shards.FOLDER}/{shard}",
            "offset": row["offset"],
            "frames": row["frames"],
            "label": entry.label,
            "speaker": entry.speaker,
            "split": entry.split,
            "duration_s": row["duration_s"],
            "path": entry.name,
            "sr": row["sr"],
            "samples": row["samples"],
            "channels": row["channels"],
            "audio_hash": row["audio"],
            "feature_hash": row["hash"],
        }
        whole |= part_of(entry, row, span)
        if root := self.root_of[entry.base]:
            whole["root"] = root
        if self.several:
            places = zip(self.arrays, rows, shard_names, strict=True)
            whole[ARRAYS] = {array.name: place_of(one, name) for array, one, name in places}
        for name, value in (entry.extra or {}).items():
            whole[name if name not in COLUMNS else f"{name}_"] = value
        data = line(whole)
        self.digest.update(data)
        self.index.write(data)

    def dataset(self, source: str, layout: str, roots: Iterable[Root]) -> dict[str, Any]:
        """The content of dataset.json."""
        totals, first = self.totals, self.arrays[0]
        recipe, about = first.recipe, first.about()
        return {
            "format": FORMAT,
            "format_version": SEVERAL if self.several else SHARDED,
            "source": source,
            "layout": layout,
            "roots": [{"path": readable(root.path), "archive": root.archive} for root in roots],
            "features": about["features"],
            "feature_spec_hash": about["feature_spec_hash"],
            "reading": recipe.reading.config(),
            "versions": recipe.versions(),
            "sr": recipe.spec.sr,
            "channels": about["channels"],
            **totals.counts(),
            "errors": dict(sorted(totals.problems.items())),
            "refused": totals.refused,
            "statistics": about["statistics"],
            "shards": about["shards"],
            "index": {"file": INDEX, "blake2b": self.digest.hexdigest()},
            **({CHUNKS: self.chunks.config()} if self.chunks is not None else {}),
            **({SPEAKERS: len(first.speakers.found())} if self.speakers else {}),
            **({ARRAYS: {array.name: array.about() for array in self.arrays}} if self.several else {}),
        }


def part_of(entry: Entry, row: dict[str, Any], span: Span | None) -> dict[str, Any]:
    """What says in the index that an item is not a whole recording as it is."""
    part: dict[str, Any] = {}
    if entry.start_s is not None or entry.end_s is not None:
        part |= {"start_s": entry.start_s, "end_s": entry.end_s}
    if entry.channel is not None:
        part["channel"] = entry.channel
    if entry.copy:
        part["copy"] = entry.copy
    if "trim" in row:
        part["trim_start"], part["trim_end"] = row["trim"]
    if span is not None:
        part |= {"chunk_start": span.start, "pad_start": span.pad_start, "pad_end": span.pad_end}
    return part


def refused_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The row of the first array that cannot use a recording."""
    for row in rows:
        if "refused" in row:
            return row
    return None


def heard(entry: Entry, row: dict[str, Any]) -> int:
    """A hash of what a recording, or a part of one, sounds like: of the file's bytes and of which part it is."""
    whole = int(row["audio"], 16)
    part = entry.part
    if part == [None, None]:
        return whole
    text = json.dumps([whole, *part]).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest())


def refusal_error(problem: Problem) -> PipelineError:
    """The error that `strict` raises."""
    name = f"{readable(problem.key)}: " if problem.key else ""
    return PipelineError(f"{name}{problem.message} ({problem.reason}; strict stops here)")


def line(value: dict[str, Any]) -> bytes:
    """A line of JSON; undecodable bytes of file names survive as escapes."""
    return (json.dumps(value, ensure_ascii=True, allow_nan=True) + "\n").encode()


def assemble(
    out: Place,
    recipes: Mapping[str, Recipe],
    chunks: Iterable[tuple[Sequence[str], Sequence[Entry]]],
    problems: Sequence[Problem],
    *,
    entries: Sequence[Entry],
    source: str,
    layout: str,
    roots: Mapping[str, Root],
    leave_out: Sequence[str],
    strict: bool,
    speakers: bool = False,
    cut: ContextChunks | None = None,
) -> dict[str, Any]:
    """Write index, errors and, last, dataset.json; return its content.

    Raises
    ------
    PipelineError
        A sidecar is missing; or, with `strict`, a recording cannot be used.
    """
    with replacing(out / INDEX) as index, replacing(out / ERRORS) as errors:
        assembly = Assembly(out, recipes, leave_out, strict, index, errors, roots, entries, speakers, cut)
        for problem in problems:
            assembly.problem(problem)
        for digests, run in chunks:
            found = [sidecars.read(sidecars.path_of(out, digest)) for digest in digests]
            whole = [sidecar for sidecar in found if sidecar is not None and len(sidecar.rows) == len(run)]
            if len(whole) != len(found):
                raise PipelineError(f"{out}: a part of the extraction is missing; run the same command again")
            assembly.add(run, whole)
        for problem in assembly.arrays[0].speakers.problems() if speakers else ():
            assembly.problem(problem)
    for array in assembly.arrays:
        specs.write(array.recipe.spec, out / specs.tables_of(array.name))
        if speakers:
            with replacing(out / file_of(array.name)) as file:
                file.write(packed(array.speakers.found()))
    made = assembly.dataset(source, layout, roots.values())
    with replacing(out / DATASET) as file:
        file.write((json.dumps(made, indent=1, allow_nan=False) + "\n").encode())
    return made


def stale(out: Place, names: set[str], digests: set[str]) -> Iterator[Place]:
    """Files that do not belong to the feature set, including temporary files of a killed process.

    `names`: of its shards, and of the files of its specs and speakers.
    """
    yield from out.glob(f".*{shards.TEMPORARY}")
    for path in out.glob("*.npz"):
        ours = (specs.is_tables(path.name) and specs.read(path) is not None) or is_speakers(path)
        if path.name not in names and ours:
            yield path
    for path in (out / shards.FOLDER).iterdir():
        if path.suffix in (".npy", shards.TEMPORARY) and path.name not in names:
            yield path
    for path in (out / sidecars.FOLDER).iterdir():
        known = path.stem in digests or path.name in names
        if path.suffix in (".npz", ".tar", shards.TEMPORARY) and not known:
            yield path
