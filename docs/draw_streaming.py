"""Draws the diagrams of streaming: `python docs/draw_streaming.py` writes docs/images/stream-*.svg."""

from __future__ import annotations

from drawing import BLUE, FAINT, INK, ORANGE, RULE, arrow, axes, box, save

KERNEL, DILATIONS = 2, (1, 2, 4)


def parts() -> None:
    """One model, many streams: who owns what."""
    ax = axes(4.2)
    box(ax, 1.1, 3.4, 4.8, 0.7, "AudioClassifier", "features, network, labels, thresholds: never changes")
    for y, name in ((1.75, "stream 1"), (0.55, "stream 2")):
        ax.text(0.05, y + 0.78, name, color=FAINT)
        ax.text(0.05, y + 0.3, "samples", va="center", color=INK)
        arrow(ax, (0.85, y + 0.3), (1.1, y + 0.3))
        pieces = (("features", "last samples"), ("network", "last frames"), ("detector", "level, timers"))
        for n, (title, text) in enumerate(pieces):
            x = 1.1 + 1.65 * n
            box(ax, x, y, 1.4, 0.62, title, text, color=ORANGE)
            arrow(ax, (x + 1.4, y + 0.3), (x + 1.65, y + 0.3))
        ax.text(6.06, y + 0.3, "label,\ntime", va="center", color=INK)
    ax.plot([3.5, 3.5], [3.4, 2.4], color=BLUE, lw=1.3, ls=(0, (4, 3)))
    ax.text(3.62, 2.9, "shared by all streams and threads", color=BLUE, va="center")
    ax.text(1.1, 0.12, "orange: what a stream owns and a snapshot holds", color=ORANGE)
    save(ax, "stream-parts")


def memory() -> None:
    """Which frames of a dilated stack are kept between two calls."""
    frames, step = 13, 0.44
    ax = axes(3.6)
    left, bottom, rise = 1.4, 0.65, 0.85
    now = frames - 1
    reach = {len(DILATIONS): {now}}
    for layer in range(len(DILATIONS), 0, -1):
        d = DILATIONS[layer - 1]
        reach[layer - 1] = {t - k * d for t in reach[layer] for k in range(KERNEL)}

    def at(layer: int, t: int) -> tuple[float, float]:
        return left + step * t, bottom + rise * layer

    for layer, d in enumerate(DILATIONS, 1):
        for t in range(frames):
            for k in range(KERNEL):
                if t - k * d >= 0:
                    bold = t in reach[layer]
                    ends = zip(at(layer - 1, t - k * d), at(layer, t), strict=True)
                    ax.plot(*ends, color=BLUE if bold else RULE, lw=1.8 if bold else 0.8, zorder=2 if bold else 1)
    for layer in range(len(DILATIONS) + 1):
        kept = DILATIONS[layer] * (KERNEL - 1) if layer < len(DILATIONS) else 0
        for t in range(frames):
            held = now - kept <= t < now
            face = BLUE if t == now else "#f0a36b" if held else "white"
            edge = BLUE if t == now else ORANGE if held else FAINT
            ax.plot(*at(layer, t), "o", ms=12, mfc=face, mec=edge, mew=1.3, zorder=3)
        name = "input" if layer == 0 else f"dilation {DILATIONS[layer - 1]}"
        ax.text(left - 0.3, at(layer, 0)[1], name, ha="right", va="center", color=INK)
    ax.text(at(0, now)[0], 0.2, "now", ha="center", color=BLUE, weight="bold")
    ax.text(at(0, 0)[0] - 0.1, 0.2, "older", color=FAINT)
    ax.text(at(0, 6)[0], 0.2, "orange: kept, 1 + 2 + 4 frames", color=ORANGE, ha="center")
    save(ax, "stream-memory")


def latency() -> None:
    """From the end of a sound to its event."""
    ax = axes(3.4)
    left, scale = 1.05, 0.082  # inches of a millisecond

    def x(ms: float) -> float:
        return left + scale * ms

    for y, name in ((3.0, "samples"), (2.2, "frames"), (1.15, "calls")):
        ax.text(0.05, y, name, va="center", color=INK)
    for n in range(7):
        box(ax, x(10 * n) + 0.02, 2.82, 10 * scale - 0.04, 0.36, color=FAINT)
        ax.text(x(10 * n + 5), 3.0, "10 ms", ha="center", va="center", size=11, color=INK)
    for n in range(4):
        y = 2.55 - 0.27 * n
        ax.plot([x(10 * n), x(10 * n + 32)], [y, y], color=BLUE, lw=5, solid_capstyle="butt")
        ax.text(x(10 * n) + 0.08, y + 0.055, f"frame {n}", va="bottom", size=10, color=BLUE)
        ready = 10 * -(-(10 * n + 32) // 10)
        ax.plot([x(10 * n + 32), x(ready)], [y, y], color=ORANGE, lw=1.2, ls=(0, (2, 2)))
        arrow(ax, (x(ready), y), (x(ready), 1.0), color=ORANGE)
    ax.text(x(70), 0.9, "the call that brings a frame's last\nsample decides it", ha="right", va="top", color=ORANGE)
    ax.text(x(0) - 0.9, 0.9, "time_s of an event: the end of\nthe frame's audio, in any blocks", va="top", color=INK)
    save(ax, "stream-latency")


def pool() -> None:
    """One call for many streams."""
    ax = axes(3.0)
    for n, (sid, length) in enumerate(((3, 1), (8, 3), (17, 2))):
        y = 2.05 - 0.72 * n
        ax.text(0.05, y + 0.17, f"id {sid}", va="center", color=INK)
        for k in range(length):
            box(ax, 0.65 + 0.38 * k, y, 0.32, 0.34, color=ORANGE)
        arrow(ax, (1.85, y + 0.17), (2.3, 1.5))
        arrow(ax, (4.9, 1.5), (5.35, y + 0.17))
        for k in range(length):
            box(ax, 5.45 + 0.38 * k, y, 0.32, 0.34)
    box(ax, 2.3, 1.0, 2.6, 1.0, "pool.process", "rows of all streams\nside by side")
    ax.text(3.6, 0.72, "each weight is loaded once\nfor all of them", ha="center", va="top", color=INK)
    ax.text(0.65, 2.6, "frames that came", color=FAINT)
    ax.text(5.0, 2.6, "bits of lone streams", color=FAINT)
    save(ax, "stream-pool")


if __name__ == "__main__":
    for draw in (parts, memory, latency, pool):
        draw()
