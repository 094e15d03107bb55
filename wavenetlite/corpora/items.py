"""The recordings of a corpus: each by itself, and very many in few bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.corpora.trees import Tree
from wavenetlite.support.packed_texts import PackedNumbers, PackedTexts, Words, order_of


@dataclass(frozen=True, slots=True)
class Item:
    """A recording that may become a clip.

    Attributes
    ----------
    path
        Of its file, or of the archive that contains it.
    name
        Its path under the corpus folder, with "/"; unique.
    start_s, end_s
        Part of the recording, seconds; None: from its beginning, to its end.
    channel
        Which of its channels; None: as the reader of the corpus wants.
    data
        Reads its bytes from an archive; None: it is a file.
    """

    path: str
    name: str
    label: str
    speaker: str = ""
    part: str = "train"
    start_s: float | None = None
    end_s: float | None = None
    channel: int | None = None
    data: Callable[[], bytes] | None = None


class PackedItems(Sequence[Item]):
    """Whole files of a tree, as items that are made when they are asked for.

    Attributes
    ----------
    names
        Of the files.
    words
        All labels, speakers and parts; `labels`, `speakers` and `parts` are numbers of these.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.names, self.words = PackedTexts(), Words()
        self.labels, self.speakers, self.parts = PackedNumbers(), PackedNumbers(), PackedNumbers()
        self.ordered = False

    def add(self, name: str, label: str, speaker: str = "", part: str = "train") -> None:
        self.ordered = False
        self.names.append(name)
        number = self.words.number
        self.labels.append(number(label))
        self.speakers.append(number(speaker))
        self.parts.append(number(part))

    def add_all(self, names: Sequence[str], label: str, speakers: Sequence[str], part: str = "train") -> None:
        """Add files of one label and part."""
        self.ordered = False
        self.names.extend(names)
        number = self.words.number
        self.labels.repeat(number(label), len(names))
        self.speakers.extend([number(speaker) for speaker in speakers])
        self.parts.repeat(number(part), len(names))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return [self[number] for number in range(len(self))[which]]
        name, texts = self.names[range(len(self))[which]], self.words.texts
        return Item(self.tree.place(name), name, texts[self.labels[which]], texts[self.speakers[which]],
                    texts[self.parts[which]])  # fmt: skip

    def __iter__(self) -> Iterator[Item]:
        return (self[number] for number in range(len(self)))

    def move(self, numbers: Any, part: str) -> None:
        """Put these into another part."""
        number = self.words.number(part)
        self.parts.make_room(number)
        np.asarray(self.parts.values)[numbers] = number

    def in_order(self) -> PackedItems:
        """The same, sorted by label and name."""
        self.ordered = self.ordered or self.is_in_order()
        if self.ordered:
            return self
        texts = self.words.texts
        order = order_of(len(self), lambda number: (texts[self.labels[number]], self.names[number]))
        if order is None:
            return self
        ordered = PackedItems(self.tree)
        for number in order:
            ordered.add(self.names[number], texts[self.labels[number]], texts[self.speakers[number]],
                        texts[self.parts[number]])  # fmt: skip
        ordered.ordered = True
        return ordered

    def is_in_order(self) -> bool:
        texts, last, before = self.words.texts, -1, ""
        for label, name in zip(self.labels, self.names, strict=True):
            if not before < name if label == last else last >= 0 and not texts[last] < texts[label]:
                return False
            last, before = label, name
        return True


def label_of(items: Sequence[Item], number: int) -> str:
    """The label of an item; of packed ones without making the item."""
    return items.words.texts[items.labels[number]] if isinstance(items, PackedItems) else items[number].label


def speaker_of(items: Sequence[Item], number: int) -> str:
    """Its speaker."""
    return items.words.texts[items.speakers[number]] if isinstance(items, PackedItems) else items[number].speaker


def speakers_of(items: Sequence[Item], numbers: Sequence[int]) -> set[str]:
    """The speakers of some items."""
    if isinstance(items, PackedItems):
        found = np.unique(np.asarray(items.speakers.values)[np.asarray(numbers, np.intp)])
        return {items.words.texts[number] for number in found.tolist()}
    return {items[number].speaker for number in numbers}
