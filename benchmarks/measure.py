"""Timing contenders in turn, and what is derived from their times.

The machine's speed drifts (other tenants, clock, heat), so one round measures every contender once, some milliseconds
each, and ratios are taken within a round. Everything reported is the median over rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.contenders import is_ours
from benchmarks.worker import Worker, WorkerError

PEAK_SECONDS = 0.05


@dataclass(frozen=True)
class Effort:
    """How long to measure: in each of `rounds`, every contender for `seconds`, or one call where that takes longer."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Case:
    """One network at one length: blocks of a stream, or whole signals."""

    model: str
    frames: int
    streaming: bool

    @property
    def label(self) -> str:
        return f"{'block' if self.streaming else 'whole'} {self.frames}"


@dataclass
class Result:
    """One contender on one case; `seconds` has one entry a round and is empty when it could not be timed."""

    case: Case
    contender: str
    macs: int
    error: float | None = None
    failure: str | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def call_us(self) -> float:
        return 1e6 * median(self.seconds)

    @property
    def gflops(self) -> float:
        return 2e-9 * self.macs * self.case.frames / median(self.seconds)

    def over(self, other: "Result") -> float:
        """How many times as long as `other` this took: the median of the rounds' ratios."""
        return median(mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True))


@dataclass
class Measured:
    """All contenders on one case, with the FMA peaks (GFLOP/s) of our instruction sets at that time."""

    case: Case
    results: dict[str, Result]
    peaks: dict[str, float]

    def timed(self) -> list[Result]:
        return [result for result in self.results.values() if result.seconds]

    def ours(self) -> list[Result]:
        return [result for result in self.timed() if is_ours(result.contender)]

    def fastest(self, library: str) -> Result | None:
        """The fastest of a library's ways, None when none ran."""
        mine = [result for result in self.timed() if result.contender.split()[0] == library]
        return min(mine, key=lambda result: result.call_us, default=None)

    def peak_of(self, result: Result) -> float | None:
        """The peak to hold a result against: of its own instruction set, for a peer of the best one."""
        return self.peaks.get(result.contender) if is_ours(result.contender) else max(self.peaks.values(), default=None)

    def share(self, result: Result) -> float | None:
        """The result's share of the FMA peak."""
        peak = self.peak_of(result)
        return None if peak is None else result.gflops / peak


def in_turn(names: Sequence[str]) -> list[str]:
    """Order contenders ours, peer, ours, peer ... as far as there are both."""
    ours, peers = ([name for name in names if is_ours(name) == mine] for mine in (True, False))
    pairs = max(len(ours), len(peers))
    return [name for i in range(pairs) for group in (ours, peers) for name in group[i : i + 1]]


def measure(case: Case, macs: int, workers: dict[str, Worker], effort: Effort) -> Measured:
    """Prepare and check the case in every worker, then time those that passed in turn."""
    results = {name: Result(case, name, macs) for name in workers}
    peaks = _peaks(workers)
    for name, worker in workers.items():
        _prepare(results[name], worker, effort.seconds)
    for _ in range(effort.rounds):
        for name in in_turn([name for name, result in results.items() if result.failure is None]):
            _time(results[name], workers[name])
    return Measured(case, results, peaks)


def _prepare(result: Result, worker: Worker, seconds: float) -> None:
    try:
        result.error = worker.ask("prepare", result.case.model, result.case.frames, result.case.streaming)
        worker.ask("calibrate", seconds)
    except WorkerError as error:
        result.failure = str(error)


def _time(result: Result, worker: Worker) -> None:
    try:
        result.seconds.append(worker.ask("measure"))
    except WorkerError as error:  # a contender that dies half-way has no times at all, so that rounds stay comparable
        result.failure, result.seconds = str(error), []


def _peaks(workers: dict[str, Worker]) -> dict[str, float]:
    """FMA peaks of our instruction sets; without the function for it, none."""
    peaks = {}
    for name in filter(is_ours, workers):
        try:
            peaks[name] = workers[name].ask("peak", PEAK_SECONDS)
        except WorkerError:
            continue
    return {name: peak for name, peak in peaks.items() if peak}
