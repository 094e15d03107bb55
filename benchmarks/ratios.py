"""How many times as long as ours a peer takes: the median over the rounds, and how far that median can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from benchmarks.contenders import is_ours
from benchmarks.results import Row, Run, find

DOUBT = 0.05
"""The interval is at least 95 % sure, from six rounds on."""


@dataclass(frozen=True)
class Ratio:
    """A median of rounds and its confidence interval."""

    median: float
    low: float
    high: float


def over(peer: Row, ours: Row) -> Ratio:
    """How many times as long as `ours` the peer took. Round by round: the machine's speed drifts between rounds."""
    return of_median([theirs / mine for theirs, mine in zip(peer.seconds, ours.seconds, strict=True)])


def of_median(values: Sequence[float]) -> Ratio:
    """Median and its interval between two of the values: the same for any distribution (the sign test's)."""
    ordered = sorted(values)
    n, outside = len(ordered), 0
    while outside < (n - 1) // 2 and 2 * sum(comb(n, i) for i in range(outside + 1)) <= DOUBT * 2**n:
        outside += 1
    first = max(outside - 1, 0)
    return Ratio(median(ordered), ordered[first], ordered[n - 1 - first])


def ratios(run: Run) -> dict[str, Ratio]:
    """Every peer over ours of the best instruction set, by ``"<section> <case>: <peer>"``."""
    found = {}
    for row in run.rows:
        mine = find(run.section(row.section), row.case, run.ours)
        if row.seconds and mine and not is_ours(row.contender):
            found[name(row)] = over(row, mine)
    return found


def name(row: Row) -> str:
    return f"{row.section} {row.case}: {row.contender}"
