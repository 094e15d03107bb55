"""Recordings that are not of voices of programs: a background in pieces, and one's own of a phrase."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from wavenetlite import audio
from wavenetlite.corpora.background import SCALE, Background
from wavenetlite.corpora.layouts import audio_below
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError, WavenetliteError

PIECE = 20 * SR
LEAST = SR // 4


class Recordings(Sequence[Floats], ABC):
    """Recordings that are read when they are taken."""

    @abstractmethod
    def taken(self, index: int) -> Floats:
        """One of them, float32."""

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> list[Floats]: ...
    def __getitem__(self, index: int | slice) -> Floats | list[Floats]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        return self.taken(index)


class Pieces(Recordings):
    """The recordings of backgrounds in pieces, at most 20 s each, float32."""

    def __init__(self, *backgrounds: Background) -> None:
        self.pieces = [
            (file, start) for one in backgrounds for file in one.files for start in range(0, len(file.samples), PIECE)
            if len(file.samples) - start >= LEAST
        ]  # fmt: skip

    def __len__(self) -> int:
        return len(self.pieces)

    def taken(self, index: int) -> Floats:
        file, start = self.pieces[index]
        return file.samples[start : start + PIECE].astype(np.float32) / np.float32(SCALE)

    def place(self, index: int) -> str:
        """Where a piece lies: its file, and its first second in it."""
        file, start = self.pieces[index]
        return f"{file.name}, from {start // SR} s on" if start else file.name

    def some(self, seconds: float, rng: np.random.Generator) -> list[Floats]:
        """Random pieces of this length in all; at least one, if there is any."""
        made: list[Floats] = []
        for index in rng.permutation(len(self)).tolist():
            if sum(map(len, made)) >= seconds * SR:
                break
            made.append(self[index])
        return made


class Joined(Recordings):
    """Several sequences of recordings, one after the other."""

    def __init__(self, kinds: Sequence[Sequence[Floats]]) -> None:
        self.kinds = list(kinds)

    def __len__(self) -> int:
        return sum(map(len, self.kinds))

    def place(self, index: int) -> tuple[Sequence[Floats], int]:
        """The sequence in which a recording lies, and its number there."""
        number = range(len(self))[index]
        for kind in self.kinds:
            if number < len(kind):
                break
            number -= len(kind)
        return kind, number

    def taken(self, index: int) -> Floats:
        kind, number = self.place(index)
        return kind[number]


def own_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The audio files in a folder and below it, in order.

    Raises
    ------
    ParameterError
        There is no such folder, or it has none.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ParameterError(f"recordings={os.fspath(folder)!r} must be a folder of recordings of the phrase")
    found = audio_below(path)
    if not found:
        raise ParameterError(f"recordings={os.fspath(folder)!r} has no audio files; it must have some")
    return found


def read_own(paths: Sequence[Path]) -> tuple[list[Floats], list[str]]:
    """The signals of some files, mono at 16 kHz; and a line for each that cannot be read."""
    made: list[Floats] = []
    problems: list[str] = []
    for path in paths:
        try:
            made.append(audio.read(path, sr=SR, resample=True, mono="mean")[0])
        except WavenetliteError as error:
            problems.append(str(error))
    return made, problems
