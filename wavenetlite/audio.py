"""Audio in and out: files, blocks of a file, sample rates, channels, the microphone. Nothing is changed silently.

Signals are float32, (samples,) or (samples, channels), in -1..1. soundfile, soxr and sounddevice are imported when they
are first needed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing_path
from wavenetlite.support.checks import count, flag, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError, WavenetliteError

PathLike = str | os.PathLike[str]
Readable = Union[str, os.PathLike[str], "Encoded"]
Mono = Literal["mean"] | int | None

READ_SAMPLES = 1 << 16
QUALITIES = ("QQ", "LQ", "MQ", "HQ", "VHQ")
LENGTHS = re.compile(r"^\s*(?:data|SSND)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
"""How libsndfile notes that a WAV or AIFF file ends early: bytes declared, bytes there."""
UNKNOWN_LENGTHS = (0, 0xFFFFFFFF)
"""What programs that write into a pipe leave in the place of a length."""


class AudioFileError(WavenetliteError, ValueError):
    """A file is missing, no audio, truncated, or not what was asked for; the message names it.

    Attributes
    ----------
    kind
        What is wrong in one word, for programs: "unreadable", "empty", "truncated", "rate", "channels", "nonfinite".
    """

    def __init__(self, message: str, kind: str = "unreadable") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.kind)


class AudioDeviceError(WavenetliteError, RuntimeError):
    """There is no microphone, none that can be used, or it lost samples."""


@dataclass(frozen=True)
class Encoded:
    """The bytes of an audio file that are in memory already; functions that read files take it in a path's place.

    Attributes
    ----------
    name
        What messages call it.
    data
        All bytes of the file.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from pathlib import Path
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.wav")
    ...     audio.write(path, np.zeros(8000, np.float32), 16000)
    ...     encoded = audio.Encoded("a.wav", path.read_bytes())
    >>> audio.read(encoded)[0].shape
    (8000,)
    """

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says."""

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


# Files


def info(path: Readable) -> AudioInfo:
    """What an audio file says of itself.

    Parameters
    ----------
    path
        Of the file.

    Raises
    ------
    AudioFileError
        There is no such file, it is no audio, or it ends before its header says.

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
        Of the file: WAV, FLAC, OGG, MP3 or what else libsndfile reads.
    sr
        Sample rate that is wanted, Hz; None: the file's.
    resample
        Whether to resample to `sr`; False: a file of another rate is an error.
    mono
        Which channel to return: its number from 0, or "mean" of all; None: all as they are.
    start_samples, samples
        Part of the file to read, in samples of the file; `samples` None: to the end.
    on_nonfinite
        "raise", or take infinities and NaN for "zero".

    Returns
    -------
    y, sr
        float32, (samples,) of a file with one channel or with `mono`, else (samples, channels); and the rate.

    Raises
    ------
    AudioFileError
        The file is missing, no audio, truncated, of another rate, or not finite; the message names it.

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
    """The blocks of an audio file, one after the other; the file is never in memory as a whole.

    Parameters
    ----------
    path, sr, resample, mono, start_samples, samples, on_nonfinite
        As in :func:`read`, to the samples of which the blocks add up.
    block_samples
        Samples of a block; the last may be shorter, and resampled blocks are as long as the resampler makes them.

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


class ReadOptions:
    """What is wanted of a file, and how it is told that the file has it not."""

    def __init__(
        self,
        path: Readable,
        sr: int | None,
        resample: bool,
        mono: Mono,
        start_samples: int,
        samples: int | None,
        on_nonfinite: str,
    ) -> None:
        self.path = path
        self.sr = None if sr is None else positive_int("sr", sr)
        self.resample = flag("resample", resample)
        if resample and sr is None:
            raise ParameterError("resample=True needs sr, the rate to resample to")
        self.mono = checked_mono(mono)
        self.start = count("start_samples", start_samples)
        self.samples = None if samples is None else count("samples", samples)
        self.zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        self.buffer: Floats | None = None
        """Where blocks are read to, if they are used up one by one: new memory costs as much as a third of decoding."""

    def checked(self, about: AudioInfo) -> AudioInfo:
        if self.sr is not None and about.sr != self.sr and not self.resample:
            raise AudioFileError(
                f"{self.path}: its sample rate is {about.sr}, not sr={self.sr} (pass resample=True to convert)",
                "rate",
            )
        if isinstance(self.mono, int) and self.mono >= about.channels:
            raise AudioFileError(
                f"{self.path}: mono={self.mono} must be below its {about.channels} channels", "channels"
            )
        if self.start > about.samples:
            raise AudioFileError(f"{self.path}: start_samples={self.start} must be at most its {about.samples} samples")
        return about

    def part(self, file: Any, about: AudioInfo) -> Floats:
        """The samples that are wanted, (samples, channels)."""
        parts, at, end = list[Floats](), self.start, self.end(about)
        self.skip(file, about)
        while at < end or not parts:  # in pieces: a false header shall not take memory that the file does not fill
            parts.append(self.next_block(file, at, min(max(end - at, 0), READ_SAMPLES), about))
            at += len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def end(self, about: AudioInfo) -> int:
        """The first sample that is no longer wanted."""
        return about.samples if self.samples is None else min(self.start + self.samples, about.samples)

    def skip(self, file: Any, about: AudioInfo) -> None:
        """Go to the first sample that is wanted."""
        if not self.start:
            return  # a seek in a FLAC file to where it is takes as long as decoding half a second
        if about.format != "MP3":
            file.seek(self.start)
            return
        for at in range(0, self.start, READ_SAMPLES):  # what follows a jump in an MP3 depends on where it came from
            file.read(min(self.start - at, READ_SAMPLES), dtype="float32", always_2d=True)

    def next_block(self, file: Any, at: int, samples: int, about: AudioInfo) -> Floats:
        shape = samples, about.channels
        out = None if self.buffer is None else self.buffer[: samples * about.channels].reshape(shape)
        block: Floats = file.read(samples, dtype="float32", always_2d=True, out=out)
        if len(block) < samples:
            raise AudioFileError(
                f"{self.path}: truncated: it has {at + len(block)} of {about.samples} samples", "truncated"
            )
        return self.finite(block, at)

    def finite(self, block: Floats, at: int) -> Floats:
        good = np.isfinite(block)
        if good.all():
            return block
        if not self.zero:
            where = at + int(np.argmin(good.all(axis=1)))
            raise AudioFileError(
                f"{self.path}: not finite at sample {where} (or pass on_nonfinite='zero')", "nonfinite"
            )
        return np.where(good, block, np.float32(0))

    def channel(self, y: Floats) -> Floats:
        if y.shape[1] == 1:
            return y[:, 0]
        return y if self.mono is None else to_mono(y, self.mono)

    def blocks(self, block_samples: int) -> Iterator[Floats]:
        with opened(self.path) as file:
            yield from self.stream(file, header(self.path, file), block_samples)

    def stream(self, file: Any, about: AudioInfo, block_samples: int) -> Iterator[Floats]:
        """The blocks of an open file that stands at its beginning."""
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


def write(path: PathLike, y: Floats, sr: int, *, subtype: str | None = None, clip: bool = False) -> None:
    """Write an audio file; the format is the name's ending: .wav, .flac, .ogg, .mp3, ...

    Parameters
    ----------
    path
        Of the file; an older one is replaced when the new one is complete.
    y
        float32, (samples,) or (samples, channels), in -1..1.
    sr
        Sample rate, Hz.
    subtype
        Encoding, a name of soundfile's such as "PCM_16" or "FLOAT"; None: the format's usual one.
    clip
        Whether to limit samples to -1..1; False: samples outside raise, unless the encoding is floating-point.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.wav")
    ...     audio.write(path, np.array([0, 0.5, -1], np.float32), 16000)
    ...     audio.read(path)[0].tolist()
    [0.0, 0.5, -1.0]
    """
    y = checked_signal("y", y)
    with writing(path, sr, 1 if y.ndim == 1 else y.shape[1], subtype=subtype, clip=clip) as file:
        file.write(y)


@contextmanager
def writing(
    path: PathLike, sr: int, channels: int = 1, *, subtype: str | None = None, clip: bool = False
) -> Iterator[AudioWriter]:
    """A new audio file, to be written block by block; the format is the name's ending.

    It is written under another name in the same folder, and takes its own, and the place of an older file, when all has
    been written; if anything fails before, nothing is left of it.

    Parameters
    ----------
    path, sr, subtype, clip
        As in :func:`write`.
    channels
        Of the file.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from wavenetlite import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.wav")
    ...     with audio.writing(path, 16000, subtype="FLOAT") as file:
    ...         for block in np.zeros((10, 800), np.float32):
    ...             file.write(block)
    ...     audio.info(path).samples
    8000
    """
    import soundfile

    rate, count_of_channels = positive_int("sr", sr), positive_int("channels", channels)
    target = checked_path(path)
    format = target.suffix.removeprefix(".").upper()
    if format not in soundfile.available_formats():
        raise ParameterError(f"path={str(path)!r} must end in a format's name, such as .wav, .flac, .ogg or .mp3")
    subtype = subtype or soundfile.default_subtype(format)
    if not soundfile.check_format(format, subtype):
        raise ParameterError(f"subtype={subtype!r} must be one of {', '.join(soundfile.available_subtypes(format))}")
    try:
        with replacing_path(target) as new:
            with soundfile.SoundFile(new, "w", rate, count_of_channels, subtype, format=format) as file:
                yield AudioWriter(file, subtype, flag("clip", clip))
            if new.stat().st_size == 0:  # FLAC
                raise ParameterError(f"y has no samples; {format} cannot hold a signal without samples")
    except soundfile.LibsndfileError as error:
        reason = f"there is no folder {target.parent}" if not target.parent.is_dir() else str(error.error_string)
        raise AudioFileError(f"{path}: cannot be written: {reason}") from None


class AudioWriter:
    """An audio file that is being written: see :func:`writing`."""

    def __init__(self, file: Any, subtype: str, clip: bool) -> None:
        self._file, self._subtype, self._clip = file, subtype, clip

    def write(self, y: Floats) -> None:
        """The next samples, float32, (samples,) or (samples, channels); outside -1..1 only if the encoding holds it."""
        y = checked_signal("y", y)
        if (1 if y.ndim == 1 else y.shape[1]) != self._file.channels:
            raise ParameterError(f"y has shape {y.shape}; it must have {self._file.channels} channels")
        if self._clip:
            y = np.clip(y, -1.0, 1.0)
        elif self._subtype not in ("FLOAT", "DOUBLE") and y.size and np.abs(y).max() > 1:
            peak = float(np.abs(y).max())
            raise ParameterError(f"y reaches {peak:g}; {self._subtype} holds -1..1 (or pass clip=True)")
        self._file.write(y)


def checked_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    return Path(path)


@contextmanager
def opened(path: Readable) -> Iterator[Any]:
    """The open file; whatever libsndfile has against it, then or later, becomes one line that names it."""
    import soundfile

    name = path if isinstance(path, str | Encoded) else os.fspath(checked_path(path))
    if bytes_in(name) == 0:
        raise AudioFileError(f"{path}: it is empty", "empty")
    try:
        with sequential()(BytesIO(name.data) if isinstance(name, Encoded) else name) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path}: no audio, or damaged: {error.error_string.rstrip('.')}") from None
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: a raw format, which needs parameters
        raise AudioFileError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


@cache
def sequential() -> Any:
    """soundfile's file, for reading from the beginning on.

    After every read soundfile seeks to the place where it already is; in an MP3 that changes what is decoded next: by
    0.1 of full scale for blocks of 777 samples, measured with soundfile 0.14 and libsndfile 1.2.2.
    """
    import soundfile

    class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
        def seekable(self) -> bool:
            return False

    return SequentialFile


def bytes_in(path: str | Encoded) -> int:
    """How long a file is; raises AudioFileError where it is none."""
    if isinstance(path, Encoded):
        return len(path.data)
    try:
        found = os.stat(path)  # noqa: PTH116  (Path would take as long as opening the file)
    except (OSError, ValueError):  # ValueError: a name that no file can have
        reason = "not a file" if Path(path).exists() else "there is no such file"
    else:
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        reason = "not a file"
    raise AudioFileError(f"{path}: {reason}")


def header(path: Readable, file: Any) -> AudioInfo:
    """What the header says, once it is known that the file does not end before."""
    about = AudioInfo(Path(str(path)), file.samplerate, file.channels, file.frames, file.format, file.subtype)
    for declared, found in () if about.format == "FLAC" else LENGTHS.findall(file.extra_info):
        if int(declared) > int(found) and int(declared) not in UNKNOWN_LENGTHS:
            raise AudioFileError(f"{path}: truncated: it has {found} of {declared} bytes of samples", "truncated")
    if about.format == "OGG" and not ogg_ends(path if isinstance(path, Encoded) else os.fspath(path)):
        raise AudioFileError(f"{path}: truncated: its last page is missing", "truncated")
    return about


def ogg_ends(path: str | Encoded) -> bool:
    """Whether an Ogg file holds the page marked as its last, whole; libsndfile does not look (RFC 3533, section 6)."""
    with BytesIO(path.data) if isinstance(path, Encoded) else Path(path).open("rb") as file:
        file.seek(max(0, bytes_in(path) - 2 * 65_307))
        tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:] if at >= 0 else b""
    if len(page) < 27 or not page[5] & 4:
        return False
    lengths = page[27 : 27 + page[26]]
    return len(page) >= 27 + page[26] + sum(lengths)


# Channels and rates


def to_mono(y: Floats, how: Literal["mean"] | int) -> Floats:
    """One channel of several.

    Parameters
    ----------
    y
        float32, (samples, channels), or (samples,), which is returned as it is.
    how
        Number of the channel from 0, or "mean" of all.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> audio.to_mono(np.array([[1, 0], [0, 1]], np.float32), "mean").tolist()
    [0.5, 0.5]
    """
    if checked_mono(how) is None:
        raise ParameterError("how=None must be 'mean' or the number of a channel")
    y = checked_signal("y", y)
    if y.ndim == 1:
        return y
    if how == "mean":
        mean: Floats = y.mean(axis=1, dtype=np.float32)
        return mean
    if int(how) >= y.shape[1]:
        raise ParameterError(f"how={how} must be below the number of channels, {y.shape[1]}")
    return np.ascontiguousarray(y[:, int(how)])


def resample(y: Floats, sr_in: int, sr_out: int, *, quality: str = "HQ") -> Floats:
    """A signal at another sample rate.

    Parameters
    ----------
    y
        float32, (samples,) or (samples, channels).
    sr_in, sr_out
        Its rate and the rate wanted, Hz.
    quality
        Of soxr, from "QQ" (quick) over "LQ", "MQ", "HQ" to "VHQ".

    Returns
    -------
    float32, about ``samples * sr_out / sr_in`` samples; the bits that a :class:`Resampler` gives, fed in any blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> audio.resample(np.zeros(48000, np.float32), 48000, 16000).shape
    (16000,)
    """
    y = checked_signal("y", y)
    resampler = Resampler(sr_in, sr_out, channels=1 if y.ndim == 1 else y.shape[1], quality=quality)
    y = y.reshape(len(y)) if resampler.channels == 1 and y.ndim == 2 else y
    return np.concatenate([resampler.process(y), resampler.flush()])


def at_rate(y: Floats, sr_in: int, sr_out: int) -> Floats:
    """`resample`, for functions that have an option of that name."""
    return resample(y, sr_in, sr_out)


class Resampler:
    """Resampling of a signal that comes in blocks of any length.

    Parameters
    ----------
    sr_in, sr_out
        Rates, Hz.
    channels
        Of the signal: 1 for blocks (samples,), else (samples, channels).
    quality
        As in :func:`resample`.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> resampler = audio.Resampler(48000, 16000)
    >>> parts = [resampler.process(np.zeros(4800, np.float32)) for _ in range(10)] + [resampler.flush()]
    >>> sum(map(len, parts))
    16000
    """

    def __init__(self, sr_in: int, sr_out: int, *, channels: int = 1, quality: str = "HQ") -> None:
        import soxr

        self.sr_in = positive_int("sr_in", sr_in)
        self.sr_out = positive_int("sr_out", sr_out)
        self.channels = positive_int("channels", channels)
        self.quality = one_of("quality", quality, QUALITIES)
        self._flushed = False
        self._soxr = (
            None if sr_in == sr_out else soxr.ResampleStream(sr_in, sr_out, channels, dtype="float32", quality=quality)
        )

    def process(self, block: Floats) -> Floats:
        """Feed the next samples; returns those that are ready at the new rate."""
        return self._run(block, last=False)

    def flush(self) -> Floats:
        """End the signal; returns the rest. After this the resampler must be `reset`."""
        rest = self._run(np.zeros(0 if self.channels == 1 else (0, self.channels), np.float32), last=True)
        self._flushed = True
        return rest

    def reset(self) -> None:
        """Forget the signal."""
        self._flushed = False
        if self._soxr is not None:
            self._soxr.clear()

    @property
    def delay(self) -> float:
        """Samples, at the new rate, that were fed and have not come out."""
        return 0.0 if self._soxr is None else float(self._soxr.delay())

    def _run(self, block: Floats, *, last: bool) -> Floats:
        if self._flushed:
            raise StreamStateError("resampler was flushed; call reset() before feeding it again")
        block = checked_signal("block", block)
        if (block.shape[1] if block.ndim == 2 else 1) != self.channels or (block.ndim == 2) != (self.channels > 1):
            shape = "(samples,)" if self.channels == 1 else f"(samples, {self.channels})"
            raise ParameterError(f"block has shape {block.shape}; it must be {shape}")
        if self._soxr is None:
            return block.copy()
        made: Floats = self._soxr.resample_chunk(block, last=last)
        return made


def checked_signal(name: str, y: Any) -> Floats:
    """A finite float32 signal, (samples,) or (samples, channels), C-contiguous."""
    if not isinstance(y, np.ndarray):
        raise ArrayTypeError(f"{name} is a {type(y).__name__}; it must be a NumPy array")
    if y.dtype != np.float32:
        raise ArrayTypeError(f"{name} has dtype {y.dtype}; it must be float32, in -1..1")
    if y.ndim not in (1, 2) or (y.ndim == 2 and y.shape[1] == 0):
        raise ParameterError(f"{name} has shape {y.shape}; it must be (samples,) or (samples, channels)")
    if not np.isfinite(y).all():
        raise ParameterError(f"{name} is not finite at sample {int(np.argwhere(~np.isfinite(y))[0][0])}; it must be")
    return np.ascontiguousarray(y)


def checked_mono(mono: Any) -> Mono:
    if mono is None or mono == "mean":
        return None if mono is None else "mean"
    if isinstance(mono, bool) or not isinstance(mono, int) or mono < 0:
        raise ParameterError(f"mono={mono!r} must be None, 'mean' or the number of a channel")
    return mono


# The microphone


class Microphone:
    """Blocks of sound as they are spoken: a context, and an iterator without end.

    Parameters
    ----------
    sr
        Sample rate, Hz; the sound system converts if the device has another.
    block_samples
        Samples of a block.
    channels
        1 gives blocks (samples,), more (samples, channels).
    device
        Number or name of the device, as ``python -m sounddevice`` lists them; None: the usual one.
    on_overflow
        "raise" when samples were lost because the program was too slow; or "count" it in `overflows`.

    Raises
    ------
    AudioDeviceError
        sounddevice is not installed, or the device cannot be opened.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> def listen(spec, seconds):                             # doctest: +SKIP
    ...     online = spec.stream()
    ...     with wl.audio.Microphone(sr=spec.sr, block_samples=160) as microphone:
    ...         for block, _ in zip(microphone, range(100 * seconds)):
    ...             print(online.process(block).shape)
    """

    def __init__(
        self,
        *,
        sr: int = 16000,
        block_samples: int = 160,
        channels: int = 1,
        device: int | str | None = None,
        on_overflow: Literal["raise", "count"] = "raise",
    ) -> None:
        self.sr = positive_int("sr", sr)
        self.block_samples = positive_int("block_samples", block_samples)
        self.channels = positive_int("channels", channels)
        self.device = device
        self.on_overflow = one_of("on_overflow", on_overflow, ("raise", "count"))
        self.overflows = 0
        self._input: Any = None

    def __enter__(self) -> Microphone:
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: the package is there, PortAudio is not
            raise AudioDeviceError(f"the microphone needs the package sounddevice and PortAudio: {error}") from None
        try:
            self._input = sounddevice.InputStream(
                samplerate=self.sr,
                blocksize=self.block_samples,
                channels=self.channels,
                device=self.device,
                dtype="float32",
            )
            self._input.start()
        except Exception as error:  # PortAudioError, or ValueError for a device that is not there
            raise AudioDeviceError(f"device={self.device!r} cannot be opened: {' '.join(str(error).split())}") from None
        return self

    def __exit__(self, *error: object) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None

    def __iter__(self) -> Iterator[Floats]:
        while True:
            yield self.read()

    def read(self) -> Floats:
        """The next block; waits for it."""
        if self._input is None:
            raise AudioDeviceError("the microphone is not open; use it in a with statement")
        block, overflowed = self._input.read(self.block_samples)
        if overflowed:
            self.overflows += 1
            if self.on_overflow == "raise":
                raise AudioDeviceError("samples were lost: blocks were not taken in time (or pass on_overflow='count')")
        return np.ascontiguousarray(block[:, 0] if self.channels == 1 else block, np.float32)
