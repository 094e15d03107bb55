"""Open audio files and determine their true length, whatever their headers say."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.audio import flac, mpeg, ogg, riff
from wavenetlite.audio.packages import soundfile_module
from wavenetlite.audio.source import (
    AudioFileError,
    Encoded,
    Readable,
    Spliced,
    bytes_in,
    bytes_of,
    name_of,
    shown,
)
from wavenetlite.support.arrays import Floats

LENGTHS = re.compile(r"^\s*(?:data|SSND|BODY|Data Size|riff|Data length)\s*:? (\d+) \(?should be (\d+)", re.MULTILINE)
"""How libsndfile logs that a file ends early: bytes declared, bytes present."""
FRAMES = re.compile(r"(?:^\s*Frames\s*: (\d+)$|Cols : (\d+)$|from 'ds64' chunk of (\d+))", re.MULTILINE)
"""How it logs the frame count declared by the header of an AVR, MPC2000, MAT5 or RF64 file."""
CUT = re.compile(r"seems to be (?:a )?truncated|short read \(", re.IGNORECASE)
NIST_FRAMES = re.compile(rb"sample_count -i (\d+)")
UNREADABLE = (
    (4, b"ftyp", "MPEG-4 audio (M4A: AAC or ALAC)"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media (WMA)"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"#!AMR", "AMR"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"TTA1", "True Audio"),
    (0, b"DSD ", "DSD"),
    (0, b"MThd", "MIDI, which contains no audio,"),
)
"""(offset, magic bytes, name) of formats that libsndfile does not read."""
CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b".snd", b"caff")
"""What may follow an ID3 tag besides MPEG audio."""
DECODED_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class AudioInfo:
    """Metadata from the header of an audio file."""

    path: Path
    sr: int
    channels: int
    samples: int
    format: str
    subtype: str

    @property
    def duration_s(self) -> float:
        """Length, seconds."""
        return self.samples / self.sr


def info(path: Readable) -> AudioInfo:
    """Read the metadata of an audio file.

    Parameters
    ----------
    path
        Path of the file.

    Raises
    ------
    AudioFileError
        The file does not exist, is not audio, or is shorter than its header declares.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.wav")
    ...     audio.write(path, np.zeros(8000, np.float32), 16000)
    ...     audio.info(path).duration_s
    0.5
    """
    with opened(path) as file:
        return header(path, file)


@contextmanager
def opened(path: Readable) -> Iterator[Any]:
    """The open file; any libsndfile error, now or later, becomes one line that names the file."""
    soundfile = soundfile_module()

    name = name_of(path)
    size = bytes_in(name)
    if size == 0:
        raise AudioFileError(f"{shown(path)}: it is empty", "empty")
    try:
        with bytes_of(name) as raw, open_sound(name, raw, size) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{shown(path)}: not audio, or damaged: {error.error_string.rstrip('.')}") from None
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: a raw format, which needs parameters
        raise AudioFileError(f"{shown(path)}: cannot be read: {' '.join(str(error).split())}") from None


@cache
def sequential() -> Any:
    """A `soundfile.SoundFile` for sequential reading.

    After every read soundfile seeks to its current position; in an MP3 that changes what is decoded next: by
    0.1 of full scale for blocks of 777 samples, measured with soundfile 0.14 and libsndfile 1.2.2.
    """
    base = soundfile_module().SoundFile

    class SequentialFile(base):  # type: ignore[misc, valid-type]
        def seekable(self) -> bool:
            return False

    return SequentialFile


def open_sound(name: str | Encoded, raw: BinaryIO, size: int) -> Any:
    """The file in a form that libsndfile reads correctly: itself, behind a correct header, or as an Ogg chain."""
    head = raw.read(512)
    skip = mpeg.id3_bytes(head)
    if skip:
        raw.seek(skip)
        head = raw.read(512)
    for place, mark, kind in UNREADABLE:
        if head[place:].startswith(mark):
            refuse_kind(name, kind)
    tagged_or_padded = (skip or head.startswith(bytes(4))) and not head.startswith(CONTAINERS)
    if mpeg.frame_at(head, 0) is not None or tagged_or_padded:
        return sequential()(open_mpeg(name, raw))
    if head.startswith(b"OggS") and not skip:
        return open_ogg(name, raw, size)
    source: Any = Spliced(raw, b"", skip, size) if skip else raw
    if head.startswith((b"RIFF", b"RIFX")):
        source = open_riff(name, source, size - skip)
    elif head.startswith(b"fLaC"):
        source = open_flac(name, source, size - skip)
    source.seek(0)
    file = sequential()(source_for(name) if source is raw else source)
    return Decoded(file) if file.format == "SDS" else file


def truncated(path: Readable, found: object, of: object, what: str) -> AudioFileError:
    return AudioFileError(f"{shown(path)}: truncated: it has {found} of {of} {what}", "truncated")


def source_for(name: str | Encoded) -> Any:
    """The argument for soundfile; a path as bytes, for names that are not UTF-8, which Windows does not have."""
    if isinstance(name, Encoded):
        return BytesIO(name.data)
    return name if sys.platform == "win32" else os.fsencode(name)


def refuse_kind(name: str | Encoded, kind: str) -> None:
    remedy = "convert it first, for example: ffmpeg -i FILE out.wav"
    raise AudioFileError(f"{shown(name)}: it is {kind}, which libsndfile does not read; {remedy}")


def open_riff(name: str | Encoded, file: BinaryIO, size: int) -> Any:
    if riff.codec(file, size) in (riff.MP3_TAG, riff.MPEG_TAG):
        refuse_kind(name, "MPEG audio in WAV")
    head = riff.repaired(file, size)
    return file if head is None else Spliced(file, head[0], head[1], size)


def open_flac(name: str | Encoded, file: BinaryIO, size: int) -> Any:
    """If the header's sample count disagrees with the frames near the end, count by decoding."""
    file.seek(0)
    head = file.read(flac.STREAMINFO)
    ends = flac.last_sample(file, size, head)
    declared = flac.declared(head)
    if (declared and declared in ends) or len(head) < flac.STREAMINFO or declared > max(ends, default=0) > 0:
        return file
    with sequential()(Spliced(file, flac.with_total(head, flac.MOST_TOTAL), flac.STREAMINFO, size)) as counted:
        samples = count_samples(counted)
    if ends and samples < ends[0]:
        raise truncated(name, samples, ends[0], "samples")
    return Spliced(file, flac.with_total(head, samples), flac.STREAMINFO, size)


def open_ogg(name: str | Encoded, file: BinaryIO, size: int) -> Any:
    links = ogg.links(file, size)
    for kind in dict.fromkeys(codec for link in links for codec in link.codecs):
        if kind not in ("Vorbis", "Opus", "unknown"):
            refuse_kind(name, f"{kind} in Ogg")
    return Chain(name, file, links) if len(links) > 1 else sequential()(source_for(name))


def count_samples(file: Any) -> int:
    """Count the samples of a file by decoding it."""
    block, samples = np.empty((DECODED_AT_ONCE, file.channels), np.float32), 0
    while got := len(file.read(DECODED_AT_ONCE, dtype="float32", always_2d=True, out=block)):
        samples += got
    return samples


def open_mpeg(name: str | Encoded, file: BinaryIO) -> Any:
    data = name.data if isinstance(name, Encoded) else mmap(file.fileno(), 0, access=ACCESS_READ)
    found = mpeg.layout(data)
    if not found.sound:
        return source_for(name)
    there = len(found.sound) - bool(found.missing)
    if found.mixed:
        raise AudioFileError(f"{shown(name)}: its sample rate or MPEG layer changes; convert it first")
    if found.missing or (found.declared or 0) > there + 1:
        of = max(found.declared or 0, len(found.sound))
        raise truncated(name, there, of, "frames of MPEG audio")
    if found.declared == there and found.tags == 1:
        return source_for(name)
    return BytesIO(mpeg.with_header(data, found))


def header(path: Readable, file: Any) -> AudioInfo:
    """The metadata of an open file, after checking that it is as long as its header declares."""
    about = AudioInfo(Path(str(path)), file.samplerate, file.channels, file.frames, file.format, file.subtype)
    name, log = name_of(path), file.extra_info
    for declared, found in () if about.format == "FLAC" else LENGTHS.findall(log):
        excess = int(declared) - int(found)
        if excess > 0 and not riff.unknown(int(declared)) and excess not in riff.HEADER_SIZES:
            raise AudioFileError(
                f"{shown(path)}: truncated: it has {found} of {declared} bytes of samples", "truncated"
            )
    expected = max((int(number) for match in FRAMES.findall(log) for number in match if number), default=0)
    if about.format == "NIST":
        with bytes_of(name) as raw:
            expected = max((int(number) for number in NIST_FRAMES.findall(raw.read(1024))), default=0)
    if expected > about.samples:
        raise truncated(path, about.samples, expected, "samples")
    if CUT.search(log):
        raise AudioFileError(f"{shown(path)}: truncated: it ends within its samples", "truncated")
    if about.format == "OGG":
        with bytes_of(name) as raw:
            if not ogg.ends(raw, bytes_in(name)):
                raise AudioFileError(f"{shown(path)}: truncated: its last page is missing", "truncated")
    return about


class Chain:
    """The streams of a chained Ogg file as one, with the part of soundfile's interface that is used here."""

    def __init__(self, name: str | Encoded, file: BinaryIO, links: list[ogg.Link]) -> None:
        self._parts: list[bytes] = []
        for link in links:
            file.seek(link.start)
            self._parts.append(file.read(link.end - link.start))
        self._at = -1
        self._file: Any = None
        self.frames = 0
        for number, part in enumerate(self._parts):
            with sequential()(BytesIO(part)) as one:
                kind = one.samplerate, one.channels, one.subtype
                if number == 0:
                    self.samplerate, self.channels, self.subtype = kind
                elif kind != (self.samplerate, self.channels, self.subtype):
                    raise AudioFileError(f"{shown(name)}: its streams differ in rate, channels or codec")
                self.frames += one.frames
        self.format, self.extra_info = "OGG", ""

    def __enter__(self) -> Chain:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def seek(self, start: int) -> None:
        """Skip to a sample of the whole; only from the beginning."""
        while start > 0:
            start -= len(self.read(min(start, DECODED_AT_ONCE)))

    def read(self, samples: int, dtype: str = "float32", always_2d: bool = True, out: Floats | None = None) -> Floats:
        """The next samples, (samples, channels); fewer at the end."""
        parts, missing = [], samples
        while missing and (self._file is not None or self._at + 1 < len(self._parts)):
            if self._file is None:
                self._at += 1
                self._file = sequential()(BytesIO(self._parts[self._at]))
            parts.append(self._file.read(min(missing, DECODED_AT_ONCE), dtype=dtype, always_2d=True))
            missing -= len(parts[-1])
            if not len(parts[-1]):
                self._file.close()
                self._file = None
        return copied_to(out, np.concatenate(parts) if parts else np.empty((0, self.channels), np.float32))


class Decoded:
    """All samples of a file, read at once: libsndfile loses the last ones of an SDS file when a read begins there."""

    def __init__(self, file: Any) -> None:
        with file:
            self.samplerate, self.channels, self.frames = file.samplerate, file.channels, file.frames
            self.format, self.subtype, self.extra_info = file.format, file.subtype, file.extra_info
            self._samples: Floats = file.read(self.frames, dtype="float32", always_2d=True)
        self._at = 0

    def __enter__(self) -> Decoded:
        return self

    def __exit__(self, *error: object) -> None: ...

    def seek(self, start: int) -> None:
        self._at = start

    def read(self, samples: int, dtype: str = "float32", always_2d: bool = True, out: Floats | None = None) -> Floats:
        """The next samples, (samples, channels); fewer at the end."""
        block = self._samples[self._at : self._at + samples]
        self._at += len(block)
        return copied_to(out, block)


def copied_to(out: Floats | None, block: Floats) -> Floats:
    """`block`, or its copy in `out`, if given."""
    if out is None:
        return block
    out[: len(block)] = block
    return out[: len(block)]
