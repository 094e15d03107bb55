"""Segments of a background in every batch: random ones, and those that a network takes for words (hard negatives)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats
from wavenetlite.support.descriptions import description
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.batches import Batch, ClipBatches, Integers

Frames = npt.NDArray[np.float16]

LOUD = 60
"""Percentile of a row's levels that the loudest frame of a segment must reach: pauses teach little."""
TRIES = 4
ROWS_AT_ONCE = 32
JITTER = 6
"""Frames by which a hard negative moves, either way."""


class Hard(NamedTuple):
    """Where a network takes the background for a word: variant, row and first frame of the segment, each (n,)."""

    variant: Integers
    row: Integers
    start: Integers


@dataclass(frozen=True, eq=False)
class BackgroundSegments:
    """Random segments of a background.

    Attributes
    ----------
    frames
        float16, (variants, rows, frames, bins): features of the rows of the background, variously augmented.
    length
        Frames of a segment.
    hard
        Hard negatives; None: none yet.
    hard_share
        Share of the segments that are drawn from these, as long as there are any.
    """

    frames: Frames
    length: int
    hard: Hard | None = None
    hard_share: float = 0.5

    def __post_init__(self) -> None:
        if self.frames.shape[2] < self.length or not self.frames.shape[1]:
            raise ParameterError(f"background has rows of {self.frames.shape[2]} frames; a segment needs {self.length}")
        levels = self.frames.mean(axis=3, dtype=np.float32)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "loud", np.percentile(levels, LOUD, axis=2))

    levels: Floats = None  # type: ignore[assignment]
    loud: Floats = None  # type: ignore[assignment]

    def take(self, count: int, rng: np.random.Generator) -> Floats:
        """Segments, (count, length, bins) float32."""
        made = np.empty((count, self.length, self.frames.shape[3]), np.float32)
        hard = 0 if self.hard is None or not len(self.hard.row) else round(count * self.hard_share)
        for at in range(count):
            variant, row, start = self.hard_place(rng) if at < hard else self.place(rng)
            made[at] = self.frames[variant, row, start : start + self.length]
        return made

    def place(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """Where a random segment that is not all pause begins."""
        variants, rows, frames, _ = self.frames.shape
        for _ in range(TRIES):
            variant, row = int(rng.integers(variants)), int(rng.integers(rows))
            start = int(rng.integers(frames - self.length + 1))
            if self.levels[variant, row, start : start + self.length].max() >= self.loud[variant, row]:
                break
        return variant, row, start

    def hard_place(self, rng: np.random.Generator) -> tuple[int, int, int]:
        assert self.hard is not None
        one = int(rng.integers(len(self.hard.row)))
        start = int(self.hard.start[one]) + int(rng.integers(-JITTER, JITTER + 1))
        last = self.frames.shape[2] - self.length
        return int(self.hard.variant[one]), int(self.hard.row[one]), min(max(start, 0), last)

    def mined(
        self, margin: Callable[[Floats], Floats], *, least: float = -1.0, most: int = 6000, variants: int = 2
    ) -> BackgroundSegments:
        """The same with the hard negatives of a network.

        Parameters
        ----------
        margin
            For rows of frames, (rows, frames, bins), how sure the network is of a word, (rows, output frames): the
            logarithm of the odds of the best word against the best other label.
        least
            Margin of a hard negative.
        most
            Most hard negatives: those with the highest margins.
        variants
            Number of variants that are searched.
        """
        found: list[tuple[float, int, int, int]] = []
        for variant in range(min(variants, len(self.frames))):
            for first in range(0, self.frames.shape[1], ROWS_AT_ONCE):
                x = self.frames[variant, first : first + ROWS_AT_ONCE].astype(np.float32)
                found += self.peaks(margin(x), least, variant, first)
        found.sort(key=lambda one: (-one[0], one[1:]))
        columns = np.array([one[1:] for one in found[:most]], np.int64).reshape(-1, 3).T
        return replace(self, hard=Hard(*columns))

    def peaks(self, scores: Floats, least: float, variant: int, first: int) -> list[tuple[float, int, int, int]]:
        """(score, variant, row, start) of the highest scores of rows, no two within half a segment."""
        stride = -(-self.frames.shape[2] // scores.shape[1])
        reach = max(1, self.length // (2 * stride))
        found = []
        for row, values in enumerate(scores):
            left = values.copy()
            left[: (self.length - 1) // stride] = -np.inf  # the segment would begin before the row
            while (best := int(left.argmax())) >= 0 and left[best] >= least:
                start = min(max(best * stride - self.length + 1, 0), self.frames.shape[2] - self.length)
                found.append((float(left[best]), variant, first + row, start))
                left[max(0, best - reach) : best + reach + 1] = -np.inf
        return found

    def contents(self) -> str:
        """The digest of what is drawn from."""
        return digest(self.frames, [self.length, self.hard_share], *(() if self.hard is None else self.hard))


class WithBackground:
    """Batches of clips, and with each some segments of a background as a class.

    Parameters
    ----------
    clips
        The batches; their targets are soft.
    segments
        Of the background.
    label
        The class of the segments.
    share
        Number of segments for each clip.
    multiple
        A batch has a multiple of so many items.
    teacher
        Computes the targets of the segments, as the network will see them: ``teacher(x, targets)``; None: the class.
    """

    parallel = True

    def __init__(
        self,
        clips: ClipBatches,
        segments: BackgroundSegments,
        label: int,
        *,
        share: float = 0.5,
        multiple: int = 1,
        teacher: Callable[[Floats, Floats], Floats] | None = None,
    ) -> None:
        if clips.classes is None:
            raise ParameterError("clips have targets that are no distributions; pass classes to ClipBatches")
        self.clips, self.segments, self.label, self.share, self.multiple = clips, segments, label, share, multiple
        self.teacher = teacher

    def __len__(self) -> int:
        return len(self.clips)

    def more(self, clips: int) -> int:
        """Number of segments for so many clips."""
        return max(1, round(clips * self.share / self.multiple)) * self.multiple

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        x, targets = self.clips.batch(indices, rng)
        segments = self.segments.take(self.more(len(indices)), rng)
        if self.clips.augment is not None:
            segments = self.clips.augment(segments, rng)
        rejected = np.zeros((len(segments), targets.shape[1]), np.float32)
        rejected[:, self.label] = 1.0
        if self.teacher is not None:
            rejected = self.teacher(np.ascontiguousarray(segments), rejected)
        order = rng.permutation(len(x) + len(segments))  # each shard gets some of both
        return np.concatenate([x, segments])[order], np.concatenate([targets, rejected])[order]

    def contents(self) -> dict[str, str]:
        return {
            **self.clips.contents(),
            "background": digest([self.label, self.share, self.multiple, self.segments.contents()]),
            **({} if self.teacher is None else {"teacher of the background": digest(description(self.teacher))}),
        }
