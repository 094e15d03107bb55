"""pico: SVOX's voices of units, one for each of six accents, as Android once had them."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from wavenetlite.recipes.wake.programs import Call, Voice, found

VOICES = ("de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT")
SPEEDS, PITCHES = (20, 500), (50, 200)
"""Percentages that it takes."""


class Pico:
    """The program ``pico2wave``."""

    name = "pico"
    remedy = "install it (Debian, non-free: apt install libttspico-utils)"

    def installed(self) -> bool:
        return found("pico2wave")

    def voices(self, language: str) -> list[Voice]:
        return [Voice(self.name, name) for name in VOICES if name.startswith(f"{language}-")]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        fast, high = (min(most, max(least, round(100 * factor)))
                      for factor, (least, most) in ((speed, SPEEDS), (pitch, PITCHES)))  # fmt: skip
        said = f'<pitch level="{high}"><speed level="{fast}">{escape(text)}</speed></pitch>'
        return Call(("pico2wave", "-l", voice, "-w", str(path), said))
