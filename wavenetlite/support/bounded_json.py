"""Untrusted JSON: its cost is bounded before it is parsed."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from wavenetlite.support.errors import ModelFileError

MOST_MARKS = 1_000_000  # brackets and commas: they bound the number of values
MOST_DEPTH = 100


def parse_json(what: str, text: str, most_marks: int = MOST_MARKS) -> dict[str, Any]:
    """Parse a JSON object; deep nesting or too many values are rejected before parsing."""
    check_outline(what, text, most_marks)
    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{what} is a {type(value).__name__}; it must be an object")
    return value


def check_outline(what: str, text: str, most_marks: int = MOST_MARKS) -> None:
    """Reject JSON that is nested too deeply, or has too many values, before it is parsed."""
    outline = re.sub(r'"[^"]*"', "", text.replace(r"\\", "").replace(r"\"", ""))
    if sum(map(outline.count, ",[]{}")) > most_marks:
        raise ModelFileError(f"{what} has more than {most_marks} brackets and commas")
    # The parser's own limit is the interpreter's, which may have been set higher than the stack allows.
    if max(accumulate(1 if mark in "[{" else -1 for mark in re.findall(r"[][{}]", outline)), default=0) > MOST_DEPTH:
        raise ModelFileError(f"{what} is nested more than {MOST_DEPTH} deep")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("duplicate key")
    return made


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def size_of(value: Any) -> int:
    """Number of objects and list entries in parsed JSON."""
    if isinstance(value, dict):
        return 1 + sum(map(size_of, value.values()))
    if isinstance(value, list):
        return sum(max(1, size_of(item)) for item in value)
    return 0
