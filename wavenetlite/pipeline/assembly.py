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
from wavenetlite.pipeline.entries import Entry, PipelineError, Problem, Root
from wavenetlite.pipeline.first_seen import FirstSeen
from wavenetlite.pipeline.reading import SILENT
from wavenetlite.pipeline.sidecars import Sidecar
from wavenetlite.pipeline.specs import Recipe
from wavenetlite.pipeline.statistics import Statistics, merge
from wavenetlite.pipeline.work import refusal
from wavenetlite.support.remote import Place, replacing

INDEX, ERRORS, DATASET = "index.jsonl", "errors.jsonl", "dataset.json"
FORMAT, VERSION, SHARDED = "wavenetlite features", 2, 1
"""What is written, the newest version that is read, and that of a set of shards/*.npy."""
COLUMNS = ("key", "shard", "offset", "frames", "label", "speaker", "split", "duration_s", "path", "sr", "samples",
           "channels", "start_s", "end_s", "channel", "root", "audio_hash", "feature_hash")  # fmt: skip
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


class Assembly:
    """Collects the sidecars, in the order of their chunks."""

    def __init__(
        self,
        recipe: Recipe,
        leave_out: Sequence[str],
        strict: bool,
        index: BinaryIO,
        errors: BinaryIO,
        roots: Iterable[str],
        entries: Sequence[Entry],
    ) -> None:
        self.recipe, self.leave_out, self.strict = recipe, leave_out, strict
        self.index, self.errors, self.digest = index, errors, blake2b(digest_size=16)
        self.totals = Totals()
        self.root_of = {base: number for number, base in enumerate(roots)}
        self.statistics = Statistics.none(recipe.spec.out_channels)
        self.shards: list[dict[str, Any]] = []
        self.seen, self.entries, self.number = FirstSeen(len(entries)), entries, 0

    def add(self, entries: Sequence[Entry], sidecar: Sidecar) -> None:
        """Add a chunk: its items, problems and statistics."""
        kept = []
        firsts = self.firsts(entries, sidecar.rows)
        for entry, row, statistics, first in zip(entries, sidecar.rows, sidecar.statistics, firsts, strict=True):
            if "refused" in row:
                self.problem(refusal(row))
            elif not self.left_out(entry, row, first):
                self.item(entry, row, sidecar.shard)
                kept.append(statistics)
        self.statistics = self.statistics + merge(kept, self.recipe.spec.out_channels)
        if sidecar.shard:
            self.shards.append({"file": f"{shards.FOLDER}/{sidecar.shard}", "frames": sidecar.frames})

    def firsts(self, entries: Sequence[Entry], rows: Sequence[dict[str, Any]]) -> Iterator[int]:
        """For each recording that can be used, the number of its place, or of the first one with the same bytes."""
        usable = [place for place, row in enumerate(rows) if "refused" not in row]
        hashes = np.array([heard(entries[place], rows[place]) for place in usable], np.uint64)
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
        if first != self.number - 1:
            out |= self.odd(entry, "duplicate", f"the same bytes as {self.entries[first].key}")
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

    def item(self, entry: Entry, row: dict[str, Any], shard: str) -> None:
        self.totals.add(entry, row["frames"], row["duration_s"])
        whole = {
            "key": entry.key,
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
        if entry.start_s is not None or entry.end_s is not None:
            whole |= {"start_s": entry.start_s, "end_s": entry.end_s}
        if entry.channel is not None:
            whole["channel"] = entry.channel
        if root := self.root_of[entry.base]:
            whole["root"] = root
        for name, value in (entry.extra or {}).items():
            whole[name if name not in COLUMNS else f"{name}_"] = value
        data = line(whole)
        self.digest.update(data)
        self.index.write(data)

    def dataset(self, source: str, layout: str, roots: Iterable[Root]) -> dict[str, Any]:
        """The content of dataset.json."""
        totals, statistics = self.totals, self.statistics
        return {
            "format": FORMAT,
            "format_version": SHARDED,
            "source": source,
            "layout": layout,
            "roots": [{"path": readable(root.path), "archive": root.archive} for root in roots],
            "features": self.recipe.spec.config(),
            "feature_spec_hash": self.recipe.spec.fingerprint.hex(),
            "reading": self.recipe.reading.config(),
            "versions": self.recipe.versions(),
            "sr": self.recipe.spec.sr,
            "channels": self.recipe.spec.out_channels,
            **totals.counts(),
            "errors": dict(sorted(totals.problems.items())),
            "refused": totals.refused,
            "statistics": {
                "frames": statistics.count,
                "mean": statistics.mean.tolist(),
                "variance": statistics.variance.tolist(),
            },
            "shards": self.shards,
            "index": {"file": INDEX, "blake2b": self.digest.hexdigest()},
        }


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
    recipe: Recipe,
    chunks: Iterable[tuple[str, Sequence[Entry]]],
    problems: Sequence[Problem],
    *,
    entries: Sequence[Entry],
    source: str,
    layout: str,
    roots: Mapping[str, Root],
    leave_out: Sequence[str],
    strict: bool,
) -> dict[str, Any]:
    """Write index, errors and, last, dataset.json; return its content.

    Raises
    ------
    PipelineError
        A sidecar is missing; or, with `strict`, a recording cannot be used.
    """
    with replacing(out / INDEX) as index, replacing(out / ERRORS) as errors:
        assembly = Assembly(recipe, leave_out, strict, index, errors, roots, entries)
        for problem in problems:
            assembly.problem(problem)
        for digest, entries in chunks:
            sidecar = sidecars.read(sidecars.path_of(out, digest))
            if sidecar is None or len(sidecar.rows) != len(entries):
                raise PipelineError(f"{out}: a part of the extraction is missing; run the same command again")
            assembly.add(entries, sidecar)
    specs.write(recipe.spec, out / specs.TABLES)
    made = assembly.dataset(source, layout, roots.values())
    with replacing(out / DATASET) as file:
        file.write((json.dumps(made, indent=1, allow_nan=False) + "\n").encode())
    return made


def stale(out: Place, shard_names: set[str], digests: set[str]) -> Iterator[Place]:
    """Files that do not belong to the feature set, including temporary files of a killed process."""
    yield from out.glob(f".*{shards.TEMPORARY}")
    for path in (out / shards.FOLDER).iterdir():
        if path.suffix in (".npy", shards.TEMPORARY) and path.name not in shard_names:
            yield path
    for path in (out / sidecars.FOLDER).iterdir():
        if path.suffix in (".npz", ".tar", shards.TEMPORARY) and path.stem not in digests and path.name != specs.TABLES:
            yield path
