"""The files of an archive as a tree, with its links, so that a corpus in it is found by the rules of one on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wavenetlite.corpora.trees import (
    FILE,
    FOLDER,
    MOST_TEXT,
    NOTHING,
    Node,
    UnreadableFolderError,
    passed_over,
    readable,
    too_long,
)
from wavenetlite.pipeline.entries import Member
from wavenetlite.support.errors import ParameterError

MOST_LINKS = 40
"""Links that one path may lead through, as on Linux."""
MOST_NAME, MOST_ENDING = 4096, 16


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in an archive: its member, its unpacked size, and a number that changes with its content."""

    member: Member
    size: int
    mark: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


Folder = dict[str, "Inside"]
Inside = Stored | Link | str | Folder
"""What is in a folder; text: something that cannot be read, and why."""


class ArchiveTree:
    """The tree of an archive; see `wavenetlite.corpora.trees.Tree`.

    Parameters
    ----------
    path
        Of the archive.
    read
        Returns the bytes of a member.
    """

    def __init__(self, path: str, read: Callable[[Member], bytes]) -> None:
        self.path, self.read = path, read
        self.top: Folder = {}
        self.endings: set[str] = set()
        self.problems: list[tuple[str, str]] = []  # of the archive itself

    def add(self, name: str, inside: Inside) -> None:
        """A member; the last of a name wins, as when the archive is unpacked."""
        if len(name) > MOST_NAME:
            name, inside = name[:100] + "...", f"a name of {len(name):,} characters"
        self.endings.add(f".{name.rpartition('.')[2]}"[:MOST_ENDING])
        *parts, last = within(name.split("/")) or [""]
        if not last:
            return  # the top itself
        here = self.top
        for part in parts:
            inner = here.get(part)
            if not isinstance(inner, dict):
                inner = here[part] = {}
            here = inner
        if not (isinstance(inside, dict) and isinstance(here.get(last), dict)):
            here[last] = inside

    def add_hard_link(self, name: str, target: str) -> None:
        """A further name of a file that came before."""
        found = self.find(target)[1]
        self.add(name, found if isinstance(found, Stored) else NOTHING)

    def find(self, path: str) -> tuple[str, Inside | None]:
        """What is at a path, and its path without links; None: nothing."""
        waiting, names, links = path.split("/")[::-1], list[str](), 0
        trail: list[Inside] = [self.top]
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not names:
                    return "", None  # out of the archive
                names.pop()
                trail.pop()
                continue
            here = trail[-1]
            inside = here.get(part) if isinstance(here, dict) else None
            if isinstance(inside, Link):
                links += 1
                if links > MOST_LINKS or inside.target.startswith("/") or len(inside.target) > MOST_NAME:
                    return "", None
                waiting += inside.target.split("/")[::-1]
            elif inside is None:
                return "", None
            else:
                names.append(part)
                trail.append(inside)
        return "/".join(names), trail[-1]

    def stored(self, path: str) -> Stored | None:
        found = self.find(path)[1]
        return found if isinstance(found, Stored) else None

    # As every tree

    def nodes(self, folder: str) -> list[Node]:
        here = self.find(folder)[1]
        if not isinstance(here, dict):
            raise UnreadableFolderError(folder, "not a folder")
        nodes = []
        for name in sorted(here):
            inside: Inside | None = here[name]
            if isinstance(inside, Link):
                inside = self.find(f"{folder}/{name}")[1]
            nodes.append(Node(name, kind_of(inside)))
        return [node for node in nodes if not passed_over(node)]

    def real(self, folder: str) -> str:
        return "/" + self.find(folder)[0]

    def text(self, path: str, most: int = MOST_TEXT) -> str | None:
        stored, where = self.stored(path), f"{self.path}: {path}"
        if stored is None:
            return None
        if stored.size > most:
            raise too_long(where, stored.size, most)
        try:
            return self.read(stored.member).decode("utf-8-sig")
        except (OSError, ValueError) as error:
            raise ParameterError(f"{readable(where)}: cannot be read: {' '.join(str(error).split())}") from None

    def place(self, path: str) -> str:
        return path


def kind_of(inside: Inside | None) -> str:
    if isinstance(inside, Stored):
        return FILE
    if isinstance(inside, dict):
        return FOLDER
    return inside if isinstance(inside, str) else NOTHING


def within(parts: list[str]) -> list[str]:
    """The parts of a path inside the archive, whatever "..", "." and a leading "/" there are."""
    made: list[str] = []
    for part in parts:
        if part == "..":
            del made[-1:]
        elif part not in ("", "."):
            made.append(part)
    return made
