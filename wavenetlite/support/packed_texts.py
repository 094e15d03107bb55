"""Very many texts and numbers in few bytes each."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any

AT_ONCE = 1 << 10
"""Texts that are made together when all are wanted in order."""
MOST_RUNS = 1 << 12
"""Of a sequence that are merged; more are sorted with all keys in memory."""


class PackedNumbers:
    """Whole numbers in as few bytes each as the largest of them needs.

    Examples
    --------
    >>> from wavenetlite.support.packed_texts import PackedNumbers
    >>> numbers = PackedNumbers([1, -1])
    >>> numbers.values.itemsize
    1
    >>> numbers.append(1000)
    >>> list(numbers), numbers.values.itemsize
    ([1, -1, 1000], 2)
    """

    __slots__ = ("values",)

    def __init__(self, values: Iterable[int] = ()) -> None:
        self.values = array("b")
        self.extend(list(values))

    def append(self, value: int) -> None:
        try:
            self.values.append(value)
        except OverflowError:
            self.make_room(value)
            self.values.append(value)

    def extend(self, values: Collection[int]) -> None:
        if values:
            self.make_room(min(values))
            self.make_room(max(values))
            self.values.extend(values)

    def repeat(self, value: int, times: int) -> None:
        """Append the same one many times."""
        self.make_room(value)
        self.values.extend(array(self.values.typecode, [value]) * times)

    def make_room(self, value: int) -> None:
        """Widen all, if need be, so that this one can be among them."""
        for typecode in "bhiq"["bhiq".index(self.values.typecode) :]:
            if -1 << (bits := 8 * array(typecode).itemsize - 1) <= value < 1 << bits:
                if typecode != self.values.typecode:
                    self.values = array(typecode, self.values)
                return
        raise OverflowError(value)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, number: int) -> int:
        return self.values[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self.values)


class PackedTexts:
    """Texts one behind the other in one block of memory: their bytes and mostly four each, where a `str` takes 50 more.

    Examples
    --------
    >>> from wavenetlite.support.packed_texts import PackedTexts
    >>> texts = PackedTexts()
    >>> for text in ("yes/a.wav", "", "no/ä.wav"):
    ...     texts.append(text)
    >>> len(texts), texts[0], texts[2]
    (3, 'yes/a.wav', 'no/ä.wav')
    """

    __slots__ = ("data", "ends")

    def __init__(self) -> None:
        self.data, self.ends = bytearray(), PackedNumbers([0])

    def append(self, text: str) -> None:
        self.data += text.encode("utf-8", "surrogateescape")
        self.ends.append(len(self.data))

    def extend(self, texts: Collection[str]) -> None:
        coded = [text.encode("utf-8", "surrogateescape") for text in texts]
        self.ends.extend(list(accumulate(map(len, coded), initial=len(self.data)))[1:])
        self.data += b"".join(coded)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, number: int) -> str:
        ends = self.ends.values
        return self.data[ends[number] : ends[number + 1]].decode("utf-8", "surrogateescape")

    def between(self, first: int, last: int) -> list[str]:
        """Those from one number up to another."""
        ends = self.ends.values[first : last + 1]
        data = self.data[ends[0] : ends[-1]] if ends else bytearray()
        places = [end - ends[0] for end in ends]
        if data.isascii():
            text = data.decode()
            return [text[begin:end] for begin, end in pairwise(places)]
        return [data[begin:end].decode("utf-8", "surrogateescape") for begin, end in pairwise(places)]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), AT_ONCE):
            yield from self.between(first, min(first + AT_ONCE, len(self)))


class Words:
    """Texts that repeat: each has a number.

    Examples
    --------
    >>> from wavenetlite.support.packed_texts import Words
    >>> words = Words()
    >>> [words.number(word) for word in ("yes", "no", "yes")], words.texts
    ([0, 1, 0], ['yes', 'no'])
    """

    __slots__ = ("numbers", "texts")

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


def order_of(count: int, key: Callable[[int], Any]) -> array[int] | None:
    """The numbers below `count` in the order of their keys; None: they are in order, and no two keys are the same.

    What is listed folder by folder consists of runs that are in order. They are merged, so that only one key of each is
    in memory.

    Examples
    --------
    >>> from wavenetlite.support.packed_texts import order_of
    >>> order_of(4, "adbc".__getitem__).tolist(), order_of(3, "abc".__getitem__)
    ([0, 2, 3, 1], None)
    """
    begins, before = [0], key(0) if count else None
    for number in range(1, count):
        now = key(number)
        if not before < now:
            begins.append(number)
        before = now
    if len(begins) == 1:
        return None
    if len(begins) > MOST_RUNS:
        return array("I", sorted(range(count), key=key))
    ends = [*begins[1:], count]
    return array("I", heapq.merge(*(range(begin, end) for begin, end in zip(begins, ends, strict=True)), key=key))
