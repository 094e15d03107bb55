"""Compute the frames of a recording, and find out what is wrong with its bytes, samples or features."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.corpora.trees import readable
from wavenetlite.features import Features
from wavenetlite.pipeline import archives
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.shards import frames_hash
from wavenetlite.pipeline.specs import Reading
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.remote import RemotePath
from wavenetlite.support.urls import is_url

BLOCK = 1 << 18
"""Samples that are processed at once; a longer recording in blocks gives the same bits."""
HASH_BLOCK = 1 << 20
MOST_IN_MEMORY = 1 << 26
"""Bytes of a recording in a store that are decoded from memory."""
MOST_WHOLE_S = 3600.0
"""Longest recording, seconds, for features that need the whole signal at once."""
SLACK_S = 0.05
"""How far `end_s` may exceed the duration: times in manifests are rounded."""


class UnusableRecordingError(Exception):
    """A recording cannot be used; `reason` is one of `REASONS`.

    `again` is true if the cause may disappear without changing the file's size and date.
    """

    def __init__(self, reason: str, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.reason, self.again = reason, again


@dataclass
class RecordingFacts:
    """What is known of a recording once all its frames are computed."""

    duration_s: float = 0.0
    peak: float = 0.0
    about: audio.AudioInfo | None = None
    trim: tuple[int, int] | None = None
    nothing: bool = False

    def of_trim(self) -> dict[str, Any]:
        """Of a row: the samples of the file that were kept, or that there was nothing to keep."""
        return ({} if self.trim is None else {"trim": self.trim}) | ({"nothing": True} if self.nothing else {})

    def of_file(self) -> dict[str, int]:
        """Of a row."""
        about = self.about
        return {} if about is None else {"sr": about.sr, "samples": about.samples, "channels": about.channels}


class Recordings:
    """Files and the hashes of their bytes; the last one is kept because it may have several parts.

    A file is decoded from its path and not from the bytes that were hashed: libsndfile would call back for them some 20
    times per clip, each time waiting for the interpreter's lock.
    """

    def __init__(self) -> None:
        self.last: tuple[Any, audio.Encoded | str, str] = (None, "", "")
        self.copy: Any = None

    def of(self, entry: Entry) -> tuple[audio.Encoded | str, str]:
        """What can be decoded, and the hash of its bytes; raises UnusableRecordingError."""
        file = (entry.path, entry.member)
        if self.last[0] != file:
            with refusals(entry):
                self.last = (file, *self.opened(entry))
        return self.last[1:]

    def keep(self, entry: Entry, content: bytes) -> None:
        """Take over a file's bytes that were fetched already."""
        digest = frames_hash()
        digest.update(content)
        self.last = ((entry.path, entry.member), audio.Encoded(entry.name, content), digest.hexdigest())

    def opened(self, entry: Entry) -> tuple[audio.Encoded | str, str]:
        digest = frames_hash()
        if entry.member is not None:
            data = archives.data(entry.path, entry.member)
            digest.update(data)
            return audio.Encoded(entry.name, data), digest.hexdigest()
        path = entry.path
        if is_url(path):
            if entry.size > MOST_IN_MEMORY:
                path = self.fetch(path)
            else:
                data = RemotePath(path).read_bytes()
                digest.update(data)
                return audio.Encoded(entry.name, data), digest.hexdigest()
        if not os.path.isfile(path):  # noqa: PTH113  (checked first: opening a pipe would block)
            exists = os.path.lexists(path)
            raise UnusableRecordingError("unreadable", "not a file" if exists else "there is no such file", again=True)
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            while block := file.read(min(HASH_BLOCK, max(entry.size, 0) + 4096)):
                digest.update(block)
        return path, digest.hexdigest()

    def fetch(self, url: str) -> str:
        """A copy of a long recording, on disk until the next one."""
        self.copy = tempfile.NamedTemporaryFile(suffix=RemotePath(url).suffix)  # noqa: SIM115
        RemotePath(url).fetch(self.copy)
        self.copy.flush()
        return str(self.copy.name)


class FrameReader:
    """Computes the frames of one recording after the other, of specs of one rate, reusing streams and buffer."""

    def __init__(self, reading: Reading, features: Sequence[Features]) -> None:
        self.reading, self.features, self.sr = reading, features, features[0].sr
        self.onlines = [spec.stream() if spec.causal else None for spec in features]
        self.buffer: Floats = np.empty(0, np.float32)
        self.decoded: tuple[Any, Floats, RecordingFacts] = (None, self.buffer, RecordingFacts())

    def frames(
        self, entry: Entry, source: audio.Encoded | str, facts: RecordingFacts, wanted: Sequence[int]
    ) -> Generator[tuple[int, Floats | UnusableRecordingError]]:
        """The frames of an entry in blocks, each with the number of its spec, or why there are none of a spec.

        `wanted`: numbers of the specs. May raise UnusableRecordingError after some blocks. Memory does not grow with
        the length of a recording, unless a spec needs the whole signal at once.
        """
        if self.reading.changes:
            with refusals(entry):
                yield from self.of_blocks(iter([self.changed(entry, source, facts)]), wanted)
            return
        with refusals(entry), audio.opened(source) as file:
            facts.about = about = audio.header(source, file)
            options = read_options(entry, source, about, self.reading, self.sr, facts)
            fitting = []
            for number in wanted:
                if error := self.too_long(number, facts):
                    yield number, error
                else:
                    fitting.append(number)
            whole = any(self.onlines[number] is None for number in fitting)
            blocks = self.blocks(file, about, options, facts, whole=whole) if fitting else iter(())
            yield from self.of_blocks(blocks, fitting)

    def too_long(self, number: int, facts: RecordingFacts) -> UnusableRecordingError | None:
        if facts.duration_s <= MOST_WHOLE_S or self.features[number].causal:
            return None
        needs = f"{self.features[number]!r} needs the whole signal, at most {MOST_WHOLE_S:g} s"
        return UnusableRecordingError("oversized", f"lasts {facts.duration_s:.0f} s; {needs}")

    def blocks(
        self, file: Any, about: audio.AudioInfo, options: audio.ReadOptions, facts: RecordingFacts, *, whole: bool
    ) -> Iterator[Floats]:
        """The samples that the features are computed of: the same for blocks of any length."""
        if about.channels > 1 and options.mono is None:
            raise UnusableRecordingError("channels", f"has {about.channels} channels (pass mono='mean')")
        samples = options.end(about) - options.start
        if samples <= 0:
            raise UnusableRecordingError("empty", "has no samples")
        if whole:
            y = options.channel(options.part(file, about))
            yield checked_samples(y if about.sr == self.sr else audio.resample(y, about.sr, self.sr), facts)
            return
        options.buffer = self.room(min(samples, BLOCK) * about.channels)
        for block in options.stream(file, about, BLOCK):
            yield checked_samples(block, facts)

    def of_blocks(self, blocks: Iterator[Floats], numbers: Sequence[int]) -> Iterator[tuple[int, Floats]]:
        """Frames of all blocks of a signal."""
        onlines = {number: online for number in numbers if (online := self.onlines[number]) is not None}
        for online in onlines.values():
            online.reset()
        for block in blocks:
            for number in numbers:
                yield number, onlines[number].process(block) if number in onlines else self.features[number](block)
        for number, online in onlines.items():
            yield number, online.flush()

    # Recordings that are changed

    def changed(self, entry: Entry, source: audio.Encoded | str, facts: RecordingFacts) -> Floats:
        """The samples of an entry, trimmed, and augmented if it is a copy; those of all its copies are decoded once."""
        part = (entry.path, entry.member, entry.start_s, entry.end_s, entry.channel)
        if self.decoded[0] != part:
            self.decoded = (part, *self.trimmed(entry, source))
        _, y, found = self.decoded
        facts.__dict__.update(found.__dict__)
        if entry.copy and self.reading.copies is not None:
            facts.peak = 0.0
            y = checked_samples(self.reading.copies.make(y, entry), facts)
        return y

    def trimmed(self, entry: Entry, source: audio.Encoded | str) -> tuple[Floats, RecordingFacts]:
        facts = RecordingFacts()
        with audio.opened(source) as file:
            facts.about = about = audio.header(source, file)
            options = read_options(entry, source, about, self.reading, self.sr, facts)
            if facts.duration_s > MOST_WHOLE_S:
                raise UnusableRecordingError("oversized", f"lasts {facts.duration_s:.0f} s; to trim or augment it, the "
                                             f"whole signal is needed, at most {MOST_WHOLE_S:g} s")  # fmt: skip
            y = next(self.blocks(file, about, options, facts, whole=True))
        if self.reading.trim is None:
            return y, facts
        span = self.reading.trim.span(y, self.sr)
        facts.nothing = span is None
        first, last = span or (0, len(y))
        facts.trim = (options.start + round(first * about.sr / self.sr),
                      min(options.start + round(last * about.sr / self.sr), options.end(about)))  # fmt: skip
        facts.duration_s = (facts.trim[1] - facts.trim[0]) / about.sr
        facts.peak = 0.0
        return checked_samples(y[first:last], facts), facts

    def room(self, samples: int) -> Floats:
        if len(self.buffer) < samples:
            self.buffer = np.empty(samples, np.float32)
        return self.buffer


def read_options(
    entry: Entry, source: audio.Encoded | str, about: audio.AudioInfo, reading: Reading, sr: int, facts: RecordingFacts
) -> audio.ReadOptions:
    """Which samples to read of a file."""
    start_s, end_s = entry.start_s or 0.0, entry.end_s
    if start_s >= about.duration_s and entry.start_s is not None:
        raise UnusableRecordingError("segment", f"start_s={start_s:g} is not before the end, {about.duration_s:g} s")
    if end_s is not None and end_s > about.duration_s + SLACK_S:
        raise UnusableRecordingError("segment", f"end_s={end_s:g} is after the end, {about.duration_s:g} s")
    start = round(start_s * about.sr)
    samples = None if end_s is None else round(end_s * about.sr) - start
    facts.duration_s = (about.samples - start if samples is None else min(samples, about.samples - start)) / about.sr
    if facts.duration_s > reading.max_s:
        limit = f"longer than max_s={reading.max_s:g}"
        raise UnusableRecordingError("oversized", f"lasts {facts.duration_s:.0f} s, {limit}")
    mono = reading.mono if entry.channel is None or (about.channels == 1 and entry.channel <= 1) else entry.channel
    options = audio.ReadOptions(source, sr, reading.resample, mono, start, samples, "raise")
    options.checked(about)
    return options


def checked_samples(y: Floats, facts: RecordingFacts) -> Floats:
    """The same samples; raises if they are out of range, and records their peak."""
    if y.size:
        peak = max(float(y.max()), -float(y.min()))
        if problem := scale_problem(y):
            raise UnusableRecordingError("range", problem)
        facts.peak = max(facts.peak, peak)
    return y


@contextmanager
def refusals(entry: Entry) -> Iterator[None]:
    """Turn the errors of files and decoders into reasons."""
    try:
        yield
    except audio.AudioFileError as error:
        message = readable(audio.reason(error, entry.path, entry.name))
        raise UnusableRecordingError(
            error.kind, message, again=not (is_url(entry.path) or os.access(entry.path, os.R_OK))
        ) from None
    except WavenetliteError as error:
        raise UnusableRecordingError("unreadable", readable(str(error))) from None
    except OSError as error:
        raise UnusableRecordingError("unreadable", error.strerror or str(error), again=True) from None
    except (ValueError, MemoryError) as error:
        raise UnusableRecordingError("unreadable", " ".join(str(error).split()) or "out of memory") from None
