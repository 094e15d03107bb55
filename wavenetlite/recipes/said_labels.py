"""Voices of programs as further speakers of a corpus, for training: they say what its labels are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wavenetlite.audio import resample
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.recipes.wake.choice import known_programs, speakers
from wavenetlite.recipes.wake.programs import Program, Voice, checked_text
from wavenetlite.recipes.wake.script import draw, utter
from wavenetlite.recipes.wake.speech import SR, Speech, Utterance
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.progress import Progress

CLIPS = 100
"""Of each label."""
RANGE = (0.75, 1.35)
"""Of speeds and of pitches."""
LEVELS_DB = (-15.0, 3.0)
"""Range of the level, against a peak of 0.5."""
OWN = 21
"""So that nothing else is drawn alike from the same seed."""


def with_voices(
    corpus: Corpus, folder: str | os.PathLike[str], *, voices: Sequence[str] | None = None, clips: int = CLIPS,
    language: str = "en", programs: dict[str, Program] | None = None, seed: int = 0, threads: int | None = None,
    progress: Progress | None = None,
) -> Corpus:  # fmt: skip
    """A corpus whose labels are also said by programs that speak, in its training part.

    A corpus of few speakers knows little of how else its words can be said. Each label is said as it is written, with
    spaces in place of underscores; those that begin with an underscore, such as ``_unknown_``, are not.

    Parameters
    ----------
    corpus
        Of labelled clips.
    folder
        Keeps what was said, FLAC at 16 kHz; created if missing. The same call reads it again.
    voices
        Programs, "espeak-ng", or single voices of them, "flite:slt"; None: all that are installed.
    clips
        Of each label, by voices in turn, at speeds and pitches of 0.75 to 1.35 of the usual ones. What is longer than a
        clip is cut off at its end.
    language
        That the voices speak.
    programs
        By name; None: those that `train_wake_word` knows.
    seed
        Of what is drawn.
    threads
        That speak; None: as many as there are CPUs.
    progress
        Called with the utterances so far, and all.

    Returns
    -------
    Corpus
        With the clips at the end of `train`, their voices as speakers, and what could not be said among `problems`.

    Raises
    ------
    ParameterError, MissingPackageError
        No label is a word; a program is unknown or not installed, or has no such voice or language.
    SpeechError
        A program fails more often than not.
    """
    programs = known_programs() if programs is None else programs
    chosen, wanted = voices_of(language, voices, programs), positive_int("clips", clips)
    script = script_of(words_of(corpus), chosen, wanted, np.random.default_rng([count("seed", seed), OWN]))
    speech = Speech(programs, Path(folder))
    said, problems = speech.say_all([one for _, one in script], threads=threads or cpus(), progress=progress)
    made = clips_of(script, said, corpus, np.random.default_rng([seed, OWN, 1]))
    return replace(corpus, train=Clips.concatenate([corpus.train, made]), problems=[*corpus.problems, *problems])


def voices_of(language: str, voices: Sequence[str] | None, programs: dict[str, Program]) -> list[Voice]:
    """All that are wanted; see `with_voices`, whose errors it raises."""
    made = speakers(language, voices, programs)
    if not made:
        raise ParameterError(f"language={language!r}: no program that is installed speaks it; name another language")
    return made


def words_of(corpus: Corpus) -> list[tuple[int, str]]:
    """The labels that can be said, with their numbers."""
    made = [(number, label) for number, label in enumerate(corpus.labels) if not label.startswith("_")]
    if not made:
        raise ParameterError(f"corpus has the labels {', '.join(corpus.labels)}; voices need one that is a word")
    return made


def script_of(
    labels: Sequence[tuple[int, str]], voices: Sequence[Voice], clips: int, rng: np.random.Generator
) -> list[tuple[int, Utterance]]:
    """What is said of each label, with its number."""
    return [(number, utter(checked_text("label", label.replace("_", " ")), voice, rng, RANGE, RANGE))
            for number, label in labels for voice in draw(voices, clips, rng)]  # fmt: skip


def clips_of(
    script: Sequence[tuple[int, Utterance]], said: Sequence[Floats | None], corpus: Corpus, rng: np.random.Generator
) -> Clips:
    """Clips of the corpus' length, each utterance in the middle of zeros."""
    samples = corpus.train.audio.shape[1]
    both = [(one, y) for one, y in zip(script, said, strict=True) if y is not None]
    audio, lengths = np.zeros((len(both), samples), np.float32), np.zeros(len(both), np.int64)
    for row, (_, y) in enumerate(both):
        level = np.float32(10 ** (rng.uniform(*LEVELS_DB) / 20))
        part = (y if corpus.sr == SR else resample(y, SR, corpus.sr))[:samples] * level
        start, lengths[row] = (samples - len(part)) // 2, len(part)
        audio[row, start : start + len(part)] = part
    voices = [str(one.voice) for (_, one), _ in both]
    names = [f"voices/{corpus.labels[number]}/{index}" for index, ((number, _), _) in enumerate(both)]
    return Clips(audio, np.array([number for (number, _), _ in both], np.int64), names, voices, lengths)
