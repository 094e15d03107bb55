"""A program that speaks in tones, in place of real ones: any text gives one tone for each letter."""

import sys
from pathlib import Path

import pytest

from wavenetlite.recipes.wake.programs import Call, Voice

SPEAK = """
import math, struct, sys, wave
text, path, voice, speed, pitch = sys.argv[1:6]
speed, pitch = float(speed), float(pitch)
samples = []
for letter in text:
    f = 250 + 90 * (ord(letter.lower()) % 32)
    n = int(1600 / speed)
    samples += [0.4 * math.sin(6.2832 * f * pitch * i / 16000) if letter != " " else 0.0 for i in range(n)]
with wave.open(path, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    file.writeframes(b"".join(struct.pack("<h", int(32767 * s)) for s in [0.0] * 800 + samples + [0.0] * 800))
"""


class Tones:
    """The stand-in program."""

    name = "tones"
    remedy = "it is part of the tests"

    def __init__(self, folder: Path, voices=("high", "low", "odd"), script=SPEAK):
        self.script = folder / "speak.py"
        self.script.write_text(script)
        self.names = voices

    def installed(self):
        return True

    def voices(self, language):
        return [Voice(self.name, name) for name in self.names] if language == "en" else []

    def call(self, voice, text, path, speed, pitch):
        factor = {"high": 1.2, "low": 0.8}.get(voice, 1.0)
        return Call((sys.executable, "-S", "-E", str(self.script), text, str(path), voice, str(speed),
                     str(pitch * factor)))  # fmt: skip


@pytest.fixture
def tones(tmp_path):
    folder = tmp_path / "program"
    folder.mkdir()
    return Tones(folder)


@pytest.fixture(scope="session")
def tones_of_all(tmp_path_factory):
    """The same for all tests that only listen."""
    return Tones(tmp_path_factory.mktemp("program"))
