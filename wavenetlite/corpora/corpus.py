"""Corpora of labelled clips: folders of recordings to arrays of equal length, and what was wrong with them."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.corpora import layouts
from wavenetlite.corpora.layouts import SILENCE, TWELVE, UNKNOWN, Division, Item, composed, readable
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, WavenetliteError
from wavenetlite.support.progress import Progress

Ints = npt.NDArray[np.int64]
PARTS = ("train", "valid", "test")
LAYOUTS = ("auto", *layouts.FINDERS)
THREADS = 2
FILES_AT_ONCE = 32
HEADERS_LOOKED_AT = 50
LOUDEST = 8.0
"""A sample above this is no overshoot of -1..1: the file was written as floats on the scale of integers."""
NOISE_PARTS = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}
"""From which stretch of a noise recording the silence of each part is cut: no part hears another's."""


class Clips:
    """Labelled clips of equal length.

    Parameters
    ----------
    audio
        float32, (n, samples), in -1..1.
    y
        int64, (n,): numbers of labels.
    names
        n names: of the files, relative to the corpus folder. None: empty ones.
    speakers
        n names; "" where it is not known. None: all unknown.
    lengths
        int64, (n,): samples of real audio in each clip, the rest are zeros around it. None: all samples.

    Attributes
    ----------
    starts
        int64, (n,): first sample of the real audio.

    Raises
    ------
    ParameterError, ArrayTypeError
        Wrong dtypes, or shapes that do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.corpora.corpus import Clips
    >>> clips = Clips(np.zeros((3, 16000), np.float32), np.array([0, 1, 1]))
    >>> clips + clips.select([2, 0])
    Clips(5 of 16000 samples)
    >>> clips.select(clips.y == 1).y.tolist()
    [1, 1]
    """

    def __init__(
        self,
        audio: Floats,
        y: Ints,
        names: Sequence[str] | None = None,
        speakers: Sequence[str] | None = None,
        lengths: Ints | None = None,
    ) -> None:
        self.audio: Floats = checked_array("audio", audio, np.float32, 2)
        n, samples = audio.shape
        self.y: Ints = checked_array("y", y, np.int64, 1)
        self.names = [""] * n if names is None else list(names)
        self.speakers = [""] * n if speakers is None else list(speakers)
        self.lengths: Ints = (
            np.full(n, samples, np.int64) if lengths is None else checked_array("lengths", lengths, np.int64, 1)
        )
        for name in ("y", "names", "speakers", "lengths"):
            if len(getattr(self, name)) != n:
                raise ParameterError(f"{name} has {len(getattr(self, name))} entries; it must have {n}, as audio")
        if n and (self.y.min() < 0 or self.lengths.min() < 0 or self.lengths.max() > samples):
            raise ParameterError(f"y must not be negative, and lengths must be from 0 to {samples}")

    @property
    def starts(self) -> Ints:
        starts: Ints = (self.audio.shape[1] - self.lengths) // 2
        return starts

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Clips({len(self)} of {self.audio.shape[1]} samples)"

    def select(self, indices: Sequence[int] | npt.NDArray[Any]) -> Clips:
        """The clips of these numbers, in this order, or those where a mask of n booleans is true; copies."""
        chosen = np.asarray(indices)
        if chosen.size == 0 and chosen.dtype != np.bool_:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or not (chosen.dtype == np.bool_ or np.issubdtype(chosen.dtype, np.integer)):
            raise ArrayTypeError(f"indices are {chosen.dtype} of shape {chosen.shape}; they must be (k,) integers")
        if chosen.dtype == np.bool_:
            if len(chosen) != len(self):
                raise ParameterError(f"indices has {len(chosen)} booleans; it must have {len(self)}")
            chosen = np.flatnonzero(chosen)
        if chosen.size and (chosen.min() < -len(self) or chosen.max() >= len(self)):
            raise ParameterError(f"indices reach {chosen.min()}..{chosen.max()}; there are {len(self)} clips")
        return Clips(
            self.audio[chosen],
            self.y[chosen],
            [self.names[i] for i in chosen],
            [self.speakers[i] for i in chosen],
            self.lengths[chosen],
        )

    def __add__(self, other: Clips) -> Clips:
        return self.concatenate([self, other])

    @staticmethod
    def concatenate(parts: Sequence[Clips]) -> Clips:
        """All clips of some, one after the other; they must be of the same length."""
        if not parts or not all(isinstance(part, Clips) for part in parts):
            raise ArrayTypeError("parts must be one or more Clips")
        if len({part.audio.shape[1] for part in parts}) > 1:
            lengths = ", ".join(str(part.audio.shape[1]) for part in parts)
            raise ParameterError(f"parts have clips of {lengths} samples; they must all be as long")
        return Clips(
            np.concatenate([part.audio for part in parts]),
            np.concatenate([part.y for part in parts]),
            [name for part in parts for name in part.names],
            [speaker for part in parts for speaker in part.speakers],
            np.concatenate([part.lengths for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Corpus:
    """What `read_corpus` returns.

    Attributes
    ----------
    labels
        Their names; `y` of the clips are places in this list.
    train, valid, test
        The clips of each part; a part may be empty.
    sr
        Sample rate, Hz.
    layout
        Which layout the folder has: "speech_commands", "fsdd", "folders" or "parts".
    problems
        One line for everything that was passed over or is odd, with the name of the file.
    folder
        Where it was read from.
    noises
        Recordings without speech, float32 (samples,) each: those of ``_background_noise_``, for augmentation.
    """

    labels: list[str]
    train: Clips
    valid: Clips
    test: Clips
    sr: int
    layout: str
    problems: list[str]
    folder: Path
    noises: list[Floats] = field(default_factory=list)

    def __repr__(self) -> str:
        sizes = " + ".join(str(len(getattr(self, part))) for part in PARTS)
        return (
            f"Corpus({self.layout}, {len(self.labels)} labels, {sizes} clips, {self.sr} Hz, "
            f"{len(self.problems)} problems)"
        )

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """How many clips there are of each label, in training, validation and test."""
        n = len(self.labels)
        columns = [np.bincount(getattr(self, part).y, minlength=n).tolist() for part in PARTS]
        return {label: (a, b, c) for label, a, b, c in zip(self.labels, *columns, strict=True)}

    def with_training(self, more: Corpus) -> Corpus:
        """The corpus with all clips of another one in its training part: what is measured stays the same.

        Raises
        ------
        ParameterError
            The other one has a label that this one has not, another sample rate, or clips of another length.
        """
        if not isinstance(more, Corpus):
            raise ArrayTypeError(f"more is a {type(more).__name__}; it must be a Corpus")
        if more.sr != self.sr:
            raise ParameterError(f"more has the sample rate {more.sr}; it must be {self.sr}, the corpus'")
        for label in more.labels:
            if label not in self.labels:
                raise ParameterError(f"more has the label {readable(label)!r}; the corpus has none of that name")
        clips = Clips.concatenate([more.train, more.valid, more.test])
        clips.y[:] = np.array([self.labels.index(label) for label in more.labels], np.int64)[clips.y]
        problems = [*self.problems, *more.problems]
        return replace(self, train=Clips.concatenate([self.train, clips]), problems=problems)


def read_corpus(
    folder: str | os.PathLike[str],
    *,
    sr: int | None = None,
    clip_s: float | None = 1.0,
    layout: str = "auto",
    words: str | Sequence[str] | None = None,
    hold_out_speaker: str | None = None,
    resample: bool = False,
    mono: Literal["mean"] | int | None = None,
    valid_part: float = 0.1,
    test_part: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Corpus:
    """Read a folder of labelled recordings.

    Parameters
    ----------
    folder
        In one of the layouts below.
    sr
        Sample rate wanted, Hz; None: the one that most files have.
    clip_s
        Length of a clip, seconds; None: of the longest recording. Shorter recordings stand in the middle of their clip,
        between zeros; of longer ones the `clip_s` with the most energy are cut.
    layout
        "auto" recognises it; `Corpus.layout` says what it took.

        "speech_commands": LABEL/ folders and ``validation_list.txt``, ``testing_list.txt`` beside them, names as
        LABEL/FILE in each line; what stands in neither is for training. Google's download and extracts of it.

        "fsdd": ``recordings/DIGIT_SPEAKER_INDEX.wav``; indices 0 to 4 are the test (the Free Spoken Digit Dataset).

        "parts": train/LABEL/, valid/LABEL/ and test/LABEL/ folders.

        "folders": LABEL/ folders alone; a seeded draw divides them.
    words
        None or "all": every LABEL/ folder is a label. A list of labels: those, in that order; "_unknown_" among them
        takes the clips of all other words, as many as there are of a word on average, and "_silence_" takes as many
        pieces of the recordings in ``_background_noise_``, each part from a stretch of its own; folders of these names
        are taken as they are. "12": the twelve classes of the Speech Commands task, sorted.
    hold_out_speaker
        The test are all clips of this speaker and no others (layouts "fsdd" and "folders").
    resample
        Whether to convert files of another sample rate; False: they are problems, and an error if most files are such.
    mono
        What to take of files with several channels: "mean", or the number of one; None: they are problems.
    valid_part, test_part
        Share of clips for validation and test, 0 to 0.5, where the folder does not say. Whole speakers are drawn where
        file names tell at least 10 (SPEAKER_nohash_N or LABEL_SPEAKER_N); else the same share of each label, and in
        "fsdd" of each speaker.
    seed
        Of the draws.
    progress
        Called with (files read, files in all) as reading goes on.

    Returns
    -------
    Corpus
        With clips ordered by label and name, whatever the order on disk; pieces of noise come first.

    Raises
    ------
    ParameterError
        There is no such folder; a file is in both lists; one of `words` has no clip to train on; fewer than two labels
        have; most files have another sample rate. All else that is wrong is a line in `Corpus.problems`: files that are
        no audio, damaged, empty, not finite, with several channels; missing or listed twice; folders without audio.

    Notes
    -----
    Warden, "Speech Commands", 2018 (the layout and the twelve classes). Endings do not count in lists, so a corpus that
    was converted to FLAC keeps its lists. Hidden files are problems only in folders of labels.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from wavenetlite import audio
    >>> from wavenetlite.corpora.corpus import read_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label in ("no", "yes"):
    ...         Path(folder, label).mkdir()
    ...         for i in range(10):
    ...             audio.write(Path(folder, label, f"{i}.flac"), np.zeros(12000, np.float32), 16000)
    ...     corpus = read_corpus(folder)
    >>> corpus
    Corpus(folders, 2 labels, 16 + 2 + 2 clips, 16000 Hz, 0 problems)
    >>> corpus.train.audio.shape, int(corpus.train.starts[0])
    ((16, 16000), 2000)
    """
    options = Options(folder, sr, clip_s, resample, mono)
    if not callable(progress) and progress is not None:
        raise ArrayTypeError(f"progress is a {type(progress).__name__}; it must be a function or None")
    one_of("layout", layout, LAYOUTS)
    division = Division(
        part_size("valid_part", valid_part),
        part_size("test_part", test_part),
        count("seed", seed),
        None if hold_out_speaker is None else text("hold_out_speaker", hold_out_speaker),
    )
    wanted = checked_words(words)
    listing = layouts.find(options.folder, layout, division)
    if not listing.items:
        seen = f" ({listing.problems[0]})" if listing.problems else ""
        raise ParameterError(f"{options.folder}: no audio files in folders of labels (LABEL/*.wav or .flac){seen}")
    items = chosen_words(listing.items, wanted, division.seed)
    reader = ClipReader(options, items + listing.noises, listing.problems, progress)
    noises = reader.noises(listing.noises)
    cut = wanted is not None and SILENCE in wanted and not any(item.label == SILENCE for item in items)
    parts = {}
    for part in PARTS:
        here = [item for item in items if item.part == part]
        pieces = per_word(here, wanted) if wanted and cut else 0
        silence = cut_silence(noises, part, pieces, reader.samples, division.seed)
        parts[part] = reader.clips(here, silence)
    reader.check_rates()
    return assembled(parts, wanted, noises, listing, reader, options.folder)


# Parameters


class Options:
    """What is wanted of every file."""

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


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be a string")
    return value


def part_size(name: str, value: Any) -> float:
    if number(name, value, least=0.0) > 0.5:
        raise ParameterError(f"{name}={value} must be at most 0.5")
    return float(value)


def checked_array(name: str, value: Any, dtype: type[np.generic], ndim: int) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray):
        raise ArrayTypeError(f"{name} is a {type(value).__name__}; it must be a NumPy array")
    if value.dtype != dtype or value.ndim != ndim:
        raise ArrayTypeError(
            f"{name} is {value.dtype} of shape {value.shape}; it must be {np.dtype(dtype)} with {ndim} dimensions"
        )
    return value


def checked_words(words: Any) -> list[str] | None:
    """The labels wanted, in order; None: whatever there is."""
    if words is None or (isinstance(words, str) and words == "all"):
        return None
    if isinstance(words, str) and words == "12":
        return list(TWELVE)
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise ParameterError(f"words={words!r} must be 'all', '12' or a list of labels")
    labels = [composed(text("words", word)) for word in words]
    if len(set(labels)) < len(labels) or len(labels) < 2:
        raise ParameterError(f"words={labels} must be two or more different labels")
    return labels


# Words


def chosen_words(items: Sequence[Item], wanted: Sequence[str] | None, seed: int) -> list[Item]:
    """The items of the labels that are wanted; of all other words a fair choice, as "_unknown_" if that is wanted."""
    if wanted is None:
        return list(items)
    chosen = [item for item in items if item.label in wanted]
    if UNKNOWN in wanted:
        for number_of_part, part in enumerate(PARTS):
            here = [item for item in chosen if item.part == part]
            missing = per_word(here, wanted) - sum(item.label == UNKNOWN for item in here)
            others = [i for i in items if i.part == part and i.label not in wanted and not i.label.startswith("_")]
            chosen += by_turns(others, missing, np.random.default_rng([seed, 2, number_of_part]))
    return sorted(chosen, key=lambda item: (item.label, item.name))


def per_word(items: Sequence[Item], wanted: Sequence[str]) -> int:
    """How many clips a word has, on average over those that were asked for."""
    words = [word for word in wanted if word not in (SILENCE, UNKNOWN)]
    return round(sum(item.label in words for item in items) / max(1, len(words)))


def by_turns(items: Sequence[Item], most: int, rng: np.random.Generator) -> list[Item]:
    """At most so many clips, the same number of each word, now labelled "_unknown_"."""
    turns: Counter[str] = Counter()
    order = []
    for place in rng.permutation(len(items)):
        order.append((turns[items[place].label], int(place)))
        turns[items[place].label] += 1
    return [replace(items[place], label=UNKNOWN) for _, place in sorted(order)[: max(0, most)]]


def cut_silence(noises: dict[str, Floats], part: str, wanted: int, samples: int, seed: int) -> Clips:
    """Pieces of the noise recordings, from the stretch that belongs to a part; longer recordings give more."""
    begin, end = NOISE_PARTS[part]
    spans = {name: (int(begin * len(y)), int(end * len(y)) - samples) for name, y in noises.items()}
    spans = {name: span for name, span in spans.items() if span[1] >= span[0]}
    if not spans or not wanted:
        return Clips(np.zeros((0, samples), np.float32), np.zeros(0, np.int64))
    names = list(spans)
    room = np.array([last - first + 1 for first, last in spans.values()], np.float64)
    rng = np.random.default_rng([seed, 3, PARTS.index(part)])
    sources = rng.choice(len(names), size=wanted, p=room / room.sum())
    places = [(names[i], int(rng.integers(spans[names[i]][0], spans[names[i]][1] + 1))) for i in sources]
    cut = [noises[name][at : at + samples] for name, at in sorted(places)]
    return Clips(
        np.array(cut, np.float32).reshape(-1, samples),
        np.zeros(len(cut), np.int64),
        [f"{name}@{at}" for name, at in sorted(places)],
    )


# Reading


class ClipReader:
    """Reads items to clips of one length and rate, and keeps a line for each that it cannot use."""

    def __init__(self, options: Options, items: Sequence[Item], problems: list[str], progress: Progress | None) -> None:
        self.options = options
        self.problems = problems
        self.progress = progress
        self.total, self.done = len(items), 0
        self.other_rates: list[str] = []
        self.label_of: dict[str, str] = {}  # of the clips that were read, by name
        self.sr = options.sr or most_common_rate(items)
        longest = longest_s(items) if options.clip_s is None else options.clip_s
        self.samples = max(1, math.ceil(longest * self.sr - 1e-6))

    def clips(self, items: Sequence[Item], first: Clips) -> Clips:
        """Those of `first`, and the clips of those items that can be read; `y` is still 0."""
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
        for item, y in zip(items, self.signals(items), strict=True):
            if y is not None:  # rows close up behind an item that could not be read
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

    def signals(self, items: Sequence[Item]) -> Iterator[Floats | None]:
        """The signal of each item in turn, read by some threads; None where there is none, and a problem more."""
        batches = [items[at : at + FILES_AT_ONCE] for at in range(0, len(items), FILES_AT_ONCE)]
        ahead = 4 * THREADS
        with ThreadPoolExecutor(THREADS) as pool:
            waiting = [pool.submit(self.read_all, batch) for batch in batches[:ahead]]
            for number_of_batch in range(len(batches)):
                for y, problem in waiting.pop(0).result():
                    if problem:
                        self.problems.append(problem)
                    yield y
                if number_of_batch + ahead < len(batches):
                    waiting.append(pool.submit(self.read_all, batches[number_of_batch + ahead]))
                self.done += len(batches[number_of_batch])
                if self.progress is not None:
                    self.progress(self.done, self.total)

    def read_all(self, items: Sequence[Item]) -> list[tuple[Floats | None, str]]:
        return [self.read(item) for item in items]

    def read(self, item: Item) -> tuple[Floats | None, str]:
        name = readable(item.name)
        try:
            y, rate = audio.read(item.path, mono=self.options.mono)
            if y.ndim == 2:
                return None, f"{name}: has {y.shape[1]} channels; passed over (or pass mono='mean')"
            if not y.size:
                return None, f"{name}: has no samples; passed over"
            if np.abs(y).max() > LOUDEST:
                return None, f"{name}: reaches {np.abs(y).max():g}; samples must be in -1..1; passed over"
            if rate != self.sr and not self.options.resample:
                self.other_rates.append(name)
                return None, f"{name}: its sample rate is {rate}, not {self.sr}; passed over (or pass resample=True)"
            return audio.resample(y, rate, self.sr) if rate != self.sr else y, ""
        except WavenetliteError as error:
            return None, f"{name}: {readable(str(error).removeprefix(f'{item.path}: '))}; passed over"

    def check_rates(self) -> None:
        """Files of another rate are odd ones out; where they are the most, the rate asked for is the odd one."""
        if 2 * len(self.other_rates) > self.total:
            raise ParameterError(
                f"sr={self.sr}: {len(self.other_rates)} of {self.total} files have another sample rate, such as "
                f"{min(self.other_rates)}; pass resample=True, or their rate"
            )


def most_common_rate(items: Sequence[Item]) -> int:
    """The rate of most of some files, taken at even distances; of all, where only few can be read."""
    step = max(1, len(items) // HEADERS_LOOKED_AT)
    rates = Counter(about.sr for about in headers(items[::step])) or Counter(about.sr for about in headers(items))
    return min(rates, key=lambda rate: (-rates[rate], rate), default=1)


def longest_s(items: Sequence[Item]) -> float:
    """Length of the longest clip; recordings of noise are longer, and are no clips."""
    noises = f"{layouts.NOISE_FOLDER}/"
    clips = [item for item in items if not item.name.startswith(noises)]
    return max((about.duration_s for about in headers(clips)), default=0.0)


def headers(items: Sequence[Item]) -> Iterator[audio.AudioInfo]:
    for item in items:
        try:
            yield audio.info(item.path)
        except WavenetliteError:
            continue  # it is named when it is read


def fit(y: Floats, row: Floats) -> int:
    """Put a signal into the middle of a row of zeros, or the loudest piece of it; returns how many samples are real."""
    if len(y) > len(row):
        at = loudest_at(y, len(row))
        y = y[at : at + len(row)]
    start = (len(row) - len(y)) // 2
    row[start : start + len(y)] = y
    return len(y)


def loudest_at(y: Floats, samples: int) -> int:
    """Where the piece with the most energy begins: the middle of the places around it that are within 1/1000 of it."""
    sums = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    energy = sums[samples:] - sums[:-samples]
    best = int(energy.argmax())
    bad = np.flatnonzero(energy < 0.999 * energy[best])
    before, after = bad[bad < best], bad[bad > best]
    first = int(before[-1]) + 1 if before.size else 0
    last = int(after[0]) - 1 if after.size else len(energy) - 1
    return (first + last) // 2


# Putting together


def assembled(
    parts: dict[str, Clips],
    wanted: list[str] | None,
    noises: dict[str, Floats],
    listing: layouts.Listing,
    reader: ClipReader,
    folder: Path,
) -> Corpus:
    """Labels are those that can be learnt; clips of others are passed over, or an error if they were asked for."""
    problems = listing.problems
    label_of = reader.label_of
    of_part = {part: [label_of.get(name, SILENCE) for name in clips.names] for part, clips in parts.items()}
    learnt = set(of_part["train"])
    labels = wanted if wanted is not None else sorted(learnt)
    without = [label for label in labels if label not in learnt]
    if without:
        raise ParameterError(f"{folder}: no clip to train on for {readable(without[0])!r}, one of words")
    if len(labels) < 2:
        reason = f": {problems[0]}" if problems else ""
        raise ParameterError(f"{folder}: {len(labels)} labels have clips to train on; there must be at least 2{reason}")
    number_of = {label: i for i, label in enumerate(labels)}
    for label in sorted({label for names in of_part.values() for label in names} - number_of.keys()):
        problems.append(f"{readable(label)}: has no clip to train on; it is no label")
    for part, clips in parts.items():
        kept = [i for i, label in enumerate(of_part[part]) if label in number_of]
        if len(kept) < len(clips):
            clips = clips.select(kept)
        clips.y[:] = [number_of[of_part[part][i]] for i in kept]
        parts[part] = clips
        absent = [label for i, label in enumerate(labels) if len(clips) and not (clips.y == i).any()]
        problems += [f"{readable(label)}: has no clip in the {part} part" for label in absent]
    return Corpus(labels, **parts, sr=reader.sr, layout=listing.layout, problems=problems, folder=folder,
                  noises=list(noises.values()))  # fmt: skip
