"""Read recordings into clips of one length and rate, in threads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from wavenetlite import audio
from wavenetlite.corpora import layouts
from wavenetlite.corpora.clips import Clips
from wavenetlite.corpora.layouts import Item, readable
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.corpora.signals import Recording, opened, reason
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ParameterError, WavenetliteError
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import in_threads

T = TypeVar("T")
THREADS = 2
FILES_AT_ONCE = 32
HEADERS_LOOKED_AT = 50


class Options:
    """How to read the recordings."""

    def __init__(self, sr: Any, clip_s: Any, resample: Any, mono: Any, lazy: Any) -> None:
        self.sr = None if sr is None else positive_int("sr", sr)
        self.clip_s = None if clip_s is None else number("clip_s", clip_s)
        if self.clip_s is not None and self.clip_s <= 0:
            raise ParameterError(f"clip_s={clip_s} must be positive")
        self.resample = flag("resample", resample)
        self.mono = audio.checked_mono(mono)
        self.lazy = flag("lazy", lazy)


class Place(NamedTuple):
    """Where the audio of a clip is: its length, its start in the recording, and the recording's digest."""

    samples: int
    at: int
    digest: str


class ClipReader:
    """Reads items into clips of one length and rate, and keeps one line for each that cannot be used."""

    def __init__(self, options: Options, items: Sequence[Item], problems: list[str], progress: Progress | None) -> None:
        self.options = options
        self.problems = problems
        self.progress = progress
        self.total, self.done = len(items), 0
        self.other_rates: list[str] = []
        self.label_of: dict[str, str] = {}  # of the clips that were read, by name
        self.sr = options.sr or most_common_rate(items, lambda some: (about.sr for about in headers(some)), default=1)
        longest = longest_s(items) if options.clip_s is None else options.clip_s
        self.samples = max(1, math.ceil(longest * self.sr - 1e-6))

    def clips(self, items: Sequence[Item], first: Clips) -> Clips:
        """Those of `first`, then the clips of the items that can be read; `y` is still 0."""
        heard, found = self.lazy_audio(items, first) if self.options.lazy else self.audio(items, first)
        places = [place for place in found if place is not None]
        good = [item for item, place in zip(items, found, strict=True) if place is not None]
        self.label_of.update((item.name, item.label) for item in good)
        return Clips(
            heard,
            np.zeros(len(first) + len(good), np.int64),
            [*first.names, *(item.name for item in good)],
            [*first.speakers, *(item.speaker for item in good)],
            np.array([*first.lengths, *(place.samples for place in places)], np.int64),
            [*first.digests, *(place.digest for place in places)],
        )

    def audio(self, items: Sequence[Item], first: Clips) -> tuple[Floats | LazyAudio, list[Place | None]]:
        """The audio of clips, and the place of each; there is no gap for an item that could not be read."""
        rows = self.rows(len(first) + len(items))
        rows[: len(first)] = first.audio[:]
        free = rows[len(first) :]
        found = list(self.in_turn(items, lambda at: self.read(items[at], free[at])))
        good = [at for at, place in enumerate(found) if place is not None]
        for to, at in enumerate(good):
            if to < at:
                free[to] = free[at]
        return rows[: len(first) + len(good)], found

    def lazy_audio(self, items: Sequence[Item], first: Clips) -> tuple[Floats | LazyAudio, list[Place | None]]:
        """The same, but the audio is read once to check it, and again when it is needed."""
        found = list(self.in_turn(items, lambda at: self.read(items[at], self.rows(1)[0])))
        places = zip(items, found, strict=True)
        later = [self.reading(item, place) for item, place in places if place is not None]
        return LazyAudio([*first.audio, *later], self.samples), found

    def rows(self, count: int) -> Floats:
        try:
            return np.zeros((count, self.samples), np.float32)
        except (MemoryError, ValueError):
            raise ParameterError(
                f"clip_s={self.options.clip_s}: {count} clips of {self.samples} samples do not fit into memory"
                f"{'' if self.options.lazy else ' (or pass lazy=True)'}"
            ) from None

    def read(self, item: Item, row: Floats) -> Place:
        """Read the clip of an item into a row of zeros."""
        recording = self.recording(item)
        samples, at = recording.into(row)
        return Place(samples, at, recording.digest)

    def reading(self, item: Item, place: Place) -> Callable[[Floats], object]:
        """What reads the clip of an item again."""

        def read(row: Floats) -> None:
            try:
                recording = self.recording(item)
                if recording.digest != place.digest:
                    raise ParameterError("has changed since the corpus was read; read it again")
                recording.into(row, place.at)
            except WavenetliteError as error:
                raise ParameterError(f"{readable(item.name)}: {reason(item, error)}") from None

        return read

    def recording(self, item: Item) -> Recording:
        """The recording of an item; raises if it cannot be used."""
        recording = Recording(item, self.options.mono, self.sr if self.options.resample else None)
        if recording.channels > 1:
            raise ParameterError(f"has {recording.channels} channels (or pass mono='mean')")
        recording.check()
        if recording.rate != self.sr:
            self.other_rates.append(readable(item.name))
            raise ParameterError(f"its sample rate is {recording.rate}, not {self.sr} (or pass resample=True)")
        return recording

    def noises(self, items: Sequence[Item]) -> dict[str, Floats]:
        found = self.in_turn(items, lambda at: self.recording(items[at]).whole())
        return {item.name: y for item, y in zip(items, found, strict=True) if y is not None}

    def in_turn(self, items: Sequence[Item], read: Callable[[int], T]) -> Iterator[T | None]:
        """``read(at)`` for the number of each item, in threads; None, and a new problem, if it cannot be used."""

        def one(at: int) -> tuple[T | None, str]:
            try:
                return read(at), ""
            except WavenetliteError as error:
                return None, f"{readable(items[at].name)}: {reason(items[at], error)}; skipped"

        for made, problem in in_threads(one, range(len(items)), THREADS, together=FILES_AT_ONCE, name="reading"):
            if problem:
                self.problems.append(problem)
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, self.total)
            yield made

    def check_rates(self) -> None:
        """A few files of another rate are problems; if most files have one, `sr` is the problem."""
        if 2 * len(self.other_rates) > self.total:
            raise ParameterError(
                f"sr={self.sr}: {len(self.other_rates)} of {self.total} files have another sample rate, such as "
                f"{min(self.other_rates)}; pass resample=True, or their rate"
            )


def most_common_rate(items: Sequence[T], rates_of: Callable[[Sequence[T]], Iterator[int]], *, default: int) -> int:
    """The most common rate in a sample of the files; of all files, if none of the sample can be read."""
    step = max(1, len(items) // HEADERS_LOOKED_AT)
    rates = Counter(rates_of(items[::step])) or Counter(rates_of(items))
    return min(rates, key=lambda rate: (-rates[rate], rate), default=default)


def longest_s(items: Sequence[Item]) -> float:
    """Length of the longest clip, seconds; recordings of noise do not count."""
    noises = f"{layouts.NOISE_FOLDER}/"
    clips = [item for item in items if not item.name.startswith(noises)]
    return max((about.duration_s for about in headers(clips)), default=0.0)


def headers(items: Sequence[Item]) -> Iterator[audio.AudioInfo]:
    for item in items:
        try:
            yield audio.info(opened(item)[0])
        except WavenetliteError:
            continue  # reported when it is read
