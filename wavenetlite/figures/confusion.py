"""A confusion matrix, as a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.evaluation.report import checked_matrix
from wavenetlite.figures.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RULE,
    PathLike,
    heading,
    new_figure,
    rgb,
    save,
    text_inches,
)

MAX_CELL = 0.85
"""Inches; wider labels are slanted."""


def confusion_matrix(matrix: npt.ArrayLike, labels: Sequence[str], path: PathLike, *, title: str | None = None) -> None:
    """Draw a confusion matrix: correct in blue, confused in orange, the number of clips in each cell.

    Parameters
    ----------
    matrix
        Integers, (labels, labels): number of clips of the row's label that were classified as the column's.
    labels
        Names of the classes.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    title
        Above the figure; None: the accuracy.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from wavenetlite.figures import confusion_matrix
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "confusion.png")
    ...     confusion_matrix([[9, 1], [0, 12]], ["yes", "no"], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    counts = checked_matrix(matrix, labels)
    n, said = len(labels), counts.sum(axis=1)
    shares = counts / np.maximum(said, 1)[:, None]
    widest = max(text_inches(label) for label in labels)
    slanted = widest > MAX_CELL
    cell = 0.5 if slanted else max(0.5, widest + 0.12)
    left, above, right = widest + 0.5, (0.6 + 0.75 * widest if slanted else 0.6), 1.35
    row_height = min(cell, 0.6)
    figure, size = new_figure(max(left + n * cell + right, 4.6), n * row_height + above + 0.95)
    axes = figure.add_axes((left / size[0], 0.3 / size[1], n * cell / size[0], n * row_height / size[1]))
    axes.imshow(cell_colours(shares), aspect="auto")
    for row in range(n):
        for column in range(n):
            draw_cell(axes, row, column, int(counts[row, column]), float(shares[row, column]))
        share = f"{100 * shares[row, row]:.0f} %" if said[row] else "none"
        axes.text(n - 0.5 + 0.62 / cell, row, share, va="center", ha="right", color=INK, fontsize=10)
        axes.text(n - 0.5 + 0.72 / cell, row, f"of {said[row]}", va="center", color=FAINT, fontsize=9)
    grid_lines(axes, n)
    slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(n), labels, fontsize=10, color=INK, **slant)
    axes.set_yticks(range(n), labels, fontsize=10, color=INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.text(0, 1 + (above - 0.22) / (n * row_height), "heard as", transform=axes.transAxes, fontsize=10, color=FAINT)
    axes.text(
        -0.07 / (n * cell),
        1 + 0.07 / (n * row_height),
        "said",
        transform=axes.transAxes,
        ha="right",
        fontsize=10,
        color=FAINT,
    )
    hits, total = int(counts.trace()), int(counts.sum())
    heading(figure, title or f"{hits} of {total} clips recognised ({100 * hits / max(total, 1):.1f} %)", size)
    save(figure, path)


def cell_colours(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """White to blue on the diagonal, white to orange beside it; (rows, columns, 3)."""
    diagonal = np.eye(len(shares), dtype=bool)
    strength = np.where(diagonal, shares, np.minimum(1.0, 0.12 + 1.6 * shares) * (shares > 0))[:, :, None]
    colours = np.where(diagonal[:, :, None], rgb(BLUE), rgb(ORANGE))
    return np.asarray(1 - strength * (1 - colours))


def draw_cell(axes: Any, row: int, column: int, clips: int, share: float) -> None:
    if clips == 0 and row != column:
        return
    dark = share > 0.5 if row == column else share > 0.3
    axes.text(column, row, str(clips), ha="center", va="center", fontsize=11, color="white" if dark else INK)


def grid_lines(axes: Any, n: int) -> None:
    for at in np.arange(-0.5, n):
        axes.axhline(at, color=RULE, linewidth=0.8)
        axes.axvline(at, color=RULE, linewidth=0.8)
    axes.spines[:].set_visible(False)
