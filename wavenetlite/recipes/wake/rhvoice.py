"""RHVoice: statistical voices of a dozen languages."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

from wavenetlite.recipes.wake.programs import Call, Voice, found

LANGUAGES = {
    "en": "English", "eo": "Esperanto", "ka": "Georgian", "ky": "Kyrgyz", "mk": "Macedonian", "pl": "Polish",
    "pt": "Brazilian-Portuguese", "ru": "Russian", "sq": "Albanian", "tt": "Tatar", "uk": "Ukrainian",
}  # fmt: skip
"""As the descriptions of voices name them."""
VOICES = Path("share/RHVoice/voices")
"""Where an installation keeps them. The program lists none, and takes another voice for one that it does not know."""


class RHVoice:
    """The program ``RHVoice-test``."""

    name = "rhvoice"
    command = "RHVoice-test"
    remedy = "install it (Debian, non-free: apt install rhvoice rhvoice-english)"

    def installed(self) -> bool:
        return found(self.command)

    def voices(self, language: str) -> list[Voice]:
        wanted = LANGUAGES.get(language, language)
        return [Voice(self.name, name) for name, spoken in list_voices(shutil.which(self.command)) if spoken == wanted]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        percent = (str(round(100 * factor)) for factor in (speed, pitch))
        options = [part for option, value in zip(("-r", "-t"), percent, strict=True) for part in (option, value)]
        return Call((self.command, "-p", voice, *options, "-o", str(path)), text)


@lru_cache(4)
def list_voices(program: str | None) -> tuple[tuple[str, str], ...]:
    """Name and language of every voice that is installed with a program."""
    if program is None:
        return ()
    folder = Path(program).resolve().parent.parent / VOICES
    described = (description(file) for file in sorted(folder.glob("*/voice.info")))
    return tuple((about["name"], about["language"]) for about in described if {"name", "language"} <= about.keys())


def description(file: Path) -> dict[str, str]:
    """What a file says, "key=value" on each line."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
