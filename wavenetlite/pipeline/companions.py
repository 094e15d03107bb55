"""What lies beside a recording and says what it is, as in WebDataset's tars: KEY.cls, KEY.json, KEY.txt, KEY.spk.

A key is a name up to its last dot, or, as WebDataset has it, up to the first dot after the last "/": "a.left.wav" and
"a.right.wav" may share "a.cls".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from wavenetlite.corpora.layouts import composed, stem
from wavenetlite.corpora.trees import Tree, join
from wavenetlite.pipeline.columns import Columns, RowError, parsed, shown
from wavenetlite.support.errors import ParameterError

LABELS, SPEAKERS, TEXTS, OBJECTS = (".cls", ".label"), (".spk", ".speaker"), (".txt", ".text"), (".json", ".jsn")
ENDINGS = frozenset({*LABELS, *SPEAKERS, *TEXTS, *OBJECTS})
MOST_BYTES = 1 << 16
"""Of a companion."""
MOST_CHARACTERS = 1000
"""Of a label or a speaker."""


@dataclass
class Told:
    """What companions tell; "" where they do not."""

    label: str = ""
    speaker: str = ""
    split: str = ""
    text: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    times: tuple[float | None, float | None] = (None, None)
    channel: int | None = None


def of(name: str, names: Collection[str]) -> dict[str, str]:
    """The companions of a recording in its folder, by their endings."""
    base = stem(name)
    keys = dict.fromkeys([base, name[: max(1, name.find("."))] if "." in name else name])
    return {
        ending: key + ending
        for key in reversed(keys)
        for ending in (*LABELS, *SPEAKERS, *TEXTS, *OBJECTS)
        if key + ending in names
    }


def are_labels(found: Mapping[str, str], *, texts: bool) -> bool:
    """Whether companions say what a recording is; texts do so in tars alone, elsewhere they may be anything."""
    return any(ending in found for ending in (*LABELS, *OBJECTS, *(TEXTS if texts else ())))


def read(tree: Tree, folder: str, found: Mapping[str, str], columns: Mapping[str, str]) -> tuple[Told, list[str]]:
    """What the companions of a recording tell, and what is wrong with them."""
    told, problems = Told(), []
    for ending, name in found.items():
        try:
            text = (tree.text(join(folder, name), MOST_BYTES) or "").strip()
            if ending in OBJECTS:
                take_object(told, text, columns)
            elif len(text) > MOST_CHARACTERS:
                raise RowError(f"has {len(text):,} characters; at most {MOST_CHARACTERS} can be a label")
            elif ending in LABELS:
                told.label = composed(text)
            elif ending in SPEAKERS:
                told.speaker = composed(text)
            else:
                told.text = composed(text)
        except (RowError, ParameterError) as error:
            problems.append(f"{join(folder, name)}: {error}" if isinstance(error, RowError) else str(error))
    return told, problems


def take_object(told: Told, text: str, columns: Mapping[str, str]) -> None:
    """The fields of a JSON object; raises RowError."""
    row = parsed(text, MOST_BYTES)
    if not isinstance(row, dict):
        raise RowError(f"{shown(row)} must be an object")
    known = Columns(row, {"path": "", "key": "", **columns})
    told.label = told.label or known.text(row, "label")
    told.speaker = told.speaker or known.text(row, "speaker")
    told.split = known.split(row)
    if "start_s" not in known.guessed:  # those of the whole from which it was cut
        told.times = known.times(row)
    told.channel = known.channel(row)
    told.extra = known.extra(row) or {}
