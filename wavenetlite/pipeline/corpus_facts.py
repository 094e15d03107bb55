"""What a feature set says of its corpus: durations, levels, rates, speakers, labels, and what in it is suspicious."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.pipeline import sidecars, specs
from wavenetlite.pipeline.assembly import CHUNKS, FOR_KEPT
from wavenetlite.pipeline.first_seen import FirstSeen
from wavenetlite.pipeline.items import ItemSequence
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place

FULL_SCALE = 1.0 - 2.0**-12
"""A recording that reaches this has probably been clipped: its loudest sample is one of the last of full scale."""
QUIET = 0.01
"""A recording that never exceeds this (-40 dB) is suspiciously quiet."""
FEW_ITEMS = 10
"""A label with fewer items than this is hardly learnt."""
MOST_NAMED = 5
"""Names in a warning."""


@dataclass
class SpeakerFacts:
    """Of one speaker."""

    items: int = 0
    seconds: float = 0.0
    splits: set[str] = field(default_factory=set)


@dataclass
class CorpusFacts:
    """Of the items of a set, or a selection of it.

    Attributes
    ----------
    durations_s
        Of every item.
    peaks
        Largest magnitude of every item whose sidecar is still there.
    rates, channels
        Number of items by the sample rate, and the channels, of their files.
    labels
        By label, the number of its items in each split.
    speakers
        By name; "" stands for items without one.
    warnings
        Lines of text, the gravest first.
    """

    durations_s: Doubles
    peaks: Doubles
    rates: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    speakers: dict[str, SpeakerFacts] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def splits(self) -> list[str]:
        """All splits, sorted."""
        return sorted({split for counts in self.labels.values() for split in counts})


def corpus_facts(items: ItemSequence) -> CorpusFacts:
    """Read the index once, and the sidecars where they are still there.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> from wavenetlite.pipeline.corpus_facts import corpus_facts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("train/no/a.wav", "test/yes/b.wav"):
    ...         path = Path(folder, "data", name)
    ...         path.parent.mkdir(parents=True)
    ...         wl.audio.write(path, np.sin(np.arange(8000, dtype=np.float32)) / 2, 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"))
    ...     facts = corpus_facts(wl.pipeline.open(Path(folder, "features")))
    >>> facts.warnings[0]
    'leakage: 1 recording of one split is byte for byte in another: test/yes/b.wav'
    """
    if CHUNKS in items.about:
        raise ParameterError(
            "items are chunks, and a report is of recordings; extract without chunks, and report on these"
        )
    items = items.select(copy=0) if "copies" in items.about.get("reading", {}) else items
    twins = Twins(len(items))
    facts = CorpusFacts(np.empty(len(items)), peaks_of(items))
    for place, number in enumerate(items.numbers.tolist()):
        row = items.table.row(number)
        facts.durations_s[place] = row["duration_s"]
        facts.rates[row["sr"]] += 1
        facts.channels[row["channels"]] += 1
        facts.labels.setdefault(row["label"], Counter())[row["split"]] += 1
        speaker = facts.speakers.setdefault(row["speaker"], SpeakerFacts())
        speaker.items += 1
        speaker.seconds += row["duration_s"]
        speaker.splits.add(row["split"])
        twins.add(place, row)
    facts.warnings = [*twins.warnings(items), *of_speakers(facts), *of_levels(facts), *of_labels(facts),
                      *of_channels(items)]  # fmt: skip
    return facts


def peaks_of(items: ItemSequence) -> Doubles:
    """Largest magnitudes; empty if the sidecars were removed."""
    all_of_them = len(items) == len(items.table.y) and not items.about["errors"].keys() & set(FOR_KEPT)
    wanted = None if all_of_them else set(items.keys)  # sidecars also know what was left out of the set
    rows = (row for row in sidecar_rows(items.table.folder) if "peak" in row)
    return np.array([row["peak"] for row in rows if wanted is None or row["key"] in wanted], np.float64)


def sidecar_rows(folder: Place) -> Iterator[dict[str, Any]]:
    if (folder / sidecars.FOLDER).is_dir():
        for path in (folder / sidecars.FOLDER).glob("*.npz"):
            sidecar = None if specs.is_tables(path.name) else sidecars.read(path)
            yield from () if sidecar is None else sidecar.rows


class Twins:
    """Recordings with the same bytes: in several splits they spoil the test, with several labels one is wrong."""

    def __init__(self, count: int) -> None:
        self.hashes: npt.NDArray[np.uint64] = np.empty(count, np.uint64)
        self.parts: list[str] = []
        self.splits, self.labels = np.empty(count, np.int32), np.empty(count, np.int32)
        self.numbers: dict[str, int] = {}

    def add(self, place: int, row: dict[str, Any]) -> None:
        part = [row.get("start_s"), row.get("end_s"), row.get("channel")]
        heard = int(row["audio_hash"], 16)
        self.hashes[place] = heard if part == [None] * 3 else hash((heard, *part)) % 2**64
        self.splits[place] = self.numbers.setdefault(row["split"], len(self.numbers))
        self.labels[place] = self.numbers.setdefault(row["label"], len(self.numbers))

    def warnings(self, items: ItemSequence) -> Iterator[str]:
        """Lines about those of other splits or labels than the first ones, and about all."""
        own = np.arange(len(self.hashes), dtype=np.uint32)
        first = FirstSeen(len(own)).add(self.hashes, own).astype(np.int64)
        again = np.flatnonzero(first != own)
        for what, column in (("split", self.splits), ("label", self.labels)):
            other = first[again[column[again] != column[first[again]]]]
            if len(other):
                kind = "leakage" if what == "split" else "contradiction"
                names = named([items.table.row(int(items.numbers[place]))["key"] for place in np.unique(other)])
                yield f"{kind}: {counted(len(other), 'recording')} of one {what} is byte for byte in another: {names}"
        if len(again):
            yield f"duplicates: {counted(len(again), 'recording')} with the bytes of another"


def of_speakers(facts: CorpusFacts) -> Iterator[str]:
    shared = [name for name, one in sorted(facts.speakers.items()) if name and len(one.splits - {""}) > 1]
    if shared:
        yield f"leakage: {counted(len(shared), 'speaker')} in several splits: {named(shared)}"


def of_levels(facts: CorpusFacts) -> Iterator[str]:
    clipped, quiet = int((facts.peaks >= FULL_SCALE).sum()), int((facts.peaks <= QUIET).sum())
    if clipped:
        yield f"clipping: {counted(clipped, 'recording')} at full scale"
    if quiet:
        yield f"quiet: {counted(quiet, 'recording')} never above -40 dB"


def of_labels(facts: CorpusFacts) -> Iterator[str]:
    few = sorted(label for label, counts in facts.labels.items() if label and counts.total() < FEW_ITEMS)
    if few:
        yield f"few: {counted(len(few), 'label')} with fewer than {FEW_ITEMS} items: {named(few)}"
    for split in filter(None, facts.splits):
        missing = sorted(label for label, counts in facts.labels.items() if label and not counts[split])
        if missing:
            yield f"missing: {counted(len(missing), 'label')} not in {split}: {named(missing)}"


def of_channels(items: ItemSequence) -> Iterator[str]:
    flat = int((np.array(items.about["statistics"]["variance"]) == 0).sum())
    if flat:
        yield f"constant: {counted(flat, 'channel')} of the features never changes"


def counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name or "(none)" for name in names[:MOST_NAMED]) + more
