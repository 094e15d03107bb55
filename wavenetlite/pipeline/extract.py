"""Extract features from a source of recordings into a feature set, in parallel."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b, file_digest
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from wavenetlite import audio
from wavenetlite.features import Features, LogMel
from wavenetlite.pipeline import archives, assembly, shards, sidecars, speakers, specs, work
from wavenetlite.pipeline.about import arrays_of, read_about
from wavenetlite.pipeline.chunks import chunks, digest
from wavenetlite.pipeline.context_chunks import ContextChunks, check_no_chunks, checked_chunks
from wavenetlite.pipeline.copies import Augmentation, check_no_copies, copies_of, with_copies
from wavenetlite.pipeline.earlier import Earlier
from wavenetlite.pipeline.engines import ENGINES, Workers, check_installed
from wavenetlite.pipeline.entries import Entry, Listing, PipelineError
from wavenetlite.pipeline.lease import Lease
from wavenetlite.pipeline.named_specs import named
from wavenetlite.pipeline.parallel import Ticks, check_joblib
from wavenetlite.pipeline.sources import Source, listed
from wavenetlite.pipeline.specs import Reading, Recipe
from wavenetlite.pipeline.target import check as check_target
from wavenetlite.pipeline.target import remember
from wavenetlite.pipeline.trimming import Trim, trim_of
from wavenetlite.pipeline.work import Part, Task
from wavenetlite.support.checks import count, flag, integer, number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.file_locks import lock
from wavenetlite.support.progress import Progress
from wavenetlite.support.remote import Place, RemotePath, address, place, replacing

Target = str | os.PathLike[str] | RemotePath
ASSEMBLED, LOCK = "assembled", "lock"
"""Beside the sidecars: what the feature set was assembled from; the lock of the running extraction."""


@dataclass(frozen=True)
class Extraction:
    """What `extract` did.

    Attributes
    ----------
    out
        Folder of the feature set; `wavenetlite.pipeline.open` opens it.
    items, frames, hours
        In the whole set.
    computed, copied, unchanged
        Recordings that were read now, whether they can be used or not; those whose features were copied from an earlier
        run because their chunk changed; and all that did not have to be read. Copies count like recordings.
    errors
        Number of lines of ``errors.jsonl`` by reason.
    seconds
        Duration of the call.
    about
        The content of ``dataset.json``.
    """

    out: Place
    items: int
    frames: int
    hours: float
    computed: int
    copied: int
    unchanged: int
    errors: dict[str, int]
    seconds: float
    about: dict[str, Any] = field(repr=False)


def extract(
    source: Source | Listing,
    out: Target,
    *,
    features: Features | Mapping[str, Features] | None = None,
    layout: str = "auto",
    columns: Mapping[str, str] | None = None,
    resample: bool = False,
    mono: audio.Mono = None,
    max_s: float = 86_400.0,
    leave_out: Sequence[str] = (),
    strict: bool = False,
    seed: int = 0,
    trim: str | Trim | Any = None,
    copies: int = 0,
    augment: Augmentation | None = None,
    speaker_statistics: bool = False,
    chunks: ContextChunks | None = None,
    n_jobs: int | None = None,
    engine: str = "joblib",
    progress: Progress | None = None,
) -> Extraction:
    """Turn recordings into a feature set, or bring an older one up to date.

    The same recordings and features give the same bytes, whatever the workers. An extraction that was killed at any
    moment resumes when it is called again; a complete one is updated where something has changed: recordings, by size
    and date and then by their bytes; the features; the libraries that they depend on.

    Parameters
    ----------
    source
        A folder; a manifest (.jsonl, .ndjson, .json, .csv, .tsv, .parquet), Lhotse's too; an archive (.tar, .tar.gz,
        .zip, ...), WebDataset's too; a table of recordings (.parquet), as Hugging Face has; an audio file; a pattern
        such as "data/**/*.flac" or "shard-{000..017}.tar"; a URL of any of these, such as "s3://bucket/data"; or a list
        of these. Or what `wavenetlite.pipeline.listed` returned.
    out
        Folder of the feature set, or its URL; created if missing. It must not be inside the source, nor hold the
        features of another one. Workers on other machines must reach it by the same path.
    features
        Spec of the features; None: ``LogMel()``. Or several by name, such as ``{"logmel": LogMel(), "mfcc": MFCC()}``,
        of one sample rate: recordings are decoded and resampled once for all, and ``open(out)["mfcc"]`` is one of them.
        A recording that one of them cannot use is left out of all.
    layout
        Of a folder: "auto", those of :func:`wavenetlite.train.read_corpus`, or "tree": every recording at any depth,
        labelled by its folder, which "auto" uses if it finds none of the others.
    columns
        Names of a manifest's columns where they are not "path" (relative to the manifest), "key", "label", "speaker",
        "split", "start_s", "end_s", "duration_s" and "channel", nor those of well-known programs, such as
        ``{"label": "said"}``; "": there is no such column.
    resample
        Whether to resample recordings of another rate than the features'; False: they are errors.
    mono
        Which channel of several to use: "mean", or its number; None: they are errors.
    max_s
        Longest recording, seconds; longer ones are errors.
    leave_out
        "silent", "duplicate" or both: leave these recordings out of the set; they are listed in any case.
    strict
        Whether to stop at the first recording that cannot be used; False: all are listed in ``errors.jsonl``.
    seed
        Of the random split, where a folder does not define validation and test; and of the copies.
    trim
        Cut silence off both ends: "energy", an :class:`EnergyTrim`; a classifier such as ``wl.load("voice-activity")``,
        or a :class:`VoiceTrim` of it. What was kept is in the index, as `trim_start` and `trim_end`, samples of the
        recording; one that is all silence is kept whole, and listed as "silent".
    copies, augment
        How many augmented copies of each recording are made beside it, and the transforms, a
        :class:`wavenetlite.train.Augment` of waveforms. A copy has the key of its recording with "#copy1", ..., its
        label and split; its random numbers depend on `seed` and its key only.
    speaker_statistics
        Whether to keep mean and variance of each speaker's frames too, over all items of the set: ``items.speakers``,
        and ``normalise="speaker"`` of batches. Speakers of one item are listed as "speaker".
    chunks
        Cut recordings into items of one length with context, such as ``ContextChunks(100, left=20, right=20)``. The
        index has their offsets in the shards and, as `chunk_start`, in their recordings; the frames are stored once.
        Other chunks of the same recordings need no features to be computed.
    n_jobs
        Number of workers; -1: one per CPU; None: as set by `joblib.parallel_config`, else one per CPU. By default they
        are threads, or processes for more than four workers with enough work.
    engine
        Who runs the workers. "joblib": as `joblib.parallel_config` says. "dask", "ray": the cluster that this process
        is connected to; else that of ``DASK_SCHEDULER_ADDRESS`` or ``RAY_ADDRESS``; else one on this machine, for the
        time of the call. Work of a worker that dies is done by another.
    progress
        Called with (files done, files in total).

    Returns
    -------
    Extraction

    Raises
    ------
    ParameterError, ArrayTypeError
        A parameter is invalid, or there is no such source.
    PipelineError
        No recording can be used, or with `strict` one cannot; a worker died; the disk is full or read-only; another
        extraction is writing to `out`. Finished work is kept.

    Notes
    -----
    `out` holds ``index.jsonl`` (one item per line), ``shards/*.npy``, ``errors.jsonl``, ``features.npz`` (the spec) and
    ``dataset.json``, which is written last and makes the set complete; ``.parts`` holds what is needed to resume. Work
    goes through joblib: within ``joblib.parallel_config(backend="dask")`` a cluster does it.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label in ("no", "yes"):
    ...         Path(folder, "data", label).mkdir(parents=True)
    ...         for i in range(3):
    ...             y = np.sin(np.arange(8000 + i, dtype=np.float32))
    ...             wl.audio.write(Path(folder, "data", label, f"{i}.wav"), y * (i + 1) / 4, 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"), features=wl.LogMel())
    ...     items = wl.pipeline.open(Path(folder, "features"))
    ...     print(done.items, items[0].key, items[0].label, items[0].features.shape)
    6 no/0.wav no (47, 40)
    """
    began = time.perf_counter()
    specs_of = named(LogMel() if features is None else features)
    if n_jobs is not None and integer("n_jobs", n_jobs) == 0:
        raise ParameterError("n_jobs=0 must be a number of workers, or -1: one per CPU")
    if isinstance(leave_out, str):
        raise ArrayTypeError(f"leave_out={leave_out!r} is a str; it must be a list of reasons, such as ['silent']")
    for reason in leave_out:
        one_of("leave_out", reason, assembly.FOR_KEPT)
    check_joblib()
    check_installed(one_of("engine", engine, ENGINES))
    made = copies_of(copies, augment, count("seed", seed), next(iter(specs_of.values())).sr)
    reading = Reading(resample, audio.checked_mono(mono), number("max_s", max_s), trim_of(trim), made)
    recipes = {name: Recipe(spec, reading) for name, spec in specs_of.items()}
    listing = source if isinstance(source, Listing) else listed(source, layout=layout, columns=columns, seed=seed)
    if not listing.entries:
        seen = f" ({listing.problems[0].message})" if listing.problems else ""
        raise ParameterError(f"source={listing.source!r} has no recordings{seen}")
    target = absolute(out)
    check_target(target, listing)
    check_names(listing, recipes)
    if made is not None:
        check_no_copies(listing.entries)
    if checked_chunks(chunks, specs_of) is not None:
        check_no_chunks(listing.entries)
    run = Run(
        listing,
        target,
        recipes,
        tuple(sorted(set(leave_out))),
        flag("strict", strict),
        flag("speaker_statistics", speaker_statistics),
        chunks,
    )
    with writing(run.out) as check:
        about, computed, copied = run.all(Workers(engine, n_jobs), progress, listing.source, check)
    return Extraction(run.out, about["items"], about["frames"], about["hours"], computed, copied,
                      run.ends[-1] - computed, about["errors"], time.perf_counter() - began,
                      about)  # fmt: skip


def check_names(listing: Listing, names: Collection[str]) -> None:
    """Raise where ``items[text]`` would mean an item and an array."""
    if len(names) > 1 and (same := next((entry.key for entry in listing.entries if entry.key in names), "")):
        raise ParameterError(f"features has the name {same!r}, which is the key of a recording; choose another name")


@contextmanager
def writing(out: Place) -> Iterator[Callable[[], object]]:
    """Lock the folder against other extractions; errors of the disk become one line."""
    try:
        for folder in (out, out / shards.FOLDER, out / sidecars.FOLDER):
            folder.mkdir(parents=True, exist_ok=True)
        with locked(out) as check:
            yield check
    except (FileExistsError, NotADirectoryError):
        raise PipelineError(f"{out}: cannot be written: it is not a folder; choose another name") from None
    except BrokenPipeError:
        raise  # of the progress, not of the disk
    except OSError as error:
        reason = error.strerror or str(error)
        raise PipelineError(
            f"{out}: cannot be written: {reason}; finished work is kept, and the same command resumes it"
        ) from error


@contextmanager
def locked(out: Place) -> Iterator[Callable[[], object]]:
    """Nobody else writes there meanwhile; what it gives raises if somebody does."""
    if isinstance(out, RemotePath):
        with Lease(out / sidecars.FOLDER / LOCK, out) as lease:
            yield lease.check
        return
    with (out / sidecars.FOLDER / LOCK).open("w") as file:
        try:
            lock(file.fileno())
        except BlockingIOError:
            raise PipelineError(f"{out}: another extraction is writing there") from None
        yield lambda: None


def absolute(out: Target) -> Place:
    """Workers may have another working directory."""
    if not isinstance(out, str | os.PathLike | RemotePath):
        raise ArrayTypeError(f"out is a {type(out).__name__}; it must be a string or a path")
    found = place(out)
    return found if isinstance(found, RemotePath) else found.absolute()


class Run:
    """One extraction."""

    def __init__(
        self,
        listing: Listing,
        out: Place,
        recipes: Mapping[str, Recipe],
        leave_out: tuple[str, ...],
        strict: bool,
        speakers: bool,
        cut: ContextChunks | None,
    ) -> None:
        self.speakers, self.cut = speakers, cut
        self.listing, self.out, self.recipes, self.leave_out, self.strict = listing, out, recipes, leave_out, strict
        self.features = {name: recipe.digest for name, recipe in recipes.items()}
        made = next(iter(recipes.values())).reading.copies
        self.copies = 0 if made is None else made.count
        self.ends, self.digests, self.content = [0], list[tuple[str, ...]](), blake2b(digest_size=16)
        for run in chunks(listing.entries, 1 + self.copies):  # one at a time: there may be very many entries
            self.ends.append(self.ends[-1] + len(run) * (1 + self.copies))
            made_of = (f"{features} {self.copies}" if self.copies else features for features in self.features.values())
            self.digests.append(tuple(digest(run, features) for features in made_of))
            known = [[entry.label, entry.speaker, entry.split, entry.extra] for entry in run]
            self.content.update(json.dumps(known).encode())

    def run(self, number: int) -> list[Entry]:
        """The entries of a chunk, with their copies."""
        each = 1 + self.copies
        first, last = self.ends[number] // each, self.ends[number + 1] // each
        return list(with_copies(self.listing.entries.between(first, last), self.copies))

    def length(self, number: int) -> int:
        return self.ends[number + 1] - self.ends[number]

    def all(
        self, workers: Workers, progress: Progress | None, source: str, check: Callable[[], object]
    ) -> tuple[dict[str, Any], int, int]:
        """The content of dataset.json, and how many recordings were computed and copied.

        `check` raises if another extraction writes there too: before what makes the set complete, and what removes.
        """
        state = self.state(source)
        if (about := self.known(state)) is not None:
            return about, 0, 0
        remember(self.out, self.listing)
        (self.out / sidecars.FOLDER / ASSEMBLED).unlink(missing_ok=True)
        for name, recipe in self.recipes.items():
            specs.write(recipe.spec, self.out / sidecars.FOLDER / specs.tables_of(name))
            work.RECIPES[self.features[name]] = recipe
        there = {path.name for path in (self.out / sidecars.FOLDER).iterdir()}
        waiting = {number: missing for number in range(len(self.digests)) if (missing := self.missing(number, there))}
        computed, copied = self.work(waiting, workers, progress) if waiting else (0, 0)
        check()
        about = assembly.assemble(
            self.out,
            self.recipes,
            ((digests, self.run(number)) for number, digests in enumerate(self.digests)),
            self.listing.problems,
            entries=self.listing.entries,
            source=source,
            layout=self.listing.layout,
            roots=self.listing.roots,
            leave_out=self.leave_out,
            strict=self.strict,
            speakers=self.speakers,
            cut=self.cut,
        )
        self.tidy(about)
        if not about["items"]:
            raise PipelineError(f"{source}: none of its {len(self.listing.entries)} recordings can be used: "
                                f"{first_line(self.out / assembly.ERRORS)}")  # fmt: skip
        with replacing(self.out / sidecars.FOLDER / ASSEMBLED) as file:
            file.write((state + self.seal()).encode())
        return about, computed, copied

    # What is already done

    def state(self, source: str) -> str:
        """A digest of everything that the feature set is assembled from."""
        whole = self.content.copy()
        for value in (source, self.listing.layout, self.leave_out, list(self.recipes), self.speakers, *self.digests):
            whole.update(json.dumps(value).encode())
        if self.cut is not None:
            whole.update(json.dumps(self.cut.config()).encode())
        for root in self.listing.roots.values():
            whole.update(json.dumps([root.path, root.archive]).encode())
        for problem in self.listing.problems:
            whole.update(json.dumps([problem.key, problem.reason, problem.message]).encode())
        return whole.hexdigest()

    def known(self, state: str) -> dict[str, Any] | None:
        """The content of dataset.json, if the set is complete and nothing has changed."""
        try:
            if (self.out / sidecars.FOLDER / ASSEMBLED).read_text() != state + self.seal():
                return None
            about = read_about(self.out)
            if "unreadable" in about["errors"] or (self.strict and about["refused"]):
                return None  # the file may be readable now; or the error must be raised again
            whole = all(
                shards.complete(self.out / shard["file"], shard["frames"], array["channels"])
                for array in arrays_of(about).values()
                for shard in array["shards"]
            )
            return about if whole else None
        except (OSError, UnicodeDecodeError, PipelineError):
            return None

    def tables(self) -> list[str]:
        """The files of specs and speakers."""
        of_speakers = map(speakers.file_of, self.recipes) if self.speakers else ()
        return [*map(specs.tables_of, self.recipes), *of_speakers]

    def seal(self) -> str:
        """A digest of the files that describe the set, so that one that is damaged is made again."""
        whole = blake2b(digest_size=16)
        for name in (assembly.DATASET, assembly.INDEX, *self.tables()):
            with (self.out / name).open("rb") as file:
                whole.update(file_digest(file, blake2b).digest())
        return whole.hexdigest()

    def missing(self, number: int, there: Collection[str]) -> list[str]:
        """The arrays of a chunk that need work; `there` are the names of all sidecars."""
        digests = zip(self.recipes, self.digests[number], strict=True)
        return [name for name, digest in digests if not self.finished(number, name, digest, there)]

    def finished(self, number: int, name: str, digest: str, there: Collection[str]) -> bool:
        path = sidecars.path_of(self.out, digest)
        sidecar = sidecars.read(path) if path.name in there else None
        if sidecar is None or sidecar.again or len(sidecar.rows) != self.length(number):
            return False
        shard, channels = self.out / shards.FOLDER / sidecar.shard, self.recipes[name].spec.out_channels
        return not sidecar.shard or shards.complete(shard, sidecar.frames, channels)

    # Work

    def work(
        self, waiting: Mapping[int, Sequence[str]], workers: Workers, progress: Progress | None
    ) -> tuple[int, int]:
        """Process these arrays of chunks; return how many recordings were computed, and how many copied."""
        channels = {features: self.recipes[name].spec.out_channels for name, features in self.features.items()}
        earlier = Earlier(self.out, channels, (entry.key for number in waiting for entry in self.run(number)))
        unpacked = self.unpacked(waiting)
        total = self.ends[-1]
        ticks = Ticks(progress, total - sum(map(self.length, waiting)), total)
        computed = copied = 0
        work.LISTENERS[self.out] = ticks.add
        try:
            tasks = (self.task(number, names, earlier, unpacked) for number, names in waiting.items())
            for done in workers.run(tasks, len(waiting)):
                ticks.add(done.entries - done.reported)
                computed, copied = computed + done.entries - done.copied, copied + done.copied
                if self.strict and done.refused:
                    raise assembly.refusal_error(done.refused[0])
        finally:
            del work.LISTENERS[self.out]
        return computed, copied

    def task(self, number: int, names: Sequence[str], earlier: Earlier, unpacked: Mapping[str, str]) -> Task:
        entries, parts = self.run(number), []
        known = earlier.of(entries)
        for name, sidecar in zip(self.recipes, self.digests[number], strict=True):
            if name in names:
                features = self.features[name]
                parts.append(Part(name, sidecar, features, known[features]))
        if unpacked:
            entries = [moved(entry, unpacked) for entry in entries]
        return Task(self.out, next(iter(self.recipes.values())).reading, entries, parts)

    def unpacked(self, waiting: Iterable[int]) -> dict[str, str]:
        """Decompress, for this extraction, archives that are compressed as a whole."""
        found = {}
        for path in archives.packed(entry for chunk in waiting for entry in self.run(chunk)):
            target = self.out / sidecars.FOLDER / f"{blake2b(path.encode(), digest_size=8).hexdigest()}.tar"
            archives.unpack(path, target)
            found[path] = address(target)
        return found

    def tidy(self, about: dict[str, Any]) -> None:
        """Remove the files of older and of killed extractions."""
        made = [shard["file"] for array in arrays_of(about).values() for shard in array["shards"]]
        keep = {PurePosixPath(file).name for file in made} | set(self.tables())
        for path in list(assembly.stale(self.out, keep, set(chain.from_iterable(self.digests)))):
            path.unlink(missing_ok=True)


def moved(entry: Entry, unpacked: Mapping[str, str]) -> Entry:
    """The entry in the decompressed archive."""
    return replace(entry, base=unpacked[entry.path]) if entry.path in unpacked else entry


def first_line(path: Place) -> str:
    with path.open(encoding="utf-8") as file:
        row = json.loads(file.readline() or "{}")
    return f"{row.get('key', '')}: {row.get('message', '')}"
