"""Phonemes of texts, as espeak-ng pronounces them, and how far apart two pronunciations are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from wavenetlite.recipes.wake.espeak import Espeak
from wavenetlite.recipes.wake.programs import Call, run

Pronounced = tuple[tuple[str, ...], ...]
"""The phonemes of each word, in espeak-ng's mnemonics, with marks of stress."""
STRESS = "',%=|"
VOWELS = frozenset("aeiouyAEIOUV0@3&")
"""First letters of the mnemonics of vowels."""


@lru_cache(4096)
def pronounce(text: str, language: str) -> Pronounced:
    """The phonemes of a text.

    Raises
    ------
    SpeechError
        espeak-ng does not know the language.
    """
    out = run(Call((Espeak.name, "-q", "-x", "--sep=_", "-v", language, "--stdin"), text))
    return split(out)


@lru_cache(16)
def pronounced_words(words: tuple[str, ...], language: str) -> tuple[Pronounced, ...]:
    """`pronounce` of each of many words, by one call."""
    out = run(Call((Espeak.name, "-q", "-x", "--sep=_", "-v", language, "--stdin"), "\n\n".join(words)))
    lines = [line for line in out.splitlines() if line.strip()]
    if len(lines) != len(words):  # a word that espeak-ng reads as none, or as two
        return tuple(pronounce(word, language) for word in words)
    return tuple(split(line) for line in lines)


def split(line: str) -> Pronounced:
    return tuple(tuple(part for part in word.split("_") if part) for word in line.split() if word.strip("_"))


def plain(phoneme: str) -> str:
    """A phoneme without marks of stress."""
    return phoneme.strip(STRESS)


def is_vowel(phoneme: str) -> bool:
    return plain(phoneme)[:1] in VOWELS


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Phonemes to replace, add or drop to come from one pronunciation to the other (Levenshtein, 1966)."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            same = plain(one) == plain(other)
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (not same))
    return row[-1]


def flatten(words: Pronounced) -> tuple[str, ...]:
    return tuple(phoneme for word in words for phoneme in word)


def spell(words: Pronounced) -> str:
    """What espeak-ng reads as these phonemes."""
    return "[[" + " ".join("".join(word) for word in words) + "]]"
