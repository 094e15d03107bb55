"""Output: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wavenetlite.support.progress import Bar
from wavenetlite.support.tables import table_lines

INTERRUPTED = "interrupted; run the same command again to resume"
PHRASES = [
    (
        re.compile(r"\b(?:use )?resample=True and sr=(\d+) when reading"),
        lambda match: f"give --resample --sr {match[1]}",
    ),
    (re.compile(r"\bpass (\w+)=True\b"), lambda match: f"give {option(match[1])}"),
    (re.compile(r"\bpass (\w+)=False\b"), lambda match: f"give {option('no_' + match[1])}"),
    (re.compile(r"\bpass format=\.\.\."), lambda match: "give --to FORMAT"),
    (re.compile(r"\bpass (\w+)='(\w+)'"), lambda match: f"give {option(match[1])} {match[2]}"),
]


def say(text: str) -> None:
    """A line of results."""
    print(printable(text), flush=True)


def say_json(value: Any) -> None:
    """Results as one line of JSON."""
    print(json.dumps(value, allow_nan=False), flush=True)


def note(text: str) -> None:
    """A message on standard error."""
    print(f"wavenetlite: {one_line(text)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Text without unprintable characters, which file names may have."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def one_line(text: str) -> str:
    """A message of the library on one line, with options in place of arguments."""
    for pattern, replacement in PHRASES:
        text = pattern.sub(replacement, text)
    return printable(" ".join(text.split()))


def option(name: str) -> str:
    return "--" + name.replace("_", "-")


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, if it is a terminal; yields a function of (done, total)."""
    with Bar(not quiet and sys.stderr.isatty(), what) as bar:
        yield lambda done, total: bar.share(done / max(total, 1))


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, aligned."""
    return "\n".join(table_lines(rows, left=2))
