"""Sources of batches: arrays, or audio clips that are augmented and turned into features."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.features.spec import Features
from wavenetlite.support.arrays import Floats, is_array, is_masked
from wavenetlite.support.descriptions import description
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.threads import in_threads

PIECE = 64
"""Clips augmented together."""

Integers = npt.NDArray[np.int64]
Batch = tuple[Floats, npt.NDArray[Any]]
ConditionedBatch = tuple[Floats, npt.NDArray[Any], Floats]
Key = TypeVar("Key")
Made = TypeVar("Made")
Change = Callable[[Floats, np.random.Generator], Floats]


class Source(Protocol):
    """Training data for `fit`: `len(source)` items, accessed in any order.

    A source may define ``contents()``, the digest of each aspect of its data by name; see `contents_of`. One that sets
    ``parallel = True`` is asked for several batches at once, from as many threads as train.
    """

    def __len__(self) -> int: ...
    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch | ConditionedBatch:
        """x (items, frames, channels) and targets of some items; and conditioning, for a network that has it: (items,
        condition frames, condition_channels) or (items, condition_channels). All randomness is of `rng`."""


class Arrays:
    """Frames and targets in arrays.

    Parameters
    ----------
    x
        float32, (items, frames, channels).
    targets
        (items, ...), as required by the loss.
    condition
        Conditioning: float32, (items, condition frames, channels), or (items, channels) for all frames. None: none.
    """

    def __init__(self, x: Floats, targets: npt.ArrayLike, condition: Floats | None = None) -> None:
        check_floats("x", x, (3,), "(items, frames, channels)")
        if condition is not None:
            check_floats("condition", condition, (2, 3), "(items, [frames,] channels)")
            if len(condition) != len(x):
                raise ParameterError(f"condition has {len(condition)} items; it must have {len(x)}, as x")
        self.condition = condition
        try:
            if is_masked(targets):
                raise ArrayTypeError("targets is a masked array; mark what is to be ignored in another way")
            self.x, self.targets = x, np.asarray(targets)
        except ValueError:
            raise ArrayTypeError("targets have different lengths; they must be an array") from None
        if len(self.targets) != len(x):
            raise ParameterError(f"targets has {len(self.targets)} items; it must have {len(x)}, as x")

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch | ConditionedBatch:
        x, targets = self.x[indices], self.targets[indices]
        return (x, targets) if self.condition is None else (x, targets, self.condition[indices])

    def contents(self) -> dict[str, str]:
        condition = {} if self.condition is None else {"condition": digest(self.condition)}
        return {"x": digest(self.x), "targets": digest(self.targets), **condition}


def check_floats(name: str, value: object, dimensions: tuple[int, ...], shape: str) -> None:
    """Raise unless it is a finite float32 array of so many dimensions."""
    if not is_array(value) or value.dtype != np.float32:
        given = f"{value.dtype} array" if is_array(value) else type(value).__name__
        raise ArrayTypeError(f"{name} is a {given}; it must be a float32 array")
    if value.ndim not in dimensions:
        raise ParameterError(f"{name} has shape {value.shape}; it must be {shape}")
    if not np.isfinite(value).all():
        raise ParameterError(f"{name} has infinities or NaN; it must be finite")


def taken_apart(batch: Batch | ConditionedBatch) -> tuple[Floats, npt.NDArray[Any], Floats | None]:
    """x, the targets, and the conditioning or None."""
    return batch if len(batch) == 3 else (*batch, None)


def all_of(
    make: Callable[[Key], Made], keys: Sequence[Key], threads: int, progress: Callable[[float], None] | None
) -> list[Made]:
    """``make(key)`` for each key, computed in threads; `progress` is called with the fraction done."""
    made = []
    for one in in_threads(make, keys, threads, name="variants"):
        made.append(one)
        if progress is not None:
            progress(len(made) / len(keys))
    return made


class Variants:
    """Features of audio clips, with several augmented variants precomputed: waveforms cost more than a training step.

    Parameters
    ----------
    audio
        float32, (clips, samples).
    features
        Features of the audio.
    augment
        Changes a batch of waveforms: ``augment(batch, rng)``.
    count
        Number of variants per clip.
    seed
        Seed of all randomness.
    threads
        Number of threads; does not change the result.
    progress
        Called with the fraction done.
    on_disk
        Whether to keep the variants in a temporary file, mapped into memory, instead of in memory.

    Attributes
    ----------
    frames
        float16, (count, clips, frames, bins): rounding of 0.05 % is far below what augmentation changes.
    """

    def __init__(
        self,
        audio: Floats | LazyAudio,
        features: Features,
        augment: Change | None,
        count: int,
        *,
        seed: int = 0,
        threads: int = 1,
        progress: Callable[[float], None] | None = None,
        on_disk: bool = False,
    ) -> None:
        shape = (count, len(audio), features.frames(audio.shape[1]), features.out_channels)
        self.frames: npt.NDArray[np.float16] = mapped(shape) if on_disk else np.empty(shape, np.float16)
        pieces = [(k, first) for k in range(count) for first in range(0, len(audio), PIECE)]

        def fill(piece: tuple[int, int]) -> None:
            k, first = piece
            batch = audio[first : first + PIECE]
            rng = np.random.default_rng([seed, k, first])
            self.frames[k, first : first + PIECE] = features(batch if augment is None else augment(batch, rng))

        all_of(fill, pieces, threads, progress)

    def take(self, indices: Integers, rng: np.random.Generator) -> Floats:
        """A random variant of each of some clips."""
        return self.frames[rng.integers(len(self.frames), size=len(indices)), indices].astype(np.float32)

    def contents(self) -> dict[str, str]:
        return {"audio": digest(self.frames)}


def mapped(shape: tuple[int, ...]) -> npt.NDArray[np.float16]:
    """An array in a temporary file, which is gone as soon as nothing uses it."""
    size, folder = 2 * math.prod(shape), tempfile.gettempdir()
    if (free := shutil.disk_usage(folder).free) < size:  # else the process would be killed when the disk is full
        raise ParameterError(
            f"variants of shape {shape} take {size / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left;"
            " set TMPDIR to another disk, or use a recipe with fewer variants"
        )
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float16, "r+", shape=shape)


class OnTheFly:
    """Features of audio clips, augmented on every access; parameters as in `Variants`."""

    def __init__(self, audio: Floats | LazyAudio, features: Features, augment: Change | None = None) -> None:
        self.audio, self.features, self.augment = audio, features, augment

    def take(self, indices: Integers, rng: np.random.Generator) -> Floats:
        audio = self.audio[indices]
        return self.features(audio if self.augment is None else self.augment(audio, rng))

    def contents(self) -> dict[str, str]:
        return {
            "audio": digest(self.audio, self.features.fingerprint.hex()),
            "augmentation of waveforms": digest(description(self.augment)),
        }


class ClipBatches:
    """Batches of clips: augmented and mixed frames, and their classes.

    Parameters
    ----------
    clips
        Source of the frames.
    y
        (clips,) classes.
    classes
        Number of classes; if given, targets are soft, (clips, classes), as mixing and a teacher require.
    augment
        Changes a batch of frames: ``augment(batch, rng)``.
    mix
        Mixes frames and soft targets: ``mix(x, targets, rng)``.
    teacher
        Computes targets for a batch of frames, as the network will see it: ``teacher(x, targets)``.
    names, labels
        Of the clips and of the classes; a run is resumed only with the same.
    parallel
        Whether several batches may be prepared at once: `augment`, `mix` and `teacher` are then called from several
        threads.
    """

    def __init__(
        self,
        clips: OnTheFly | Variants,
        y: npt.ArrayLike,
        *,
        classes: int | None = None,
        augment: Change | None = None,
        mix: Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]] | None = None,
        teacher: Callable[[Floats, Floats], Floats] | None = None,
        names: Sequence[str] = (),
        labels: Sequence[str] = (),
        parallel: bool = False,
    ) -> None:
        self.parallel = parallel
        self.names, self.labels = list(names), list(labels)
        self.clips, self.y, self.classes = clips, np.asarray(y), classes
        self.augment, self.mix, self.teacher = augment, mix, teacher
        if classes is None and (mix or teacher):
            raise ParameterError("classes=None must be a number with mix or teacher")

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

    def contents(self) -> dict[str, str]:
        changes = {"augmentation of frames": self.augment, "mixing": self.mix, "teacher": self.teacher}
        return {
            "names": digest(self.names),
            "labels": digest(self.labels, self.y, self.classes),
            **self.clips.contents(),
            **{name: digest(description(change)) for name, change in changes.items()},
        }


def contents_of(source: Source) -> dict[str, str]:
    """The digest of each aspect of a source by name: its own ``contents()``, or else of its items one by one."""
    own = getattr(source, "contents", None)
    if own is not None:
        return dict(own())
    x, targets, condition = [], [], []
    for index in range(len(source)):
        values, wanted, given = taken_apart(source.batch(np.array([index]), np.random.default_rng([0, index])))
        x.append(digest(values))
        targets.append(digest(wanted))
        condition += [] if given is None else [digest(given)]
    return {"x": digest(x), "targets": digest(targets), **({"condition": digest(condition)} if condition else {})}


def shuffled(
    source: Source, batch_size: int, seed: int, epoch: int, threads: int = 1
) -> Iterator[Batch | ConditionedBatch]:
    """The complete batches of one epoch, prepared in threads; reproducible for the same seed and epoch.

    A source may define its own order, ``source.order(batch_size, rng)``, such as by length. The number of threads,
    which counts for a source that is `parallel`, changes no batch: each has a generator of its own.
    """
    rng = np.random.default_rng([seed, epoch])
    ordered = getattr(source, "order", None)
    order = rng.permutation(len(source)) if ordered is None else ordered(batch_size, rng)
    count = len(order) // batch_size

    def make(number: int) -> Batch | ConditionedBatch:
        indices = order[number * batch_size : (number + 1) * batch_size]
        return source.batch(indices, np.random.default_rng([seed, epoch, number]))

    yield from in_threads(make, range(count), threads if getattr(source, "parallel", False) else 1, name="batches")
