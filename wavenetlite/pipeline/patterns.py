"""Patterns of file names: wildcards as of the shell, and braces as WebDataset writes ranges of shards."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from wavenetlite.corpora.trees import DiskTree, join, readable, walk
from wavenetlite.support.errors import ParameterError

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


def fixed_part(pattern: str) -> Iterator[str]:
    """The folders of a pattern before the first that has a wildcard."""
    for part in Path(pattern).parent.parts:
        if glob.has_magic(part):
            return
        yield part


def matching(pattern: str, fixed: Path, problems: list[tuple[str, str]]) -> list[str]:
    """What a pattern matches, relative to its fixed part: files and folders, or, with "**", files at any depth."""
    wanted = Path(pattern).relative_to(fixed).parts
    if "**" not in wanted:
        return sorted(Path(found).relative_to(fixed).as_posix() for found in glob.glob(pattern))  # noqa: PTH207
    found = [join(folder, node.name) for folder, nodes in walk(DiskTree(fixed), problems) for node in nodes]
    return sorted(name for name in found if fits(name.split("/"), wanted))


def fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern."""
    if not wanted or not parts:
        return not parts and all(part == "**" for part in wanted)
    if wanted[0] == "**":
        return fits(parts, wanted[1:]) or fits(parts[1:], wanted)
    return fnmatchcase(parts[0], wanted[0]) and fits(parts[1:], wanted[1:])
