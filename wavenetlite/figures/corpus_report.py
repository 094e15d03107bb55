"""The report of a corpus: one page of HTML that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from wavenetlite.figures.contact_sheet import MOST_LABELS, chosen, limits, name_of, thinned
from wavenetlite.figures.report_style import STYLE
from wavenetlite.figures.svg import Axis, Chart
from wavenetlite.figures.thumbnails import picture
from wavenetlite.pipeline import Items
from wavenetlite.pipeline.corpus_facts import CorpusFacts, corpus_facts
from wavenetlite.pipeline.summary import hours
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import RemotePath, check_writable, place, replacing

MOST_SPEAKERS = 40
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 600, 3600, 36000)
LEVELS = (-60.0, 0.0)
MORE_STYLE = """
td:not(:first-child),th:not(:first-child){text-align:right;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600}.sheet td{text-align:left}
.sheet img{width:5.6rem;height:2.6rem;image-rendering:pixelated}
ul.warnings{padding-left:1.2rem}ul.warnings b{color:var(--b)}
"""


def corpus_report(
    items: Items, path: str | os.PathLike[str] | RemotePath, *, per_label: int = 6, seed: int = 0
) -> CorpusFacts:
    """Write a page about a corpus: durations, levels, labels, speakers, a contact sheet, and what is suspicious in it.

    Parameters
    ----------
    items
        Of a feature set.
    path
        Of the HTML file, or its URL; an older one is replaced when the new one is complete.
    per_label
        Items of a label in the contact sheet.
    seed
        Of their random choice.

    Returns
    -------
    CorpusFacts
        What the page shows, as numbers; its `warnings` begin with what spoils an evaluation: recordings or speakers
        that are in several splits.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data", "tone").mkdir(parents=True)
    ...     wl.audio.write(Path(folder, "data", "tone", "a.wav"), np.sin(np.arange(16000, dtype=np.float32)), 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"))
    ...     facts = wl.figures.corpus_report(wl.pipeline.open(Path(folder, "features")), Path(folder, "report.html"))
    >>> facts.warnings[0]
    'clipping: 1 recording at full scale'
    """
    if not len(items):
        raise ParameterError("items is empty; there must be at least one")
    positive_int("per_label", per_label)
    target = place(path)
    check_writable(target, "path")
    facts = corpus_facts(items)
    with replacing(target) as file:
        file.write(page(items, facts, per_label, seed).encode())
    return facts


def page(items: Items, facts: CorpusFacts, per_label: int, seed: int) -> str:
    source = str(items.about["source"])
    parts = [f"<h1>{escape(source.rpartition('/')[2] or source)}</h1>", f'<p class="lead">{escape(source)}</p>',
             tiles(items, facts), warnings(facts), durations(facts.durations_s), levels(facts.peaks), labels(facts),
             speakers(facts), files(items, facts), sheet(items, per_label, seed)]  # fmt: skip
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(source)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{MORE_STYLE}</style>'
            f'</head><body><main>{"".join(parts)}</main></body></html>\n')  # fmt: skip


def section(title: str, body: str, text: str = "") -> str:
    said = f"<p>{escape(text)}</p>" if text else ""
    return f"<section><h3>{escape(title)}</h3>{said}{body}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows of plain values."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def tiles(items: Items, facts: CorpusFacts) -> str:
    named = len(facts.speakers.keys() - {""})
    shown = [(f"{len(items):,}", "recordings"), (hours(facts.durations_s.sum() / 3600), "of audio"),
             (f"{len(facts.labels):,}", "labels"), (f"{named:,}" if named else "-", "speakers known")]  # fmt: skip
    body = "".join(f"<div><b>{escape(value)}</b><span>{escape(text)}</span></div>" for value, text in shown)
    return f'<div class="tiles">{body}</div>'


def warnings(facts: CorpusFacts) -> str:
    if not facts.warnings:
        return section("Warnings", "<p>None.</p>")
    pairs = [line.partition(":") for line in facts.warnings]
    lines = "".join(f"<li><b>{escape(kind)}</b>{escape(colon + rest)}</li>" for kind, colon, rest in pairs)
    return section("Warnings", f'<ul class="warnings">{lines}</ul>')


def durations(seconds: Doubles) -> str:
    low, high = max(float(seconds.min()) / 1.3, 1e-3), float(seconds.max()) * 1.3
    edges = np.geomspace(low, high, 41)
    counts = np.histogram(seconds, edges)[0].astype(np.float64)
    ticks = tuple(tick for tick in SECONDS if low <= tick <= high)
    chart = Chart("durations", Axis("seconds", low, high, ticks, True), upwards("recordings", counts))
    chart.bars(edges, counts, "a")
    middle = f"Half of them last {np.median(seconds):.3g} s or less, the longest {seconds.max():.4g} s."
    return section("Durations", chart.svg(), middle)


def levels(peaks: Doubles) -> str:
    if not len(peaks):
        return section("Levels", "<p>Not known: the folder .parts of the set was removed.</p>")
    decibels = np.clip(20 * np.log10(np.maximum(peaks, 1e-9)), *LEVELS)
    edges = np.linspace(*LEVELS, 41)
    counts = np.histogram(decibels, edges)[0].astype(np.float64)
    chart = Chart("levels", Axis("loudest sample, dB of full scale", *LEVELS, (-60, -50, -40, -30, -20, -10, 0)),
                  upwards("recordings", counts))  # fmt: skip
    chart.bars(edges, counts, "a")
    return section(
        "Levels", chart.svg(), "What lies at the right end may be clipped; what lies at the left is silence."
    )


def upwards(name: str, counts: Doubles) -> Axis:
    most = max(float(counts.max()), 1.0)
    return Axis(name, 0.0, most, tuple(np.unique(np.rint(np.linspace(0, most, 5))).tolist()))


def labels(facts: CorpusFacts) -> str:
    splits = facts.splits
    ordered = sorted(facts.labels.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    rows = [[name_of(label), *(f"{counts[split]:,}" for split in splits), f"{counts.total():,}"]
            for label, counts in ordered[:MOST_LABELS]]  # fmt: skip
    return section("Labels", table(["label", *(split or "no split" for split in splits), "all"], rows),
                   more(len(ordered), MOST_LABELS))  # fmt: skip


def speakers(facts: CorpusFacts) -> str:
    ordered = sorted(facts.speakers.items(), key=lambda pair: (-pair[1].items, pair[0]))
    rows = [[name or "(not known)", ", ".join(sorted(filter(None, one.splits))) or "-", f"{one.items:,}",
             hours(one.seconds / 3600)] for name, one in ordered[:MOST_SPEAKERS]]  # fmt: skip
    return section("Speakers", table(["speaker", "splits", "recordings", "audio"], rows),
                   more(len(ordered), MOST_SPEAKERS))  # fmt: skip


def more(count: int, most: int) -> str:
    return f"The {most} most frequent of {count:,}." if count > most else ""


def files(items: Items, facts: CorpusFacts) -> str:
    """Rates, channels, and what was refused."""
    rows = [*(("Hz", f"{rate:,}", n) for rate, n in sorted(facts.rates.items())),
            *(("channels", f"{channels:,}", n) for channels, n in sorted(facts.channels.items())),
            *(("listed in errors.jsonl", reason, n) for reason, n in items.about["errors"].items())]  # fmt: skip
    return section("Files", table(["", "", "recordings"], [(*row, f"{n:,}") for *row, n in rows]))


def sheet(items: Items, per_label: int, seed: int) -> str:
    """Some items of every label."""
    rows = chosen(items, per_label, seed)
    shown = list(rows)[:MOST_LABELS]
    low, high = limits([item for label in shown for item in rows[label]])
    body = "".join(
        f"<tr><td>{escape(name_of(label))}</td>"
        + "".join(f'<td title="{escape(item.key)}">{picture(thinned(item), low, high)}</td>' for item in rows[label])
        + "</tr>"
        for label in shown
    )
    return section("Contact sheet", f'<table class="sheet">{body}</table>', more(len(rows), MOST_LABELS))
