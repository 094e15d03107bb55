"""Patterns of file names: wildcards as of the shell, and braces as WebDataset writes ranges of shards."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from wavenetlite.corpora.trees import DiskTree, Tree, join, readable, walk
from wavenetlite.pipeline.remote_tree import RemoteTree
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath
from wavenetlite.support.urls import divided

BRACES = re.compile(r"\{((\d+)\.\.(\d+)|[^{}]*,[^{}]*)\}")
MOST_EXPANDED = 100_000


def expanded(source: str) -> list[str]:
    """The names that a pattern with braces stands for.

    Examples
    --------
    >>> from wavenetlite.pipeline.patterns import expanded
    >>> expanded("{a,b}-{08..10}.tar")
    ['a-08.tar', 'a-09.tar', 'a-10.tar', 'b-08.tar', 'b-09.tar', 'b-10.tar']
    """
    names = [source]
    while match := BRACES.search(names[0]):
        choices = match[1].split(",")
        if match[2]:
            first, last = (int(text[:9]) for text in match.group(2, 3))
            choices = [f"{number:0{len(match[2])}}" for number in range(first, min(last, first + MOST_EXPANDED) + 1)]
        if not 0 < len(choices) * len(names) <= MOST_EXPANDED:
            raise ParameterError(f"source={readable(source)!r} must stand for 1 to {MOST_EXPANDED:,} names")
        names = [name.replace(match[0], choice, 1) for name in names for choice in choices]
    return names


def found_by(pattern: Place, problems: list[tuple[str, str]]) -> tuple[Place, Tree, list[str]]:
    """The folder before the first wildcard of a pattern, its tree, and what matches below it.

    That is files and folders, or, with "**", files at any depth.
    """
    if isinstance(pattern, RemotePath):
        begin, path, end = divided(pattern.url)
        fixed = list(fixed_part(path))
        root = RemotePath(begin + "/".join(fixed) + end)
        tree: Tree = RemoteTree(root)
        return root, tree, matching(tree, path.split("/")[len(fixed) :], problems)
    top = Path(*fixed_part(str(pattern)))
    wanted = pattern.relative_to(top).parts
    if "**" in wanted:
        return top, DiskTree(top), matching(DiskTree(top), wanted, problems)
    found = glob.glob(str(pattern))  # noqa: PTH207
    return top, DiskTree(top), sorted(Path(path).relative_to(top).as_posix() for path in found)


def fixed_part(pattern: str) -> Iterator[str]:
    """The folders of a pattern before the first that has a wildcard."""
    for part in PurePath(pattern).parent.parts:
        if glob.has_magic(part):
            return
        yield part


def matching(tree: Tree, wanted: Sequence[str], problems: list[tuple[str, str]]) -> list[str]:
    """What matches in a tree."""
    if "**" not in wanted:
        return sorted(level(tree, "", wanted))
    found = [join(folder, node.name) for folder, nodes in walk(tree, problems) for node in nodes]
    return sorted(name for name in found if fits(name.split("/"), wanted))


def level(tree: Tree, folder: str, wanted: Sequence[str]) -> Iterator[str]:
    for node in tree.nodes(folder):
        if fnmatchcase(node.name, wanted[0]):
            path = join(folder, node.name)
            if len(wanted) == 1:
                yield path
            elif node.is_folder:
                yield from level(tree, path, wanted[1:])


def fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern."""
    if not wanted or not parts:
        return not parts and all(part == "**" for part in wanted)
    if wanted[0] == "**":
        return fits(parts, wanted[1:]) or fits(parts[1:], wanted)
    return fnmatchcase(parts[0], wanted[0]) and fits(parts[1:], wanted[1:])
