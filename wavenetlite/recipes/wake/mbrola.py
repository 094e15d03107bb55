"""mbrola: voices of recorded diphones, which espeak-ng tells what to say."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from wavenetlite.recipes.wake.espeak import Espeak, voice_rows
from wavenetlite.recipes.wake.programs import Call, SpeechError, Voice, found, run


class Mbrola:
    """The program ``mbrola``, through ``espeak-ng``; also voices of one language that speak another.

    Dutoit, T. et al. (1996): The MBROLA project: towards a set of high quality speech synthesizers free of use for non
    commercial purposes. ICSLP.
    """

    name = "mbrola"
    remedy = "install it with espeak-ng and voices (Debian, non-free: apt install espeak-ng mbrola mbrola-us1)"

    def installed(self) -> bool:
        return found(self.name) and found(Espeak.name)

    def voices(self, language: str) -> list[Voice]:
        """Those of the language whose recordings are installed."""
        names = sorted({file.removeprefix("mb/") for file in voice_rows(language) if file.startswith("mb/")})
        return [Voice(self.name, name, phonemes=True) for name in names if is_there(name)]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        return Espeak().call(voice, text, path, speed, pitch)


@lru_cache(256)
def is_there(name: str) -> bool:
    """Whether espeak-ng can speak with a voice: it lists those, too, whose recordings are missing."""
    try:
        run(Call((Espeak.name, "-q", "-v", name, "")))
    except SpeechError:
        return False
    return True
