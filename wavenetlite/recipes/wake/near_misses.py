"""What sounds nearly like a phrase, and is not it: what a wake word has to tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.recipes.wake.phonemes import (
    Pronounced,
    distance,
    flatten,
    is_vowel,
    pronounce,
    pronounced_words,
    spell,
)
from wavenetlite.recipes.wake.sentences import words as words_of

LEAST_CHANGED = 0.25
"""Share of the phonemes that differ: what is nearer is the phrase in another accent."""
LEAST_REPLACED = 0.4
"""The same where phonemes are drawn: a voice that was not heard before is as far from those that were as one or two."""
SIMILAR = 8
"""Words of the vocabulary that are taken for each word of a phrase."""


class NearMisses:
    """Near misses of some phrases.

    Parameters
    ----------
    phrases
        To miss.
    language
        Of the pronunciation; None: espeak-ng is not there, and spelling has to do.
    vocabulary
        Words that phrases are made of.
    """

    def __init__(self, phrases: Sequence[str], language: str | None, vocabulary: Sequence[str] | None = None) -> None:
        self.phrases, self.language = list(phrases), language
        self.vocabulary = list(words_of() if vocabulary is None else vocabulary)
        self.words: dict[str, tuple[str, ...]] = {}
        self.learn([*self.phrases, *self.vocabulary])
        self.sounds = {phrase: self.sound(phrase) for phrase in phrases}
        self.known = {word: self.sound(word) for word in self.vocabulary}
        self.alike = {word: self.similar(word) for phrase in phrases for word in phrase.lower().split()}
        inventory = sorted({phoneme for sound in self.known.values() for phoneme in sound})
        self.inventory = {vowel: [one for one in inventory if is_vowel(one) == vowel] for vowel in (True, False)}

    def learn(self, texts: Sequence[str]) -> None:
        """Ask for the sounds of all words of some texts at once."""
        new = tuple(dict.fromkeys(word for text in texts for word in split(text) if word not in self.words))
        if self.language is None:
            self.words |= {word: tuple(word) for word in new}
        elif new:
            sounds = pronounced_words(new, self.language)
            self.words |= {word: flatten(sound) for word, sound in zip(new, sounds, strict=True)}

    def sound(self, text: str) -> tuple[str, ...]:
        """Phonemes, or letters, of the words one after the other."""
        self.learn([text])
        return tuple(part for word in split(text) for part in self.words[word])

    def similar(self, word: str) -> list[str]:
        """The words of the vocabulary that sound most like a word."""
        sound = self.sound(word)
        ranked = sorted((distance(sound, other) / max(len(sound), 1), one) for one, other in self.known.items())
        return [one for far, one in ranked if far > 0][:SIMILAR]

    def differs(self, sound: Sequence[str], least: float = LEAST_CHANGED) -> bool:
        """Whether something sounds like none of the phrases, and holds none; `least` is the share that must differ."""
        for phrase in self.sounds.values():
            if distance(sound, phrase) < max(1.0, least * len(phrase)):
                return False
            if any(tuple(sound[i : i + len(phrase)]) == phrase for i in range(len(sound) - len(phrase) + 1)):
                return False
        return True

    def texts(self, phrase: str) -> list[str]:
        """Parts of the phrase, its words in other orders and twice, and with words that sound like them."""
        words = phrase.lower().split()
        n = len(words)
        made = [" ".join(words[i:j]) for i in range(n) for j in range(i + 1, n + 1) if j - i < n]
        made += [" ".join([*words[i:], *words[:i]]) for i in range(1, n)]
        made += [f"{word} {word}" for word in words]
        for at, word in enumerate(words):
            made += [" ".join([*words[:at], other, *words[at + 1 :]]) for other in self.alike[word]]
        made += self.alike[words[-1]]
        if n > 1:
            others = list(zip(*(self.alike[word] for word in words), strict=False))
            made += [" ".join(one) for one in others]
        self.learn(made)
        return [one for one in dict.fromkeys(made) if self.differs(self.sound(one))]

    def phonemes(self, phrase: str, rng: np.random.Generator) -> str | None:
        """The phrase with some phonemes replaced or dropped, or broken off, as espeak-ng reads it.

        None if there is no espeak-ng, or nothing was found that is far enough from all phrases.
        """
        if self.language is None:
            return None
        sounds = pronounce(phrase, self.language)
        for _ in range(20):
            made = self.change(sounds, rng)
            sound = flatten(made)
            if any(map(is_vowel, sound)) and self.differs(sound, LEAST_REPLACED):  # voices cannot say a consonant alone
                return spell(made)
        return None

    def change(self, sounds: Pronounced, rng: np.random.Generator) -> Pronounced:
        places = [(i, j) for i, word in enumerate(sounds) for j in range(len(word))]
        if rng.random() < 0.25:
            return broken_off(sounds, int(rng.integers(1, max(2, int(0.7 * len(places)) + 1))), rng.random() < 0.5)
        least = max(1, int(np.ceil(LEAST_REPLACED * len(places))))
        count = int(rng.integers(least, max(least + 1, len(places) // 2 + 1)))
        words = [list(word) for word in sounds]
        for place in rng.permutation(len(places))[:count]:
            i, j = places[place]
            words[i][j] = self.other(words[i][j], rng) if rng.random() < 0.8 else ""
        return tuple(tuple(phoneme for phoneme in word if phoneme) for word in words)

    def other(self, phoneme: str, rng: np.random.Generator) -> str:
        """Another vowel for a vowel, another consonant for a consonant."""
        others = self.inventory[is_vowel(phoneme)]
        return others[int(rng.integers(len(others)))] if others else ""


def broken_off(sounds: Pronounced, count: int, at_end: bool) -> Pronounced:
    """Only so many phonemes, the last ones or the first."""
    left = list(flatten(sounds))
    kept = left[-count:] if at_end else left[:count]
    return (tuple(kept),)


def split(text: str) -> list[str]:
    """The words of a text, without marks around them."""
    words = (word.strip(".,;:!?\"'()") for word in text.lower().split())
    return [word for word in words if word]
