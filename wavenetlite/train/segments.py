"""Segments of running speech to train a detector of words on, and what is to be said at each of their frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite import audio
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.features.spec import Features
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.batches import Batch, Change, Integers

IGNORED = -1
"""Target of a frame that does not count."""
LATER = 0.7
"""Share of the segments whose first whole utterance comes after the end of another: the rest begin as a stream does."""
LEAST_BROKEN = 0.25
"""Least share of a word that is left where it is broken off."""


@dataclass(frozen=True)
class Marks:
    """Which frames of a word are to say so, milliseconds from the word's end; negative: before it.

    Attributes
    ----------
    from_ms, to_ms
        The frames that should say the word.
    before_ms, after_ms
        How long before and after these a frame does not count: whoever says the word there is not wrong.
    least_heard, most_broken
        Share of a word, up to its end, that is the word; and share up to which it is none. Between these, its frames do
        not count.
    """

    from_ms: float = -40.0
    to_ms: float = 160.0
    before_ms: float = 200.0
    after_ms: float = 240.0
    least_heard: float = 0.85
    most_broken: float = 0.65


class Piece(NamedTuple):
    """Frames of an utterance, as augmentation left them, and when its word falls in them, seconds."""

    frames: npt.NDArray[np.float16]
    start_s: float
    end_s: float


class Spoken:
    """Utterances as features, each also augmented in several ways.

    Parameters
    ----------
    items
        The utterances.
    features
        What turns audio into frames; they are kept as float16.
    augment
        Changes waveforms: ``augment(batch, rng)``; None: nothing.
    variants
        How many augmented variants of each utterance there are beside the recording itself.
    speed
        Range of the factor that each variant is played faster by; it moves the times of the word too.
    seed
        Of all that is random.
    threads
        How many at once; it changes nothing.
    progress
        Called with the share that is done.

    Attributes
    ----------
    pieces
        pieces[k][i]: variant k of utterance i; variant 0 is the recording itself.
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
        made = []
        with ThreadPoolExecutor(threads, thread_name_prefix="variants") as pool:
            for done, piece in enumerate(pool.map(make, keys), 1):
                made.append(piece)
                if progress is not None:
                    progress(done / len(keys))
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
        return Piece(self.features(y).astype(np.float16), item.start_s / factor, item.end_s / factor)


class Segments:
    """Segments of running speech, one utterance after the other, with a target for each frame the network puts out.

    An epoch has as many segments as cover the audio once. A segment begins with an utterance, or with the end of
    another before it, and goes on with others until it is full; of an utterance that is longer than a segment it has a
    random part. Some words are broken off: only their beginning or their end is heard, and that is no word.

    Parameters
    ----------
    spoken
        The utterances.
    chosen
        Numbers of those to take.
    labels
        The classes: words, and `background`.
    background
        The class of all that is none of the words.
    marks
        Which frames are to say the word.
    frames
        Length of a segment.
    stride
        Frames from one output of the network to the next.
    mean, deviation
        Of the features' channels, (channels,): frames are normalised by them.
    broken
        Share of the segments that begin with a word broken off.
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
            raise ParameterError("chosen has no utterance that is long enough for a frame")
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

    def fill(self, x: Floats, targets: Integers, first: int, rng: np.random.Generator) -> None:
        """One segment: perhaps the end of some utterance, then `first`, then others."""
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
        """Put the end of some utterance, at most so many frames, at the beginning; returns how many."""
        number_of = self.other(rng)
        piece = self.piece(number_of, rng)
        end = len(piece.frames)
        begin = max(0, end - most)
        x[: end - begin] = piece.frames[begin:end]
        targets[: end - begin] = self.wanted(number_of, piece, begin, end)
        return end - begin

    def break_off(self, piece: Piece, rng: np.random.Generator) -> tuple[int, int]:
        """The frames to the middle of a word, or those from there on."""
        share = rng.uniform(LEAST_BROKEN, self.marks.most_broken)
        if rng.random() < 0.5:
            cut = piece.start_s + share * (piece.end_s - piece.start_s)
            return 0, max(1, min(len(piece.frames), round((cut - self.width_s) / self.hop_s)))
        cut = piece.end_s - share * (piece.end_s - piece.start_s)
        return min(len(piece.frames) - 1, round(cut / self.hop_s)), len(piece.frames)

    def wanted(self, number_of: int, piece: Piece, begin: int, end: int) -> Integers:
        """The targets of some frames of an utterance, of which nothing before `begin` is heard."""
        item, marks = self.spoken.items[number_of], self.marks
        targets = np.full(end - begin, IGNORED if item.untimed else self.background, np.int64)
        if item.word is None:
            return targets
        heard = (piece.end_s - max(piece.start_s, begin * self.hop_s)) / (piece.end_s - piece.start_s)
        if heard <= marks.most_broken:
            return targets
        after = (np.arange(begin, end) * self.hop_s + self.width_s - piece.end_s) * 1000  # ms since the word's end
        targets[(after >= marks.from_ms - marks.before_ms) & (after <= marks.to_ms + marks.after_ms)] = IGNORED
        if heard >= marks.least_heard:
            targets[(after >= marks.from_ms) & (after <= marks.to_ms)] = self.number_of[item.word]
        return targets

    def piece(self, number_of: int, rng: np.random.Generator) -> Piece:
        return self.spoken.pieces[int(rng.integers(len(self.spoken.pieces)))][number_of]

    def other(self, rng: np.random.Generator) -> int:
        return self.chosen[int(rng.integers(len(self.chosen)))]
