"""What was measured as one page of HTML that needs nothing else: charts, tables of ratios, the circumstances."""

from collections.abc import Sequence
from html import escape

from benchmarks import charts, history, tables
from benchmarks.charts import short
from benchmarks.contenders import is_ours
from benchmarks.ratios import over
from benchmarks.results import Row, Run, distinct, find

BEST = {"ort": "ort, best graph", "torch": "torch, best way"}
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1b1b; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --page: #15171a; --ink: #ececec; } }
body { background: var(--page); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; max-width: 1100px;
       margin: 2em auto; padding: 0 1em; }
svg { width: 100%; height: auto; font-family: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 11px; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; } th:first-child { text-align: left; }
td small { opacity: 0.75; display: block; }
.ahead { background: #2c8f4e33; } .behind { background: #d0551f44; }
pre { white-space: pre-wrap; }
"""


def page(run: Run, records: Sequence[history.Record]) -> str:
    """The whole page."""
    sections = distinct(run.rows, lambda row: row.section)
    parts = [_head(run), *(_section(run, name) for name in sections), _against(run, records), _circumstances(run)]
    head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>wavenetlite: benchmarks</title>\n'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    return f"{head}{view}<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"


def _head(run: Run) -> str:
    machine = run.machine
    where = f"{machine['cpu']}, one core, {run.ours.removeprefix('ours ')}; {machine['time']}, commit {run.commit}"
    return (
        f"<h1>wavenetlite beside its peers</h1>\n<p>{escape(where)}.</p>\n"
        "<p>A ratio says how many times as long as wavenetlite a peer takes: above 1, wavenetlite is faster. It is the "
        "median of the rounds' ratios, with its 95 % confidence interval below it; in each round everybody is timed "
        "once, one thread each, after the output has been compared with a reference.</p>"
    )


def _section(run: Run, name: str) -> str:
    rows = [row for row in run.section(name) if row.seconds]
    if not rows:
        return ""
    cases = distinct(rows, lambda row: row.case)
    # a network's blocks make a line each contender; what else there is, bars
    streamed = [case for case in cases if case.startswith("block ")]
    chart = _over_blocks(run, rows, streamed) if len(streamed) > 1 else _bars(run, rows)
    failures = tables.failures(run.section(name))
    return "\n".join([
        f"<h2>{escape(run.titles.get(name, name))}</h2>",
        f'<div class="chart">{chart}</div>' if chart else "",
        _ratio_table(run, rows, cases),
        _time_table(rows, cases),
        f"<pre>{escape(failures)}</pre>" if failures else "",
    ])  # fmt: skip


def _over_blocks(run: Run, rows: Sequence[Row], cases: Sequence[str]) -> str:
    """Time a frame over the length of a block: ours, and of every peer the fastest way at each length."""
    series: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.case in cases and (row.contender == run.ours or not is_ours(row.contender)):
            line = series.setdefault(_drawn_as(row.contender), {})
            line[row.case] = min(line.get(row.case, row.us), row.us)
    frames = {row.case: row.frames for row in rows}
    for line in series.values():
        line.update({case: us / frames[case] for case, us in line.items()})
    return charts.lines(
        {name: {case.removeprefix("block "): us for case, us in line.items()} for name, line in series.items()},
        [case.removeprefix("block ") for case in cases],
        x="frames a call",
        y="us a frame",
    )


def _drawn_as(contender: str) -> str:
    """Ways of one library that compute the same are one line, the fastest of them."""
    library, _, way = contender.partition(" ")
    if library == "ours":
        return f"wavenetlite {way}"
    return contender if way == "int8" else BEST.get(library, contender)


def _bars(run: Run, rows: Sequence[Row]) -> str:
    groups: dict[str, dict[str, tuple[float, float, float]]] = {}
    for row in rows:
        mine = find(rows, row.case, run.ours)
        if mine and not is_ours(row.contender):
            ratio = over(row, mine)
            groups.setdefault(row.case, {})[row.contender] = (ratio.median, ratio.low, ratio.high)
    return charts.bars(groups, x="times as long as wavenetlite") if groups else ""


def _ratio_table(run: Run, rows: Sequence[Row], cases: Sequence[str]) -> str:
    peers = [name for name in distinct(rows, lambda row: row.contender) if not is_ours(name)]
    mine = {case: find(rows, case, run.ours) for case in cases}
    cases = [case for case in cases if mine[case] and any(find(rows, case, peer) for peer in peers)]
    if not cases:
        return ""
    lines = [[_head_cell("times as long as ours"), *map(_head_cell, cases)]]
    for peer in peers:
        pairs = [(find(rows, case, peer), mine[case]) for case in cases]
        lines.append([_head_cell(peer), *(_ratio_cell(*pair) for pair in pairs)])
    return _table(lines)


def _ratio_cell(theirs: Row | None, mine: Row | None) -> str:
    if not theirs or not mine:
        return "<td>-</td>"
    ratio = over(theirs, mine)
    kind = "ahead" if ratio.low > 1 else "behind" if ratio.high < 1 else "level"
    return f'<td class="{kind}">{short(ratio.median)}<small>{short(ratio.low)} to {short(ratio.high)}</small></td>'


def _time_table(rows: Sequence[Row], cases: Sequence[str]) -> str:
    """Microseconds of everybody, with the share of the FMA peak of ours and the largest error of a peer's output."""
    units = " or ".join(distinct(rows, lambda row: row.unit))
    errors = any(row.error is not None for row in rows)
    lines = [[_head_cell(f"us {units}"), *map(_head_cell, cases), *([_head_cell("largest error")] if errors else [])]]
    for name in distinct(rows, lambda row: row.contender):
        found = [find(rows, case, name) for case in cases]
        lines.append([_head_cell(name), *map(_time_cell, found), *([_error_cell(found)] if errors else [])])
    return _table(lines)


def _time_cell(row: Row | None) -> str:
    if row is None:
        return "<td>-</td>"
    shown = row.peak and row.macs > 1 and is_ours(row.contender)
    share = f"<small>{row.gflops / row.peak:.0%} of peak</small>" if shown and row.peak else ""
    return f"<td>{tables.microseconds(row)}{share}</td>"


def _error_cell(rows: Sequence[Row | None]) -> str:
    errors = [row.error for row in rows if row and row.error is not None]
    return f"<td>{max(errors):.1e}</td>" if errors else "<td>-</td>"


def _head_cell(text: str) -> str:
    return f"<th>{escape(text)}</th>"


def _table(lines: Sequence[Sequence[str]]) -> str:
    rows = [f"<tr>{''.join(line)}</tr>" for line in tables.taller(lines)]
    return '<div class="wide"><table>\n' + "\n".join(rows) + "\n</table></div>"


def _against(run: Run, records: Sequence[history.Record]) -> str:
    """What became of the ratios since the last record of this kind of machine."""
    new = history.record(run)
    old = history.last_like(new, list(records))
    if old is None:
        return "<h2>History</h2>\n<p>No run on this kind of machine has been recorded yet.</p>"
    found = history.compare(old, new)
    of_kind = [one for one in records if one.machine == new.machine]
    return "\n".join([
        f"<h2>History</h2>\n<pre>{escape(history.text(old, found))}</pre>",
        "<p>Ratios of the records on this kind of machine, and of this page's run as the last; the line is at 1.</p>",
        *_trends(of_kind if new in of_kind else [*of_kind, new]),
    ])  # fmt: skip


def _trends(records: Sequence[history.Record]) -> list[str]:
    """Ratios over the records: a chart a section, a panel a case, a line for each library's fastest way."""
    found: dict[str, dict[str, dict[str, list[float | None]]]] = {}
    for at, record in enumerate(records):
        for name, ratio in record.ratios.items():
            row, _, peer = name.rpartition(": ")
            section, _, case = row.partition(" ")
            line = found.setdefault(section, {}).setdefault(case, {}).setdefault(_drawn_as(peer), [None] * len(records))
            before = line[at]
            line[at] = ratio.median if before is None else min(before, ratio.median)
    ends = (records[0].date[:10], records[-1].date[:10])
    names = list(dict.fromkeys(name for cases in found.values() for series in cases.values() for name in series))
    parts = []
    for section, cases in found.items():
        chart = charts.panels(cases, names, ends, y="times as long as wavenetlite")
        parts.append(f'<h3>{escape(section)}</h3>\n<div class="chart">{chart}</div>')
    return parts


def _circumstances(run: Run) -> str:
    versions = [[_head_cell(name), f"<td>{escape(version)}</td>"] for name, version in run.versions.items()]
    missing = [f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in run.missing.items()]
    machine = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    return "\n".join([
        "<h2>Circumstances</h2>",
        f"<p>{escape(machine)}.</p>",
        _table([[_head_cell("contender"), _head_cell("version")], *versions]),
        f"<p>Not measured:</p>\n<ul>{''.join(missing)}</ul>" if missing else "",
    ])  # fmt: skip
