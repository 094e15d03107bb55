"""piper: neural voices, each a file that its user has downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wavenetlite.recipes.wake.programs import Call, Voice, found
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ParameterError

FOLDER = "PIPER_VOICES"
"""Environment variable with the folder of the voices."""
MOST_SPEAKERS = 64
"""Of a voice that are used; some files have hundreds."""
MOST_CHARACTERS = 10_000_000


class Piper:
    """The program ``piper``; its voices are the ``.onnx`` files, each with its ``.onnx.json``, below a folder.

    Parameters
    ----------
    folder
        Of the voices; None: that of the environment variable `PIPER_VOICES`, or none.
    """

    name = "piper"
    remedy = f"install it, and name the folder of its voices in {FOLDER}"

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        given = os.environ.get(FOLDER) if folder is None else folder
        self.folder = None if not given else Path(given)

    def installed(self) -> bool:
        return found(self.name) and self.folder is not None

    def voices(self, language: str) -> list[Voice]:
        """Every speaker of every file whose language is this one."""
        if self.folder is None:
            return []
        if not self.folder.is_dir():
            raise ParameterError(f"{self.folder}: must be the folder of piper's voices")
        made = []
        for file in sorted(self.folder.rglob("*.onnx")):
            about = description(file)
            if language_of(about) == language:
                speakers = min(int(about.get("num_speakers") or 1), MOST_SPEAKERS)
                name = file.relative_to(self.folder).as_posix()
                made += [name] if speakers == 1 else [f"{name}#{number}" for number in range(speakers)]
        return [Voice(self.name, name) for name in made]

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        name, _, speaker = voice.partition("#")
        assert self.folder is not None
        which = ("--speaker", speaker) if speaker else ()
        return Call((self.name, "-m", str(self.folder / name), *which, "--length_scale", f"{1 / speed:.3f}", "-f",
                     str(path)), text + "\n")  # fmt: skip


def description(file: Path) -> dict[str, Any]:
    """What the JSON file beside a voice says."""
    beside = file.with_name(file.name + ".json")
    try:
        with beside.open(encoding="utf-8") as opened:
            text = opened.read(MOST_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{beside}: must be the JSON file of the voice beside it: {error}") from None
    return parse_json(str(beside), text)


def language_of(about: dict[str, Any]) -> str:
    """The language of a voice, such as "en"."""
    language = about.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    espeak = about.get("espeak")
    code = code or (espeak.get("voice") if isinstance(espeak, dict) else None) or ""
    return str(code).replace("_", "-").partition("-")[0].lower()
