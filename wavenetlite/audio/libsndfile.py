"""The library that soundfile has loaded."""

from __future__ import annotations

from wavenetlite.audio.packages import soundfile_module


def addresses(*names: str) -> list[int]:
    """Where functions of libsndfile lie; zeros where soundfile does not show that."""
    soundfile = soundfile_module()
    try:
        library, ffi = soundfile._snd, soundfile._ffi
        return [int(ffi.cast("uintptr_t", ffi.addressof(library, name))) for name in names]
    except (AttributeError, TypeError):
        return [0] * len(names)
