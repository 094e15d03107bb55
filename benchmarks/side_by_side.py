"""Contenders that are timed in one process: what `benchmarks.features` and its like share.

They say what stands beside what; here it is timed in turn, printed, and written for `benchmarks.run`.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks import circumstances, results, tables
from benchmarks.results import Row, Run

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """Calls that do the same, by contender; each does `units` of `unit`."""

    name: str
    calls: Mapping[str, Call]
    unit: str = "a call"
    units: int = 1
    errors: Mapping[str, float] = field(default_factory=dict)


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
    for call in case.calls.values():
        call()  # tables, caches, plans
    for _ in range(rounds):
        for row in rows:
            call = case.calls[row.contender]
            call()  # its data are in the caches again, as in a program that does nothing else
            start = perf_counter()
            call()
            row.seconds.append((perf_counter() - start) / case.units)
    return rows


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
