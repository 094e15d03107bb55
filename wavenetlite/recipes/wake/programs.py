"""Programs that speak: one small interface, and how such a program is run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wavenetlite.support.errors import MissingPackageError, ParameterError, WavenetliteError
from wavenetlite.support.threads import check_stopped

TIMEOUT_S = 60.0
"""A program that has not spoken a sentence by then hangs."""
POLL_S = 0.02


class SpeechError(WavenetliteError, RuntimeError):
    """A program that speaks failed, or took too long."""


@dataclass(frozen=True)
class Voice:
    """A voice of a program.

    Attributes
    ----------
    program
        Name of the program, as in `PROGRAMS`.
    name
        Of the voice, as the program knows it.
    phonemes
        Whether it takes phonemes in place of a text: "[[h'eI]]".
    """

    program: str
    name: str
    phonemes: bool = False

    def __str__(self) -> str:
        return f"{self.program}:{self.name}"


@dataclass(frozen=True)
class Call:
    """A command, and what it reads from standard input."""

    command: tuple[str, ...]
    given: str = ""


class Program(Protocol):
    """A program that speaks.

    Attributes
    ----------
    name
        Of the program.
    remedy
        How to get it.
    """

    name: str
    remedy: str

    def installed(self) -> bool:
        """Whether it can be run here."""

    def voices(self, language: str) -> list[Voice]:
        """Its voices for a language, such as "en", in an order that is always the same."""

    def call(self, voice: str, text: str, path: Path, speed: float, pitch: float) -> Call:
        """What writes a WAV file of a text; speed and pitch are factors, 1: as usual.

        Programs that cannot change the pitch leave it.
        """


def found(program: str) -> bool:
    return shutil.which(program) is not None


def require(program: Program) -> None:
    """Raise unless a program is installed."""
    if not program.installed():
        raise MissingPackageError(f"{program.name} is not installed; {program.remedy}")


def checked_text(name: str, text: str) -> str:
    """A text that can be said: printable, on one line, with a letter in it."""
    plain = " ".join(text.split())
    if not any(character.isalnum() for character in plain) or not plain.isprintable():
        raise ParameterError(f"{name}={text!r} must be a text with letters that can be said")
    if len(plain) > 500:
        raise ParameterError(f"{name} has {len(plain)} characters; it must have at most 500")
    return plain


def run(call: Call, timeout_s: float = TIMEOUT_S) -> str:
    """Run a program to its end; what it wrote to standard output.

    Raises
    ------
    SpeechError
        It cannot be run, failed, or had not ended after `timeout_s`; it is ended then, as on an interruption.
    """
    name = Path(call.command[0]).name
    with tempfile.TemporaryFile() as given:  # a pipe would have to be written while the output is read
        given.write(call.given.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                call.command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise SpeechError(f"{name} cannot be run: {error.strerror or error}") from None
        try:
            out, problem = outputs(process, timeout_s, name)
        except BaseException:
            process.kill()
            process.communicate()
            raise
    if process.returncode:
        lines = [line.strip() for line in (problem or out).splitlines() if line.strip()]
        why = lines[-1] if lines else "it said nothing"
        raise SpeechError(f"{name} failed with status {process.returncode}: {why[:200]}")
    return out


def outputs(process: subprocess.Popen[str], timeout_s: float, name: str) -> tuple[str, str]:
    """Standard output and error of a process that ends; asks now and then whether anybody still wants them."""
    until = time.monotonic() + timeout_s
    while True:
        check_stopped()
        try:
            return process.communicate(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                raise SpeechError(f"{name} did not end within {timeout_s:g} s; it was ended") from None


def lines_of(command: Sequence[str]) -> list[str]:
    """The lines that a program writes."""
    return run(Call(tuple(command))).splitlines()
