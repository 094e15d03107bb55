"""Plain-text tables."""

from __future__ import annotations

from collections.abc import Sequence


def table_lines(lines: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Align cells in columns: the first `left` columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([*map(str.ljust, line[:left], widths), *map(str.rjust, line[left:], widths[left:])]).rstrip()
        for line in lines
    ]
