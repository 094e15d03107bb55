"""Recordings in folders, in pieces that are read when they are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from wavenetlite import audio
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".opus", ".aif", ".aiff", ".au", ".w64", ".sph"})
PIECE_S = 20.0
LEAST_S = 0.25


@dataclass(frozen=True)
class Piece:
    """A part of a file, in its own samples."""

    path: Path
    start: int
    samples: int
    sr: int


class Pieces(Sequence[Floats]):
    """Pieces of recordings, at most 20 s each, mono at 16 kHz; read anew each time."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.pieces = list(pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> Pieces: ...
    def __getitem__(self, index: int | slice) -> Floats | Pieces:
        if isinstance(index, slice):
            return Pieces(self.pieces[index])
        piece = self.pieces[index]
        y, sr = audio.read(piece.path, mono="mean", start_samples=piece.start, samples=piece.samples)
        return y if sr == SR else audio.resample(y, sr, SR)

    def place(self, index: int) -> str:
        """Where a piece lies: its file, and its first second in it."""
        piece = self.pieces[index]
        return piece.path.name if not piece.start else f"{piece.path.name}, from {piece.start / piece.sr:.0f} s on"

    @property
    def paths(self) -> list[Path]:
        """The files, each once."""
        return list(dict.fromkeys(piece.path for piece in self.pieces))

    def of(self, paths: Iterable[Path]) -> Pieces:
        """Those of some files."""
        wanted = set(paths)
        return Pieces(piece for piece in self.pieces if piece.path in wanted)

    def some(self, seconds: float, rng: np.random.Generator) -> list[Floats]:
        """Random pieces of this length in all, at least one, read."""
        made: list[Floats] = []
        total = 0.0
        for index in rng.permutation(len(self)).tolist():
            if total >= seconds:
                break
            made.append(self[index])
            total += len(made[-1]) / SR
        return [one for one in made if len(one)]


def files_in(name: str, folders: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The recordings at any depth of some folders, in order.

    Raises
    ------
    ParameterError
        A folder is none, or has no recordings.
    """
    found: list[Path] = []
    for folder in folders:
        path = Path(folder)
        if not path.is_dir():
            raise ParameterError(f"{name}={os.fspath(folder)!r} must be a folder of recordings")
        inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        if not inside:
            raise ParameterError(f"{name}={os.fspath(folder)!r} has no recordings; it must hold WAV, FLAC, MP3 or the "
                                 "like")  # fmt: skip
        found += inside
    return list(dict.fromkeys(found))


def pieces_of(paths: Iterable[Path]) -> tuple[Pieces, list[str]]:
    """The pieces of some files; and a line for each file that cannot be read."""
    made: list[Piece] = []
    problems: list[str] = []
    for path in paths:
        try:
            about = audio.info(path)
        except audio.AudioFileError as error:
            problems.append(str(error))
            continue
        size = round(PIECE_S * about.sr)
        for start in range(0, about.samples, size):
            samples = min(size, about.samples - start)
            if samples >= LEAST_S * about.sr:
                made.append(Piece(path, start, samples, about.sr))
    return Pieces(made), problems


def apart(paths: Sequence[Path], share: float, rng: np.random.Generator) -> tuple[list[Path], list[Path]]:
    """Files for training, and those kept back for measuring: a share of them, at least one if there are two."""
    if len(paths) < 2:
        return list(paths), []
    count = min(len(paths) - 1, max(1, round(share * len(paths))))
    kept = set(rng.permutation(len(paths))[:count].tolist())
    return ([path for index, path in enumerate(paths) if index not in kept],
            [path for index, path in enumerate(paths) if index in kept])  # fmt: skip
