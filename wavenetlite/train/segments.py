"""Training data for word detectors: segments of running speech with a target per frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.features.spec import Features
from wavenetlite.support.arrays import Floats
from wavenetlite.support.descriptions import description
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.batches import Batch, Change, Integers, all_of

IGNORED = -1
"""Target of ignored frames."""
LATER = 0.7
"""Share of the segments that begin with the end of another utterance; the others begin like a stream."""
LEAST_BROKEN = 0.25
"""Minimum remaining share of a truncated word."""


@dataclass(frozen=True)
class Marks:
    """The frames at which a word should be detected, in milliseconds from its end; negative: before it.

    Attributes
    ----------
    from_ms, to_ms
        The frames that have the word as their target.
    before_ms, after_ms
        Margins before and after in which frames are ignored: detecting the word there is not an error.
    least_heard, most_broken
        Minimum share of a word, up to its end, that counts as the word; and maximum share that counts as background. In
        between, its frames are ignored.
    """

    from_ms: float = -40.0
    to_ms: float = 160.0
    before_ms: float = 200.0
    after_ms: float = 240.0
    least_heard: float = 0.85
    most_broken: float = 0.65


class Piece(NamedTuple):
    """Augmented frames of an utterance, and the start and end of its word in them, seconds."""

    frames: npt.NDArray[np.float16]
    start_s: float
    end_s: float
    speed: float = 1.0


class Spoken:
    """Features of utterances, with several augmented variants each.

    Parameters
    ----------
    items
        The utterances.
    features
        Features of the audio, kept as float16.
    augment
        Changes waveforms: ``augment(batch, rng)``; None: no change.
    variants
        Number of augmented variants per utterance, besides the original.
    speed
        Range of the playback speed of the variants; the times of the word are scaled too.
    seed
        Seed of all randomness.
    threads
        Number of threads; does not change the result.
    progress
        Called with the fraction done.

    Attributes
    ----------
    pieces
        pieces[k][i]: variant k of utterance i; variant 0 is the original.
    """

    def __init__(
        self,
        items: Sequence[Utterance],
        features: Features,
        augment: Change | None,
        variants: int,
        *,
        speed: tuple[float, float] = (1.0, 1.0),
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self.items, self.features = items, features

        def make(key: tuple[int, int]) -> Piece:
            k, i = key
            return self.piece(items[i], augment if k else None, speed if k else (1.0, 1.0), [seed, k, i])

        keys = [(k, i) for k in range(1 + variants) for i in range(len(items))]
        made = all_of(make, keys, threads, progress)
        self.pieces = [made[k * len(items) : (k + 1) * len(items)] for k in range(1 + variants)]

    def piece(self, item: Utterance, augment: Change | None, speed: tuple[float, float], seed: list[int]) -> Piece:
        rng = np.random.default_rng(seed)
        sr = self.features.sr
        y, factor = item.audio, 1.0
        if speed != (1.0, 1.0):
            played = max(1, round(sr * rng.uniform(*speed)))
            y, factor = audio.resample(y, played, sr), played / sr
        if augment is not None and len(y):
            y = augment(y[np.newaxis], rng)[0]
        return Piece(self.features(y).astype(np.float16), item.start_s / factor, item.end_s / factor, factor)


class Segments:
    """Segments of running speech, made of consecutive utterances, with a target per output frame of the network.

    An epoch has as many segments as cover the audio once. A segment begins with an utterance, possibly preceded by the
    end of another one, and is filled with others; of an utterance longer than a segment it contains a random part. Some
    words are truncated: only their beginning or end is included, which counts as background.

    Parameters
    ----------
    spoken
        The utterances.
    chosen
        Indices of the utterances to use.
    labels
        The classes: words, and `background`.
    background
        The class of everything else.
    marks
        The frames at which a word should be detected.
    frames
        Length of a segment, frames.
    stride
        Stride of the network, frames.
    mean, deviation
        Statistics of the features' channels, (channels,), for normalisation.
    broken
        Share of the segments that begin with a truncated word.
    augment
        Changes a batch of frames: ``augment(batch, rng)``.
    """

    def __init__(
        self,
        spoken: Spoken,
        chosen: Sequence[int],
        labels: Sequence[str],
        *,
        background: str,
        marks: Marks,
        frames: int,
        stride: int,
        mean: Floats,
        deviation: Floats,
        broken: float = 0.0,
        augment: Change | None = None,
    ) -> None:
        if frames % stride:
            raise ParameterError(f"frames={frames} must be a multiple of the network's stride {stride}")
        self.spoken, self.marks, self.frames, self.stride = spoken, marks, frames, stride
        self.mean, self.deviation, self.broken, self.augment = mean, deviation, broken, augment
        self.number_of = {label: at for at, label in enumerate(labels)}
        self.background = self.number_of[background]
        features = spoken.features
        self.hop_s, self.width_s = features.hop_length / features.sr, features.frame_length / features.sr
        self.chosen = [i for i in chosen if len(spoken.pieces[0][i].frames)]
        if not self.chosen:
            raise ParameterError("chosen contains no utterance that is long enough for a frame")
        self.starts = [i for i in self.chosen for _ in range(max(1, round(len(spoken.pieces[0][i].frames) / frames)))]

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        x = np.empty((len(indices), self.frames, len(self.mean)), np.float32)
        targets = np.empty((len(indices), self.frames), np.int64)
        for row, index in enumerate(indices):
            self.fill(x[row], targets[row], self.starts[index], rng)
        x -= self.mean
        x /= self.deviation
        if self.augment is not None:
            x = self.augment(x, rng)
        return x, targets[:, :: self.stride]

    def contents(self) -> dict[str, str]:
        items = [self.spoken.items[i] for i in self.chosen]
        spoken = self.spoken
        variants = [[(piece.start_s, piece.speed) for piece in pieces] for pieces in spoken.pieces]
        return {
            "recordings": recordings_digest(items),
            "labels": digest(list(self.number_of)),
            "features": digest(spoken.features.fingerprint.hex(), self.mean, self.deviation),
            "variants": digest(variants, *(piece.frames for pieces in spoken.pieces for piece in pieces)),
            "segments": digest([self.frames, self.stride, self.broken, description(self.marks)]),
            "augmentation of frames": digest(description(self.augment)),
        }

    def fill(self, x: Floats, targets: Integers, first: int, rng: np.random.Generator) -> None:
        """Fill a segment: possibly the end of another utterance, then `first`, then others."""
        piece = self.piece(first, rng)
        at, begin, end = 0, 0, len(piece.frames)
        if self.spoken.items[first].word and rng.random() < self.broken:
            begin, end = self.break_off(piece, rng)
        elif end > self.frames:
            begin = int(rng.integers(end - self.frames + 1))
        if end - begin < self.frames and rng.random() < LATER:
            at = self.put_end(x, targets, int(rng.integers(self.frames - (end - begin) + 1)), rng)
        number_of = first
        while at < self.frames:
            end = min(end, begin + self.frames - at)
            x[at : at + end - begin] = piece.frames[begin:end]
            targets[at : at + end - begin] = self.wanted(number_of, piece, begin, end)
            at += end - begin
            number_of = self.other(rng)
            piece = self.piece(number_of, rng)
            begin, end = 0, len(piece.frames)

    def put_end(self, x: Floats, targets: Integers, most: int, rng: np.random.Generator) -> int:
        """Put the end of a random utterance, at most `most` frames, at the beginning; returns the number of frames."""
        number_of = self.other(rng)
        piece = self.piece(number_of, rng)
        end = len(piece.frames)
        begin = max(0, end - most)
        x[: end - begin] = piece.frames[begin:end]
        targets[: end - begin] = self.wanted(number_of, piece, begin, end)
        return end - begin

    def break_off(self, piece: Piece, rng: np.random.Generator) -> tuple[int, int]:
        """The range of frames up to the middle of a word, or from there on."""
        share = rng.uniform(LEAST_BROKEN, self.marks.most_broken)
        if rng.random() < 0.5:
            cut = piece.start_s + share * (piece.end_s - piece.start_s)
            return 0, max(1, min(len(piece.frames), round((cut - self.width_s) / self.hop_s)))
        cut = piece.end_s - share * (piece.end_s - piece.start_s)
        return min(len(piece.frames) - 1, round(cut / self.hop_s)), len(piece.frames)

    def wanted(self, number_of: int, piece: Piece, begin: int, end: int) -> Integers:
        """The targets of frames of an utterance that is truncated before `begin`."""
        item, marks = self.spoken.items[number_of], self.marks
        targets = np.full(end - begin, IGNORED if item.untimed else self.background, np.int64)
        ends_s = np.arange(begin, end) * self.hop_s + self.width_s
        wanted = []
        for word, start_s, end_s in item.said:
            start_s, end_s = start_s / piece.speed, end_s / piece.speed
            heard = (end_s - max(start_s, begin * self.hop_s)) / (end_s - start_s)
            if heard <= marks.most_broken:
                continue
            after = (ends_s - end_s) * 1000  # ms since the word's end
            targets[(after >= marks.from_ms - marks.before_ms) & (after <= marks.to_ms + marks.after_ms)] = IGNORED
            if heard >= marks.least_heard:
                wanted.append(((after >= marks.from_ms) & (after <= marks.to_ms), self.number_of[word]))
        for frames, label in wanted:  # after all margins: those of one word may reach into another
            targets[frames] = label
        return targets

    def piece(self, number_of: int, rng: np.random.Generator) -> Piece:
        return self.spoken.pieces[int(rng.integers(len(self.spoken.pieces)))][number_of]

    def other(self, rng: np.random.Generator) -> int:
        return self.chosen[int(rng.integers(len(self.chosen)))]


def recordings_digest(items: Sequence[Utterance]) -> str:
    """The digest of recordings: their audio, and all that is known about each."""
    notes = [[x.name, x.speaker, x.split, x.said, sorted(x.untimed)] for x in items]
    return digest(notes, *(item.audio for item in items))
