"""The signal of a recording, or of a part of one: one channel at one rate, and why it cannot be used."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.corpora.layouts import Item, readable
from wavenetlite.corpora.loudest import BLOCK, fit, loudest_at
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError, WavenetliteError
from wavenetlite.support.threads import check_stopped

LONG = 1 << 22
"""Samples; a longer signal is decoded once for each pass over it instead of being held in memory."""
HASH_BLOCK = 1 << 22
SLACK_S = 0.01
"""How far `end_s` may exceed the duration: times in manifests are rounded."""


class Recording:
    """The signal of an item, read as the options of a corpus want it.

    Parameters
    ----------
    item
        A file, a member of an archive, or a part of either.
    mono
        Channel to take of several; None: such a recording cannot be used.
    sr
        Rate to resample to; None: its own.

    Attributes
    ----------
    rate
        Of the signal.
    samples
        Its length by the header of the file.
    digest
        Of the bytes of the file and the times of the part; recordings with the same one are identical.

    Raises
    ------
    WavenetliteError
        It cannot be read.
    """

    def __init__(self, item: Item, mono: audio.Mono, sr: int | None) -> None:
        self.source, self.digest = opened(item)
        self.mono = mono if item.channel is None else item.channel
        self.about = audio.info(self.source)
        self.rate = sr or self.about.sr
        self.start, self.part = part_of(item, self.about)
        own = self.about.samples - self.start if self.part is None else self.part
        self.samples = math.ceil(own * self.rate / self.about.sr)

    @property
    def channels(self) -> int:
        return 1 if self.mono is not None else self.about.channels

    def check(self) -> None:
        """Raise if the signal cannot be used, by its header."""
        if self.channels > 1:
            raise ParameterError(f"has {self.channels} channels")
        if not self.samples:
            raise ParameterError("has no samples")

    def blocks(self) -> Iterator[Floats]:
        """The signal in blocks; it is never held as a whole."""
        found = audio.blocks(self.source, BLOCK, mono=self.mono, sr=self.rate, resample=True, start_samples=self.start,
                             samples=self.part)  # fmt: skip
        for block in found:
            check_stopped()
            if problem := scale_problem(block):
                raise ParameterError(problem)
            yield block

    def whole(self) -> Floats:
        """The signal, mixed and resampled block by block, so that only the result is held in memory."""
        if self.about.samples <= BLOCK or (self.about.channels == 1 and self.rate == self.about.sr):
            y, _ = audio.read(self.source, mono=self.mono, sr=self.rate, resample=True, start_samples=self.start,
                              samples=self.part)  # fmt: skip
            if problem := scale_problem(y):
                raise ParameterError(problem)
            return y
        y = np.empty(self.samples + BLOCK, np.float32)
        filled = 0
        for block in self.blocks():
            if filled + len(block) > len(y):  # the header said too little
                y = np.concatenate([y[:filled], np.empty(filled + len(block), np.float32)])
            y[filled : filled + len(block)] = block
            filled += len(block)
        return y[:filled]

    def into(self, row: Floats, at: int | None = None) -> tuple[int, int]:
        """Centre the signal, or its loudest part, in a row of zeros; return the number of its samples, and its start.

        With `at`, the part that starts there, as an earlier call returned it.
        """
        if at is None and self.samples <= LONG:
            y = self.whole()
            at = loudest_at(lambda: in_blocks(y), len(row)) if len(y) > len(row) else 0
            return fit(y[at : at + len(row)], row), at
        if at is None:
            at = loudest_at(self.blocks, len(row)) if self.samples > len(row) else 0
        elif self.samples <= LONG and self.rate != self.about.sr:  # resampled as it was then
            return fit(self.whole()[at : at + len(row)], row), at
        return self.copy(row, at), at

    def copy(self, row: Floats, at: int) -> int:
        """The samples from a start on, centred in a row of zeros."""
        filled = 0
        for block in self.blocks_from(at):
            taken = block[: len(row) - filled]
            row[filled : filled + len(taken)] = taken
            filled += len(taken)
            if filled == len(row):
                break
        move(row, filled, (len(row) - filled) // 2)
        return filled

    def blocks_from(self, at: int) -> Iterator[Floats]:
        if self.rate == self.about.sr and self.channels == 1:
            part = None if self.part is None else self.part - at
            yield from audio.blocks(self.source, BLOCK, mono=self.mono, start_samples=self.start + at, samples=part)
            return
        for block in self.blocks():
            yield block[at:]
            at = max(0, at - len(block))


def in_blocks(y: Floats) -> Iterator[Floats]:
    return (y[first : first + BLOCK] for first in range(0, len(y), BLOCK))


def move(row: Floats, samples: int, by: int) -> None:
    """Move the first samples of a row, piece by piece from the last, and leave zeros."""
    for end in range(samples, 0, -BLOCK) if by else ():
        first = max(0, end - BLOCK)
        piece = row[first:end].copy()
        row[first:end] = 0
        row[first + by : end + by] = piece


def opened(item: Item) -> tuple[audio.Readable, str]:
    """What can be decoded, and the digest of its bytes and part."""
    part = "".join(f"#{value}" for value in (item.start_s, item.end_s, item.channel) if value is not None)
    if item.data is None:
        return item.path, digest_of_file(item.path) + part
    try:
        data = item.data()
    except (OSError, ValueError) as error:
        raise ParameterError(" ".join(str(error).split())) from None
    return audio.Encoded(item.name, data), blake2b(data, digest_size=16).hexdigest() + part


def digest_of_file(path: str) -> str:
    """Of the bytes of a file; "" if it is not one, which is reported when it is decoded."""
    try:
        found = os.stat(path)  # noqa: PTH116
        return digest_of_bytes(path, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ""
    except OSError:
        return ""


@lru_cache(maxsize=1024)  # many parts of one long recording
def digest_of_bytes(path: str, size: int, mtime_ns: int) -> str:
    """The digest as long as size and time are the same."""
    made = blake2b(digest_size=16)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while block := file.read(min(HASH_BLOCK, size + 1)):
            check_stopped()
            made.update(block)
    return made.hexdigest()


def part_of(item: Item, about: audio.AudioInfo) -> tuple[int, int | None]:
    """First sample and number of samples of the part of a recording; None: to its end."""
    start_s, end_s = item.start_s or 0.0, item.end_s
    if item.start_s is not None and start_s >= about.duration_s:
        raise ParameterError(f"start_s={start_s:g} is not before the end, {about.duration_s:g} s")
    if end_s is not None and end_s > about.duration_s + SLACK_S:
        raise ParameterError(f"end_s={end_s:g} is after the end, {about.duration_s:g} s")
    start = round(start_s * about.sr)
    return start, None if end_s is None else min(round(end_s * about.sr), about.samples) - start


def read_signal(item: Item, mono: audio.Mono = None, sr: int | None = None) -> tuple[Floats | None, int, str]:
    """The signal of a recording and its rate; None and why in one line, if it cannot be used."""
    rate = 0
    try:
        recording = Recording(item, mono, sr)
        rate = recording.rate
        recording.check()
        return recording.whole(), rate, ""
    except WavenetliteError as error:
        return None, rate, f"{readable(item.name)}: {reason(item, error)}; skipped"


def reason(item: Item, error: WavenetliteError) -> str:
    """The message of an error without the path of the file, which the name replaces."""
    return readable(audio.reason(error, item.path, item.name))
