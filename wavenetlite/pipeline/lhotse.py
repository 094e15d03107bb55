"""Lhotse's manifests as rows of ours: cuts, or recordings with the supervisions beside them. Lhotse is not needed.

What Lhotse would compute, it computes itself: mixed and padded cuts, and recordings that are changed as they are read,
are reported, and so is a command in place of a file, which is never run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline.columns import RowError, shown
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place

Rows = Iterator[tuple[str, Any]]
CUTS, RECORDINGS, SUPERVISIONS = "cuts", "recordings", "supervisions"
CUT_TYPES = ("MonoCut", "MultiCut", "MixedCut", "PaddingCut", "Cut")
PLACES = ("path", "key", "start_s", "end_s", "duration_s", "channel")
"""What a row says of its recording, which fields of a supervision's own do not change."""
REMEDY = "lhotse.CutSet.save_audios writes it to files"


def kind_of(row: Any) -> str:
    """Of which manifest of Lhotse a row is; "": of none."""
    if not isinstance(row, dict):
        return ""
    if row.get("type") in CUT_TYPES and "id" in row:
        return CUTS
    if isinstance(row.get("sources"), list) and "sampling_rate" in row and "id" in row:
        return RECORDINGS
    return SUPERVISIONS if {"id", "recording_id", "start", "duration"} <= row.keys() else ""


def translated(rows: Rows, path: Place, read: Callable[[Place], Rows]) -> Rows:
    """The rows of a manifest, of Lhotse's as rows of ours; `read` gives those of another."""
    first = next(rows, None)
    if first is None:
        return
    kind, rows = kind_of(first[1]), chain([first], rows)
    if kind == CUTS:
        yield from each(rows, cut)
    elif kind:
        other = siblings(path, kind, SUPERVISIONS if kind == RECORDINGS else RECORDINGS, read)
        yield from joined(*((rows, other) if kind == RECORDINGS else (other, rows)))
    else:
        yield from rows


def siblings(path: Place, kind: str, wanted: str, read: Callable[[Place], Rows]) -> Rows:
    """The rows of the manifest beside another, such as train_supervisions.jsonl.gz of train_recordings.jsonl.gz."""
    other = path.parent / path.name.replace(kind, wanted)
    if kind in path.name and other.exists():
        return read(other)
    if wanted == RECORDINGS:
        raise ParameterError(
            f"{readable(str(path))}: its supervisions need the recordings beside it, in {readable(other.name)}"
        )
    return iter(())


def each(rows: Rows, make: Callable[[dict[str, Any]], dict[str, Any]]) -> Rows:
    """Rows made of rows; a RowError in place of one of which none can be made."""
    for where, row in rows:
        yield where, row if isinstance(row, RowError) else attempt(make, row)


def attempt(make: Callable[[dict[str, Any]], dict[str, Any]], row: Any) -> Any:
    try:
        if not isinstance(row, dict):
            raise RowError("must be an object")
        return make(row)
    except RowError as error:
        return error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return RowError(f"is not a row of Lhotse: {type(error).__name__} {' '.join(str(error).split())[:100]}")


def joined(recordings: Rows, supervisions: Rows) -> Rows:
    """A row for each supervision, and for each recording that has none."""
    of: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for where, row in supervisions:
        if isinstance(row, dict) and isinstance(row.get("recording_id"), str):
            of[row["recording_id"]].append(row)
        else:
            yield where, row if isinstance(row, RowError) else RowError("supervision without a recording_id")
    for where, row in recordings:
        if not isinstance(row, dict):
            yield where, row
            continue
        said: list[Any] = of.pop(row.get("id"), [None])
        yield from ((where, attempt(partial(spoken, said=one), row)) for one in said)
    for name, rows in of.items():
        yield f"supervision {shown(rows[0].get('id'))}", RowError(f"there is no recording {shown(name)}")


def spoken(recording: dict[str, Any], said: dict[str, Any] | None) -> dict[str, Any]:
    """A supervision, or a whole recording."""
    if said is None:
        return {"key": str(recording["id"]), **file_of(recording, recording.get("channel_ids"))}
    return {
        **file_of(recording, said.get("channel", 0)),
        **told([said]),
        "key": str(said["id"]),
        **span(said["start"], said["duration"]),
    }


def cut(row: dict[str, Any]) -> dict[str, Any]:
    """A cut, labelled by the supervisions in it."""
    if row["type"] not in ("MonoCut", "MultiCut"):
        raise RowError(f"is a {row['type']}, which Lhotse computes: {REMEDY}")
    if not isinstance(row.get("recording"), dict):
        raise RowError("has no recording; features alone cannot be extracted from")
    return {
        **file_of(row["recording"], row.get("channel")),
        **told(row.get("supervisions") or []),
        "key": str(row["id"]),
        **span(row["start"], row["duration"]),
    }


def span(start: float, duration: float) -> dict[str, float]:
    return {"start_s": start, "end_s": round(start + duration, 9)}


def told(supervisions: list[dict[str, Any]]) -> dict[str, Any]:
    """Label, speaker and further columns; the label is a field of its own, or the text."""
    custom: Mapping[str, Any] = (supervisions[0].get("custom") or {}) if len(supervisions) == 1 else {}
    speakers = {said["speaker"] for said in supervisions if said.get("speaker")}
    text = " ".join(said["text"] for said in supervisions if said.get("text"))
    row = {name: value for name, value in custom.items() if name not in PLACES}
    row["label"] = custom.get("label") or text
    row["speaker"] = speakers.pop() if len(speakers) == 1 else ""
    return row | ({"text": text} if text and text != row["label"] else {})


def file_of(recording: dict[str, Any], channel: Any) -> dict[str, Any]:
    """The file of a recording, and which of its channels; a list: all."""
    if recording.get("transforms"):
        raise RowError(f"its recording is changed as it is read ({shown(recording['transforms'])}): {REMEDY}")
    sources = recording["sources"]
    wanted = [channel] if isinstance(channel, int) else list(channel or recording.get("channel_ids") or [])
    holding = [source for source in sources if set(wanted) <= set(source["channels"])] if len(sources) > 1 else sources
    if len(holding) != 1:
        raise RowError(f"its recording has {len(sources)} files; one must hold what is wanted")
    source = holding[0]
    if source["type"] not in ("file", "url"):
        raise RowError(f"its recording is a {source['type']}, not a file: {REMEDY}")
    row = {"path": source["source"]}
    if len(wanted) == 1 and len(source["channels"]) > 1:
        row["channel"] = source["channels"].index(wanted[0])
    return row
