"""Draws the diagrams of docs/streaming.md: `python docs/draw_streaming.py` writes docs/images/stream-*.svg."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

IMAGES = Path(__file__).parent / "images"
INK, PALE, BLUE, ORANGE, GREY = "#1f2933", "#eef2f6", "#2b6cb0", "#dd6b20", "#9aa5b1"
KERNEL, DILATIONS = 2, (1, 2, 4)

plt.rcParams.update(
    {"svg.fonttype": "none", "svg.hashsalt": "wavenetlite", "font.family": "sans-serif", "font.size": 10}
)


def axes(width: float, height: float) -> Axes:
    figure = plt.figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return ax


def save(ax: Axes, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    ax.figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    plt.close(ax.figure)


def box(
    ax: Axes, x: float, y: float, w: float, h: float, title: str, text: str = "", *, edge: str = INK, face: str = PALE
) -> None:
    ax.add_patch(FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0,rounding_size=0.08", ec=edge, fc=face, lw=1.3))
    middle = y + h / 2
    ax.text(x + w / 2, middle + (0.13 if text else 0), title, ha="center", va="center", color=INK, weight="bold")
    if text:
        ax.text(x + w / 2, middle - 0.15, text, ha="center", va="center", color=INK, size=8.5)


def arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], *, color: str = INK, width: float = 1.3
) -> None:
    ax.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": width, "shrinkA": 0, "shrinkB": 0}
    )


def parts() -> None:
    """One model, many streams: who owns what."""
    ax = axes(8.2, 3.5)
    box(
        ax,
        2.35,
        2.65,
        4.3,
        0.65,
        "AudioClassifier",
        "features, weights, plan, labels, thresholds: never changes",
        edge=BLUE,
    )
    for y, name in ((1.45, "stream 1"), (0.35, "stream 2")):
        ax.text(0.1, y + 0.68, name, color=GREY, size=8.5)
        ax.text(0.1, y + 0.3, "samples,\nany block", va="center", color=INK, size=9)
        arrow(ax, (0.95, y + 0.3), (1.3, y + 0.3))
        pieces = (
            ("features", "last n_fft samples"),
            ("network", "a ring a convolution"),
            ("detector", "level, timers"),
        )
        for n, (title, text) in enumerate(pieces):
            x = 1.3 + 1.95 * n
            box(ax, x, y, 1.6, 0.6, title, text, edge=ORANGE, face="#fff7ef")
            arrow(ax, (x + 1.6, y + 0.3), (x + 1.95, y + 0.3))
        ax.text(7.22, y + 0.3, "events:\nlabel, time_s", va="center", color=INK, size=9)
    ax.plot([4.5, 4.5], [2.65, 2.07], color=BLUE, lw=1.3, ls=(0, (4, 3)))
    ax.text(4.6, 2.36, "shared by all streams, threads and pools", color=BLUE, size=8.5, va="center")
    ax.text(1.3, 0.05, "orange: all that a stream owns, all that a snapshot holds", color=ORANGE, size=8.5)
    save(ax, "stream-parts")


def memory() -> None:
    """Which frames of a dilated stack are kept between two calls."""
    frames, step = 13, 0.5
    ax = axes(8.2, 3.6)
    left, bottom, rise = 1.55, 0.55, 0.8
    now = frames - 1
    reach = {layer: {now} for layer in (3,)}
    for layer in (3, 2, 1):
        d = DILATIONS[layer - 1]
        reach[layer - 1] = {t - k * d for t in reach[layer] for k in range(KERNEL)}

    def at(layer: int, t: int) -> tuple[float, float]:
        return left + step * t, bottom + rise * layer

    for layer in (1, 2, 3):
        d = DILATIONS[layer - 1]
        for t in range(frames):
            for k in range(KERNEL):
                if t - k * d >= 0:
                    bold = t in reach[layer]
                    ends = zip(at(layer - 1, t - k * d), at(layer, t), strict=True)
                    ax.plot(*ends, color=BLUE if bold else "#d9e0e7", lw=1.6 if bold else 0.7, zorder=2 if bold else 1)
    for layer in range(4):
        kept = DILATIONS[layer] * (KERNEL - 1) if layer < 3 else 0
        for t in range(frames):
            held = now - kept <= t < now
            face = BLUE if t == now else "#f6ad55" if held else "white"
            edge = BLUE if t == now else ORANGE if held else "#c3ccd5"
            ax.plot(*at(layer, t), "o", ms=11, mfc=face, mec=edge, mew=1.3, zorder=3)
        name = "input" if layer == 0 else f"dilation {DILATIONS[layer - 1]}"
        ax.text(left - 0.35, at(layer, 0)[1], name, ha="right", va="center", color=INK)
    ax.text(at(0, now)[0], 0.18, "now", ha="center", color=BLUE, weight="bold")
    ax.text(at(0, 0)[0] - 0.1, 0.18, "older", color=GREY)
    ax.text(at(0, 4)[0] + 0.2, 0.18, "orange: kept in the stream, 1 + 2 + 4 frames", color=ORANGE, ha="center")
    save(ax, "stream-memory")


def latency() -> None:
    """From the end of a sound to its event."""
    ax = axes(8.2, 2.75)
    left, scale = 0.9, 0.102  # inches of a millisecond

    def x(ms: float) -> float:
        return left + scale * ms

    ax.text(0.1, 2.2, "samples", va="center", color=INK)
    ax.text(0.1, 1.5, "frames", va="center", color=INK)
    ax.text(0.1, 0.55, "events", va="center", color=INK)
    for n in range(7):
        box(ax, x(10 * n) + 0.02, 2.05, 10 * scale - 0.04, 0.3, "", face=PALE, edge=GREY)
        ax.text(x(10 * n + 5), 2.2, "10 ms", ha="center", va="center", size=8, color=INK)
    for n in range(4):
        y = 1.72 - 0.17 * n
        ax.plot([x(10 * n), x(10 * n + 32)], [y, y], color=BLUE, lw=4, solid_capstyle="butt")
        ax.text(x(10 * n + 32) + 0.08, y, f"frame {n}", va="center", size=8, color=BLUE)
    for n in range(4):
        ready = 10 * -(-(10 * n + 32) // 10)
        arrow(ax, (x(ready), 2.05), (x(ready), 0.75), color=ORANGE, width=1)
    ax.text(
        x(70),
        0.62,
        "decided in the call that\nbrings a frame's last sample",
        ha="right",
        va="top",
        size=8.5,
        color=ORANGE,
    )
    ax.text(x(0), 0.3, "time_s: the end of the frame's audio,\nwhatever the blocks", size=8.5, color=INK, va="center")
    save(ax, "stream-latency")


def pool() -> None:
    """One call for many streams."""
    ax = axes(8.2, 2.6)
    for n, (sid, length) in enumerate(((3, 1), (8, 3), (17, 2))):
        y = 1.85 - 0.7 * n
        ax.text(0.1, y + 0.15, f"id {sid}", va="center", color=INK)
        for k in range(length):
            box(ax, 0.75 + 0.42 * k, y, 0.36, 0.3, "", face="#fff7ef", edge=ORANGE)
        arrow(ax, (2.1, y + 0.15), (2.75, 1.3))
        arrow(ax, (5.45, 1.3), (6.1, y + 0.15))
        for k in range(length):
            box(ax, 6.2 + 0.42 * k, y, 0.36, 0.3, "", face=PALE, edge=BLUE)
    box(ax, 2.8, 0.85, 2.6, 0.9, "pool.process({id: block})", "rows of all streams side by side", edge=BLUE)
    ax.text(4.1, 0.5, "each weight is loaded once\nfor all of them", ha="center", va="top", size=8.5, color=INK)
    ax.text(0.75, 2.35, "frames that arrived", size=8.5, color=GREY)
    ax.text(6.2, 2.35, "the bits of lone streams", size=8.5, color=GREY)
    save(ax, "stream-pool")


if __name__ == "__main__":
    for draw in (parts, memory, latency, pool):
        draw()
