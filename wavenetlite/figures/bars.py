"""Coverage along one axis, as bars."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.figures.style import BLUE, FAINT, INK, ORANGE, RULE
from wavenetlite.receptive_field.analysis import Analysis
from wavenetlite.receptive_field.coverage import big

MOST_BARS = 800


def draw_bars(axes: Any, analysis: Analysis, limits: tuple[int, int]) -> None:
    """Paths to each input, relative to the maximum; holes are ticks below the line."""
    coverage, counts = analysis.coverage, along_first_axis(analysis)
    x, heights = outline(coverage.first[0], shares(counts))
    axes.fill_between(x, heights, color=BLUE, alpha=0.75, linewidth=0, zorder=2)
    holes = np.flatnonzero(counts == 0) + coverage.first[0]
    if len(holes):
        spans = np.split(holes, np.flatnonzero(np.diff(holes) > 1) + 1)
        wide = [(span[0] - 0.3, len(span) - 0.4) for span in spans]
        axes.broken_barh(wide, (-0.16, 0.12), color=ORANGE, linewidth=0, zorder=3)
    axes.set_xlim(limits[0] - 0.5, limits[1] + 0.5)
    axes.set_ylim(-0.18 if len(holes) else 0, 1.02)
    axes.set_yticks([])
    say = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center", "fontsize": 9.5}
    axes.annotate("paths", (0, 0.5), (-12, 0), ha="right", color=FAINT, **say)
    axes.annotate(range_words(analysis), (1, 0.5), (12, 0), color=ORANGE if len(holes) else INK, **say)
    axes.axhline(0, color=RULE, linewidth=0.8, zorder=1)
    axes.set_xlabel(f"{analysis.axes[0]}, relative to the output", fontsize=9.5, color=INK)
    axes.tick_params(length=3, labelsize=9, colors=INK, color=RULE)
    number_axis(axes.xaxis, *limits)
    axes.spines[:].set_visible(False)


def along_first_axis(analysis: Analysis) -> npt.NDArray[Any]:
    counts = analysis.coverage.counts
    return counts if counts.ndim == 1 else counts.sum(axis=1, dtype=object)


def range_words(analysis: Analysis) -> str:
    """Fewest and most paths along the first axis."""
    counts = along_first_axis(analysis)
    least, most = int(counts.min()), int(counts.max())
    return f"{big(least)} each" if least == most else f"{big(least)} to {big(most)}"


def number_axis(axis: Any, first: int, last: int) -> None:
    """At most nine ticks at round numbers, with a proper minus sign."""
    step = next(step for step in steps() if (last - first) / step <= 8)
    axis.set_ticks(range(-(-first // step) * step, last + 1, step))
    axis.set_major_formatter(lambda x, _: f"{x:,.0f}".replace("-", "\N{MINUS SIGN}"))


def steps() -> Iterator[int]:
    return (factor * 10**power for power in count() for factor in (1, 2, 5))


def shares(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Counts relative to the largest; the integers may exceed the range of floats, their quotients do not."""
    most = int(counts.max())
    return np.array([int(count) / most for count in counts.flat]).reshape(counts.shape)


def outline(first: int, heights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """One bar per input; with too many inputs, the maximum of each range."""
    starts = np.unique(np.linspace(0, len(heights), min(len(heights), MOST_BARS), endpoint=False).astype(int))
    tops = np.maximum.reduceat(heights, starts)
    ends = np.append(starts[1:], len(heights))
    gap = 0.12 if len(heights) <= 80 else 0.0
    x = np.stack([starts, starts, ends, ends], axis=1) + first - 0.5 + np.array([gap, gap, -gap, -gap])
    y = np.stack([np.zeros_like(tops), tops, tops, np.zeros_like(tops)], axis=1)
    return x.ravel(), y.ravel()
