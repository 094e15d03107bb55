"""Read recordings into clips of one length and rate, in threads."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.corpora import layouts
from wavenetlite.corpora.clips import Clips
from wavenetlite.corpora.layouts import Item, readable
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, WavenetliteError
from wavenetlite.support.progress import Progress

T = TypeVar("T")
THREADS = 2
FILES_AT_ONCE = 32
HEADERS_LOOKED_AT = 50
SAMPLES_AT_ONCE = 1 << 20
"""Most samples of clips that a thread reads before it hands them over."""
BLOCK = 1 << 16


class Options:
    """How to read the files."""

    def __init__(self, folder: Any, sr: Any, clip_s: Any, resample: Any, mono: Any) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise ArrayTypeError(f"folder is a {type(folder).__name__}; it must be a string or a path")
        self.folder = Path(folder)
        if not self.folder.is_dir():
            reason = "not a folder" if self.folder.exists() else "there is no such folder"
            raise ParameterError(f"folder={readable(str(folder))!r}: {reason}")
        self.sr = None if sr is None else positive_int("sr", sr)
        self.clip_s = None if clip_s is None else number("clip_s", clip_s)
        if self.clip_s is not None and self.clip_s <= 0:
            raise ParameterError(f"clip_s={clip_s} must be positive")
        self.resample = flag("resample", resample)
        self.mono = audio.checked_mono(mono)


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
        room = len(first) + len(items)
        try:
            rows = np.zeros((room, self.samples), np.float32)
        except (MemoryError, ValueError):
            raise ParameterError(
                f"clip_s={self.options.clip_s}: {room} clips of {self.samples} samples do not fit into memory"
            ) from None
        lengths = np.full(room, self.samples, np.int64)
        rows[: len(first)] = first.audio
        n, good = len(first), list[Item]()
        for item, y in zip(items, self.signals(items, self.samples), strict=True):
            if y is not None:  # no gap for an item that could not be read
                lengths[n] = fit(y, rows[n])
                good.append(item)
                n += 1
        self.label_of.update((item.name, item.label) for item in good)
        return Clips(
            rows[:n],
            np.zeros(n, np.int64),
            [*first.names, *(item.name for item in good)],
            [*first.speakers, *(item.speaker for item in good)],
            lengths[:n],
        )

    def noises(self, items: Sequence[Item]) -> dict[str, Floats]:
        signals = zip(items, self.signals(items), strict=True)
        return {item.name: y for item, y in signals if y is not None}

    def signals(self, items: Sequence[Item], most: int | None = None) -> Iterator[Floats | None]:
        """The signal of each item in turn, read in threads; None, and a new problem, if it cannot be used.

        With `most`, the loudest so many samples of a longer one: little is held in memory besides the clips.
        """
        at_once = FILES_AT_ONCE if most is None else max(1, min(FILES_AT_ONCE, SAMPLES_AT_ONCE // most))
        batches = [items[at : at + at_once] for at in range(0, len(items), at_once)]
        ahead = 4 * THREADS
        with ThreadPoolExecutor(THREADS) as pool:
            waiting = [pool.submit(self.read_all, batch, most) for batch in batches[:ahead]]
            for number_of_batch in range(len(batches)):
                for y, problem in waiting.pop(0).result():
                    if problem:
                        self.problems.append(problem)
                    yield y
                if number_of_batch + ahead < len(batches):
                    waiting.append(pool.submit(self.read_all, batches[number_of_batch + ahead], most))
                self.done += len(batches[number_of_batch])
                if self.progress is not None:
                    self.progress(self.done, self.total)

    def read_all(self, items: Sequence[Item], most: int | None) -> list[tuple[Floats | None, str]]:
        return [self.read(item, most) for item in items]

    def read(self, item: Item, most: int | None) -> tuple[Floats | None, str]:
        name = readable(item.name)
        target = self.sr if self.options.resample else None
        y, rate, problem = read_signal(item.path, name, self.options.mono, " (or pass mono='mean')", target)
        if y is None:
            return None, problem
        if rate != self.sr:
            self.other_rates.append(name)
            return None, f"{name}: its sample rate is {rate}, not {self.sr}; skipped (or pass resample=True)"
        return y if most is None or len(y) <= most else loudest(y, most).copy(), ""

    def check_rates(self) -> None:
        """A few files of another rate are problems; if most files have one, `sr` is the problem."""
        if 2 * len(self.other_rates) > self.total:
            raise ParameterError(
                f"sr={self.sr}: {len(self.other_rates)} of {self.total} files have another sample rate, such as "
                f"{min(self.other_rates)}; pass resample=True, or their rate"
            )


def read_signal(
    path: str | os.PathLike[str], name: str, mono: audio.Mono = None, hint: str = "", sr: int | None = None
) -> tuple[Floats | None, int, str]:
    """The signal of a file, at the rate `sr` if given, and its rate; None and why in one line, if it cannot be used."""
    try:
        y, rate = converted(path, mono, sr)
    except WavenetliteError as error:
        return None, 0, f"{name}: {readable(str(error).removeprefix(f'{audio.shown(path)}: '))}; skipped"
    if y.ndim == 2:
        return None, rate, f"{name}: has {y.shape[1]} channels; skipped{hint}"
    if problem := "has no samples" if not y.size else scale_problem(y):
        return None, rate, f"{name}: {problem}; skipped"
    return y, rate, ""


def converted(path: str | os.PathLike[str], mono: audio.Mono, sr: int | None) -> tuple[Floats, int]:
    """The signal of a file; mixed and resampled block by block, so that only the result is held in memory."""
    about = audio.info(path)
    one_channel = about.channels == 1 or mono is not None
    if not one_channel or (about.channels == 1 and sr in (None, about.sr)) or about.samples <= BLOCK:
        return audio.read(path, mono=mono, sr=sr, resample=sr is not None)
    rate = sr or about.sr
    blocks = audio.blocks(path, BLOCK, mono=mono, sr=rate, resample=True)
    y = np.empty(math.ceil(about.samples * rate / about.sr) + BLOCK, np.float32)
    filled = 0
    for block in blocks:
        if filled + len(block) > len(y):  # the header said too little
            y = np.concatenate([y[:filled], np.empty(filled + len(block), np.float32)])
        y[filled : filled + len(block)] = block
        filled += len(block)
    return y[:filled], rate


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
            yield audio.info(item.path)
        except WavenetliteError:
            continue  # reported when it is read


def fit(y: Floats, row: Floats) -> int:
    """Centre a signal, or its loudest part, in a row of zeros; return the number of its samples."""
    if len(y) > len(row):
        y = loudest(y, len(row))
    start = (len(row) - len(y)) // 2
    row[start : start + len(y)] = y
    return len(y)


def loudest(y: Floats, samples: int) -> Floats:
    at = loudest_at(y, samples)
    return y[at : at + samples]


def loudest_at(y: Floats, samples: int) -> int:
    """Start of the part with the most energy: the middle of the neighbouring starts within 1/1000 of it."""
    best, most = 0, -1.0
    for at, energy in energies(y, samples):
        here = int(energy.argmax())
        if energy[here] > most:
            best, most = at + here, float(energy[here])
    first, last = 0, len(y) - samples
    for at, energy in energies(y, samples):
        bad = at + np.flatnonzero(energy < 0.999 * most)
        before, after = bad[bad < best], bad[bad > best]
        first = int(before[-1]) + 1 if before.size else first
        if after.size:
            last = int(after[0]) - 1
            break
    return (first + last) // 2


def energies(y: Floats, samples: int) -> Iterator[tuple[int, Doubles]]:
    """The energies of all segments of so many samples, in pieces with the first segment's position."""
    until = sum_after(y[:samples])  # of the squares before the end of a segment
    before = 0.0  # and before its start
    for at in range(0, len(y) - samples + 1, BLOCK):
        count = min(BLOCK, len(y) - samples + 1 - at)
        ends = running_sums(until, y[at + samples : at + samples + count])
        starts = running_sums(before, y[at : at + count])
        yield at, ends[:count] - starts[:count]
        until, before = float(ends[-1]), float(starts[-1])


def running_sums(start: float, y: Floats) -> Doubles:
    """`start`, and it with the squares added one after the other."""
    return np.cumsum(np.concatenate([[start], np.square(y, dtype=np.float64)]))


def sum_after(y: Floats) -> float:
    total = 0.0
    for at in range(0, len(y), BLOCK):
        total = float(running_sums(total, y[at : at + BLOCK])[-1])
    return total
