"""Results as tables for people and as plain data for JSON."""

from collections.abc import Callable, Sequence

from benchmarks.contenders import is_ours
from benchmarks.measure import Measured, Result
from benchmarks.models import Network

MISSING = "-"
NAME_WIDTH = 20
CELL_WIDTH = 14


def tables(network: Network, measured: Sequence[Measured]) -> str:
    """Return the tables of one network: time a call, speed, ratios; one row a contender, one column a length."""
    names = list(measured[0].results)
    parts = [
        f"{network.key}  {network.title}: {network.macs:,} multiply-accumulates a frame",
        _table("us a call", names, measured, lambda _, result: _microseconds(result)),
        _table("GFLOP/s (peak)", names, measured, _speed),
    ]
    if any(m.ours() for m in measured):
        parts.append(_ratios(names, measured))
    return "\n\n".join(parts + _failures(measured))


def call_overhead(measured: Measured) -> str:
    """Return one line for the network whose time is all overhead."""
    times = [f"{result.contender} {_microseconds(result)} us" for result in measured.timed()]
    return "\n".join([f"one call of a one-channel layer: {', '.join(times)}", *_failures([measured])])


def _microseconds(result: Result) -> str:
    """Return four digits, the thousands grouped."""
    return f"{result.call_us:.4g}" if result.call_us < 1000 else f"{result.call_us:,.0f}"


def _speed(measured: Measured, result: Result) -> str:
    share = measured.share(result)
    return f"{result.gflops:.1f}" + ("" if share is None else f" ({share:.0%})")


def _table(
    title: str, names: Sequence[str], measured: Sequence[Measured], cell: Callable[[Measured, Result], str]
) -> str:
    rows = [[title, *(m.case.label for m in measured)]]
    for name in names:
        results = [(m, m.results[name]) for m in measured]
        rows.append([name, *(cell(m, result) if result.seconds else MISSING for m, result in results)])
    return _aligned(rows)


def _ratios(names: Sequence[str], measured: Sequence[Measured]) -> str:
    """The fastest and the plain peer over each instruction set of ours: above 1, ours is faster."""
    rows = [["peer / ours", *(m.case.label for m in measured)]]
    for mine in filter(is_ours, names):
        isa = mine.split()[1]
        rows.append([f"best ort / {isa}", *(_ratio(m, m.fastest("ort"), mine) for m in measured)])
        rows.append([f"plain ort / {isa}", *(_ratio(m, m.results.get("ort plain"), mine) for m in measured)])
        rows.append([f"best torch / {isa}", *(_ratio(m, m.fastest("torch"), mine) for m in measured)])
    return _aligned(rows)


def _ratio(measured: Measured, peer: Result | None, mine: str) -> str:
    ours = measured.results[mine]
    return f"{peer.over(ours):.2f}" if peer and peer.seconds and ours.seconds else MISSING


def _failures(measured: Sequence[Measured]) -> list[str]:
    """One line for each contender that could not be timed, with the lengths it happened at."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for m in measured:
        for name, result in m.results.items():
            if result.failure:
                reasons.setdefault((name, result.failure), []).append(m.case.label)
    lines = []
    for (name, reason), labels in reasons.items():
        where = "" if len(labels) == len(measured) else f" at {', '.join(labels)}"
        lines.append(f"{name}: not measured{where}: {reason}")
    return ["\n".join(lines)] if lines else []


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"{row[0]:<{NAME_WIDTH}}" + "".join(f"{cell:>{CELL_WIDTH}}" for cell in row[1:]) for row in rows)


def as_data(measured: Sequence[Measured]) -> list[dict]:
    """Return one flat record a contender and case, with its raw times."""
    return [_record(m, result) for m in measured for result in m.results.values()]


def _record(measured: Measured, result: Result) -> dict:
    case = result.case
    record = {
        "model": case.model,
        "mode": "stream" if case.streaming else "whole",
        "frames": case.frames,
        "contender": result.contender,
        "macs_per_frame": result.macs,
        "relative_error": result.error,
        "failure": result.failure,
    }
    if not result.seconds:
        return record
    return record | {
        "us_per_call": result.call_us,
        "ns_per_frame": 1e3 * result.call_us / case.frames,
        "gflops": result.gflops,
        "peak_gflops": measured.peak_of(result),
        "share_of_peak": measured.share(result),
        "over_ours": {ours.contender: result.over(ours) for ours in measured.ours()},
        "seconds": result.seconds,
    }
