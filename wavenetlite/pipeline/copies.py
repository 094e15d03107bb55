"""Augmented copies of recordings: which there are, and what makes each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np

from wavenetlite.pipeline.entries import Entry
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SUFFIX = "#copy"
LIKE_A_COPY = re.compile(rf".*{SUFFIX}\d+")
WAVEFORMS = 2
"""Dimensions of a batch of samples."""
MOST_COPIES = 1000


class Augmentation(Protocol):
    """What changes samples: a `wavenetlite.train.Augment`, of a room above."""

    @property
    def fingerprint(self) -> bytes: ...
    def __call__(self, batch: Floats, rng: np.random.Generator) -> Floats: ...
    def config(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Copies:
    """How copies are made.

    Attributes
    ----------
    count
        Of copies of each recording, beside itself.
    augment
        What changes their samples.
    seed
        Of the random numbers, which depend on the key of a recording and the number of the copy too: on nothing else.
    """

    count: int
    augment: Augmentation
    seed: int

    def config(self) -> dict[str, Any]:
        """What decides each copy, whatever their number."""
        return {"augment": self.augment.config(), "fingerprint": self.augment.fingerprint.hex(), "seed": self.seed}

    def make(self, y: Floats, entry: Entry) -> Floats:
        """The samples of an entry that is a copy."""
        key = blake2b(entry.key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        rng = np.random.default_rng([self.seed, int.from_bytes(key, "little")])
        made: Floats = self.augment(y[np.newaxis], rng)[0]
        return made


def copies_of(count_: int, augment: Any, seed: int, sr: int) -> Copies | None:
    """What `extract` is given.

    Raises
    ------
    ParameterError, ArrayTypeError
        Only one of both was given, or the transforms are of frames or of another sample rate.
    """
    if count("copies", count_) > MOST_COPIES:
        raise ParameterError(f"copies={count_} must be at most {MOST_COPIES}")
    if augment is None:
        if count_:
            raise ParameterError(f"copies={count_} needs augment, such as wl.train.Augment([...]) of what changes them")
        return None
    if not all(hasattr(augment, name) for name in ("fingerprint", "transforms", "dimensions")):
        raise ArrayTypeError(f"augment is a {type(augment).__name__}; it must be a wavenetlite.train.Augment")
    if not count_:
        raise ParameterError("copies=0 makes none, and augment is what changes them; give both, or none")
    if augment.dimensions != WAVEFORMS:
        raise ParameterError("augment has no transforms of waveforms, such as Gain: copies are made of samples")
    for transform in augment.transforms:
        if getattr(transform, "sr", sr) != sr:
            raise ParameterError(f"augment has {transform!r}; its sr must be that of the features, {sr}")
    return Copies(count_, augment, seed)


def check_no_copies(entries: Sequence[Entry]) -> None:
    """Raise if the key of a recording is like that of a copy."""
    for entry in entries:
        if SUFFIX in entry.key and LIKE_A_COPY.fullmatch(entry.key):
            raise ParameterError(f"source has the recording {entry.key!r}, as a copy is named: ...{SUFFIX}N; rename it")


def with_copies(entries: Sequence[Entry], copies: int) -> Iterator[Entry]:
    """Each entry, and its copies behind it."""
    for entry in entries:
        yield entry
        for number in range(1, copies + 1):
            yield replace(entry, key=f"{entry.key}{SUFFIX}{number}", copy=number)
