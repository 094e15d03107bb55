"""Where batches come from: arrays as they are, or clips of audio, augmented anew each time and turned into features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from wavenetlite.engine.graph import Floats
from wavenetlite.errors import ArrayTypeError, ParameterError
from wavenetlite.features.spec import Features

AHEAD = 3
"""Batches that are made while others are trained on."""

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
        self.x, self.targets = x, np.asarray(targets)
        if len(self.targets) != len(x):
            raise ParameterError(f"targets are {len(self.targets)}; they must be {len(x)}, one for each item of x")

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        return self.x[indices], self.targets[indices]


class ClipBatches:
    """Clips of audio as features of a spec, augmented anew whenever they are taken.

    Parameters
    ----------
    audio
        float32, (clips, samples).
    y
        (clips,) classes.
    features
        What turns audio into frames.
    classes
        How many there are; given, targets are soft, (clips, classes), as mixtures and a teacher need them.
    augment
        Changes a batch of waveforms: ``augment(batch, rng)``.
    augment_frames
        Changes a batch of frames.
    mix
        Mixes frames and soft targets: ``mix(x, targets, rng)``.
    teacher
        Says for a batch of frames, as the network will see it, what the targets are: ``teacher(x, targets)``.
    """

    def __init__(
        self,
        audio: Floats,
        y: npt.ArrayLike,
        features: Features,
        *,
        classes: int | None = None,
        augment: Change | None = None,
        augment_frames: Change | None = None,
        mix: Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]] | None = None,
        teacher: Callable[[Floats, Floats], Floats] | None = None,
    ) -> None:
        self.audio, self.y, self.features, self.classes = audio, np.asarray(y), features, classes
        self.augment, self.augment_frames, self.mix, self.teacher = augment, augment_frames, mix, teacher
        if audio.ndim != 2 or len(audio) != len(self.y):
            raise ParameterError(
                f"audio has shape {audio.shape}; it must be ({len(self.y)}, samples), one row a class of y"
            )
        if classes is None and (mix or teacher):
            raise ParameterError("classes=None must be a number where targets are mixed or come from a teacher")

    def __len__(self) -> int:
        return len(self.audio)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        audio = self.audio[indices]
        if self.augment is not None:
            audio = self.augment(audio, rng)
        x = self.features(audio)
        if self.augment_frames is not None:
            x = self.augment_frames(x, rng)
        if self.classes is None:
            return x, self.y[indices]
        targets = np.eye(self.classes, dtype=np.float32)[self.y[indices]]
        if self.mix is not None:
            x, targets = self.mix(x, targets, rng)
        return np.ascontiguousarray(x), targets if self.teacher is None else self.teacher(x, targets)


def shuffled(source: Source, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of one epoch, whole ones only, made ahead in a thread; the same ones for the same seed and epoch."""
    order = np.random.default_rng([seed, epoch]).permutation(len(source))
    count = len(order) // batch_size

    def make(number: int) -> Batch:
        indices = np.sort(order[number * batch_size : (number + 1) * batch_size])
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
