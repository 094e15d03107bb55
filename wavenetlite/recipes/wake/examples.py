"""Batches for a wake word: scenes of the phrases, and windows of everything that they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.recipes.wake.reels import Reels
from wavenetlite.recipes.wake.scenes import STEPS, Integers, Scenes
from wavenetlite.support.arrays import Floats
from wavenetlite.support.digests import digest
from wavenetlite.train.augment import Augment, FrequencyWarp, SpecAugment
from wavenetlite.train.batches import Batch

PHRASES = 0.35
"""Share of the windows of a batch in which a phrase is said."""
HARD = 0.5
"""Share of the others that are drawn from the hardest."""


@dataclass(frozen=True)
class Hard:
    """The hardest windows of some reels: where they lie."""

    reels: Reels
    places: list[tuple[int, int]]


class Examples:
    """A `Source` for `fit`: each batch is drawn anew.

    Parameters
    ----------
    scenes
        Of each phrase.
    reels
        Of everything else, and how often windows of each are drawn.
    hard
        Windows that the network took for a phrase.
    batches, batch_size
        Of an epoch.
    """

    parallel = True

    def __init__(
        self, scenes: Sequence[Scenes], reels: Sequence[tuple[Reels, float]], hard: Sequence[Hard], *, batches: int,
        batch_size: int,
    ) -> None:  # fmt: skip
        self.scenes, self.reels, self.hard = (
            list(scenes),
            [one for one, _ in reels],
            [one for one in hard if one.places],
        )
        weights = np.array([weight for _, weight in reels])
        self.weights = weights / weights.sum()
        self.size = batches * batch_size
        # Much is hidden: who says the phrase otherwise than the voices that are trained on lacks one cue or another.
        self.change = Augment([
            FrequencyWarp(0.82, 1.22, probability=0.6),
            SpecAugment(time_masks=2, most_frames=25, frequency_masks=2, most_bins=10, fill=0.0, probability=0.8),
        ])  # fmt: skip

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        background = len(self.scenes)
        said = round(PHRASES * len(indices))
        labels = rng.integers(background, size=said)
        parts: list[Floats] = []
        targets: list[Integers] = []
        for label, scenes in enumerate(self.scenes):
            chosen = rng.integers(len(scenes), size=int((labels == label).sum()))
            parts.append(scenes.frames[chosen].astype(np.float32))
            targets.append(scenes.targets(chosen, label, background))
        others = self.others(len(indices) - said, rng)
        x = self.change(np.concatenate([*parts, *others]), rng)
        y = np.concatenate([*targets, np.full((len(indices) - said, STEPS), background, np.int64)])
        order = rng.permutation(len(indices))
        return np.ascontiguousarray(x[order]), y[order]

    def others(self, count: int, rng: np.random.Generator) -> list[Floats]:
        """Windows without a phrase."""
        hard = round(HARD * count) if self.hard else 0
        made: list[Floats] = []
        which = rng.choice(len(self.reels), size=count - hard, p=self.weights)
        for number, reels in enumerate(self.reels):
            made.append(reels.windows(int((which == number).sum()), rng))
        if hard:
            total = np.cumsum([len(one.places) for one in self.hard])
            drawn = rng.integers(total[-1], size=hard)
            for one, end in zip(self.hard, total.tolist(), strict=True):
                first = end - len(one.places)
                inside = drawn[(drawn >= first) & (drawn < end)] - first
                made.append(one.reels.take([one.places[index] for index in inside.tolist()]))
        return made

    def contents(self) -> dict[str, str]:
        return {
            "phrases": digest(*(array for one in self.scenes for array in (one.frames, one.ends_s, one.lengths_s))),
            "background": digest(self.weights, *(one.frames for one in self.reels)),
            "hard": digest([one.places for one in self.hard]),
        }
