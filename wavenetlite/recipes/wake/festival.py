"""festival: voices of several languages, as far as installed."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

from wavenetlite.recipes.wake.programs import Call, Voice, found, run

LANGUAGES = {"en": "english", "cs": "czech", "fi": "finnish", "it": "italian", "ru": "russian", "es": "spanish"}
"""As the descriptions of voices name them."""
ASK = (
    '(mapcar (lambda (v) (format t "%s %l\\n" v (cadr (assoc \'language (cadr (voice.description v)))))) (voice.list))'
)
SET_UP = (
    "(begin (voice_{voice}) (Parameter.set 'Duration_Stretch {stretch:.3f})"
    " (if (symbol-bound? 'hts_engine_params) (set! hts_engine_params (append hts_engine_params"
    ' \'(("-r" {speed:.3f}) ("-fm" {semitones:.3f}))))))'
)
"""Voices of HTS heed no `Duration_Stretch`, but options of their engine: rate, and semitones."""


class Festival:
    """The programs ``festival`` and ``text2wave``."""

    name = "festival"
    remedy = "install it (Debian: apt install festival)"

    def installed(self) -> bool:
        return found("festival") and found("text2wave")

    def voices(self, language: str) -> list[Voice]:
        wanted = LANGUAGES.get(language, language)
        return [Voice(self.name, name) for name, spoken in list_voices() if wanted in spoken]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        set_up = SET_UP.format(voice=voice, stretch=1 / speed, speed=speed, semitones=12 * math.log2(pitch))
        return Call(("text2wave", "-eval", set_up, "-o", str(path)), text)


@lru_cache(1)
def list_voices() -> tuple[tuple[str, str], ...]:
    """Name and language of every voice."""
    out = run(Call(("festival", "--pipe"), ASK))
    return tuple(sorted(set(re.findall(r"^([\w-]+) ([\w-]+)$", out, re.MULTILINE))))
