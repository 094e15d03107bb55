"""soundfile, soxr and sounddevice, imported when they are first needed: what lacks here is one line with its remedy."""

from __future__ import annotations

from typing import Any

from wavenetlite.support.errors import MissingPackageError, WavenetliteError
from wavenetlite.support.optional import optional


def soundfile_module() -> Any:
    """The module soundfile."""
    try:
        return optional("soundfile", "", "reading and writing audio files")
    except OSError as error:  # the package is installed, the library is not: its wheels are not for every system
        raise MissingPackageError(
            "reading and writing audio files needs the library libsndfile (Debian's libsndfile1, Alpine's libsndfile):"
            f" {' '.join(str(error).split())}"
        ) from None


def soxr_module() -> Any:
    """The module soxr."""
    return optional("soxr", "", "resampling")


def sounddevice_module(what: str, error: type[WavenetliteError]) -> Any:
    """The module sounddevice, for `what`."""
    try:
        return optional("sounddevice", "microphone", what, error)
    except OSError as problem:  # the package is installed, the library is not
        raise error(
            f"{what} needs the library PortAudio (Debian's libportaudio2): {' '.join(str(problem).split())}"
        ) from None
