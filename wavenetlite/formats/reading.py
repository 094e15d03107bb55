"""Reading JSON that nobody has checked: bounded before it is parsed, and looked at field by field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ModelFileError

MOST_JSON_BYTES = 64 * 2**20
MOST_NUMBERS = 4_000_000
"""Of a JSON file: values, more or less. Both bound the memory that parsing takes, to some 400 MB."""

MOST_FLOAT = float(np.finfo(np.float32).max)
REQUIRED: Any = object()


def read_json(file: BinaryIO, size: int) -> dict[str, Any]:
    """The JSON object that a file holds."""
    if size > MOST_JSON_BYTES:
        raise ModelFileError(f"it has {size} bytes of JSON; it must have at most {MOST_JSON_BYTES}")
    try:
        text = file.read(size).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelFileError("it is not UTF-8") from None
    return parse_json("it", text, MOST_NUMBERS)


def shown(value: Any) -> str:
    """A value from a file, for a message."""
    text = repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__} of {len(value)}"
    return text if len(text) <= 60 else f"{text[:50]}..."


class Fields:
    """An object of a JSON file. What is asked for and is not there, or is not as it must be, is named with its place.

    Parameters
    ----------
    value
        The object; anything else raises.
    place
        What messages call it, such as "config.layers[0]"; "" for the file itself.

    Examples
    --------
    >>> from wavenetlite.formats.reading import Fields
    >>> fields = Fields({"kernel_size": 3}, "layers[0]")
    >>> fields.integer("kernel_size"), fields.integer("groups", 1)
    (3, 1)
    >>> fields.integer("channels")
    Traceback (most recent call last):
    wavenetlite.support.errors.ModelFileError: layers[0] has no channels
    """

    def __init__(self, value: Any, place: str = "") -> None:
        self.place = place
        if not isinstance(value, dict):
            raise ModelFileError(f"{place or 'it'} is {shown(value)}; it must be an object")
        self.value = value

    def name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def wrong(self, key: str, rule: str) -> ModelFileError:
        return ModelFileError(f"{self.name(key)} is {shown(self.value[key])}; it must be {rule}")

    def has(self, key: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self.value.get(key) is not None

    def any(self, key: str, default: Any = REQUIRED) -> Any:
        if self.has(key):
            return self.value[key]
        if default is REQUIRED:
            raise ModelFileError(f"{self.place or 'it'} has no {key}")
        return default

    def integer(self, key: str, default: Any = REQUIRED, least: int = 1, most: int = 2**31 - 1) -> Any:
        value = self.any(key, default)
        if value is not default and (type(value) is not int or not least <= value <= most):
            raise self.wrong(key, f"an integer from {least} to {most}")
        return value

    def number(self, key: str, default: Any = REQUIRED) -> Any:
        value = self.any(key, default)
        if value is not default and (type(value) not in (int, float) or not -MOST_FLOAT <= value <= MOST_FLOAT):
            raise self.wrong(key, "a number that fits into float32")
        return value

    def flag(self, key: str, default: Any = REQUIRED) -> Any:
        value = self.any(key, default)
        if value is not default and type(value) is not bool:
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        value = self.any(key, default)
        if value is not default and type(value) is not str:
            raise self.wrong(key, "a string")
        return value

    def list(self, key: str, default: Any = REQUIRED, most: int = MOST_NUMBERS) -> Any:
        value = self.any(key, default)
        if value is not default and not isinstance(value, list):
            raise self.wrong(key, "a list")
        if value is not default and len(value) > most:
            raise ModelFileError(f"{self.name(key)} has {len(value)} entries; it must have at most {most}")
        return value

    def fields(self, key: str) -> Fields:
        return Fields(self.any(key), self.name(key))

    def each(self, key: str, most: int) -> Iterator[Fields]:
        """The objects of a list."""
        for index, value in enumerate(self.list(key, most=most)):
            yield Fields(value, f"{self.name(key)}[{index}]")

    def only(self, *known: str) -> None:
        """Raise where there is a field that is not known: it may say something that matters."""
        for key in self.value:
            if key not in known:
                raise ModelFileError(f"{self.name(shown(key))} is not known to this version")


def array(place: str, value: Any, shape: tuple[int, ...]) -> Floats:
    """Nested lists of finite numbers as a float32 array of that shape."""
    found = size_of(value, shape)
    if found != shape:
        raise ModelFileError(f"{place} has the shape {list(found)}; it must be {list(shape)}")
    flat = np.empty(math.prod(shape))
    try:
        fill(flat, value, shape)
    except (TypeError, ValueError, OverflowError):
        raise ModelFileError(f"{place} must be lists of numbers of the shape {list(shape)}") from None
    if not np.all(np.abs(flat) <= MOST_FLOAT):
        raise ModelFileError(f"{place} has numbers that are not finite in float32")
    return flat.reshape(shape).astype(np.float32)


def size_of(value: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lengths of nested lists, by the first entry of each."""
    found: list[int] = []
    while isinstance(value, list) and len(found) <= len(shape):
        found.append(len(value))
        value = value[0] if value else None
    return tuple(found)


def fill(flat: npt.NDArray[np.float64], value: Any, shape: tuple[int, ...]) -> None:
    """Write nested lists of that shape into a flat array."""
    if not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError
    if len(shape) > 1:
        step = math.prod(shape[1:])
        for index, part in enumerate(value):
            fill(flat[index * step : (index + 1) * step], part, shape[1:])
    elif all(type(number) in (int, float) for number in value):
        flat[:] = value
    else:
        raise ValueError
