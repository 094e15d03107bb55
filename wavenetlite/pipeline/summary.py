"""A feature set in a few lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

MOST_LABELS = 40
BAR = 30
"""Characters of the longest bar of a histogram."""


def summary(about: Mapping[str, Any]) -> str:
    """The content of ``dataset.json`` as text: hours, items of each label, durations, errors.

    Examples
    --------
    >>> from wavenetlite.pipeline.summary import summary
    >>> about = {"items": 3, "frames": 300, "hours": 0.5, "channels": 40, "layout": "folders", "sr": 16000,
    ...          "features": {"type": "LogMel"}, "labels": {"no": 1, "yes": 2}, "splits": {"train": 3}, "errors": {},
    ...          "durations": {"edges_s": [1, 10], "items": [0, 2, 1]}}
    >>> print(summary(about))
    3 items, 0.5 hours, 300 frames of 40 channels (LogMel, 16000 Hz; folders)
    splits     train 3
    labels     no 1, yes 2
    durations   1 to 10 s  2  ##############################
               above 10 s  1  ###############
    errors     none
    """
    head = (
        f"{about['items']:,} items, {hours(about['hours'])}, {about['frames']:,} frames of {about['channels']} "
        f"channels ({about['features']['type']}, {about['sr']} Hz; {about['layout']})"
    )
    lines = [head]
    if arrays := about.get("arrays"):
        lines += field(
            "arrays", [f"{name} {array['channels']} ({array['features']['type']})" for name, array in arrays.items()]
        )
    if splits := {name: n for name, n in about["splits"].items() if name}:
        lines += field("splits", [f"{name} {n:,}" for name, n in splits.items()])
    lines += field("labels", labels(about["labels"]))
    lines += histogram(about["durations"]["edges_s"], about["durations"]["items"])
    lines += field("errors", [f"{reason} {n:,}" for reason, n in about["errors"].items()] or ["none"])
    return "\n".join(lines)


def hours(value: float) -> str:
    return f"{value:,.1f} hours" if value >= 0.095 else f"{3600 * value:,.1f} s"


def labels(counts: Mapping[str, int]) -> list[str]:
    """The labels and their numbers of items; if there are too many, the most frequent ones."""
    shown = list(counts.items())
    if len(shown) > MOST_LABELS:
        shown = sorted(shown, key=lambda pair: (-pair[1], pair[0]))[:MOST_LABELS]
    texts = [f"{label or '(none)'} {n:,}" for label, n in shown]
    return [*texts, f"... {len(counts) - len(shown):,} labels more"] if len(counts) > len(shown) else texts


def field(name: str, values: Sequence[str], width: int = 100) -> list[str]:
    """A name and its values, wrapped into lines."""
    lines, line = [], f"{name:10}"
    for number, value in enumerate(values):
        text = value + ("," if number < len(values) - 1 else "")
        if len(line) + 1 + len(text) > width and line.strip():
            lines.append(line)
            line = " " * 10
        line += f" {text}"
    return [*lines, line]


def histogram(edges: Sequence[float], counts: Sequence[int]) -> list[str]:
    """A bar for each bin that has items."""
    bounds = [f"up to {edges[0]:g} s", *(f"{a:g} to {b:g} s" for a, b in pairwise(edges)),
              f"above {edges[-1]:g} s"]  # fmt: skip
    rows = [(bound, n) for bound, n in zip(bounds, counts, strict=True) if n]
    if not rows:
        return []
    width, digits, most = max(len(bound) for bound, _ in rows), max(len(f"{n:,}") for _, n in rows), max(counts)
    bars = [f"{bound:>{width}}  {n:>{digits},}  {'#' * max(1, round(BAR * n / most))}" for bound, n in rows]
    return [f"{'durations' if not number else '':10} {bar}" for number, bar in enumerate(bars)]
