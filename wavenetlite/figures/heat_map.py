"""Coverage over two axes, as a heat map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.figures.bars import draw_bars, number_axis, shares
from wavenetlite.figures.style import BLUE, INK, ORANGE, rgb
from wavenetlite.receptive_field.analysis import Analysis
from wavenetlite.receptive_field.coverage import big

CELL, MOST_INCHES = 0.34, 7.0
NUMBERED = 24
"""Most inputs along an axis for which each cell shows its number."""
LEFT, RIGHT, ABOVE, BELOW = 0.85, 1.75, 0.7, 0.68
HOLE = "#fbe3d3"
WIDE_RANGE = 100.0
"""Ratio of most to fewest paths from which the colours are logarithmic."""


def map_size(analysis: Analysis) -> tuple[float, float]:
    if analysis.coverage.counts.ndim == 1:
        return min(max(0.2 * analysis.coverage.size, 3.0), 9.0) + LEFT + RIGHT, 2.6
    width, height = cells(analysis)
    return max(width + LEFT + RIGHT, 4.6), height + ABOVE + BELOW


def cells(analysis: Analysis) -> tuple[float, float]:
    """Size of the map, inches; cells of images are square, those of spectrograms fill the space."""
    high, wide = oriented(analysis, analysis.coverage.counts).shape
    if analysis.axes[0] == "rows":
        cell = min(CELL, MOST_INCHES / max(high, wide))
        return max(cell * wide, 0.3), max(cell * high, 0.3)
    return min(max(CELL * wide, 0.6), 1.25 * MOST_INCHES), min(max(0.2 * high, 0.6), 0.6 * MOST_INCHES)


def oriented(analysis: Analysis, counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(vertical, horizontal): images unchanged, spectrograms with time from left to right."""
    return counts if analysis.axes[0] == "rows" else counts.T


def draw_map(figure: Any, size: tuple[float, float], analysis: Analysis) -> None:
    coverage = analysis.coverage
    if coverage.counts.ndim == 1:
        axes = figure.add_axes((LEFT / size[0], 0.7 / size[1], 1 - (LEFT + RIGHT) / size[0], 1.15 / size[1]))
        draw_bars(axes, analysis, (coverage.first[0], coverage.first[0] + coverage.size - 1))
        return
    width, height = cells(analysis)
    axes = figure.add_axes((LEFT / size[0], BELOW / size[1], width / size[0], height / size[1]))
    counts = oriented(analysis, coverage.counts)
    strength = strengths(counts)
    images = analysis.axes[0] == "rows"
    vertical, horizontal = coverage.first if images else coverage.first[::-1]
    extent = (horizontal - 0.5, horizontal + counts.shape[1] - 0.5, vertical - 0.5, vertical + counts.shape[0] - 0.5)
    colours = coloured(counts, strength)
    look = {"aspect": "auto", "interpolation": "nearest" if max(counts.shape) < 400 else "antialiased"}
    axes.imshow(colours, extent=extent, origin="lower", **look)
    if images:  # the first row of an image is the highest
        axes.invert_yaxis()
    if max(counts.shape) <= NUMBERED and int(counts.max()) < 10_000:
        draw_numbers(axes, counts, strength, (vertical, horizontal))
    finish(axes, analysis.axes if images else analysis.axes[::-1])
    draw_key(figure, size, (LEFT + width + 0.25, BELOW), height, counts)


def strengths(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """0.1 for the fewest paths to 1 for the most."""
    share = shares(counts)
    least = share[counts > 0].min()
    if least == 1:
        return np.where(counts > 0, 0.75, 0.0)
    if 1 / least > WIDE_RANGE:
        share = 1 - np.log(np.maximum(share, least)) / math.log(least)
    else:
        share = (share - least) / (1 - least)
    return np.where(counts > 0, 0.13 + 0.87 * share, 0.0)


def coloured(counts: npt.NDArray[Any], strength: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    seen = (counts > 0)[:, :, None]
    return np.asarray(np.where(seen, 1 - strength[:, :, None] * (1 - rgb(BLUE)), rgb(HOLE)))


def draw_numbers(
    axes: Any, counts: npt.NDArray[Any], strength: npt.NDArray[np.float64], first: tuple[int, int]
) -> None:
    size = 7.5 if int(counts.max()) < 100 else 6.2 if int(counts.max()) < 1000 else 5.0
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column + first[1], row + first[0], str(count), ha="center", va="center", fontsize=size,
                      color="white" if strength[row, column] > 0.5 else INK)  # fmt: skip


def finish(axes: Any, names: tuple[str, ...]) -> None:
    """Names of the axes, and white lines between large cells."""
    (left, right), (low, high) = axes.get_xlim(), sorted(axes.get_ylim())
    for axis, name, first, last in ((axes.yaxis, names[0], low, high), (axes.xaxis, names[1], left, right)):
        number_axis(axis, math.ceil(first), math.floor(last))
        axis.set_label_text(name if name == "bins" else f"{name}, relative to the output", fontsize=9.5, color=INK)
    if right - left <= NUMBERED + 1 and high - low <= NUMBERED + 1:
        for x in np.arange(left + 1, right):
            axes.axvline(x, color="white", linewidth=1.0)
        for y in np.arange(low + 1, high):
            axes.axhline(y, color="white", linewidth=1.0)
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.spines[:].set_visible(False)


def draw_key(
    figure: Any, size: tuple[float, float], place: tuple[float, float], height: float, counts: npt.NDArray[Any]
) -> None:
    """The key of the colours."""
    seen = counts[counts > 0]
    least, most = int(seen.min()), int(seen.max())
    tall = max(min(height - 0.35, 1.6), 0.3) if least < most else 0.16
    key = figure.add_axes((place[0] / size[0], (place[1] + 0.35) / size[1], 0.16 / size[0], tall / size[1]))
    ramp = np.linspace(0.13, 1, 64)[:, None, None] if least < most else np.full((1, 1, 1), 0.75)
    key.imshow(1 - ramp * (1 - rgb(BLUE)), aspect="auto", origin="lower", extent=(0, 1, 0, 1))
    key.axis("off")
    say = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 9, "color": INK}
    if least < most:
        key.annotate(f"{big(most)} paths", (1, 1), (6, -7), **say)
    key.annotate(f"{big(least)} path{'s' * (least > 1)}", (1, 0), (6, 1), **say)
    if len(seen) < counts.size:
        box = figure.add_axes((place[0] / size[0], (place[1] + 0.02) / size[1], 0.16 / size[0], 0.16 / size[1]))
        box.set_facecolor(HOLE)
        box.set_xticks([])
        box.set_yticks([])
        box.spines[:].set_visible(False)
        box.annotate("holes", (1, 0.5), (6, 0), **{**say, "color": ORANGE, "va": "center"})
