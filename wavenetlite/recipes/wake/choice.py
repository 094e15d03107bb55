"""Which voices there are, and which are wanted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from wavenetlite.recipes.wake.espeak import Espeak
from wavenetlite.recipes.wake.festival import Festival
from wavenetlite.recipes.wake.flite import Flite
from wavenetlite.recipes.wake.mbrola import Mbrola
from wavenetlite.recipes.wake.pico import Pico
from wavenetlite.recipes.wake.piper import Piper
from wavenetlite.recipes.wake.programs import Program, Voice, require
from wavenetlite.recipes.wake.rhvoice import RHVoice
from wavenetlite.recipes.wake.script import divide
from wavenetlite.support.errors import MissingPackageError, ParameterError


@dataclass(frozen=True)
class Cast:
    """Programs by name, the voices to train on, and others to measure by."""

    programs: dict[str, Program]
    training: list[Voice]
    measuring: list[Voice]


def known_programs(piper_voices: str | os.PathLike[str] | None = None) -> dict[str, Program]:
    """The programs that speak, by name."""
    made: list[Program] = [Espeak(), Mbrola(), Flite(), Festival(), Pico(), RHVoice(), Piper(piper_voices)]
    return {program.name: program for program in made}


def cast(
    language: str, voices: Sequence[str] | None, test_voices: Sequence[str] | None, programs: dict[str, Program],
) -> Cast:  # fmt: skip
    """The voices of a training.

    Parameters
    ----------
    language
        That is spoken, such as "en".
    voices
        Programs, or single voices as "program:voice"; None: all that are installed.
    test_voices
        The same, not trained on but measured; None: one in eight of the voices.

    Raises
    ------
    ParameterError, MissingPackageError
        There is no such program or voice, or none at all; a program is not installed.
    """
    measuring = [] if test_voices is None else choose("test_voices", test_voices, language, programs)
    training = [voice for voice in speakers(language, voices, programs) if voice not in measuring]
    if not training:
        raise ParameterError(f"language={language!r}: no voice is left to train on; name another language, or voices")
    if test_voices is None:
        training, measuring = divide(training)
    return Cast(programs, training, measuring or training)


def speakers(language: str, voices: Sequence[str] | None, programs: dict[str, Program]) -> list[Voice]:
    """The voices of a language: those that are named, or all that are installed; see `cast` for the errors."""
    if voices is not None:
        return choose("voices", voices, language, programs)
    installed = [program for program in programs.values() if program.installed()]
    if not installed:
        remedies = "; ".join(f"{program.name}: {program.remedy}" for program in programs.values())
        raise MissingPackageError(f"no program that speaks is installed; one is needed ({remedies})")
    return [voice for program in installed for voice in program.voices(language)]


def choose(name: str, wanted: Sequence[str], language: str, programs: dict[str, Program]) -> list[Voice]:
    """The voices of these names."""
    made: list[Voice] = []
    for one in wanted:
        key, _, voice = one.partition(":")
        if key not in programs:
            raise ParameterError(f"{name} has {one!r}; it must be one of {', '.join(programs)}, or one of their voices "
                                 "as PROGRAM:VOICE")  # fmt: skip
        require(programs[key])
        there = programs[key].voices(language)
        found = [other for other in there if voice in ("", other.name)]
        if not found:
            some = "it has " + ", ".join(other.name for other in there[:8]) if there else "nor any other"
            raise ParameterError(f"{name} has {one!r}; {key} has no such voice for language={language!r}, {some}")
        made += found
    return list(dict.fromkeys(made))
