"""Reading samples from files, whole or in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wavenetlite.audio.channels import Mono, checked_mono, to_mono
from wavenetlite.audio.files import AudioInfo, header, opened
from wavenetlite.audio.resampling import Resampler, at_rate
from wavenetlite.audio.source import ZERO_OFFER, AudioFileError, Readable, shown
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, one_of, positive_int
from wavenetlite.support.errors import ParameterError

READ_SAMPLES = 1 << 16
EXACT = ("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")
"""Prefixes of encodings that allow exact seeking: with others, the output depends on what was decoded before, or
libsndfile seeks only approximately."""
FROM_THE_START = ("PAF",)
"""Formats in which libsndfile loses samples after a seek."""


def read(
    path: Readable,
    *,
    sr: int | None = None,
    resample: bool = False,
    mono: Mono = None,
    start_samples: int = 0,
    samples: int | None = None,
    on_nonfinite: Literal["raise", "zero"] = "raise",
) -> tuple[Floats, int]:
    """Read an audio file.

    Parameters
    ----------
    path
        Path of the file: WAV, FLAC, OGG, MP3 or any other format that libsndfile reads.
    sr
        Target sample rate, Hz; None: the file's.
    resample
        Whether to resample to `sr`; False: a file with another rate is an error.
    mono
        Index of the channel to return, or "mean" of all; None: all channels.
    start_samples, samples
        Part of the file to read, in samples of the file; `samples` None: to the end.
    on_nonfinite
        "raise", or "zero" to replace infinities and NaN with zeros.

    Returns
    -------
    y, sr
        float32, (samples,) if the file has one channel or `mono` is given, else (samples, channels); and the rate.

    Raises
    ------
    AudioFileError
        The file is missing, not audio, truncated, of another rate, or not finite; the message names it.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.flac")
    ...     audio.write(path, np.zeros((8000, 2), np.float32), 16000)
    ...     y, sr = audio.read(path, sr=8000, resample=True, mono="mean")
    >>> y.shape, sr
    ((4000,), 8000)
    """
    options = ReadOptions(path, sr, resample, mono, start_samples, samples, on_nonfinite)
    with opened(path) as file:
        about = options.checked(header(path, file))
        y = options.channel(options.part(file, about))
        rate = about.sr
    if sr is not None and rate != sr:
        return at_rate(y, rate, sr), sr
    return y, rate


def blocks(
    path: Readable,
    block_samples: int,
    *,
    sr: int | None = None,
    resample: bool = False,
    mono: Mono = None,
    start_samples: int = 0,
    samples: int | None = None,
    on_nonfinite: Literal["raise", "zero"] = "raise",
) -> Iterator[Floats]:
    """Iterate over the blocks of an audio file, which is never held in memory as a whole.

    Parameters
    ----------
    path, sr, resample, mono, start_samples, samples, on_nonfinite
        As in :func:`read`; the blocks concatenated are its samples.
    block_samples
        Samples per block; the last may be shorter, and resampled blocks vary in length.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.wav")
    ...     audio.write(path, np.zeros(1000, np.float32), 16000)
    ...     [len(block) for block in audio.blocks(path, 400)]
    [400, 400, 200]
    """
    options = ReadOptions(path, sr, resample, mono, start_samples, samples, on_nonfinite)
    return options.blocks(positive_int("block_samples", block_samples))


@dataclass
class ReadOptions:
    """The options of :func:`read`, checked; errors name the file that does not satisfy them."""

    path: Readable
    sr: int | None
    resample: bool
    mono: Mono
    start: int
    samples: int | None
    on_nonfinite: str
    buffer: Floats | None = None
    """Reused for blocks that are consumed one by one: allocating costs as much as a third of decoding."""

    def __post_init__(self) -> None:
        self.sr = None if self.sr is None else positive_int("sr", self.sr)
        if flag("resample", self.resample) and self.sr is None:
            raise ParameterError("resample=True needs sr, the rate to resample to")
        self.mono = checked_mono(self.mono)
        self.start = count("start_samples", self.start)
        self.samples = None if self.samples is None else count("samples", self.samples)
        one_of("on_nonfinite", self.on_nonfinite, ("raise", "zero"))

    def checked(self, about: AudioInfo) -> AudioInfo:
        if self.sr is not None and about.sr != self.sr and not self.resample:
            raise AudioFileError(
                f"{shown(self.path)}: its sample rate is {about.sr}, not sr={self.sr} (pass resample=True to convert)",
                "rate",
            )
        if isinstance(self.mono, int) and self.mono >= about.channels:
            raise AudioFileError(
                f"{shown(self.path)}: mono={self.mono} must be below its {about.channels} channels", "channels"
            )
        if self.start > about.samples:
            raise AudioFileError(
                f"{shown(self.path)}: start_samples={self.start} must be at most its {about.samples} samples"
            )
        return about

    def part(self, file: Any, about: AudioInfo) -> Floats:
        """The requested samples, (samples, channels)."""
        parts, at, end = list[Floats](), self.start, self.end(about)
        self.skip(file, about)
        while at < end or not parts:  # in pieces: a false header must not allocate more than the file holds
            parts.append(self.next_block(file, at, min(max(end - at, 0), READ_SAMPLES), about))
            at += len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def end(self, about: AudioInfo) -> int:
        """One past the last requested sample."""
        return about.samples if self.samples is None else min(self.start + self.samples, about.samples)

    def skip(self, file: Any, about: AudioInfo) -> None:
        """Go to the first requested sample."""
        if not self.start:
            return  # seeking in a FLAC file, even to the current position, costs as much as decoding half a second
        if about.subtype.startswith(EXACT) and about.format not in FROM_THE_START:
            file.seek(self.start)
            return
        for at in range(0, self.start, READ_SAMPLES):
            file.read(min(self.start - at, READ_SAMPLES), dtype="float32", always_2d=True)

    def next_block(self, file: Any, at: int, samples: int, about: AudioInfo) -> Floats:
        shape = samples, about.channels
        out = None if self.buffer is None else self.buffer[: samples * about.channels].reshape(shape)
        block: Floats = file.read(samples, dtype="float32", always_2d=True, out=out)
        if len(block) < samples:
            raise AudioFileError(
                f"{shown(self.path)}: truncated: it has {at + len(block)} of {about.samples} samples", "truncated"
            )
        return self.finite(block, at)

    def finite(self, block: Floats, at: int) -> Floats:
        good = np.isfinite(block)
        if good.all():
            return block
        if self.on_nonfinite == "raise":
            where = at + int(np.argmin(good.all(axis=1)))
            raise AudioFileError(f"{shown(self.path)}: not finite at sample {where}{ZERO_OFFER}", "nonfinite")
        return np.where(good, block, np.float32(0))

    def channel(self, y: Floats) -> Floats:
        if y.shape[1] == 1:
            return y[:, 0]
        return y if self.mono is None else to_mono(y, self.mono)

    def blocks(self, block_samples: int) -> Iterator[Floats]:
        with opened(self.path) as file:
            yield from self.stream(file, header(self.path, file), block_samples)

    def stream(self, file: Any, about: AudioInfo, block_samples: int) -> Iterator[Floats]:
        """The blocks of a freshly opened file."""
        self.checked(about)
        channels = 1 if self.mono is not None else about.channels
        resampler = None if self.sr in (None, about.sr) else Resampler(about.sr, self.sr or 0, channels=channels)
        self.skip(file, about)
        end = self.end(about)
        for at in range(self.start, end, block_samples):
            block = self.channel(self.next_block(file, at, min(block_samples, end - at), about))
            yield block if resampler is None else resampler.process(block)
        if resampler is not None:
            yield resampler.flush()
