"""Writing audio files atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.audio.channels import checked_signal
from wavenetlite.audio.packages import soundfile_module
from wavenetlite.audio.source import AudioFileError, PathLike, checked_path, shown
from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.checks import flag, positive_int
from wavenetlite.support.errors import ParameterError

SPARE = 2**16
"""Bytes that must be free beside a new file: more than libsndfile writes when it closes one."""


def write(path: PathLike, y: Floats, sr: int, *, subtype: str | None = None, clip: bool = False) -> None:
    """Write an audio file in the format of its suffix: .wav, .flac, .ogg, .mp3, ...

    Parameters
    ----------
    path
        Path of the file; an existing file is replaced once the new one is complete.
    y
        float32, (samples,) or (samples, channels), in -1..1.
    sr
        Sample rate, Hz.
    subtype
        soundfile's name of the encoding, such as "PCM_16" or "FLOAT"; None: the format's default.
    clip
        Whether to clip samples to -1..1; False: samples outside raise, unless the encoding is floating-point.

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
    """Open an audio file for writing block by block; the suffix determines the format.

    It is written under a temporary name in the same folder and replaces an existing file once complete; on failure
    nothing is left behind.

    Parameters
    ----------
    path, sr, subtype, clip
        As in :func:`write`.
    channels
        Number of channels.

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
    soundfile = soundfile_module()

    rate, count_of_channels = positive_int("sr", sr), positive_int("channels", channels)
    target = checked_path(path)
    format = target.suffix.removeprefix(".").upper()
    if format not in soundfile.available_formats() or format == "SD2":  # it needs a second file, its resource fork
        raise ParameterError(f"path={shown(path)!r} must have the suffix of a format, such as .wav, .flac or .mp3")
    subtype = subtype or soundfile.default_subtype(format)
    if not soundfile.check_format(format, subtype):
        raise ParameterError(f"subtype={subtype!r} must be one of {', '.join(soundfile.available_subtypes(format))}")
    try:
        with replacing(target) as new:
            options = {"format": format, "closefd": False}
            with soundfile.SoundFile(new.fileno(), "w", rate, count_of_channels, subtype, **options) as file:
                yield AudioWriter(file, subtype, flag("clip", clip))
            if new.seek(0, os.SEEK_END) == 0:  # FLAC
                raise ParameterError(f"y has no samples; {format} cannot hold a signal without samples")
            refuse_full_disk(new)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{shown(path)}: cannot be written: {error.error_string}") from None
    except OSError as error:
        if error.filename != str(target):  # of another file, or a `TargetError`
            raise
        reason = f"there is no folder {target.parent}" if not target.parent.is_dir() else str(error.strerror)
        raise AudioFileError(f"{shown(path)}: cannot be written: {reason}") from None


def refuse_full_disk(file: BinaryIO) -> None:
    """Raise unless there is room for more: libsndfile does not report errors in its last bytes (FLAC, Vorbis, MP3)."""
    end = file.seek(0, os.SEEK_END)
    file.write(bytes(SPARE))
    file.flush()
    file.truncate(end)


class AudioWriter:
    """An audio file open for writing: see :func:`writing`."""

    def __init__(self, file: Any, subtype: str, clip: bool) -> None:
        self._file, self._subtype, self._clip = file, subtype, clip

    def write(self, y: Floats) -> None:
        """Append float32 samples, (samples,) or (samples, channels); outside -1..1 only if the encoding allows it."""
        y = checked_signal("y", y)
        if (1 if y.ndim == 1 else y.shape[1]) != self._file.channels:
            raise ParameterError(f"y has shape {y.shape}; it must have {self._file.channels} channels")
        if self._clip:
            y = np.clip(y, -1.0, 1.0)
        elif self._subtype not in ("FLOAT", "DOUBLE") and y.size and np.abs(y).max() > 1:
            peak = float(np.abs(y).max())
            raise ParameterError(f"y reaches {peak:g}; {self._subtype} holds -1..1 (or pass clip=True)")
        self._file.write(y)
