"""Recordings of running speech, with a manifest of speakers, words and their times."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite.corpora.clip_reader import FILES_AT_ONCE, THREADS
from wavenetlite.corpora.layouts import Item
from wavenetlite.corpora.signals import read_signal
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import in_threads

MANIFEST = "manifest.jsonl"
NOTES = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
"""Notes in a transcription, on noises, laughter and breath."""
NO_LETTERS = re.compile(r"[\W\d_]+")
LEAST_LETTERS = 6
"""Of a word whose slips of typing are known as such: "no" may be a slip of "on", but it is more likely another word."""
CUT_OFF = 0.15
"""Most of a word's letters that may be missing: with less of it, it is another piece of speech."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """A recording, and the words that are said in it.

    Attributes
    ----------
    name
        Of the file, relative to the folder.
    audio
        float32, (samples,).
    speaker, split
        Speaker, and part of the corpus; "" if unknown.
    word
        The first word whose times are known; None: no such word.
    start_s, end_s
        Its times, seconds from the first sample; 0 without a word.
    untimed
        Words at unknown times: in the transcription, or a keyword without times.
    more
        Further words whose times are known: (word, start_s, end_s) of each.
    """

    name: str
    audio: Floats
    speaker: str
    split: str
    word: str | None
    start_s: float
    end_s: float
    untimed: frozenset[str]
    more: tuple[tuple[str, float, float], ...] = ()

    @property
    def said(self) -> tuple[tuple[str, float, float], ...]:
        """All words whose times are known: (word, start_s, end_s) of each."""
        return () if self.word is None else ((self.word, self.start_s, self.end_s), *self.more)


@dataclass(frozen=True, eq=False)
class Utterances:
    """What `read_utterances` returns.

    Attributes
    ----------
    words
        The annotated words, sorted.
    items
        The recordings, in the order of the manifest.
    sr
        Sample rate, Hz.
    problems
        One line for everything that was skipped or is suspicious, with the name of the file.
    folder
        The folder they were read from; None: they were not read.
    """

    words: list[str]
    items: list[Utterance]
    sr: int
    problems: list[str]
    folder: Path | None

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Utterances({len(self)} of {len(self.speakers)} speakers, {self.hours:.2f} h, {len(self.words)} words)"

    def _repr_html_(self) -> str:
        facts = {"source": self.folder, "sample rate": f"{self.sr} Hz", "hours": f"{self.hours:.2f}",
                 "recordings": len(self), "speakers": len(self.speakers), "problems": len(self.problems)}  # fmt: skip
        said = Counter(word for item in self.items for word, _, _ in item.said)
        return html("Utterances", facts, head=["word", "said"], rows=[[word, said[word]] for word in self.words])

    @property
    def hours(self) -> float:
        """Total duration of the recordings."""
        return sum(len(item.audio) for item in self.items) / self.sr / 3600

    @property
    def speakers(self) -> list[str]:
        """Names of the speakers, sorted."""
        return sorted({item.speaker for item in self.items})

    def of(self, split: str) -> list[int]:
        """Indices of the items of a split."""
        return [number_of for number_of, item in enumerate(self.items) if item.split == split]

    def folds(self, count: int, seed: int = 0) -> list[list[int]]:
        """Indices of the items in `count` folds of about the same duration, no speaker in two of them.

        The speakers, those with the most audio first and otherwise in a seeded order, each go to the shortest fold.
        """
        lengths: dict[str, int] = {}
        for item in self.items:
            lengths[item.speaker] = lengths.get(item.speaker, 0) + len(item.audio)
        if not 2 <= count <= len(lengths):
            raise ParameterError(f"folds={count} must be from 2 to {len(lengths)}, the number of speakers")
        drawn = [self.speakers[at] for at in np.random.default_rng(seed).permutation(len(lengths))]
        parts: list[set[str]] = [set() for _ in range(count)]
        totals = [0] * count
        for speaker in sorted(drawn, key=lambda name: -lengths[name]):
            shortest = totals.index(min(totals))
            parts[shortest].add(speaker)
            totals[shortest] += lengths[speaker]
        return [[number_of for number_of, item in enumerate(self.items) if item.speaker in part] for part in parts]


def read_utterances(folder: str | os.PathLike[str], *, progress: Progress | None = None) -> Utterances:
    """Read recordings and their manifest.

    Parameters
    ----------
    folder
        With ``manifest.jsonl``: one JSON object per line with `path` (of the file, relative to the folder), `keyword`
        (a word or null), `start_s` and `end_s` (of the word, or null), and, if known, `speaker`, `split` and
        `transcription`. A recording with several words has a line for each.
    progress
        Called with (files read, files in total).

    Raises
    ------
    ParameterError
        There is no such folder or manifest, a line of it is invalid, no file can be read, or no word has times. Files
        that cannot be read, or have another sample rate than the first, are lines in `Utterances.problems`.

    Notes
    -----
    A word may occur more often than it is annotated: `Utterance.untimed` are the words that the transcription has more
    often than the annotation. Notes in brackets are not speech, and "wild fire" counts as "wildfire"; so do slips of
    typing ("wildifre", "wildffire"), and a word of which little is cut off ("-ildfire"). Other words that sound or look
    alike do not.

    Examples
    --------
    >>> import json, numpy as np, tempfile
    >>> from pathlib import Path
    >>> from wavenetlite import audio
    >>> from wavenetlite.corpora.utterances import read_utterances
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audio.write(Path(folder, "a.flac"), np.zeros(8000, np.float32), 8000)
    ...     line = {"path": "a.flac", "speaker": "ann", "keyword": "go", "start_s": 0.2, "end_s": 0.5}
    ...     _ = Path(folder, "manifest.jsonl").write_text(json.dumps(line))
    ...     read_utterances(folder)
    Utterances(1 of 1 speakers, 0.00 h, 1 words)
    """
    if not isinstance(folder, str | os.PathLike):
        raise ArrayTypeError(f"folder is a {type(folder).__name__}; it must be a string or a path")
    rows = manifest(Path(folder))
    words = sorted({line["keyword"] for line in rows if line["keyword"] is not None})
    if not words:
        raise ParameterError(f"{Path(folder) / MANIFEST}: no line has a keyword; there must be at least one")
    items: list[Utterance] = []
    problems: list[str] = []
    rate = 0
    by_path: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_path.setdefault(os.path.normpath(row["path"]), []).append(row)
    for lines in by_path.values():
        problems += disagreements(lines)
    for done, (lines, y, sr, problem) in enumerate(signals(Path(folder), list(by_path.values())), 1):
        if y is not None and rate not in (0, sr):
            problem = f"{lines[0]['path']}: its sample rate is {sr}, not {rate}; skipped"
        if problem:
            problems.append(problem)
        else:
            assert y is not None
            rate = sr
            items.append(utterance(lines, y, sr, words, problems))
        if progress is not None:
            progress(done, len(by_path))
    if not items:
        raise ParameterError(f"{folder}: no file of its {MANIFEST} can be read ({problems[0]})")
    if not any(item.word for item in items):
        raise ParameterError(f"{folder}: no word has times; start_s and end_s must be numbers somewhere")
    return Utterances(words, items, rate, problems, Path(folder))


def manifest(folder: Path) -> list[dict[str, Any]]:
    """The lines of a manifest, each an object with the required fields."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ParameterError(f"folder={str(folder)!r}: there is no such folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ParameterError(f"{folder}: has no {MANIFEST}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: cannot be read: {error}") from None
    return [checked_line(row, f"{path}, line {at}") for at, row in enumerate(text.split("\n"), 1) if row.strip()]


def checked_line(row: str, where: str) -> dict[str, Any]:
    try:
        line = json.loads(row)
    except ValueError:
        raise ParameterError(f"{where}: is not valid JSON") from None
    if not isinstance(line, dict):
        raise ParameterError(f"{where}: is a {type(line).__name__}; it must be an object")
    for name in ("path", "keyword", "start_s", "end_s"):
        if name not in line:
            raise ParameterError(f"{where}: has no {name}")
    made = {name: text_of(line.get(name), name, where) for name in ("speaker", "split", "transcription")}
    if not text_of(line["path"], "path", where):
        raise ParameterError(f"{where}: path={line['path']!r} must be the name of a file")
    if line["keyword"] is not None and not text_of(line["keyword"], "keyword", where):
        raise ParameterError(f"{where}: keyword={line['keyword']!r} must be a word or null")
    if (line["start_s"] is None) != (line["end_s"] is None):
        raise ParameterError(f"{where}: start_s and end_s must both be numbers, or both be null")
    if line["start_s"] is not None:
        start_s, end_s = (number(f"{where}: {name}", line[name], 0.0) for name in ("start_s", "end_s"))
        if start_s >= end_s:
            raise ParameterError(f"{where}: start_s={start_s} must be before end_s={end_s}")
    return {**line, **made}


def text_of(value: Any, name: str, where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise ParameterError(f"{where}: {name}={value!r} must be a string")
    return value or ""


def disagreements(lines: Sequence[dict[str, Any]]) -> list[str]:
    """A line for what the rows of one recording say differently; the first counts."""
    first = lines[0]
    return [
        f"{first['path']}: one row has {name}={first[name]!r} and another {row[name]!r}; the first is taken"
        for row in lines[1:]
        for name in ("speaker", "split")
        if row[name] != first[name]
    ]


def signals(
    folder: Path, recordings: Sequence[list[dict[str, Any]]]
) -> Iterator[tuple[list[dict[str, Any]], Floats | None, int, str]]:
    """The lines of each recording, its signal, its rate, and why it cannot be used, if so."""

    def one(lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Floats | None, int, str]:
        path = lines[0]["path"]
        return lines, *read_signal(Item(str(folder / path), path, ""))

    return in_threads(one, recordings, THREADS, together=FILES_AT_ONCE, name="reading")


def utterance(
    lines: Sequence[dict[str, Any]], y: Floats, sr: int, words: Sequence[str], problems: list[str]
) -> Utterance:
    """A recording and its lines, one per word; times beyond its end are ignored."""
    first = lines[0]
    said: dict[tuple[str, float, float], None] = {}  # in the order of time, each once
    untimed: set[str] = set()
    for line in sorted(lines, key=lambda line: line["start_s"] or 0.0):
        word, start_s, end_s = line["keyword"], line["start_s"], line["end_s"]
        if word is None:
            continue
        if start_s is None:
            untimed.add(word)
        elif end_s > len(y) / sr + 0.05:
            problems.append(
                f"{line['path']}: {word} ends at {end_s:g} s, after the end at {len(y) / sr:g} s; times ignored"
            )
            untimed.add(word)
        else:
            said[word, start_s, end_s] = None
    counts = Counter(word for word, _, _ in said)
    for line in lines:
        mentioned = mentions(line["transcription"], words)
        untimed |= {word for word in words if mentioned[word] > counts[word]}
    (word, start_s, end_s), *more = said or [("", 0.0, 0.0)]
    return Utterance(first["path"], y, first["speaker"], first["split"], word or None, start_s, end_s,
                     frozenset(untimed), tuple(more))  # fmt: skip


def mentions(transcription: str, words: Sequence[str]) -> dict[str, int]:
    """How often each word is in a transcription, including notes on voices in the background."""
    spoken = NOTES.sub("", transcription)
    texts = [NO_LETTERS.sub("", text).casefold() for text in (transcription, spoken)]
    return {
        word: max(text.count(word.casefold()) for text in texts) + mistyped(spoken, word.casefold()) for word in words
    }


def mistyped(transcription: str, word: str) -> int:
    """How often a word is in a transcription with two letters swapped, one doubled, or up to `CUT_OFF` of it missing
    at a hyphen."""
    if len(word) < LEAST_LETTERS:
        return 0
    pieces = [piece.casefold() for piece in transcription.split()]
    slips = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    slips |= {word[: at + 1] + word[at:] for at in range(len(word))}
    slips.discard(word)
    least = math.ceil((1 - CUT_OFF) * len(word))
    broken = {f"-{word[at:]}" for at in range(1, len(word) - least + 1)}
    broken |= {f"{word[:-at]}-" for at in range(1, len(word) - least + 1)}
    return sum(NO_LETTERS.sub("", piece) in slips or piece.strip(".,;:!?") in broken for piece in pieces)
