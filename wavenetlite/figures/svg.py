"""Small charts as SVG inside a page of HTML, which takes their colours from the page: light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 640.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 14.0, 14.0, 42.0
Values = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, linear or logarithmic, with ticks and a name."""

    name: str
    low: float
    high: float
    ticks: Sequence[float]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1; beyond the ends at the ends."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = (float(np.log(one)) for one in (low, high, at))
        return (at - low) / (high - low)


class Chart:
    """A chart of lines and bars, drawn one over the other.

    Classes of its elements, for the style of the page: ``axis``, ``grid``, ``a``, ``b``, ``mark``.

    Examples
    --------
    >>> from wavenetlite.figures.svg import Axis, Chart
    >>> chart = Chart("growth", Axis("days", 0, 2, (0, 1, 2)), Axis("cm", 0, 4, (0, 4)))
    >>> chart.line([0, 1, 2], [0, 1, 4], "a")
    >>> chart.svg().count('class="line a"')
    1
    """

    def __init__(self, title: str, x: Axis, y: Axis) -> None:
        self.title, self.x, self.y = title, x, y
        self.parts: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of two values."""
        return (LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM))  # fmt: skip

    def line(self, x: Values, y: Values, kind: str, *, steps: bool = False) -> None:
        """A line through some points; `steps`: it keeps a value until the next point."""
        path = ""
        for one, other in zip(x, y, strict=True):
            px, py = self.at(float(one), float(other))
            path += f"M{px:.1f} {py:.1f}" if not path else f"H{px:.1f}V{py:.1f}" if steps else f"L{px:.1f} {py:.1f}"
        self.parts.append(f'<path class="line {kind}" d="{path}"/>')

    def bars(self, edges: Values, heights: Values, kind: str) -> None:
        """A bar between every two edges."""
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True):
            (x0, y0), (x1, y1) = self.at(float(low), self.y.low), self.at(float(high), float(height))
            if y0 - y1 > 0.05:
                wide, tall = max(x1 - x0 - 0.6, 0.4), y0 - y1
                self.parts.append(f'<rect class="bar {kind}" x="{x0:.1f}" y="{y1:.1f}" width="{wide:.1f}"'
                                  f' height="{tall:.1f}"/>')  # fmt: skip

    def mark_x(self, x: float, text: str) -> None:
        """A vertical line with a word beside it."""
        px, top = self.at(x, self.y.high)
        left = px > WIDTH / 2
        self.parts.append(
            f'<path class="mark" d="M{px:.1f} {top:.1f}V{HEIGHT - BOTTOM:.1f}"/>'
            f'<text x="{px - 6 if left else px + 6:.1f}" y="{top + 12:.1f}" text-anchor="{"end" if left else "start"}">'
            f"{escape(text)}</text>"
        )

    def point(self, x: float, y: float, text: str) -> None:
        """A point with a word beside it."""
        px, py = self.at(x, y)
        left = px > WIDTH / 2
        self.parts.append(
            f'<circle class="mark" cx="{px:.1f}" cy="{py:.1f}" r="5"/>'
            f'<text x="{px - 10 if left else px + 10:.1f}" y="{py - 8:.1f}" text-anchor="{"end" if left else "start"}">'
            f"{escape(text)}</text>"
        )

    def axes(self) -> str:
        made = []
        for tick in self.x.ticks:
            px, py = self.at(tick, self.y.low)
            made.append(f'<path class="grid" d="M{px:.1f} {TOP}V{py:.1f}"/><text x="{px:.1f}" y="{py + 16:.1f}" '
                        f'text-anchor="middle">{tick:g}</text>')  # fmt: skip
        for tick in self.y.ticks:
            px, py = self.at(self.x.low, tick)
            made.append(f'<path class="grid" d="M{px:.1f} {py:.1f}H{WIDTH - RIGHT}"/><text x="{px - 8:.1f}" '
                        f'y="{py + 4:.1f}" text-anchor="end">{tick:g}</text>')  # fmt: skip
        middle = (LEFT + WIDTH - RIGHT) / 2
        made.append(f'<text class="name" x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
                    f'{escape(self.x.name)}</text>'
                    f'<text class="name" transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)" '
                    f'text-anchor="middle">{escape(self.y.name)}</text>')  # fmt: skip
        return "".join(made)

    def svg(self) -> str:
        """The chart."""
        return (f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(self.title)}">{self.axes()}'
                f'{"".join(self.parts)}</svg>')  # fmt: skip
