"""Timing contenders in turn.

The machine's speed drifts (other tenants, clock, heat), so one round measures every contender once, some milliseconds
each, and ratios are taken within a round (`benchmarks.ratios`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.contenders import is_ours
from benchmarks.results import Row
from benchmarks.worker import Worker, WorkerError

PEAK_SECONDS = 0.05


@dataclass(frozen=True)
class Effort:
    """How long to measure: in each of `rounds`, every contender for `seconds`, or one call where that takes longer."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Case:
    """One network at one length: blocks of a stream, or whole signals, of which a call may take several."""

    model: str
    frames: int
    streaming: bool
    clips: int = 1

    @property
    def label(self) -> str:
        clips = f"{self.clips} x " if self.clips > 1 else ""
        return f"{'block' if self.streaming else 'whole'} {clips}{self.frames}"


def in_turn(names: Sequence[str]) -> list[str]:
    """Order contenders ours, peer, ours, peer ... as far as there are both."""
    ours, peers = ([name for name in names if is_ours(name) == mine] for mine in (True, False))
    pairs = max(len(ours), len(peers))
    return [name for i in range(pairs) for group in (ours, peers) for name in group[i : i + 1]]


def measure(case: Case, macs: int, workers: dict[str, Worker], effort: Effort) -> list[Row]:
    """Prepare and check the case in every worker, then time those that passed in turn."""
    peaks = _peaks(workers)
    best = max(peaks.values(), default=None)
    row = Row(case.model, case.label, "", frames=case.clips * case.frames, macs=macs)
    rows = {name: replace(row, contender=name, peak=peaks.get(name, best), seconds=[]) for name in workers}
    for name, worker in workers.items():
        _prepare(rows[name], worker, case, effort.seconds)
    for _ in range(effort.rounds):
        for name in in_turn([name for name, row in rows.items() if row.failure is None]):
            _time(rows[name], workers[name])
    return list(rows.values())


def _prepare(row: Row, worker: Worker, case: Case, seconds: float) -> None:
    try:
        row.error = worker.ask("prepare", case.model, case.frames, case.streaming, case.clips)
        worker.ask("calibrate", seconds)
    except WorkerError as error:
        row.failure = str(error)


def _time(row: Row, worker: Worker) -> None:
    try:
        row.seconds.append(worker.ask("measure"))
    except WorkerError as error:  # a contender that dies half-way has no times at all, so that rounds stay comparable
        row.failure, row.seconds = str(error), []


def _peaks(workers: dict[str, Worker]) -> dict[str, float]:
    """FMA peaks of our instruction sets; without the function for it, none."""
    peaks = {}
    for name in filter(is_ours, workers):
        try:
            peaks[name] = workers[name].ask("peak", PEAK_SECONDS)
        except WorkerError:
            continue
    return {name: peak for name, peak in peaks.items() if peak}
