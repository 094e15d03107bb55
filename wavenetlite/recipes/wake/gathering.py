"""Gathers what is trained on: voices speak, recordings and background are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavenetlite.corpora.background import read_background
from wavenetlite.recipes.wake.choice import Cast
from wavenetlite.recipes.wake.espeak import Espeak
from wavenetlite.recipes.wake.material import NOISES_S, Heard
from wavenetlite.recipes.wake.near_misses import NearMisses
from wavenetlite.recipes.wake.recordings import Pieces, own_files, read_own
from wavenetlite.recipes.wake.script import Script, draw, script, utter
from wavenetlite.recipes.wake.sentences import SENTENCES
from wavenetlite.recipes.wake.settings import Effort
from wavenetlite.recipes.wake.speech import SR, Speech, Utterance, trim
from wavenetlite.recipes.wake.stages import Log
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

KEPT = 0.25
"""Share of the background that is kept back."""
LEAST_KEPT = 4
"""Recordings of one's own from which on some are kept back."""
MOST_PHRASE_S = 2.5
MOST_TOLD = 5


@dataclass(frozen=True)
class Gathering:
    """Gathers what is trained on, for some phrases, each with the name of its files."""

    phrases: list[str]
    names: list[str]
    cast: Cast
    effort: Effort
    language: str
    seed: int
    threads: int
    log: Log

    def own_files(self, folder: str | os.PathLike[str] | None) -> list[list[Path]]:
        """Recordings of each phrase."""
        if folder is None:
            return [[] for _ in self.phrases]
        if len(self.phrases) == 1 and not (Path(folder) / self.names[0]).is_dir():
            return [own_files(folder)]
        places = [Path(folder) / name for name in self.names]
        if not any(place.is_dir() for place in places):
            raise ParameterError(f"recordings={os.fspath(folder)!r} must hold a folder of each phrase: "
                                 f"{', '.join(self.names)}")  # fmt: skip
        return [own_files(place) if place.is_dir() else [] for place in places]

    def background(self, folders: Sequence[str | os.PathLike[str]]) -> tuple[Pieces, list[Pieces]]:
        """Of some folders, for training; and what is kept back of each."""
        if not folders:
            return Pieces(), []
        with self.log.bar("reading the background") as bar:
            read = read_background(list(folders), SR, progress=bar)
        self.tell(read.problems)
        parts = [one.split(KEPT, self.seed) for one in read.by_folder()]
        training, kept = Pieces(*(one for one, _ in parts)), [Pieces(one) for _, one in parts]
        if not len(training) or not any(map(len, kept)):
            raise ParameterError(f"background has {3600 * read.hours:.1f} s of audio; it must have more than a few "
                                 "seconds, as a part of it is kept back")  # fmt: skip
        return training, [one for one in kept if len(one)]

    def all(self, folder: Path, own: list[list[Path]], background: tuple[Pieces, list[Pieces]]) -> Heard:
        """What was said and recorded; `folder` keeps what voices say."""
        speech = Speech(self.cast.programs, folder)
        plan = self.script()
        phrases, kept = ([self.say(speech, some, f"{what} {phrase!r}") for phrase, some in zip(
            self.phrases, all_of, strict=True)] for what, all_of in (("voices say", plan.phrases),
                                                                     ("other voices say", plan.kept_back)))  # fmt: skip
        near, texts = self.said_with_texts(speech, plan.near_misses)
        talk = self.say(speech, plan.sentences, "voices say sentences")
        mine = [self.own(paths) for paths in own]
        training, held = background
        rng = np.random.default_rng([self.seed, 7])
        around = training.some(NOISES_S, rng)
        return Heard(
            phrases=phrases, own=[one for one, _ in mine], kept_phrases=kept, kept_own=[one for _, one in mine],
            near_misses=near, near_texts=texts, talk=[*talk, *training.some(NOISES_S, rng)], background=training,
            kept_background=held or [self.other_talk(speech)], noises=around,
        )  # fmt: skip

    def script(self) -> Script:
        espeak = self.cast.programs.get(Espeak.name)
        phonemes = espeak is not None and espeak.installed() and bool(espeak.voices(self.language))
        near = NearMisses(self.phrases, self.language if phonemes else None)
        return script(near, SENTENCES, self.cast.training, self.cast.measuring, utterances=self.effort.utterances,
                      measured=self.effort.measured, seed=self.seed)  # fmt: skip

    def said_with_texts(self, speech: Speech, utterances: Sequence[Utterance]) -> tuple[list[Floats], list[str]]:
        """Near misses that could be said, and what each is."""
        with self.log.bar("voices say what is nearly that") as bar:
            made, problems = speech.say_all(utterances, threads=self.threads, progress=bar)
        self.tell(problems)
        both = [(y, one.text) for y, one in zip(made, utterances, strict=True) if y is not None]
        return [y for y, _ in both], [text for _, text in both]

    def say(self, speech: Speech, utterances: Sequence[Utterance], what: str) -> list[Floats]:
        with self.log.bar(what) as bar:
            made, problems = speech.say_all(utterances, threads=self.threads, progress=bar)
        self.tell(problems)
        return [one for one in made if one is not None]

    def other_talk(self, speech: Speech) -> list[Floats]:
        """Without a background, sentences by voices that are not trained on have to do."""
        self.log.say("no background is given: false alarms are measured on sentences of voices only, and talk, music "
                     "and noise will raise more of them; give --background FOLDER")  # fmt: skip
        rng = np.random.default_rng([self.seed, 8])
        near = NearMisses(self.phrases, None)
        plain = [one for one in SENTENCES if near.differs(near.sound(one))]
        voices = draw(self.cast.measuring, self.effort.utterances, rng)
        return self.say(speech, [utter(plain[int(rng.integers(len(plain)))], voice, rng) for voice in voices],
                         "other voices say sentences")  # fmt: skip

    def own(self, paths: list[Path]) -> tuple[list[Floats], list[Floats]]:
        """One's own recordings of a phrase, for training, and kept back."""
        signals, problems = read_own(paths)
        self.tell(problems)
        signals = [trim(y) for y in signals]
        good = [y for y in signals if SR // 10 <= len(y) <= MOST_PHRASE_S * SR]
        if len(good) < len(paths):
            self.log.say(f"{len(paths) - len(good)} of {len(paths)} recordings cannot be used: each must have the "
                         f"phrase alone, at most {MOST_PHRASE_S:g} s")  # fmt: skip
        if paths and not good:
            raise ParameterError(f"recordings has none that can be used: {', '.join(map(str, paths[:3]))}")
        kept = len(good) // 4 if len(good) >= LEAST_KEPT else 0
        order = np.random.default_rng([self.seed, 9]).permutation(len(good)).tolist()
        return [good[index] for index in order[kept:]], [good[index] for index in order[:kept]]

    def tell(self, problems: list[str]) -> None:
        for problem in problems[:MOST_TOLD]:
            self.log.say(problem)
        if len(problems) > MOST_TOLD:
            self.log.say(f"... and {len(problems) - MOST_TOLD} more such problems")
