"""Contenders that are timed in one process: what `benchmarks.features` and its like share.

They say what stands beside what; here it is timed in turn, printed, and written for `benchmarks.run`.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import thread_time

from benchmarks import circumstances, results, tables
from benchmarks.results import Row, Run

Call = Callable[[], object]
LEAST_S = 0.002
"""What takes less is called more often in a round, so that the clock does not count."""
COLD_S = 0.05
"""What takes less is called before it is timed: its data are in the caches, as in a program that does nothing else."""


@dataclass(frozen=True)
class Case:
    """Calls that do the same, by contender; each does `units` of `unit`.

    `clock` is this thread's CPU time, for which other programs on the machine count for little; work that is done in
    other threads or processes needs another one.
    """

    name: str
    calls: Mapping[str, Call]
    unit: str = "a call"
    units: int = 1
    errors: Mapping[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = thread_time


@dataclass(frozen=True)
class Section:
    """What a script measures; contenders that are missing are named with the reason."""

    name: str
    title: str
    cases: Sequence[Case]
    versions: Mapping[str, str]
    missing: Mapping[str, str]


def timed(case: Case, section: str, rounds: int) -> list[Row]:
    """Seconds a unit, one value a round, every contender once a round."""
    rows = [Row(section, case.name, who, case.unit, error=case.errors.get(who)) for who in case.calls]
    once = {}
    for who, call in case.calls.items():
        call()  # tables, caches, plans
        once[who] = _seconds(call, 1, case.clock)
    for _ in range(rounds):
        for row in rows:
            call, expected = case.calls[row.contender], once[row.contender]
            if expected < COLD_S:
                call()
            times = max(1, round(LEAST_S / expected))
            row.seconds.append(_seconds(call, times, case.clock) / case.units)
    return rows


def _seconds(call: Call, times: int, clock: Callable[[], float]) -> float:
    """Seconds of a call, over so many."""
    start = clock()
    for _ in range(times):
        call()
    return (clock() - start) / times


def main(make: Callable[[], Section], about: str, rounds: int) -> None:
    """The command of a script: measure, print, and write the results when asked."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"each is timed once a round (default {rounds})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file as well")
    options = parser.parse_args()
    section = make()
    for name, reason in section.missing.items():
        print(f"{name}: not measured: {reason}")
    rows = [row for case in section.cases for row in timed(case, section.name, options.rounds)]
    print(tables.tables(section.title, rows))
    if options.json:
        run = Run(
            machine=circumstances.machine(),
            commit=circumstances.commit(),
            versions=dict(section.versions),
            missing=dict(section.missing),
            titles={section.name: section.title},
            rows=rows,
        )
        results.save(run, options.json)
