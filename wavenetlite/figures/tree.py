"""The tree of taps, as in the figures of the WaveNet paper: from one output to all inputs that it depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.figures.bars import draw_bars, range_words
from wavenetlite.figures.style import BLUE, FAINT, INK, ORANGE, text_inches
from wavenetlite.receptive_field.analysis import Analysis
from wavenetlite.receptive_field.coverage import spread
from wavenetlite.receptive_field.layers import Layer

Positions = npt.NDArray[np.int64]
Places = npt.NDArray[np.float64]

WIDTH, MOST_HEIGHT = 8.4, 13.0
"""Inches of the tree."""
PITCH = 0.32
"""Inches between frames, if there is room."""
ROW = 0.66
"""Inches between layers, if there is room."""
BARS = 0.5
"""Inches of the coverage."""
ABOVE, BELOW, GAP = 0.85, 0.62, 0.3
PALE, PALE_LINE = "#d4d4d4", "#ececec"
ALL_FRAMES = 64
"""With at most this many frames, those that the output does not depend on are drawn too."""
LINES_PER_INCH = 60
"""Most lines that are drawn; beyond, a band is drawn for each tap, with some lines to show its slope."""
SAMPLED_LINES, MOST_BANDS = 5, 8
MOST_PALE = 130
"""Most lines between two rows for what the output does not depend on."""


@dataclass(frozen=True)
class FrameRow:
    """The frames of one sequence that the output depends on, and their distance in inputs."""

    frames: Positions
    rate: int | Fraction

    @property
    def x(self) -> Places:
        """Their positions on the axis of the input."""
        return np.asarray(self.frames * float(self.rate), np.float64)


def rows_of(layers: Sequence[Layer]) -> list[FrameRow]:
    """From the input to the output."""
    rate = Fraction(math.prod(layer.stride[0] for layer in layers))
    rows = [FrameRow(np.zeros(1, np.int64), rate)]
    for layer in reversed(layers):
        rate /= layer.stride[0]
        starts = starts_of(layer, rows[-1].frames)
        rows.append(FrameRow(seen_from(starts, layer), rate))
    return rows[::-1]


def starts_of(layer: Layer, frames: Positions) -> Positions:
    """Positions of frames in a layer's input; of an upsampled frame, that of its block."""
    stride = Fraction(layer.stride[0])
    return np.asarray(frames * stride.numerator // stride.denominator)


def seen_from(starts: Positions, layer: Layer) -> Positions:
    """The frames that are read."""
    first, size = int(starts[0]), int(starts[-1] - starts[0]) + 1
    reading = np.zeros((size, 1), np.int64)
    reading[starts - first] = 1
    read = spread(reading, 1, layer.dilation[0], layer.kernel_size[0])[:, 0]
    return np.flatnonzero(read) + first + layer.shift[0]


def label(layer: Layer) -> str:
    """The description of a layer."""
    size, dilation, stride = layer.kernel_size[0], layer.dilation[0], layer.stride[0]
    words = f"kernel {size:,}" + (f", dilation {dilation:,}" if size > 1 else "")
    if stride < 1:
        return f"upsampled by {1 / Fraction(stride)}"
    return words + (f", stride {stride:,}" if stride > 1 else "")


def margins(analysis: Analysis) -> tuple[float, float]:
    """Inches for text on the left and on the right."""
    left = max(text_inches(name) for name in ["output", "paths", *(layer.name for layer in analysis.layers)])
    right = max(text_inches(words) for words in [range_words(analysis), *(label(layer) for layer in analysis.layers)])
    return 0.9 * left + 0.55, 0.9 * right + 0.5


def extent(analysis: Analysis) -> tuple[int, int]:
    """First and last input that is drawn."""
    inputs = rows_of(analysis.layers)[0].x
    first = analysis.coverage.first[0]
    return min(first, int(inputs[0])), max(first + analysis.coverage.shape[0] - 1, int(inputs[-1]), 0)


def tree_size(analysis: Analysis) -> tuple[float, float]:
    left, right = margins(analysis)
    first, last = extent(analysis)
    tree = min(max(ROW * len(analysis.layers), 0.4), MOST_HEIGHT)
    width = left + right + min(max(PITCH * (last - first + 1), 1.6), WIDTH)
    return max(width, 4.8), ABOVE + tree + GAP + BARS + BELOW


def draw_tree(figure: Any, size: tuple[float, float], analysis: Analysis) -> None:
    left, right = margins(analysis)
    rows, (first, last) = rows_of(analysis.layers), extent(analysis)
    width, height = size[0] - left - right, size[1] - ABOVE - GAP - BARS - BELOW
    inches = width / (last - first + 1)
    axes = figure.add_axes((left / size[0], (BELOW + BARS + GAP) / size[1], width / size[0], height / size[1]))
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.set_ylim(0, max(len(rows) - 1, 1))
    axes.axis("off")
    if last - first < ALL_FRAMES:
        draw_unseen(axes, rows, analysis.layers, (first, last), inches)
    draw_lines(axes, rows, analysis.layers, inches)
    for level, row in enumerate(rows):
        draw_nodes(axes, row, level, inches * float(row.rate), top=level == len(rows) - 1)
    draw_words(axes, analysis.layers, dense=height / max(len(rows) - 1, 1) < 0.9 * ROW)
    bars = figure.add_axes((left / size[0], BELOW / size[1], width / size[0], BARS / size[1]))
    draw_bars(bars, analysis, (first, last))


def draw_lines(axes: Any, rows: Sequence[FrameRow], layers: Sequence[Layer], inches: float) -> None:
    """The taps between all rows."""
    for level, (layer, above, below) in enumerate(zip(layers, rows[1:], rows[:-1], strict=True)):
        offsets, frames = offsets_of(layer), above.frames
        wide = inches * (below.x[-1] - below.x[0] + 1)
        dense = len(frames) * len(offsets) > LINES_PER_INCH * wide
        if dense:
            offsets = evenly(offsets, MOST_BANDS)
            ends = starts_of(layer, above.frames[[0, -1]])[:, None] + offsets
            draw_bands(axes, level, above, below, ends)
            frames = evenly(frames, max(2, round(SAMPLED_LINES * wide)))
        segments = [
            ((frame * float(above.rate), level + 1), ((start + offset) * float(below.rate), level))
            for frame, start in zip(frames, starts_of(layer, frames), strict=True)
            for offset in offsets
        ]
        width = 0.45 if dense else min(max(22.0 * wide / len(segments), 0.35), 1.3)
        add_lines(axes, segments, BLUE, width, 0.5 if dense else 0.85, 2)


def offsets_of(layer: Layer) -> Positions:
    """Offsets of the frames that a frame reads, relative to its own."""
    return np.arange(layer.kernel_size[0]) * layer.dilation[0] + layer.shift[0]


def draw_bands(axes: Any, level: int, above: FrameRow, below: FrameRow, ends: Positions) -> None:
    """Draw all lines of a tap as one area; `ends` are the inputs of the first and the last frame."""
    from matplotlib.collections import PolyCollection

    bands = [
        [
            (above.x[0], level + 1),
            (above.x[-1], level + 1),
            (last * float(below.rate), level),
            (first * float(below.rate), level),
        ]
        for first, last in ends.T
    ]
    axes.add_collection(PolyCollection(bands, facecolors=BLUE, linewidths=0, alpha=0.3 / len(bands) ** 0.5, zorder=1))


def evenly(values: Positions, most: int) -> Positions:
    """At most `most` values, including the first and the last."""
    return np.asarray(values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))])


def add_lines(axes: Any, segments: Sequence[Any], colour: str, width: float, alpha: float, order: int) -> None:
    """Draw all lines as one path with gaps: a small file, and crossings are no darker."""
    if segments:
        gaps = np.full((len(segments), 1, 2), np.nan)
        x, y = np.concatenate([np.array(segments, np.float64), gaps], axis=1).reshape(-1, 2).T
        axes.plot(x, y, color=colour, linewidth=width, alpha=alpha, zorder=order, solid_capstyle="round")


def draw_unseen(
    axes: Any, rows: Sequence[FrameRow], layers: Sequence[Layer], limits: tuple[int, int], inches: float
) -> None:
    """Draw, pale, what the network computes for its other outputs."""
    first, last = limits
    segments = []
    for level, row in enumerate(rows):
        frames = np.arange(-(-first // row.rate), last // row.rate + 1).astype(np.int64)
        x = np.asarray(frames * float(row.rate), np.float64)
        dots(axes, x, level, PALE, marker(inches * float(row.rate), small=True), 1)
        if level and len(frames) * layers[level - 1].kernel_size[0] <= MOST_PALE:
            below, layer = rows[level - 1], layers[level - 1]
            for at, start in zip(x, starts_of(layer, frames), strict=True):
                ends = (start + offsets_of(layer)) * float(below.rate)
                segments += [((at, level), (end, level - 1)) for end in ends if first <= end <= last]
    add_lines(axes, segments, PALE_LINE, 0.8, 1.0, 0)


def draw_nodes(axes: Any, row: FrameRow, level: int, inches: float, *, top: bool) -> None:
    """Draw the frames of a row that the output depends on; if there are too many, a line."""
    apart = inches * (np.diff(row.frames).min() if len(row.frames) > 1 else 8)
    if apart < 1 / LINES_PER_INCH:
        axes.plot(row.x[[0, -1]], [level, level], color=BLUE, linewidth=1.0, zorder=3, solid_capstyle="butt")
        return
    dots(axes, row.x, level, ORANGE if top else BLUE, 8.0 if top else marker(apart), 5 if top else 3)


def dots(axes: Any, x: Places, level: int, colour: str, size: float, order: int) -> None:
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.8} if size > 4 else {"markeredgewidth": 0}
    axes.plot(x, np.full(len(x), level), "o", color=colour, markersize=size, clip_on=False, zorder=order, **edge)


def marker(inches: float, *, small: bool = False) -> float:
    """Diameter, points, of discs at this distance."""
    return min(max(28.0 * inches, 0.7), 5.5 if small else 7.5)


def draw_words(axes: Any, layers: Sequence[Layer], *, dense: bool) -> None:
    """Write the layers' names on the left and their descriptions on the right."""
    size = 8.0 if dense else 9.5
    place = axes.get_yaxis_transform()
    pad = {"xycoords": place, "textcoords": "offset points", "va": "center"}
    for level, name in enumerate(["input", *(layer.name for layer in layers)]):
        top = level == len(layers)
        axes.annotate(name, (0, level), (-12, 0), ha="right", fontsize=size, color=ORANGE if top else FAINT,
                      weight="bold" if top else "normal", **pad)  # fmt: skip
    for level, layer in enumerate(layers):
        axes.annotate(label(layer), (1, level + 0.5), (12, 0), ha="left", fontsize=size, color=INK, **pad)
