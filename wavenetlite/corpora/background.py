"""Background: talk, music and noise of any length and rate in which the words of a corpus are not said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.corpora.clips import PARTS, Corpus
from wavenetlite.corpora.layouts import SILENCE, UNKNOWN, audio_below, readable
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.corpora.signals import digest_of_file
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, WavenetliteError
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import check_stopped

Samples = npt.NDArray[np.int16]
Folders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

MOST_HOURS = 12.0
"""Hours that are kept of a larger background: 1.4 GB at 16 kHz."""
BLOCK = 1 << 18
SCALE = 32767.0
NOT_WORDS = (SILENCE, UNKNOWN)


@dataclass(frozen=True, eq=False)
class BackgroundFile:
    """One recording of a background.

    Attributes
    ----------
    name
        Of the file, relative to the folder.
    samples
        int16, (samples,), at the rate of the background.
    digest
        Of the bytes of the file.
    folder
        Number of the folder in which it lies, of those that were given; of folders inside each other the innermost.
    """

    name: str
    samples: Samples
    digest: str = ""
    folder: int = 0


@dataclass(frozen=True, eq=False)
class Background:
    """What `read_background` returns.

    Attributes
    ----------
    files
        The recordings, in the order of their names.
    sr
        Sample rate, Hz.
    problems
        One line for everything that was skipped, with the name of the file.
    """

    files: list[BackgroundFile]
    sr: int
    problems: list[str]

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"Background({len(self)} recordings, {self.hours:.2f} h, {self.sr} Hz)"

    @property
    def hours(self) -> float:
        """Total duration of the recordings."""
        return sum(len(file.samples) for file in self.files) / self.sr / 3600

    def split(self, share: float, seed: int = 0) -> tuple[Background, Background]:
        """Two backgrounds, the second with about `share` of the time: no recording is in both.

        A background of one recording is cut in two.
        """
        if len(self.files) == 1:
            one, at = self.files[0], round(len(self.files[0].samples) * (1 - share))
            return (replace(self, files=[replace(one, samples=one.samples[:at])]),
                    replace(self, files=[replace(one, samples=one.samples[at:])]))  # fmt: skip
        wanted = share * sum(len(file.samples) for file in self.files)
        second: set[int] = set()
        for number in np.random.default_rng([seed, len(self.files)]).permutation(len(self.files)).tolist():
            if wanted <= 0 or len(second) == len(self.files) - 1:
                break
            second.add(number)
            wanted -= len(self.files[number].samples)
        parts: tuple[list[BackgroundFile], list[BackgroundFile]] = [], []
        for number, file in enumerate(self.files):
            parts[number in second].append(file)
        return replace(self, files=parts[0]), replace(self, files=parts[1])

    def by_folder(self) -> list[Background]:
        """A background of each folder that has recordings."""
        folders = sorted({file.folder for file in self.files})
        return [replace(self, files=[file for file in self.files if file.folder == one]) for one in folders]

    def rows(self, seconds: float, seed: int = 0) -> LazyAudio:
        """All recordings, in a drawn order one after the other, in rows of equal length.

        The last row is filled up from the beginning.
        """
        length = max(1, round(seconds * self.sr))
        order = np.random.default_rng([seed, len(self.files)]).permutation(len(self.files)).tolist()
        joined = np.concatenate([self.files[number].samples for number in order])
        count = -(-len(joined) // length)
        joined = np.resize(joined, count * length).reshape(count, length)
        return LazyAudio([partial(to_float, one) for one in joined], length)

    def blocks(self) -> Iterable[Floats]:
        """The recordings one after the other, as float32 signals."""
        for file in self.files:
            for first in range(0, len(file.samples), BLOCK):
                yield file.samples[first : first + BLOCK].astype(np.float32) / np.float32(SCALE)


def to_float(samples: Samples, row: Floats) -> None:
    np.divide(samples, np.float32(SCALE), out=row)


def read_background(folders: Folders, sr: int, *, progress: Progress | None = None) -> Background:
    """Read talk, music and noise in which the words to be detected are not said.

    Parameters
    ----------
    folders
        A folder with audio files at any depth, an audio file, or several of these.
    sr
        Sample rate, Hz; recordings of another one are resampled, those of several channels are mixed.
    progress
        Called with (files done, files in total).

    Raises
    ------
    ParameterError, ArrayTypeError
        There is no such folder, or it has no audio that can be read.

    Examples
    --------
    >>> import os, tempfile, numpy as np, wavenetlite as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wl.audio.write(os.path.join(folder, "talk.wav"), np.zeros(8000, np.float32), 8000)
    ...     wl.train.read_background(folder, 16000)
    Background(1 recordings, 0.00 h, 16000 Hz)
    """
    positive_int("sr", sr)
    found = background_files(folders)
    made, problems, left = [], [], MOST_HOURS * 3600 * sr
    order = np.random.default_rng(len(found)).permutation(len(found)).tolist()  # of too many, some of every folder
    for done, number in enumerate(order, 1):
        name, path, folder = found[number]
        try:
            samples = read_samples(path, sr)
        except WavenetliteError as error:
            problems.append(f"{readable(name)}: {audio.reason(error, path)}; skipped")
            continue
        if len(samples):
            made.append((number, BackgroundFile(name, samples, digest_of_file(os.fspath(path)), folder)))
        left -= len(samples)
        if progress is not None:
            progress(done, len(found))
        if left <= 0:
            problems.append(f"the background has more than {MOST_HOURS:g} h; {done:,} of {len(found):,} files are used")
            break
    if not made:
        why = f"; {problems[0]}" if problems else ""
        raise ParameterError(f"background={shown(folders)} has no audio that can be read{why}")
    return Background([file for _, file in sorted(made, key=lambda one: one[0])], sr, problems)


def read_samples(path: Path, sr: int) -> Samples:
    """The samples of a file at a rate, mixed and resampled block by block."""
    parts = []
    for block in audio.blocks(path, BLOCK, mono="mean", sr=sr, resample=True):
        check_stopped()
        if problem := scale_problem(block):
            raise ParameterError(problem)
        parts.append(np.rint(np.clip(block, -1.0, 1.0) * SCALE).astype(np.int16))
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def background_files(folders: Folders) -> list[tuple[str, Path, int]]:
    """The audio files in folders and below them, (name, path, number of the folder) each, in the order of their names.

    A file that is reached in several ways is there once, as one of the innermost folder, however paths are written.
    """
    given = [folders] if isinstance(folders, str | os.PathLike) else folders
    if not isinstance(given, Sequence) or not all(isinstance(one, str | os.PathLike) for one in given) or not given:
        raise ArrayTypeError(f"background is {folders!r}; it must be the path of a folder, or a list of such")
    found: dict[str, tuple[str, Path, int]] = {}
    depths = [len(Path(os.path.realpath(one)).parts) for one in given]
    for number, one in enumerate(map(Path, given)):
        for path in files_in(one):
            real = os.path.realpath(path)
            name, first, folder = found.get(real, (name_in(one, path), path, number))
            found[real] = (name, first, max(folder, number, key=depths.__getitem__))
    return list(found.values())


def files_in(folder: Path) -> list[Path]:
    """The audio files in a folder and below it, or the file."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise ParameterError(f"background={shown(folder)}: there is no such folder or file")
    paths = audio_below(folder)
    if not paths:
        raise ParameterError(f"background={shown(folder)} has no audio files; it must have some")
    return paths


def name_in(folder: Path, path: Path) -> str:
    return path.name if path == folder else path.relative_to(folder).as_posix()


def shown(folders: Folders) -> str:
    given = [folders] if isinstance(folders, str | os.PathLike) else folders
    return ", ".join(readable(os.fspath(one)) for one in given)


def check_background(background: Background, corpus: Corpus, say: Callable[[str], None]) -> None:
    """Raise if a background holds clips of the corpus that are words or are tested on; report folders named like words.

    Parameters
    ----------
    background, corpus
        What `read_background` and `read_corpus` returned.
    say
        Called with what is suspicious, in a line.
    """
    held = {digest: clip for part in PARTS for digest, clip in told(corpus, part)}
    same = [(file.name, held[file.digest]) for file in background.files if file.digest and file.digest in held]
    if same:
        raise ParameterError(
            f"background holds {len(same)} recordings of the corpus, such as {readable(same[0][0])}, which is"
            f" {readable(same[0][1])}; it must hold none of its words or test clips: remove them from that folder"
        )
    words = {label.lower() for label in corpus.labels} - set(NOT_WORDS)
    named = sorted({part for file in background.files for part in Path(file.name).parts[:-1] if part.lower() in words})
    if named:
        say(f"the background has folders named like words to detect ({', '.join(named[:5])}): what is said there is"
            " learned as not the word")  # fmt: skip


def told(corpus: Corpus, part: str) -> list[tuple[str, str]]:
    """(digest, name) of the clips of a part that a background must not hold."""
    clips = getattr(corpus, part)
    found = zip(clips.digests, clips.names, clips.y.tolist(), strict=True)
    return [
        (digest, name) for digest, name, y in found if digest and (part != "train" or corpus.labels[y] not in NOT_WORDS)
    ]
