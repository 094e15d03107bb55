"""Rows as tables for a terminal: contenders by cases."""

from collections.abc import Callable, Sequence

from benchmarks import ratios
from benchmarks.contenders import is_ours
from benchmarks.results import Row, distinct, find

MISSING = "-"
NAME_WIDTH = 24
CELL_WIDTH = 14


def tables(title: str, rows: Sequence[Row], *, speed: bool = False) -> str:
    """One section's tables: time, speed where multiply-accumulates are known, ratios, and who could not be timed."""
    unit = rows[0].unit
    parts = [title, _table(f"us {unit}", rows, microseconds)]
    if speed:
        parts.append(_table("GFLOP/s (peak)", rows, _speed))
    parts.append(_ratios(rows))
    return "\n\n".join(part for part in [*parts, failures(rows)] if part)


def microseconds(row: Row) -> str:
    """Four digits, the thousands grouped."""
    return f"{row.us:.4g}" if row.us < 1000 else f"{row.us:,.0f}"


def failures(rows: Sequence[Row]) -> str:
    """One line for each contender that could not be timed, with the cases it happened at."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.failure:
            reasons.setdefault((row.contender, row.failure), []).append(row.case)
    cases = distinct(rows, lambda row: row.case)
    lines = []
    for (name, reason), found in reasons.items():
        where = "" if len(found) == len(cases) else f" at {', '.join(found)}"
        lines.append(f"{name}: not measured{where}: {reason}")
    return "\n".join(lines)


def _speed(row: Row) -> str:
    return f"{row.gflops:.1f}" + (f" ({row.gflops / row.peak:.0%})" if row.peak else "")


def _table(corner: str, rows: Sequence[Row], cell: Callable[[Row], str]) -> str:
    cases = distinct(rows, lambda row: row.case)
    lines = [[corner, *cases]]
    for name in distinct(rows, lambda row: row.contender):
        found = [find(rows, case, name) for case in cases]
        if any(found):
            lines.append([name, *(cell(row) if row else MISSING for row in found)])
    return _aligned(lines)


def _ratios(rows: Sequence[Row]) -> str:
    """Every peer over each instruction set of ours: above 1, ours is faster."""
    rows = [row for row in rows if row.seconds]
    cases = distinct([row for row in rows if not is_ours(row.contender)], lambda row: row.case)
    names = distinct(rows, lambda row: row.contender)
    lines = [["peer / ours", *cases]]
    for peer in (name for name in names if not is_ours(name)):
        for mine in filter(is_ours, names):
            pairs = [(find(rows, case, peer), find(rows, case, mine)) for case in cases]
            cells = [f"{ratios.over(*pair).median:.2f}" if all(pair) else MISSING for pair in pairs]
            lines.append([f"{peer} / {mine.removeprefix('ours ')}", *cells])
    return _aligned(lines) if len(lines) > 1 else ""


def taller(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """The table or its transpose: the one with more lines than columns."""
    return [list(line) for line in (lines if len(lines) >= len(lines[0]) else zip(*lines, strict=True))]


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns to the right, as wide as they must be and at least `CELL_WIDTH`; the first to the left."""
    lines = taller(lines)
    widths = [max(CELL_WIDTH, *(len(cell) + 2 for cell in column)) for column in zip(*lines, strict=True)]
    widths[0] = max(NAME_WIDTH, widths[0])
    return "\n".join(
        f"{first:<{widths[0]}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        for first, *cells in lines
    )
