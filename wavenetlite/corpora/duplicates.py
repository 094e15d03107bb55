"""Clips of a corpus that are identical byte for byte, within and across its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

from wavenetlite.corpora.clips import PARTS, Corpus
from wavenetlite.corpora.layouts import readable

MOST_EXAMPLES = 10


class Clip(NamedTuple):
    """A clip that is the same as another."""

    name: str
    part: str
    label: str


class Duplicates:
    """The clips of a corpus whose recordings have the same bytes.

    Parameters
    ----------
    corpus
        What :func:`wavenetlite.train.read_corpus` returned.

    Attributes
    ----------
    groups
        The clips of each recording that the corpus has several times.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from wavenetlite.corpora.clips import Clips, Corpus
    >>> from wavenetlite.corpora.duplicates import Duplicates
    >>> def clips(*names):
    ...     n = len(names)
    ...     return Clips(np.zeros((n, 4), np.float32), np.zeros(n, np.int64), names, digests=["same"] * n)
    >>> corpus = Corpus(["yes", "no"], clips("a", "b"), clips(), clips("c"), 16000, "folders", [], Path())
    >>> Duplicates(corpus).within, len(Duplicates(corpus).shared("train", "test"))
    ({'train': 1, 'valid': 0, 'test': 0}, 1)
    >>> next(Duplicates(corpus).lines())
    '1 recording is in train and in test, byte for byte, such as a and c'
    """

    def __init__(self, corpus: Corpus) -> None:
        found: dict[str, list[Clip]] = {}
        for part in PARTS:
            clips = getattr(corpus, part)
            for name, y, digest in zip(clips.names, clips.y.tolist(), clips.digests, strict=True):
                if digest:
                    found.setdefault(digest, []).append(Clip(name, part, corpus.labels[y]))
        self.groups = [clips for clips in found.values() if len(clips) > 1]

    @property
    def within(self) -> dict[str, int]:
        """How many clips of a part repeat another of it."""
        counts = [Counter(clip.part for clip in group) for group in self.groups]
        return {part: sum(max(0, count[part] - 1) for count in counts) for part in PARTS}

    def shared(self, one: str, other: str) -> list[list[Clip]]:
        """The recordings that are in both of two parts."""
        return [group for group in self.groups if {one, other} <= {clip.part for clip in group}]

    @property
    def disagreeing(self) -> list[list[Clip]]:
        """The recordings that have several labels."""
        return [group for group in self.groups if len({clip.label for clip in group}) > 1]

    def lines(self) -> Iterator[str]:
        """A line for each pair of parts and each part that has duplicates, and one for those of several labels."""
        for one, other in combinations(PARTS, 2):
            if groups := self.shared(one, other):
                first = [next(clip.name for clip in groups[0] if clip.part == part) for part in (one, other)]
                verb = "recordings are" if len(groups) > 1 else "recording is"
                yield (f"{len(groups):,} {verb} in {one} and in {other}, byte for byte, such as "
                       f"{readable(first[0])} and {readable(first[1])}")  # fmt: skip
        for part, repeats in self.within.items():
            if repeats:
                names = next(names for group in self.groups if len(names := names_in(group, part)) > 1)
                verb = "clips of {} repeat others" if repeats > 1 else "clip of {} repeats another"
                yield (f"{repeats:,} {verb.format(part)}, byte for byte, such as "
                       f"{readable(names[1])} and {readable(names[0])}")  # fmt: skip
        if groups := self.disagreeing:
            verb = "recordings have" if len(groups) > 1 else "recording has"
            some = ", ".join(f"{readable(clip.name)} ({readable(clip.label)})" for clip in groups[0][:3])
            yield f"{len(groups):,} {verb} several labels, byte for byte the same, such as {some}"

    def json(self) -> dict[str, Any]:
        """The numbers and some examples, for reports."""
        return {
            "within": self.within,
            "across": {f"{one} and {other}": len(self.shared(one, other)) for one, other in combinations(PARTS, 2)},
            "several_labels": len(self.disagreeing),
            "examples": [[clip._asdict() for clip in group] for group in self.groups[:MOST_EXAMPLES]],
        }


def names_in(group: list[Clip], part: str) -> list[str]:
    return [clip.name for clip in group if clip.part == part]
