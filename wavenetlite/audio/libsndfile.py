"""The library that soundfile has loaded."""

from __future__ import annotations

import soundfile


def addresses(*names: str) -> list[int]:
    """Where functions of libsndfile lie; zeros where soundfile does not show that."""
    try:
        library, ffi = soundfile._snd, soundfile._ffi
        return [int(ffi.cast("uintptr_t", ffi.addressof(library, name))) for name in names]
    except (AttributeError, TypeError):
        return [0] * len(names)
