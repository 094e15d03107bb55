"""The choice of labels, of clips of unknown words, and of pieces of silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.corpora.clips import PARTS, Clips
from wavenetlite.corpora.layouts import SILENCE, TWELVE, UNKNOWN, Item, composed
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ParameterError

NOISE_PARTS = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}
"""Section of a noise recording that the silence of each part is cut from; they do not overlap."""


def checked_words(words: Any) -> list[str] | None:
    """The labels wanted, in order; None: all."""
    if words is None or (isinstance(words, str) and words == "all"):
        return None
    if isinstance(words, str) and words == "12":
        return list(TWELVE)
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise ParameterError(f"words={words!r} must be 'all', '12' or a list of labels")
    labels = [composed(text("words", word)) for word in words]
    if len(set(labels)) < len(labels) or len(labels) < 2:
        raise ParameterError(f"words={labels} must be two or more different labels")
    return labels


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArrayTypeError(f"{name}={value!r} is a {type(value).__name__}; it must be a string")
    return value


def chosen_words(items: Sequence[Item], wanted: Sequence[str] | None, seed: int) -> list[Item]:
    """The items of the labels wanted; if "_unknown_" is one of them, a balanced choice of all other words."""
    if wanted is None:
        return list(items)
    chosen = [item for item in items if item.label in wanted]
    if UNKNOWN in wanted:
        for number_of_part, part in enumerate(PARTS):
            here = [item for item in chosen if item.part == part]
            missing = per_word(here, wanted) - sum(item.label == UNKNOWN for item in here)
            others = [i for i in items if i.part == part and i.label not in wanted and not i.label.startswith("_")]
            chosen += by_turns(others, missing, np.random.default_rng([seed, 2, number_of_part]))
    return sorted(chosen, key=lambda item: (item.label, item.name))


def per_word(items: Sequence[Item], wanted: Sequence[str]) -> int:
    """Average number of clips of the words wanted."""
    words = [word for word in wanted if word not in (SILENCE, UNKNOWN)]
    return round(sum(item.label in words for item in items) / max(1, len(words)))


def by_turns(items: Sequence[Item], most: int, rng: np.random.Generator) -> list[Item]:
    """At most `most` clips, the same number of each word, labelled "_unknown_"."""
    turns: Counter[str] = Counter()
    order = []
    for place in rng.permutation(len(items)):
        order.append((turns[items[place].label], int(place)))
        turns[items[place].label] += 1
    return [replace(items[place], label=UNKNOWN) for _, place in sorted(order)[: max(0, most)]]


def cut_silence(noises: dict[str, Floats], part: str, wanted: int, samples: int, seed: int) -> Clips:
    """Pieces of the noise recordings, from the section of a part; longer recordings give more."""
    begin, end = NOISE_PARTS[part]
    spans = {name: (int(begin * len(y)), int(end * len(y)) - samples) for name, y in noises.items()}
    spans = {name: span for name, span in spans.items() if span[1] >= span[0]}
    if not spans or not wanted:
        return Clips(np.zeros((0, samples), np.float32), np.zeros(0, np.int64))
    names = list(spans)
    room = np.array([last - first + 1 for first, last in spans.values()], np.float64)
    rng = np.random.default_rng([seed, 3, PARTS.index(part)])
    sources = rng.choice(len(names), size=wanted, p=room / room.sum())
    places = [(names[i], int(rng.integers(spans[names[i]][0], spans[names[i]][1] + 1))) for i in sources]
    cut = [noises[name][at : at + samples] for name, at in sorted(places)]
    return Clips(
        np.array(cut, np.float32).reshape(-1, samples),
        np.zeros(len(cut), np.int64),
        [f"{name}@{at}" for name, at in sorted(places)],
    )
