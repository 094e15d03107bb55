"""Where batches come from: arrays as they are, or clips of audio, augmented anew each time and turned into features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from wavenetlite.features.spec import Features
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ParameterError

AHEAD = 3
"""Batches that are made while others are trained on."""

PIECE = 64
"""Clips that are augmented together."""

Integers = npt.NDArray[np.int64]
Batch = tuple[Floats, npt.NDArray[Any]]
Change = Callable[[Floats, np.random.Generator], Floats]


class Source(Protocol):
    """What `fit` trains on: `len(source)` items, taken in any order."""

    def __len__(self) -> int: ...
    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        """x (items, frames, channels) and targets of some items; all that is random comes from `rng`."""


class Arrays:
    """Frames and targets as they are.

    Parameters
    ----------
    x
        float32, (items, frames, channels).
    targets
        (items, ...), as the loss takes them.
    """

    def __init__(self, x: Floats, targets: npt.ArrayLike) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != np.float32:
            raise ArrayTypeError(f"x is a {getattr(x, 'dtype', type(x).__name__)}; it must be a float32 array")
        if x.ndim != 3:
            raise ParameterError(f"x has shape {x.shape}; it must be (items, frames, channels)")
        if not np.isfinite(x).all():
            raise ParameterError("x has infinities or NaN; it must be finite")
        try:
            self.x, self.targets = x, np.asarray(targets)
        except ValueError:
            raise ArrayTypeError("targets are of different lengths; they must be one array") from None
        if len(self.targets) != len(x):
            raise ParameterError(f"targets are {len(self.targets)}; they must be {len(x)}, one for each item of x")

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        return self.x[indices], self.targets[indices]


class Variants:
    """Clips of audio as features, each augmented in several ways beforehand: waveforms cost more than a network's step.

    Parameters
    ----------
    audio
        float32, (clips, samples).
    features
        What turns audio into frames.
    augment
        Changes a batch of waveforms: ``augment(batch, rng)``.
    count
        How many variants of each clip.
    seed
        Of all that is random.
    threads
        How many at once; it changes nothing.
    progress
        Called with the share that is done.

    Attributes
    ----------
    frames
        float16, (count, clips, frames, bins): rounding of 0.05 % is far below what augmentation changes.
    """

    def __init__(
        self,
        audio: Floats,
        features: Features,
        augment: Change | None,
        count: int,
        *,
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        shape = (count, len(audio), features.frames(audio.shape[1]), features.out_channels)
        self.frames: npt.NDArray[np.float16] = np.empty(shape, np.float16)
        pieces = [(k, first) for k in range(count) for first in range(0, len(audio), PIECE)]

        def make(piece: tuple[int, int]) -> None:
            k, first = piece
            batch = audio[first : first + PIECE]
            rng = np.random.default_rng([seed, k, first])
            self.frames[k, first : first + PIECE] = features(batch if augment is None else augment(batch, rng))

        with ThreadPoolExecutor(threads, thread_name_prefix="variants") as pool:
            for done, _ in enumerate(pool.map(make, pieces), 1):
                if progress is not None:
                    progress(done / len(pieces))

    def take(self, indices: Integers, rng: np.random.Generator) -> Floats:
        """A variant of each of some clips, drawn at random."""
        return self.frames[rng.integers(len(self.frames), size=len(indices)), indices].astype(np.float32)


class Anew:
    """Clips of audio as features, augmented anew whenever they are taken; parameters as `Variants`."""

    def __init__(self, audio: Floats, features: Features, augment: Change | None = None) -> None:
        self.audio, self.features, self.augment = audio, features, augment

    def take(self, indices: Integers, rng: np.random.Generator) -> Floats:
        audio = self.audio[indices]
        return self.features(audio if self.augment is None else self.augment(audio, rng))


class ClipBatches:
    """Batches of clips: their frames, changed and mixed, and what they are.

    Parameters
    ----------
    clips
        Where frames come from: `Anew`, or `Variants`.
    y
        (clips,) classes.
    classes
        How many there are; given, targets are soft, (clips, classes), as mixtures and a teacher need them.
    augment
        Changes a batch of frames: ``augment(batch, rng)``.
    mix
        Mixes frames and soft targets: ``mix(x, targets, rng)``.
    teacher
        Says for a batch of frames, as the network will see it, what the targets are: ``teacher(x, targets)``.
    """

    def __init__(
        self,
        clips: Anew | Variants,
        y: npt.ArrayLike,
        *,
        classes: int | None = None,
        augment: Change | None = None,
        mix: Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]] | None = None,
        teacher: Callable[[Floats, Floats], Floats] | None = None,
    ) -> None:
        self.clips, self.y, self.classes = clips, np.asarray(y), classes
        self.augment, self.mix, self.teacher = augment, mix, teacher
        if classes is None and (mix or teacher):
            raise ParameterError("classes=None must be a number where targets are mixed or come from a teacher")

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        x = self.clips.take(indices, rng)
        if self.augment is not None:
            x = self.augment(x, rng)
        if self.classes is None:
            return x, self.y[indices]
        targets = np.eye(self.classes, dtype=np.float32)[self.y[indices]]
        if self.mix is not None:
            x, targets = self.mix(x, targets, rng)
        return np.ascontiguousarray(x), targets if self.teacher is None else self.teacher(x, targets)


def shuffled(source: Source, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of one epoch, whole ones only, made ahead in a thread; the same ones for the same seed and epoch.

    A source may have an order of its own, ``source.order(batch_size, rng)``: items of about the same length together.
    """
    rng = np.random.default_rng([seed, epoch])
    ordered = getattr(source, "order", None)
    order = rng.permutation(len(source)) if ordered is None else ordered(batch_size, rng)
    count = len(order) // batch_size

    def make(number: int) -> Batch:
        indices = order[number * batch_size : (number + 1) * batch_size]
        return source.batch(indices, np.random.default_rng([seed, epoch, number]))

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: list[Future[Batch]] = []
        try:
            for number in range(count):
                while len(waiting) < AHEAD and number + len(waiting) < count:
                    waiting.append(pool.submit(make, number + len(waiting)))
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()
