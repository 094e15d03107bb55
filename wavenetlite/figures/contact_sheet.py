"""A contact sheet: some items of every label, as a PNG file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from wavenetlite.figures.style import FAINT, INK, heading, new_figure, save, text_inches
from wavenetlite.pipeline import Item, Items
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError

MOST_LABELS = 40
MOST_FRAMES = 400
"""Most columns of an item's image."""
WIDTH, HEIGHT = 1.7, 0.85
"""Of an item, inches."""


def contact_sheet(items: Items, path: str | os.PathLike[str], *, per_label: int = 6, seed: int = 0) -> None:
    """Draw some items of every label, one row per label, for a look before training.

    Parameters
    ----------
    items
        Of a feature set.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    per_label
        Items in a row.
    seed
        Of the random choice.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data", "tone").mkdir(parents=True)
    ...     wl.audio.write(Path(folder, "data", "tone", "a.wav"), np.sin(np.arange(16000, dtype=np.float32)), 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"))
    ...     wl.figures.contact_sheet(wl.pipeline.open(Path(folder, "features")), Path(folder, "sheet.png"))
    ...     Path(folder, "sheet.png").stat().st_size > 1000
    True
    """
    if not len(items):
        raise ParameterError("items is empty; there must be at least one")
    rows = chosen(items, positive_int("per_label", per_label), seed)
    shown = list(rows)[:MOST_LABELS]
    left, above = 0.5 + max(text_inches(name_of(label)) for label in shown), 0.65
    columns = max(len(rows[label]) for label in shown)
    figure, size = new_figure(max(left + columns * WIDTH + 0.3, 4.6), above + len(shown) * HEIGHT + 0.3)
    low, high = limits([item for label in shown for item in rows[label]])
    for row, label in enumerate(shown):
        bottom = 1 - (above + (row + 1) * HEIGHT) / size[1]
        figure.text((left - 0.12) / size[0], bottom + HEIGHT / 2 / size[1], name_of(label), ha="right", va="center",
                    color=INK, fontsize=10)  # fmt: skip
        for column, item in enumerate(rows[label]):
            place = (left + column * WIDTH) / size[0], bottom, (WIDTH - 0.08) / size[0], (HEIGHT - 0.22) / size[1]
            axes = figure.add_axes(place)
            axes.imshow(thinned(item).T, aspect="auto", origin="lower", cmap="magma", vmin=low, vmax=high)
            axes.set_axis_off()
            axes.set_title(f"{item.duration_s:.2f} s", fontsize=7, color=FAINT, pad=2, loc="left")
    more = f", {len(rows) - len(shown)} more labels" if len(rows) > len(shown) else ""
    heading(figure, f"{len(items):,} items, {len(rows):,} labels{more}", size)
    save(figure, path)


def name_of(label: str) -> str:
    return label or "(none)"


def chosen(items: Items, per_label: int, seed: int) -> dict[str, list[Item]]:
    """By label, randomly chosen items."""
    rows = {}
    y = items.y
    for number, label in enumerate(items.labels):
        places = np.flatnonzero(y == number)
        if len(places):
            rng = np.random.default_rng([seed, number])
            drawn = np.sort(rng.choice(places, size=min(per_label, len(places)), replace=False))
            rows[label] = [items[int(place)] for place in drawn]
    return rows


def limits(items: Sequence[Item]) -> tuple[float, float]:
    """Range of the colours: nearly all values, without outliers."""
    values = np.concatenate([thinned(item).ravel() for item in items])
    low, high = np.percentile(values, [1, 99.8])
    return float(low), float(max(high, low + 1e-6))


def thinned(item: Item) -> np.ndarray:
    """The frames of an item; of a long one, every n-th."""
    return item.features[:: max(1, len(item.features) // MOST_FRAMES)]
