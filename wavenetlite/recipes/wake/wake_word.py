"""A wake word from its text: from voices to a classifier, files for ESPHome and a report."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.layouts import UNKNOWN
from wavenetlite.evaluation.tails import log_odds
from wavenetlite.nn import Graph, Module
from wavenetlite.recipes.wake.advice import advice
from wavenetlite.recipes.wake.choice import Cast, cast, known_programs
from wavenetlite.recipes.wake.ensemble import Ensemble
from wavenetlite.recipes.wake.gathering import Gathering
from wavenetlite.recipes.wake.material import Heard, measuring_reels, measuring_scenes
from wavenetlite.recipes.wake.measuring import Findings, Scored, findings, score
from wavenetlite.recipes.wake.network import features, shift_logits
from wavenetlite.recipes.wake.programs import Program, checked_text
from wavenetlite.recipes.wake.reels import Reels
from wavenetlite.recipes.wake.saving import Saved, save_all
from wavenetlite.recipes.wake.scenes import Scenes
from wavenetlite.recipes.wake.settings import Effort, effort_of
from wavenetlite.recipes.wake.stages import Log
from wavenetlite.recipes.wake.thresholds import detector, threshold_for
from wavenetlite.recipes.wake.training import in_integers
from wavenetlite.recipes.wake.triggers import Candidates, Listener, Trigger, worst
from wavenetlite.support.checks import count, flag, number, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ArrayTypeError, ParameterError

WANTED = 0.6
"""Where the threshold is laid: there, 8 bits tell probabilities apart best."""
MOST_PHRASES = 20
TRAINING = "training"
SPEECH = "speech"


@dataclass(frozen=True)
class WakeWord:
    """What was made.

    Attributes
    ----------
    classifier
        Detects the phrases; of 8-bit integers.
    findings
        How well it does.
    files
        What was written, relative to the folder.
    """

    classifier: AudioClassifier
    findings: Findings
    files: list[str]


def train_wake_word(
    phrases: str | Sequence[str],
    folder: str | os.PathLike[str],
    *,
    language: str = "en",
    recordings: str | os.PathLike[str] | None = None,
    background: Sequence[str | os.PathLike[str]] = (),
    voices: Sequence[str] | None = None,
    test_voices: Sequence[str] | None = None,
    piper_voices: str | os.PathLike[str] | None = None,
    false_alarms_per_hour: float = 0.5,
    effort: str | Effort = "normal",
    seed: int = 0,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
    programs: dict[str, Program] | None = None,
) -> WakeWord:
    """Train a detector of words that nobody has recorded, from their text.

    Programs that speak (espeak-ng, mbrola, flite, festival, pico, RHVoice, piper) say the phrases, what sounds nearly
    like them, and ordinary sentences, in all their voices, at many speeds and pitches. Small networks of
    microWakeWord's shape learn to tell them apart, in rooms and noise, and from recordings without the phrases; what
    they mistake is trained on again. The 8-bit form of their mean is what is measured and written.

    Parameters
    ----------
    phrases
        One, or several for one model.
    folder
        For the results; created if missing. Speech and checkpoints are kept there, so that the same call resumes.
    language
        That the voices speak: "en".
    recordings
        A folder of recordings of the phrase, one each, without other words; for several phrases, with a folder of each,
        named like its file ("hey_marcel"). Three are enough to help; of four and more, a quarter is kept back and
        measured.
    background
        Folders of talk, music and noise, of any length, in which no phrase is said. Some files of each are kept back:
        the threshold is chosen on them.
    voices, test_voices
        Programs, or single voices, "flite:slt", to train on, and others to measure by. None: all that are installed,
        and one in eight of them.
    piper_voices
        The folder of piper's voices.
    false_alarms_per_hour
        For each phrase, in recordings like those of any folder of the background of which ten minutes are kept back.
    effort
        "quick", "normal" or "thorough", or an `Effort`.
    seed
        Of all that is drawn: the same seed and material give the same files.
    threads
        None: as many as there are CPUs. Does not change the result.
    resume
        Whether to go on from what an interrupted call left in `folder`; what voices said is used in any case.
    progress
        Whether to show bars, or a line for each stage where there is no terminal.
    programs
        That speak, by name; None: those that are known.

    Raises
    ------
    ParameterError, ArrayTypeError, MissingPackageError
        An option is out of range, a folder is missing or empty, or no program that speaks is installed.
    SpeechError
        A program failed too often.

    Notes
    -----
    Written are ``classifier.safetensors`` (for :func:`wavenetlite.load`), for each phrase a ``.tflite`` and a ``.json``
    for ESPHome, ``report.html``, and ``wake-word.json`` with all that was measured.
    """
    wanted = checked_phrases(phrases)
    rate = number("false_alarms_per_hour", false_alarms_per_hour, least=0.0)
    if not 0 < rate <= 100:
        raise ParameterError(f"false_alarms_per_hour={rate:g} must be above 0 and at most 100")
    if isinstance(background, str | os.PathLike):
        background = [background]
    made = Making(
        wanted, Path(folder), cast(language, voices, test_voices, programs or known_programs(piper_voices)),
        effort_of(effort), language, rate, count("seed", seed),
        cpus() if threads is None else positive_int("threads", threads), flag("resume", resume), Log(progress),
    )  # fmt: skip
    return made.all(recordings, background)


def checked_phrases(phrases: str | Sequence[str]) -> list[str]:
    """The phrases: each once, and of different names."""
    given = [phrases] if isinstance(phrases, str) else list(phrases)
    if not all(isinstance(one, str) for one in given):
        raise ArrayTypeError(f"phrases={phrases!r} must be a text, or a list of texts")
    if not 1 <= len(given) <= MOST_PHRASES:
        raise ParameterError(f"phrases has {len(given)} entries; it must have 1 to {MOST_PHRASES}")
    made = [checked_text("phrase", one) for one in given]
    names = [name_of(one) for one in made]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"phrases has {name!r} twice; each must be there once")
    return made


def name_of(phrase: str) -> str:
    """The name of a phrase's files: "hey_marcel"."""
    return re.sub(r"\W+", "_", phrase.lower()).strip("_")


@dataclass(frozen=True)
class Making:
    """The making of a wake word, stage by stage."""

    phrases: list[str]
    folder: Path
    cast: Cast
    effort: Effort
    language: str
    rate: float
    seed: int
    threads: int
    resume: bool
    log: Log

    def all(self, recordings: str | os.PathLike[str] | None, background: Sequence[str | os.PathLike[str]]) -> WakeWord:
        gathering = Gathering(self.phrases, [name_of(one) for one in self.phrases], self.cast, self.effort,
                              self.language, self.seed, self.threads, self.log)  # fmt: skip
        own, folders = gathering.own_files(recordings), gathering.background(background)  # told before hours of work
        self.folder.mkdir(parents=True, exist_ok=True)
        heard = gathering.all(self.folder / SPEECH, own, folders)
        ensemble, kept = self.ensemble(heard), self.kept(heard)
        rounded = ensemble.round_weights(ensemble.all())
        # Not before: that training moves the logits back, out of ranges that were found for moved ones.
        self.centre(rounded, kept)
        clf = self.classifier(in_integers(rounded))
        scores = score(clf, *kept, self.threads)
        clf = clf.with_detector(detector(self.thresholds(scores)))
        found = findings(scores, self.phrases, clf, self.rate, heard.made_of)
        saved = Saved(self.phrases, [name_of(one) for one in self.phrases], clf, found, self.triggers(clf, heard),
                      self.language, self.options(recordings, background))  # fmt: skip
        files = save_all(saved, self.folder)
        for phrase, about in clf.info["wake_word"]["phrases"].items():
            if doubts := advice(phrase, about):
                self.log.say(doubts)
        return WakeWord(clf, found, files)

    def ensemble(self, heard: Heard) -> Ensemble:
        return Ensemble(heard, self.effort, self.folder / TRAINING, seed=self.seed, threads=self.threads,
                        resume=self.resume, log=self.log)  # fmt: skip

    def kept(self, heard: Heard) -> tuple[list[Scenes], list[Reels]]:
        """What is measured on."""
        return (measuring_scenes(heard, self.effort, seed=self.seed, threads=self.threads),
                measuring_reels(heard, seed=self.seed, threads=self.threads))  # fmt: skip

    def classifier(self, model: Module | Graph) -> AudioClassifier:
        return AudioClassifier(
            features(), model, [*self.phrases, UNKNOWN], decision="peak", background=[UNKNOWN],
            detector=detector(dict.fromkeys(self.phrases, WANTED)),
        )  # fmt: skip

    def centre(self, network: Module | Graph, kept: tuple[list[Scenes], list[Reels]]) -> None:
        """Move the logits so that the threshold will lie at `WANTED`."""
        now = self.thresholds(score(self.classifier(network), *kept, self.threads), limited=False)
        target = float(log_odds(np.array(WANTED)))
        shift_logits(network, [target - float(log_odds(np.array(now[phrase]))) for phrase in self.phrases])

    def thresholds(self, scores: Scored, *, limited: bool = True) -> dict[str, float]:
        """Of each phrase, for the rate of false alarms."""
        made = {}
        for word, phrase in enumerate(self.phrases):
            threshold = threshold_for(scores.tails(word), self.rate, limited=limited)
            made[phrase] = round(threshold, 3 if limited else 9)
        return made

    def triggers(self, clf: AudioClassifier, heard: Heard) -> list[Trigger]:
        """What comes nearest to the phrases: of what voices said, and of the background that was kept back."""
        with self.log.bar("what sounds most like it"):
            found = Listener(clf, self.threads).highest(Candidates(heard))
        return worst(found, self.phrases)

    def options(
        self, recordings: str | os.PathLike[str] | None, background: Sequence[str | os.PathLike[str]]
    ) -> dict[str, Any]:
        """What was asked for, without places of this machine."""
        return {
            "language": self.language, "seed": self.seed, "false alarms per hour": self.rate,
            "own recordings given": recordings is not None, "background folders": len(background),
            "voices": sorted({voice.program for voice in self.cast.training}),
            "voices trained on": len(self.cast.training), "voices measured": len(self.cast.measuring),
            "networks": self.effort.networks, "epochs of each": self.effort.stages.total,
        }  # fmt: skip
