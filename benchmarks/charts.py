"""Charts as SVG text, for a page that is light or dark: text and axes have the page's colour, contenders their own.

Drawn 1,000 units wide with letters of 22, so that they can be read at half that size.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from textwrap import wrap

PALETTE = (
    "#2b7bd0", "#d0551f", "#2c8f4e", "#b9529f", "#8a7a10", "#1e8f98", "#8763d6", "#d5435c", "#7a7f86", "#a3683a",
)  # fmt: skip
"""Of middle luminance: at least 3 to 1 against the light page and the dark one."""
WIDTH, LETTER, LINE = 1000, 22, 27
LETTER_WIDTH = 11
LEFT, RIGHT, TOP, BOTTOM = 110, 330, 20, 80
COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT = WIDTH / COLUMNS, 240

Point = tuple[float, float]


def lines(series: Mapping[str, Mapping[str, float]], cases: Sequence[str], *, x: str, y: str) -> str:
    """Chart of a line a contender over the cases, with a logarithmic scale of values."""
    values = [value for line in series.values() for value in line.values()]
    height = max(520, TOP + BOTTOM + LINE * len(series))
    low, high = floor(log10(min(values)) * 3) / 3, ceil(log10(max(values)) * 3) / 3
    across = _scale(0, max(len(cases) - 1, 1), LEFT + 20, WIDTH - RIGHT)
    up = _scale(low, max(high, low + 0.1), height - BOTTOM, TOP)
    parts = [_label(LEFT - 12, up(log10(tick)), _number(tick), "end") + _rule(LEFT, up(log10(tick)), WIDTH - RIGHT)
             for tick in _ticks(low, high)]  # fmt: skip
    parts += [_label(across(at), height - BOTTOM + 32, case, "middle") for at, case in enumerate(cases)]
    parts.append(_label((LEFT + WIDTH - RIGHT) / 2, height - 12, f"{x}; height: {y}", "middle"))
    ends = {}
    for number, (name, line) in enumerate(series.items()):
        points = [(across(at), up(log10(line[case]))) for at, case in enumerate(cases) if case in line]
        parts.append(_path(points, number, width=6 if number == 0 else 3))  # ours, the first, is thicker
        ends[name] = points[-1]
    heights = _apart([ends[name][1] for name in ends], TOP + 8, height - BOTTOM)
    for number, (name, at) in enumerate(zip(ends, heights, strict=True)):
        start = WIDTH - RIGHT + 26
        parts.append(_leader(ends[name], (start, at), number) + _mark((start, at), number))
        parts.append(_label(start + 18, at + 7, name, "start"))
    return _svg(height, parts, f"{y} over {x}, a line a contender")


def bars(groups: Mapping[str, Mapping[str, tuple[float, float, float]]], *, x: str) -> str:
    """Chart of a bar a contender, from 1, in groups, with a logarithmic scale; a value is (median, low, high)."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    ends = [edge for group in groups.values() for value in group.values() for edge in value]
    low, high = min(0.0, floor(log10(min(ends)) * 3) / 3), max(0.1, ceil(log10(max(ends)) * 3) / 3)
    rows = sum(len(group) + 1.3 for group in groups.values())
    height = TOP + BOTTOM + LINE * rows
    across = _scale(low, high, 440, WIDTH - 130)
    parts = [_label(across(log10(tick)), height - BOTTOM + 32, _number(tick), "middle")
             + _rule(across(log10(tick)), TOP, across(log10(tick)), height - BOTTOM)
             for tick in _ticks(low, high)]  # fmt: skip
    parts.append(_label((440 + WIDTH - 130) / 2, height - 12, x, "middle"))
    at = float(TOP)
    for title, group in groups.items():
        at += LINE
        parts.append(_label(16, at, title, "start", weight="bold"))
        for name, (value, below, above) in group.items():
            at += LINE
            one, start, end = across(0.0), across(log10(value)), (across(log10(below)), across(log10(above)))
            colour = PALETTE[names.index(name) % len(PALETTE)]
            box = f'x="{min(one, start):.1f}" y="{at - 16:.1f}" width="{abs(start - one):.1f}" height="16"'
            parts.append(f'<rect {box} fill="{colour}"/>' + _rule(end[0], at - 8, end[1], at - 8, opacity=1.0))
            parts.append(_label(430, at, name, "end") + _label(max(start, *end) + 8, at, short(value), "start"))
        at += 0.3 * LINE
    return _svg(height, parts, f"{x}, a bar a contender")


def panels(
    panels: Mapping[str, Mapping[str, Sequence[float | None]]], names: Sequence[str], ends: tuple[str, str], *, y: str
) -> str:
    """A small chart each, of a line a contender over the same points in time; None where it was not measured.

    Every panel has a logarithmic scale of its own, in which 1 is marked. `names` are those of all charts of a page, so
    that a contender looks the same in each; `ends` are the first date and the last.
    """
    parts, top = _legend({name: names.index(name) for series in panels.values() for name in series})
    headings = [wrap(title, int((PANEL_WIDTH - 20) / LETTER_WIDTH)) for title in panels]
    heading = LINE * max(map(len, headings))
    tall = heading + PANEL_HEIGHT
    for at, (title, series) in enumerate(zip(headings, panels.values(), strict=True)):
        left, upper = at % COLUMNS * PANEL_WIDTH, top + at // COLUMNS * tall
        parts += [_label(left + 10, upper + LINE * n, line, "start", weight="bold") for n, line in enumerate(title, 1)]
        parts += _panel(series, names, ends, (left, upper + heading))
    return _svg(top + tall * ceil(len(panels) / COLUMNS), parts, f"{y} over time, a line a contender")


def _legend(numbers: Mapping[str, int]) -> tuple[list[str], float]:
    """Marks and names in rows, and the height that they take."""
    parts, x, y = [], 16.0, float(LINE)
    for name, number in numbers.items():
        width = 40 + LETTER_WIDTH * len(name)
        if x + width > WIDTH:
            x, y = 16.0, y + LINE
        parts.append(_mark((x + 8, y - 7), number) + _label(x + 24, y, name, "start"))
        x += width + 16
    return parts, y + LINE


def _panel(
    series: Mapping[str, Sequence[float | None]], names: Sequence[str], ends: tuple[str, str], corner: Point
) -> list[str]:
    left, top = corner
    start, end = left + 74.0, left + PANEL_WIDTH - 24
    upper, lower = top + 16, top + PANEL_HEIGHT - 2 * LINE
    values = [value for line in series.values() for value in line if value is not None]
    middle, spread = log10(min(values) * max(values)) / 2, max(log10(max(values) / min(values)), 0.3)
    low, high = middle - 0.6 * spread, middle + 0.6 * spread
    up, count = _scale(low, high, lower, upper), max(map(len, series.values()))
    across = _scale(0, count - 1, start, end) if count > 1 else lambda _: (start + end) / 2
    parts = []
    for tick in _ticks(low, high):
        parts.append(_label(start - 12, up(log10(tick)) + 7, _number(tick), "end"))
        parts.append(_rule(start - 4, up(log10(tick)), end, opacity=0.8 if tick == 1 else 0.25))
    when = (("start", left + 10), ("end", end)) if count > 1 else (("middle", (start + end) / 2),)
    parts += [_label(x, lower + 32, date, anchor) for date, (anchor, x) in zip(ends, when, strict=False)]
    for name, line in series.items():
        points = [(across(at), up(log10(value))) for at, value in enumerate(line) if value is not None]
        parts.append(_path(points, names.index(name), width=3))
    return parts


def short(value: float) -> str:
    """Three digits, the thousands grouped."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _svg(height: float, parts: Sequence[str], what: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" font-size="{LETTER}" fill="currentColor">'
    return "\n".join([head, f"<title>{escape(what)}</title>", *parts, "</svg>"])


def _scale(first: float, last: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - first) / (last - first) * (end - start)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade; powers of ten alone where there are many."""
    digits = (1, 2, 5) if high - low <= 2.5 else (1,)
    found = [digit * 10.0**decade for decade in range(floor(low), ceil(high) + 1) for digit in digits]
    return [tick for tick in found if low - 1e-9 <= log10(tick) <= high + 1e-9]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.4f}".rstrip("0")


def _label(x: float, y: float, text: str, anchor: str, *, weight: str = "normal") -> str:
    bold = "" if weight == "normal" else f' font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{bold}>{escape(text)}</text>'


def _rule(x: float, y: float, to_x: float, to_y: float | None = None, *, opacity: float = 0.25) -> str:
    to_y = y if to_y is None else to_y
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="currentColor" stroke-opacity="{opacity}" stroke-width="{1 if opacity < 1 else 2}"/>'


def _path(points: Sequence[Point], number: int, width: int) -> str:
    """A contender's line with its marks."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    colour = PALETTE[number % len(PALETTE)]
    line = f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
    return line + "".join(_mark(point, number) for point in points)


def _leader(start: Point, end: Point, number: int) -> str:
    (x, y), (to_x, to_y) = start, end
    colour = PALETTE[number % len(PALETTE)]
    ends = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="1.5" stroke-dasharray="3 4"/>'


def _mark(point: Point, number: int) -> str:
    """A circle, a square or a triangle: colour is not the only difference."""
    (x, y), colour = point, PALETTE[number % len(PALETTE)]
    if number % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}"/>'
    if number % 3 == 1:
        return f'<rect x="{x - 7:.1f}" y="{y - 7:.1f}" width="14" height="14" fill="{colour}"/>'
    corners = f"{x:.1f},{y - 9:.1f} {x + 9:.1f},{y + 7:.1f} {x - 9:.1f},{y + 7:.1f}"
    return f'<polygon points="{corners}" fill="{colour}"/>'


def _apart(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights of labels near those wanted, a line apart, between top and bottom."""
    order = sorted(range(len(heights)), key=lambda n: heights[n])
    placed = [0.0] * len(heights)
    at = top - LINE
    for n in order:
        at = placed[n] = max(heights[n], at + LINE)
    below = bottom + LINE
    for n in reversed(order):
        below = placed[n] = min(placed[n], below - LINE)
    return placed
