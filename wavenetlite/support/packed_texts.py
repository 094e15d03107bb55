"""Very many texts, or numbers of texts that repeat, in few bytes each."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator
from typing import Any

MOST_RUNS = 1 << 12
"""Of a sequence that are merged; more are sorted with all keys in memory."""


class PackedTexts:
    """Texts one behind the other in one block of memory: their bytes and eight each, where a `str` takes 50 more.

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
        self.data, self.ends = bytearray(), array("Q", [0])

    def append(self, text: str) -> None:
        self.data += text.encode("utf-8", "surrogateescape")
        self.ends.append(len(self.data))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, number: int) -> str:
        return self.data[self.ends[number] : self.ends[number + 1]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        data, begin = self.data, 0
        for end in self.ends[1:]:
            yield data[begin:end].decode("utf-8", "surrogateescape")
            begin = end


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
