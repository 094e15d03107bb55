"""A recording to frames: its bytes, its samples, its features, and what can be wrong with each."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.corpora.layouts import readable
from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.shards import frames_hash
from wavenetlite.pipeline.specs import Recipe
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import WavenetliteError

BLOCK = 1 << 18
"""Samples that are turned into features at once; the blocks of longer recordings give the bits of the whole."""
HASH_BLOCK = 1 << 20
SILENT = 2.0**-15
"""One step of 16 bits: a recording that never goes further has nothing in it."""
MOST_WHOLE_S = 3600.0
"""Longest recording, seconds, for features that need all of it at once."""
SLACK_S = 0.01
"""How far `end_s` may lie behind the end: times in manifests are rounded."""


class UnusableRecordingError(Exception):
    """A recording cannot be used; `reason` is one of `REASONS`.

    `again` is true where that may pass without a trace in the file's size and date.
    """

    def __init__(self, reason: str, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.reason, self.again = reason, again


@dataclass
class RecordingFacts:
    """What is known of a recording when all its frames have been made."""

    duration_s: float = 0.0
    peak: float = 0.0
    about: audio.AudioInfo | None = None


class Recordings:
    """Files, and the hashes of their bytes; the last one is kept, for it may have several parts.

    A file is decoded from its path and not from the bytes that were hashed: libsndfile would come back for them some 20
    times a clip, and wait each time for the interpreter's lock, which another thread may hold.
    """

    def __init__(self) -> None:
        self.last: tuple[Any, audio.Encoded | str, str] = (None, "", "")

    def of(self, entry: Entry) -> tuple[audio.Encoded | str, str]:
        """What can be decoded, and the hash of its bytes; raises UnusableRecordingError."""
        file = (entry.path, entry.member)
        if self.last[0] != file:
            with refusals(entry):
                self.last = (file, *self.opened(entry))
        return self.last[1:]

    def opened(self, entry: Entry) -> tuple[audio.Encoded | str, str]:
        digest = frames_hash()
        if entry.member is not None:
            data = archives.data(entry.path, entry.member)
            digest.update(data)
            return audio.Encoded(entry.name, data), digest.hexdigest()
        path = entry.path
        if not os.path.isfile(path):  # noqa: PTH113  (asked first: opening a pipe would wait for its other end)
            exists = os.path.lexists(path)
            raise UnusableRecordingError("unreadable", "not a file" if exists else "there is no such file", again=True)
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            while block := file.read(min(HASH_BLOCK, max(entry.size, 0) + 4096)):
                digest.update(block)
        return path, digest.hexdigest()


class FrameReader:
    """Frames of recordings, one recording after the other; what that needs to work with is made once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.online = recipe.spec.stream() if recipe.spec.causal else None
        self.buffer: Floats = np.empty(0, np.float32)

    def frames(self, entry: Entry, source: audio.Encoded | str, facts: RecordingFacts) -> Generator[Floats]:
        """The frames of an entry, in blocks; raises UnusableRecordingError, also when some have come out already.

        Memory does not grow with the length of a recording, unless the features need all of it at once.
        """
        with refusals(entry), audio.opened(source) as file:
            facts.about = about = audio.header(source, file)
            options = wanted(entry, source, about, self.recipe, facts)
            if about.channels > 1 and options.mono is None:
                raise UnusableRecordingError("channels", f"has {about.channels} channels (pass mono='mean')")
            samples = options.end(about) - options.start
            if samples <= 0:
                raise UnusableRecordingError("empty", "has no samples")
            if self.online is None:
                y = options.channel(options.part(file, about))
                y = y if about.sr == self.recipe.spec.sr else audio.resample(y, about.sr, self.recipe.spec.sr)
                yield self.recipe.spec(listened(y, facts))
                return
            options.buffer = self.room(min(samples, BLOCK) * about.channels)
            self.online.reset()
            for block in options.stream(file, about, BLOCK):
                yield self.online.process(listened(block, facts))
            yield self.online.flush()

    def room(self, samples: int) -> Floats:
        if len(self.buffer) < samples:
            self.buffer = np.empty(samples, np.float32)
        return self.buffer


def wanted(
    entry: Entry, source: audio.Encoded | str, about: audio.AudioInfo, recipe: Recipe, facts: RecordingFacts
) -> audio.ReadOptions:
    """What is to be read of a file."""
    start_s, end_s, spec = entry.start_s or 0.0, entry.end_s, recipe.spec
    if start_s >= about.duration_s and entry.start_s is not None:
        raise UnusableRecordingError("segment", f"start_s={start_s:g} is not before its end, {about.duration_s:g} s")
    if end_s is not None and end_s > about.duration_s + SLACK_S:
        raise UnusableRecordingError("segment", f"end_s={end_s:g} is after its end, {about.duration_s:g} s")
    start = round(start_s * about.sr)
    samples = None if end_s is None else round(end_s * about.sr) - start
    facts.duration_s = (about.samples - start if samples is None else min(samples, about.samples - start)) / about.sr
    if facts.duration_s > recipe.reading.max_s:
        limit = f"longer than max_s={recipe.reading.max_s:g}"
        raise UnusableRecordingError("oversized", f"lasts {facts.duration_s:.0f} s, {limit}")
    if facts.duration_s > MOST_WHOLE_S and not spec.causal:
        raise UnusableRecordingError(
            "oversized", f"lasts {facts.duration_s:.0f} s; {spec!r} need it whole, {MOST_WHOLE_S:g} s at most"
        )
    reading = recipe.reading
    options = audio.ReadOptions(source, spec.sr, reading.resample, reading.mono, start, samples, "raise")
    options.checked(about)
    return options


def listened(y: Floats, facts: RecordingFacts) -> Floats:
    """Samples as they are, once it is known that they are samples."""
    if y.size:
        peak = max(float(y.max()), -float(y.min()))
        if problem := scale_problem(y):
            raise UnusableRecordingError("range", problem)
        facts.peak = max(facts.peak, peak)
    return y


@contextmanager
def refusals(entry: Entry) -> Iterator[None]:
    """Whatever a file or a decoder has against being read, as a reason."""
    try:
        yield
    except audio.AudioFileError as error:
        message = readable(
            str(error).removeprefix(f"{audio.shown(entry.path)}: ").removeprefix(f"{audio.shown(entry.name)}: ")
        )
        raise UnusableRecordingError(error.kind, readable(message), again=not os.access(entry.path, os.R_OK)) from None
    except WavenetliteError as error:
        raise UnusableRecordingError("unreadable", readable(str(error))) from None
    except OSError as error:
        raise UnusableRecordingError("unreadable", error.strerror or str(error), again=True) from None
    except (ValueError, MemoryError) as error:
        raise UnusableRecordingError("unreadable", " ".join(str(error).split()) or "out of memory") from None
