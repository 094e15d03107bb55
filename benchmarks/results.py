"""What a run has measured, as plain data: everything that is printed, drawn, recorded and compared comes from here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import INSTRUCTION_SETS, is_ours


class ResultsError(Exception):
    """A file is not what it should be; the text is one line."""


@dataclass
class Row:
    """One contender on one case.

    Attributes
    ----------
    section, case, contender
        Where it stands: a network or another subject, a length or another circumstance, who.
    unit
        What `seconds` are for, after "us": "a call", "for 10 ms of audio".
    seconds
        One value a round; empty when it could not be timed.
    frames, macs
        Frames of a call and multiply-accumulates of a frame; 0 where they mean nothing.
    error
        Largest difference to the reference, in units of its largest magnitude; None where it was not compared.
    failure
        Why it could not be timed.
    peak
        The FMA peak to hold it against, GFLOP/s: of its own instruction set, for a peer of our best one.
    """

    section: str
    case: str
    contender: str
    unit: str = "a call"
    seconds: list[float] = field(default_factory=list)
    frames: int = 0
    macs: int = 0
    error: float | None = None
    failure: str | None = None
    peak: float | None = None

    @property
    def us(self) -> float:
        return 1e6 * median(self.seconds)

    @property
    def gflops(self) -> float:
        return 2e-9 * self.macs * self.frames / median(self.seconds)


@dataclass
class Run:
    """All rows of one run, and the circumstances."""

    machine: dict[str, Any]
    commit: str
    versions: dict[str, str]
    missing: dict[str, str]
    titles: dict[str, str]
    rows: list[Row]
    package: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> str:
        """Our contender that the ratios are taken to: of the best instruction set."""
        sets = [row.contender.removeprefix("ours ") for row in self.rows if is_ours(row.contender)]
        return f"ours {max(sets, key=INSTRUCTION_SETS.index)}" if sets else ""

    def section(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.section == name]


def distinct(rows: Sequence[Row], of: Callable[[Row], str]) -> list[str]:
    """A property's values in the order in which they come: ``distinct(rows, lambda row: row.case)``."""
    return list(dict.fromkeys(of(row) for row in rows))


def find(rows: Sequence[Row], case: str, contender: str) -> Row | None:
    """The row of a contender on a case, None when it was not timed."""
    found = (row for row in rows if row.seconds and row.case == case and row.contender == contender)
    return next(found, None)


def save(run: Run, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(run), indent=1) + "\n")


def load(path: Path) -> Run:
    """Read what `save` has written.

    Raises
    ------
    ResultsError
        The file is missing, or was not written by `save`.
    """
    try:
        data = json.loads(path.read_text())
        return Run(**{**data, "rows": [Row(**row) for row in data["rows"]]})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ResultsError(f"{path}: not the results of a run: {type(error).__name__}: {error}") from error
