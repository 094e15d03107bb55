"""What notebooks show of an object: a title, facts and a table, all escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
"""As `html.escape`, whose module takes a millisecond to import."""

MOST_ROWS = 60
"""Rows of a table that are shown; a notebook is no place for thousands."""


def html(
    title: str,
    facts: Mapping[str, Any] | None = None,
    *,
    head: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
) -> str:
    """HTML for ``_repr_html_``: plain elements without styles of their own, so that light and dark pages both suit.

    Examples
    --------
    >>> from wavenetlite.support.html import html
    >>> html("<b>", {"sr": 16000})
    '<div><b>&lt;b&gt;</b><table><tr><th>sr</th><td>16000</td></tr></table></div>'
    """
    parts = [f"<b>{title.translate(ESCAPED)}</b>"]
    if facts:
        parts.append(table([row([name], "th") + row([value], "td") for name, value in facts.items()]))
    if rows:
        shown = [row(cells, "td") for cells in rows[:MOST_ROWS]]
        parts.append(table([row(head, "th"), *shown]))
        if len(rows) > MOST_ROWS:
            parts.append(f"<i>and {len(rows) - MOST_ROWS:,} more rows</i>")
    return f"<div>{''.join(parts)}</div>"


def row(cells: Sequence[Any], kind: str) -> str:
    return "".join(f"<{kind}>{str(cell).translate(ESCAPED)}</{kind}>" for cell in cells)


def table(rows: Sequence[str]) -> str:
    return f"<table>{''.join(f'<tr>{cells}</tr>' for cells in rows)}</table>"
