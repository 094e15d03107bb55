"""The recorded ratios, a line of JSON a record, and the rule by which a ratio has fallen."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.ratios import Ratio, ratios
from benchmarks.results import ResultsError, Run

FILE = Path(__file__).parent / "history.jsonl"
FALL = 0.05
"""A ratio that falls by more than this share has fallen."""
DIGITS = 4


@dataclass(frozen=True)
class Record:
    """The ratios of one run, with the machine's kind and the versions of the contenders."""

    date: str
    commit: str
    machine: dict[str, str]
    versions: dict[str, str]
    ratios: dict[str, Ratio]


def record(run: Run) -> Record:
    """What is kept of a run."""
    machine = {"cpu": run.machine["cpu"], "isa": run.ours.removeprefix("ours ")}
    versions = {name: version for name, version in run.versions.items() if not name.startswith("ours")}
    return Record(run.machine["time"], run.commit, machine, versions, ratios(run))


def append(new: Record, path: Path = FILE) -> None:
    """Add a record at the end."""
    data = asdict(new) | {"ratios": {name: _rounded(ratio) for name, ratio in new.ratios.items()}}
    with path.open("a") as file:
        file.write(json.dumps(data) + "\n")


def read(path: Path = FILE) -> list[Record]:
    """All records, the oldest first; none without a file.

    Raises
    ------
    ResultsError
        A line is not a record.
    """
    records = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        try:
            data = json.loads(line)
            data["ratios"] = {name: Ratio(*map(float, values)) for name, values in data["ratios"].items()}
            records.append(Record(**data))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ResultsError(f"{path}, line {number}: not a record: {type(error).__name__}: {error}") from error
    return records


def last_like(new: Record, records: list[Record]) -> Record | None:
    """The last record of the same kind of machine: the same CPU and instruction set."""
    return next((one for one in reversed(records) if one.machine == new.machine), None)


@dataclass
class Comparison:
    """What has become of the ratios, by name: (before, now)."""

    fallen: dict[str, tuple[Ratio, Ratio]] = field(default_factory=dict)
    unsure: dict[str, tuple[Ratio, Ratio]] = field(default_factory=dict)
    kept: dict[str, tuple[Ratio, Ratio]] = field(default_factory=dict)
    other_version: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def compare(old: Record, new: Record) -> Comparison:
    """Compare what both have measured, against the same version of a peer.

    A ratio has fallen when its median is lower by more than `FALL` and the two intervals do not meet; where they meet,
    the rounds differ by too much to say.
    """
    found = Comparison()
    for name, before in old.ratios.items():
        peer = name.rpartition(": ")[2]
        versions = [one.versions.get(peer) for one in (old, new)]
        if name not in new.ratios:
            found.missing.append(name)
        elif versions[0] != versions[1]:
            found.other_version[name] = f"{versions[0]}, now {versions[1]}"
        else:
            now = new.ratios[name]
            place = found.kept
            if now.median < (1 - FALL) * before.median:
                place = found.fallen if now.high < before.low else found.unsure
            place[name] = (before, now)
    return found


def better(first: Record, again: Record) -> Record:
    """The first measurement with what was measured again put in its place where that is better."""
    best = {name: max(ratio, first.ratios.get(name, ratio), key=_median) for name, ratio in again.ratios.items()}
    return Record(first.date, first.commit, first.machine, first.versions, {**first.ratios, **best})


def text(old: Record, found: Comparison) -> str:
    """A comparison for people."""
    lines = [f"compared with {old.commit} of {old.date} ({old.machine['cpu']}, {old.machine['isa']})"]
    for verdict, pairs in (("fell", found.fallen), ("too noisy to tell", found.unsure)):
        for name, (before, now) in pairs.items():
            change = now.median / before.median - 1
            lines.append(f"{verdict}: {name}: {_shown(before)} -> {_shown(now)} ({change:+.1%})")
    changed = sorted({f"{name.rpartition(': ')[2]}: {versions}" for name, versions in found.other_version.items()})
    lines += [f"not compared: {change}" for change in changed]
    counts = {
        "fell": found.fallen,
        "too noisy to tell": found.unsure,
        "held": found.kept,
        "of another version": found.other_version,
        "not measured now": found.missing,
    }
    lines.append(", ".join(f"{len(names)} {what}" for what, names in counts.items() if names or what == "fell"))
    return "\n".join(lines)


def _shown(ratio: Ratio) -> str:
    return f"{ratio.median:.3g} ({ratio.low:.3g} to {ratio.high:.3g})"


def _rounded(ratio: Ratio) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in (ratio.median, ratio.low, ratio.high)]


def _median(ratio: Ratio) -> float:
    return ratio.median
