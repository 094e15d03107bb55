"""Batches of items padded to one length, bucketed by length, in a seeded order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.pipeline.items import ItemSequence
from wavenetlite.pipeline.normalising import Normalise, Normaliser
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, number, one_of, positive_int
from wavenetlite.support.errors import ParameterError

Ints = npt.NDArray[np.int64]

POOL = 50
"""Batches that are sorted by length together; with more, an item would always have the same neighbours."""


class Batch(NamedTuple):
    """Some items.

    Attributes
    ----------
    x
        float32, (items, frames, channels).
    y
        int64, (items,): numbers of the labels.
    lengths
        int64, (items,): frames of `x` that belong to each item; the rest is padding.
    numbers
        int64, (items,): indices into the items that the batches were made of.
    """

    x: Floats
    y: Ints
    lengths: Ints
    numbers: Ints


class Batches:
    """Batches of a feature set, for :func:`wavenetlite.train.fit` (it is a `Source`) or for your own loop.

    Parameters
    ----------
    items
        What `open` returned, or a selection of it.
    batch_size
        Of your own loop; `fit` has its own.
    frames
        Length of every item; longer ones are cut, shorter ones padded. None: that of the longest in the batch.
    pad
        Where to pad: "end", "start" (the last frame is then the item's own), or "both", the item in the middle.
    pad_value
        Value to pad with; None: the frame that the spec gives for silence.
    normalise
        Whether to subtract the mean of the whole set and divide by its standard deviation, with the bits of
        ``items.normalised``. Or other statistics, such as ``MeanVariance.fit(item.features for item in train)``. Or
        "speaker", those of each item's speaker, and "speaker_mean": only the mean is subtracted.
    bucket
        Whether a batch has items of about the same length.
    shuffle
        Whether to shuffle; False: the order of the items.
    last
        Whether to keep the last batch if it is smaller.
    seed
        Of the order.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> folder = tempfile.TemporaryDirectory()
    >>> for label in ("no", "yes"):
    ...     Path(folder.name, "data", label).mkdir(parents=True)
    ...     for i in range(5):
    ...         y = np.sin(np.arange(8000 + 800 * i, dtype=np.float32) / (9 if label == "no" else 2))
    ...         wl.audio.write(Path(folder.name, "data", label, f"{i}.wav"), y, 16000)
    >>> done = wl.pipeline.extract(Path(folder.name, "data"), Path(folder.name, "features"))
    >>> items = wl.pipeline.open(Path(folder.name, "features"))
    >>> batches = wl.pipeline.Batches(items, batch_size=4, normalise=True)
    >>> [batch.x.shape for batch in batches.epoch(0)]
    [(4, 52, 40), (4, 62, 40), (2, 67, 40)]
    >>> model = wl.Sequential([wl.nn.Conv1d(40, 8, 3), wl.nn.CumulativePool("mean"), wl.nn.Linear(8, 2)])
    >>> history = wl.train.fit(model, batches, epochs=20, batch_size=4, lr=0.02)
    >>> history.rows[-1]["train_accuracy"]
    1.0
    >>> folder.cleanup()
    """

    def __init__(
        self,
        items: ItemSequence,
        *,
        batch_size: int = 32,
        frames: int | None = None,
        pad: Literal["end", "start", "both"] = "end",
        pad_value: float | None = None,
        normalise: Normalise = False,
        bucket: bool = True,
        shuffle: bool = True,
        last: bool = True,
        seed: int = 0,
    ) -> None:
        self.items = items
        self.batch_size = positive_int("batch_size", batch_size)
        self.frames = None if frames is None else positive_int("frames", frames)
        self.pad = one_of("pad", pad, ("end", "start", "both"))
        self.bucket, self.shuffle, self.last = flag("bucket", bucket), flag("shuffle", shuffle), flag("last", last)
        self.seed = count("seed", seed)
        if not len(items):
            raise ParameterError("items is empty; there must be at least one")
        self.normalise = Normaliser(items, normalise)
        self.silence = silence(items) if pad_value is None else None
        self.padding: Floats = np.full(
            items.channels, 0.0 if pad_value is None else number("pad_value", pad_value), np.float32
        )

    def __len__(self) -> int:
        """Number of items."""
        return len(self.items)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of epoch 0."""
        return self.epoch(0)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, always the same for the same number; every item is in one of them."""
        rng = np.random.default_rng([self.seed, count("epoch", epoch)])
        order = self.order(self.batch_size, rng)
        for at in range(0, len(order), self.batch_size):
            numbers = order[at : at + self.batch_size]
            if len(numbers) == self.batch_size or self.last:
                yield self.take(numbers)

    def order(self, batch_size: int, rng: np.random.Generator) -> Ints:
        """The order of the items in an epoch, which `fit` cuts into batches."""
        n = len(self.items)
        order: Ints = rng.permutation(n) if self.shuffle else np.arange(n)
        if not self.bucket or not self.shuffle:
            return order
        lengths = self.items.frames
        whole = n // batch_size
        batches: list[Ints] = []
        for at in range(0, n, POOL * batch_size):
            pool = order[at : at + POOL * batch_size]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
        rest = [batch for batch in batches if len(batch) < batch_size]  # of the last pool; it stays at the end
        return np.concatenate([*(batches[number] for number in rng.permutation(whole)), *rest])

    def batch(self, indices: Ints, rng: np.random.Generator) -> tuple[Floats, Ints]:
        """Frames and numbers of labels, for `fit`."""
        made = self.take(indices)
        return made.x, made.y

    def take(self, numbers: Ints) -> Batch:
        """The batch of these items."""
        chosen = self.items.numbers[numbers]
        lengths = self.items.table.frames[chosen]
        size = int(lengths.max()) if self.frames is None else self.frames
        lengths = np.minimum(lengths, size)
        x = np.empty((len(chosen), size, self.items.channels), np.float32)
        for row, item, length in zip(x, chosen.tolist(), lengths.tolist(), strict=True):
            first = {"end": 0, "start": size - length, "both": (size - length) // 2}[self.pad]
            if length < size:
                padding = self.padding if self.silence is None else self.normalise(item, self.silence)
                row[:first], row[first + length :] = padding, padding
            row[first : first + length] = self.normalise(item, self.items.table.frames_of(item)[:length])
        return Batch(x, self.items.table.y[chosen], lengths, numbers)


def silence(items: ItemSequence) -> Floats:
    """The frame that a set's spec gives for silence, (1, channels)."""
    spec = items.spec
    samples = spec.frame_length + spec.latency * spec.hop_length
    frame: Floats = spec(np.zeros(max(samples, 1), np.float32))[-1:]
    return frame
