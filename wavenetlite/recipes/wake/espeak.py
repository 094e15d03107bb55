"""espeak-ng: many languages, each with a hundred variants of the voice."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from wavenetlite.recipes.wake.programs import Call, Voice, found, lines_of

WORDS_PER_MINUTE = 175
SEMITONES = 12
FOREIGN = 4
"""Every this many variants one more speaks with the accent of another language."""
MAIN = {"en": "en-us"}
"""The accent in which every variant speaks, beside two others, of languages that have one heard everywhere."""
ACCENTS = ("de", "nl", "fr-fr", "es", "it", "pl", "sv", "pt")


class Espeak:
    """The program ``espeak-ng``."""

    name = "espeak-ng"
    remedy = "install it (Debian: apt install espeak-ng; macOS: brew install espeak-ng)"

    def installed(self) -> bool:
        return found(self.name)

    def voices(self, language: str) -> list[Voice]:
        """Each variant with two of the language's accents in turn and the main one; some with those of others."""
        own, variants = accents(language), variant_names()
        if not own:
            return []
        made = [(own[index % len(own)], variant) for index, variant in enumerate(variants)]
        made += [(own[(index + 1) % len(own)], variant) for index, variant in enumerate(variants)]
        made += [(MAIN[language], one) for one in variants if MAIN.get(language) in own]
        others = [accent for accent in ACCENTS if not accent.startswith(language)]
        made += [(others[index % len(others)], one) for index, one in enumerate(variants[::FOREIGN])]
        names = [*own, *(f"{accent}+{variant}" for accent, variant in made)]
        return [Voice(self.name, name, phonemes=True) for name in dict.fromkeys(names)]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        height = round(50 + 50 * math.log2(pitch))
        return Call(
            (self.name, "-v", voice, "-s", str(round(WORDS_PER_MINUTE * speed)), "-p", str(min(99, max(0, height))),
             "-b", "1", "--stdin", "-w", str(path)), text)  # fmt: skip


@lru_cache(16)
def voice_rows(language: str) -> dict[str, str]:
    """Every voice of a language, by its file, such as "gmw/en-US", and the accent that it speaks."""
    rows = [line.split() for line in lines_of((Espeak.name, f"--voices={language}"))[1:]]
    return {row[4]: row[1] for row in rows if len(row) > 4}


def accents(language: str) -> tuple[str, ...]:
    """The language's voices that need no other program."""
    rows = voice_rows(language).items()
    return tuple(dict.fromkeys(accent for file, accent in rows if not file.startswith(("mb/", "!v/"))))


@lru_cache(1)
def variant_names() -> tuple[str, ...]:
    rows = [line.rsplit("!v/", 1) for line in lines_of((Espeak.name, "--voices=variant")) if "!v/" in line]
    return tuple(sorted({row[1].split()[0] for row in rows}))
