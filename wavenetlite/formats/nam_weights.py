"""What all models in ``.nam`` files have: a sample rate, and one list of weights in the order of the layers."""

from __future__ import annotations

import math

import numpy as np

from wavenetlite.formats.reading import Fields, array
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError

RATE = 48000
"""The rate of a model whose file states none, as in its player."""


def sample_rate(fields: Fields, default: int = RATE) -> int:
    value = fields.number("sample_rate", None)
    if value is None:
        return default
    if value != int(value) or not 1 <= value <= 10_000_000:
        raise fields.wrong("sample_rate", "a whole number of Hz")
    return int(value)


def weights(fields: Fields, shapes: dict[str, tuple[int, ...]]) -> dict[str, Floats]:
    """The weights by these names, cut from the list in this order; it must have as many as that."""
    counts = [math.prod(shape) for shape in shapes.values()]
    given = fields.list("weights")
    if len(given) != sum(counts):
        raise ModelFileError(
            f"{fields.name('weights')} has {len(given)} numbers; its configuration asks for {sum(counts)}"
        )
    flat = array(fields.name("weights"), given, (len(given),))
    parts = np.split(flat, np.cumsum(counts)[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
