"""Trees of files: what a folder holds, links followed. A tree is on disk, or in an archive (`wavenetlite.pipeline`)."""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from wavenetlite.support.errors import ParameterError
from wavenetlite.support.packed_texts import PackedTexts
from wavenetlite.support.urls import shown

FILE, FOLDER, OTHER, NOTHING = "a file", "a folder", "not a file", "a link to nothing"
"""What a node is, once links are followed."""
JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
COMPANION = "._"
"""How macOS names the companion of a file, which holds its attributes, on other file systems and in archives."""
MOST_TEXT = 16 << 20
"""Bytes of a list of names."""
MANY = 1 << 15
"""Nodes of a folder that are sorted together; what a larger one holds is packed and merged."""
MOST_VISITS = 64
"""How often a folder is read that links lead to: if each led to each, there would be factorially many paths."""


class Node(NamedTuple):
    """A file or folder in a folder: its name, and one of FILE, FOLDER, OTHER, NOTHING."""

    name: str
    kind: str

    @property
    def is_file(self) -> bool:
        return self.kind == FILE

    @property
    def is_folder(self) -> bool:
        return self.kind == FOLDER


class PackedNodes(Sequence[Node]):
    """The nodes of a large folder, made when they are asked for."""

    KINDS = (FILE, FOLDER, OTHER, NOTHING)

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.names, self.kinds = PackedTexts(), bytearray()
        nodes = iter(nodes)
        while some := list(islice(nodes, MANY)):
            self.names.extend([node.name for node in some])
            self.kinds += bytes(self.KINDS.index(node.kind) for node in some)

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return [self[number] for number in range(len(self))[which]]
        number = range(len(self))[which]
        return Node(self.names[number], self.KINDS[self.kinds[number]])

    def __iter__(self) -> Iterator[Node]:
        return map(Node, self.names, map(self.KINDS.__getitem__, self.kinds))


def kept(nodes: Iterable[Node]) -> Sequence[Node]:
    """Nodes in a list, or packed if they are many."""
    nodes = iter(nodes)
    first = list(islice(nodes, MANY))
    return first if len(first) < MANY else PackedNodes(chain(first, nodes))


def in_order(nodes: Iterator[Node]) -> Sequence[Node]:
    """Nodes sorted by name, so many of which are in memory at a time as are sorted together."""
    by_name = itemgetter(0)
    first = sorted(islice(nodes, MANY), key=by_name)
    if len(first) < MANY:
        return first
    runs = [PackedNodes(first)]
    del first
    while some := sorted(islice(nodes, MANY), key=by_name):
        runs.append(PackedNodes(some))
    return PackedNodes(heapq.merge(*runs, key=by_name))


class UnreadableFolderError(ParameterError):
    """A folder cannot be read; `reason` is why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{readable(place)}: cannot be read: {reason}")
        self.reason = reason


class Tree(Protocol):
    """A tree of files. Paths are relative to its top, with "/"; the top is ""."""

    def nodes(self, folder: str) -> Sequence[Node]:
        """What a folder holds, sorted by name, without what `passed_over` names.

        Raises
        ------
        UnreadableFolderError
            It cannot be read.
        """

    def real(self, folder: str) -> str:
        """The same for all paths of a folder, and the beginning of that of each folder inside it."""

    def text(self, path: str, most: int = MOST_TEXT) -> str | None:
        """The content of a text file; None: there is none.

        Raises
        ------
        ParameterError
            It cannot be read, is not UTF-8, or has more than `most` bytes.
        """

    def place(self, path: str) -> str:
        """What a file is opened by."""


class DiskTree:
    """The tree below a folder on disk."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)

    def nodes(self, folder: str) -> Sequence[Node]:
        place = self.place(folder)
        try:
            with os.scandir(place) as found:
                nodes = (Node(entry.name, kind_of(entry)) for entry in found)
                return in_order(node for node in nodes if not passed_over(node))
        except OSError as error:
            raise UnreadableFolderError(place, error.strerror or str(error)) from None

    def real(self, folder: str) -> str:
        return os.path.realpath(self.place(folder)).replace(os.sep, "/")

    def text(self, path: str, most: int = MOST_TEXT) -> str | None:
        place = self.place(path)
        if not os.path.isfile(place):  # noqa: PTH113
            return None
        if (size := os.path.getsize(place)) > most:  # noqa: PTH202
            raise too_long(place, size, most)
        try:
            with open(place, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"{readable(place)}: cannot be read: {' '.join(str(error).split())}") from None

    def place(self, path: str) -> str:
        return os.path.join(self.root, path) if path else self.root  # noqa: PTH118  (Path is 10 times slower)


class Below:
    """A folder of a tree as a tree of its own."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self.tree, self.folder = tree, folder

    def nodes(self, folder: str) -> Sequence[Node]:
        return self.tree.nodes(self.place(folder))

    def real(self, folder: str) -> str:
        return self.tree.real(self.place(folder))

    def text(self, path: str, most: int = MOST_TEXT) -> str | None:
        return self.tree.text(self.place(path), most)

    def place(self, path: str) -> str:
        return f"{self.folder}/{path}" if path else self.folder


def kind_of(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_file():
            return FILE
        if entry.is_dir():
            return FOLDER
        exists = not entry.is_symlink() or os.path.exists(entry.path)  # noqa: PTH110
    except OSError:  # a link to itself
        return NOTHING
    return OTHER if exists else NOTHING


def passed_over(node: Node) -> bool:
    """Whether a node is none of the corpus: hidden folders, and what systems leave beside the files of their users."""
    name, kind = node
    if kind == FOLDER:
        return name.startswith(".") or name.lower() in JUNK_FOLDERS
    return name.startswith(COMPANION) or name.lower() in JUNK_FILES


def join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def readable(text: str) -> str:
    """A file name for a message: one printable line, and nothing of an account that a URL may hold."""
    text = os.fsencode(shown(text)).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def too_long(name: str, size: int, most: int) -> ParameterError:
    return ParameterError(f"{readable(name)}: has {size:,} bytes; at most {most:,} of such a text are read")


def walk(tree: Tree, problems: list[tuple[str, str]]) -> Iterator[tuple[str, Sequence[Node]]]:
    """Every folder and its nodes that are no folders, at any depth.

    Links to folders are followed, but not back to a folder that they are in. What is not read is a problem: its path,
    and why.
    """
    visits: Counter[str] = Counter()
    waiting: list[tuple[str, tuple[str, ...]]] = [("", (tree.real(""),))]
    while waiting:
        folder, above = waiting.pop()
        try:
            nodes = tree.nodes(folder)
        except UnreadableFolderError as error:
            if not folder:
                raise
            problems.append((folder, f"cannot be read: {error.reason}"))
            continue
        yield folder, kept(node for node in nodes if not node.is_folder)
        for node in reversed([node for node in nodes if node.is_folder]):
            inner = join(folder, node.name)
            real = tree.real(inner)
            visits[real] += 1
            if any(is_within(one, real) for one in above):
                problems.append((inner, "a link back to a folder that it is in"))
            elif visits[real] > MOST_VISITS:
                problems.append((inner, f"a folder that {MOST_VISITS} links have led to already"))
            else:
                waiting.append((inner, (*above, real)))


def is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
