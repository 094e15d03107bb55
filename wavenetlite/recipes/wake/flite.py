"""flite: English voices of Carnegie Mellon University."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from wavenetlite.recipes.wake.programs import Call, Voice, found, lines_of

HERTZ = 110.0
"""Mean pitch of the voices that take it."""
CLOCK = "_time"
"""Voices that can only tell the time."""


class Flite:
    """The program ``flite``."""

    name = "flite"
    remedy = "install it (Debian: apt install flite)"

    def installed(self) -> bool:
        return found(self.name)

    def voices(self, language: str) -> list[Voice]:
        return [Voice(self.name, name) for name in voice_names()] if language == "en" else []

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        settings = (f"duration_stretch={1 / speed:.3f}", f"int_f0_target_mean={HERTZ * pitch:.1f}",
                    f"f0_shift={pitch:.3f}")  # fmt: skip
        options = [part for one in settings for part in ("--setf", one)]
        return Call((self.name, "-voice", voice, *options, "-t", text, "-o", str(path)))


@lru_cache(1)
def voice_names() -> tuple[str, ...]:
    """Asked first, because flite speaks with another voice, without a word, where it does not know one."""
    (line,) = [one for one in lines_of((Flite.name, "-lv")) if ":" in one]
    return tuple(sorted({name for name in line.partition(":")[2].split() if not name.endswith(CLOCK)}))
