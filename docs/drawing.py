"""What the drawings of the pages share: the palette of `wavenetlite.figures`, sizes legible at half size, saving."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from wavenetlite.figures.style import BLUE, FAINT, INK, ORANGE, RULE

IMAGES = Path(__file__).parent / "images"
WIDTH = 7.0
"""Inches: text of 12 points is still read where the page shows the picture half as wide as its column."""
PALE_BLUE, PALE_ORANGE = "#e3eef7", "#fdeee4"

__all__ = [
    "BLUE",
    "FAINT",
    "INK",
    "ORANGE",
    "PALE_BLUE",
    "PALE_ORANGE",
    "RULE",
    "WIDTH",
    "arrow",
    "axes",
    "box",
    "save",
]

plt.rcParams.update(
    {"svg.fonttype": "none", "svg.hashsalt": "wavenetlite", "font.family": "sans-serif", "font.size": 12}
)


def axes(height: float) -> Axes:
    """An empty sheet measured in inches."""
    figure = plt.figure(figsize=(WIDTH, height))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.axis("off")
    return ax


def save(ax: Axes, name: str) -> None:
    """Write images/NAME.svg, the same bytes for the same drawing."""
    IMAGES.mkdir(exist_ok=True)
    ax.figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    plt.close(ax.figure)


def box(
    ax: Axes, x: float, y: float, w: float, h: float, title: str = "", text: str = "", *, color: str = BLUE
) -> None:
    """A rounded box with a title and a line below it."""
    face = PALE_ORANGE if color == ORANGE else PALE_BLUE
    ax.add_patch(FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0,rounding_size=0.08", ec=color, fc=face, lw=1.3))
    middle = y + h / 2
    ax.text(x + w / 2, middle + (0.13 if text else 0), title, ha="center", va="center", color=INK, weight="bold")
    if text:
        ax.text(x + w / 2, middle - 0.15, text, ha="center", va="center", color=INK, size=11)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], *, color: str = INK) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.3, "shrinkA": 0, "shrinkB": 0})
