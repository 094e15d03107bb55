"""The script of a training: which voice says what, how fast and how high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.recipes.wake.near_misses import NearMisses
from wavenetlite.recipes.wake.programs import Voice
from wavenetlite.recipes.wake.speech import Utterance
from wavenetlite.support.errors import ParameterError

SPEEDS = (0.55, 1.4)
PITCHES = (0.72, 1.4)
KEPT_BACK = 8
"""One voice in this many is not trained on, but measured."""
FOREIGN_PHONEMES = 0.6
"""Share of the near misses that are said as phonemes, where a voice takes them."""


@dataclass(frozen=True)
class Script:
    """What is said.

    Attributes
    ----------
    phrases
        Utterances of each phrase, for training.
    kept_back
        Utterances of each phrase by voices that are not trained on.
    near_misses, sentences
        What sounds nearly like a phrase, and ordinary talk.
    """

    phrases: list[list[Utterance]]
    kept_back: list[list[Utterance]]
    near_misses: list[Utterance]
    sentences: list[Utterance]

    def all(self) -> list[Utterance]:
        return [*(one for some in (*self.phrases, *self.kept_back) for one in some), *self.near_misses,
                *self.sentences]  # fmt: skip


def divide(voices: Sequence[Voice]) -> tuple[list[Voice], list[Voice]]:
    """Voices to train on, and those kept back: a whole variant, whatever its accent."""
    names = sorted({family(voice) for voice in voices})
    kept = set(names[KEPT_BACK // 2 :: KEPT_BACK]) if len(names) > 1 else set()
    if len(names) > 1 and not kept:
        kept = {names[-1]}
    return [one for one in voices if family(one) not in kept], [one for one in voices if family(one) in kept]


def family(voice: Voice) -> tuple[str, str]:
    """The program and the name, without the accent of a variant."""
    return voice.program, voice.name.rpartition("+")[2]


def script(
    near: NearMisses, sentences: Sequence[str], training: Sequence[Voice], measuring: Sequence[Voice], *,
    utterances: int, measured: int, seed: int,
) -> Script:  # fmt: skip
    """The script for some phrases.

    Parameters
    ----------
    near
        Of the phrases.
    sentences
        Ordinary talk.
    training, measuring
        Voices to train on, and others that say each phrase `measured` times.
    utterances
        Of each phrase; there are about as many near misses of each, and sentences in all.
    seed
        Of what is drawn.
    """
    if not training:
        raise ParameterError("voices is empty; a wake word from text needs at least one voice")
    rng = np.random.default_rng([seed, 1])
    phrases = [[utter(phrase, voice, rng) for voice in draw(training, utterances, rng)] for phrase in near.phrases]
    kept = [[utter(phrase, voice, rng) for voice in draw(measuring, measured, rng)] for phrase in near.phrases]
    misses = [miss for phrase in near.phrases for miss in misses_of(near, phrase, training, utterances, rng)]
    near.learn(sentences)
    plain = [one for one in sentences if near.differs(near.sound(one))]
    talk = [utter(plain[int(rng.integers(len(plain)))], voice, rng) for voice in draw(training, utterances, rng)]
    return Script(phrases, kept, misses, talk)


def draw(voices: Sequence[Voice], count: int, rng: np.random.Generator) -> list[Voice]:
    """So many voices in random order: of a program each as often as the others, more of those that have more.

    The share of a program grows with the square root of how many voices it has, so that a program of a few is not lost
    beside the hundreds of espeak-ng.
    """
    by_program: dict[str, list[Voice]] = {}
    for voice in voices:
        by_program.setdefault(voice.program, []).append(voice)
    shares = np.sqrt([len(some) for some in by_program.values()])
    ends = np.round(count * np.cumsum(shares) / max(1.0, shares.sum())).astype(int).tolist()
    made = [each_as_often(some, end - start, rng)
            for some, start, end in zip(by_program.values(), [0, *ends], ends, strict=False)]  # fmt: skip
    if len(made) == 1:
        return made[0]
    drawn = [voice for some in made for voice in some]
    return [drawn[index] for index in rng.permutation(len(drawn)).tolist()]


def each_as_often(voices: Sequence[Voice], count: int, rng: np.random.Generator) -> list[Voice]:
    made: list[Voice] = []
    while len(made) < count:
        made += [voices[index] for index in rng.permutation(len(voices)).tolist()]
    return made[:count]


def utter(
    text: str, voice: Voice, rng: np.random.Generator, speeds: tuple[float, float] = SPEEDS,
    pitches: tuple[float, float] = PITCHES,
) -> Utterance:  # fmt: skip
    """The text at a speed and a pitch within these ranges."""
    speed, pitch = (float(np.round(low * (high / low) ** rng.random(), 3)) for low, high in (speeds, pitches))
    return Utterance(text, voice, speed, pitch)


def misses_of(
    near: NearMisses, phrase: str, voices: Sequence[Voice], count: int, rng: np.random.Generator
) -> list[Utterance]:
    texts = near.texts(phrase)
    made = []
    for voice in draw(voices, count, rng):
        text = near.phonemes(phrase, rng) if voice.phonemes and rng.random() < FOREIGN_PHONEMES else None
        if text is None and texts:
            text = texts[int(rng.integers(len(texts)))]
        if text is not None:
            made.append(utter(text, voice, rng))
    return made
