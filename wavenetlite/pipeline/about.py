"""What a feature set says of itself: dataset.json, and lines of the index. Neither is believed before it is checked."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline import shards
from wavenetlite.pipeline.assembly import ARRAYS, DATASET, FORMAT, INDEX, VERSION
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.specs import ONLY
from wavenetlite.support.bounded_json import MOST_DEPTH, check_outline, parse_json
from wavenetlite.support.remote import Place, RemotePath

DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)
"""What reading files that are not as they were written may raise."""
KINDS: dict[str, Any] = {
    "format_version": int, "source": str, "layout": str, "features": dict, "feature_spec_hash": str, "versions": dict,
    "sr": int, "channels": int, "items": int, "frames": int, "hours": int | float, "labels": dict, "splits": dict,
    "durations": dict, "errors": dict, "refused": int, "statistics": dict, "shards": list, "index": dict,
}  # fmt: skip
"""Of the values of dataset.json."""
OF_ARRAY = ("features", "feature_spec_hash", "channels", "frames", "statistics", "shards")
MOST_BYTES, MOST_MARKS = 1 << 28, 10_000_000
"""Of dataset.json, which has a line for each label and each shard."""
MOST_CHANNELS = 1 << 20


def read_about(folder: Place) -> dict[str, Any]:
    """The content of dataset.json."""
    try:
        if (folder / DATASET).stat().st_size > MOST_BYTES:
            raise ValueError(f"{DATASET} has more than {MOST_BYTES:,} bytes")
        about = parse_json(DATASET, (folder / DATASET).read_text(encoding="utf-8"), MOST_MARKS)
        if about["format"] != FORMAT or about["format_version"] > VERSION:
            raise PipelineError(f"{folder}: {DATASET} was written by another program, or by a newer version")
        check_about(about)
        return about
    except FileNotFoundError:
        begun = (folder / shards.FOLDER).is_dir()
        reason = "the extraction is not finished; run it again to resume" if begun else f"there is no {DATASET}"
        raise PipelineError(f"{folder}: {reason}") from None
    except DAMAGE as error:
        raise damaged(folder, error) from None


def check_about(about: dict[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError where dataset.json is not what an extraction writes."""
    check_kinds(about, KINDS)
    if about["items"] < 0 or about["sr"] <= 0:
        raise ValueError(f"{DATASET} has items={about['items']}, sr={about['sr']}")
    for array in arrays_of(about).values():
        check_array(array)
    for name in ("labels", "splits", "errors"):
        if not all(isinstance(n, int) for n in about[name].values()):
            raise ValueError(f"{name} of {DATASET} are not numbers of items")
    for root in about.get("roots", ()):
        if not isinstance(root["path"], str) or not isinstance(root["archive"], bool):
            raise ValueError(f"roots of {DATASET} are not paths")
    edges, counts = about["durations"]["edges_s"], about["durations"]["items"]
    if len(counts) != len(edges) + 1 or not all(isinstance(n, int) for n in counts):
        raise ValueError(f"durations of {DATASET} are no histogram")
    if not np.isfinite(np.array([*edges, about["hours"]], np.float64)).all():
        raise ValueError(f"{DATASET} has durations that are not finite")
    if not isinstance(about["index"]["blake2b"], str):
        raise ValueError(f"{DATASET} does not describe its index")


def check_kinds(values: dict[str, Any], kinds: dict[str, Any]) -> None:
    for name, kind in kinds.items():
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise ValueError(f"{name} of {DATASET} is a {type(values[name]).__name__}")


def check_array(array: dict[str, Any]) -> None:
    check_kinds(array, {name: KINDS[name] for name in OF_ARRAY})
    channels = array["channels"]
    if not 0 < channels <= MOST_CHANNELS:
        raise ValueError(f"{DATASET} has channels={channels}")
    if not isinstance(array["features"]["type"], str):
        raise ValueError(f"{DATASET} does not describe its features")
    for shard in array["shards"]:
        if PurePosixPath(shard["file"]).parent != PurePosixPath(shards.FOLDER):
            raise ValueError(f"{DATASET} names a shard outside {shards.FOLDER}/")
    for name in ("mean", "variance"):
        if np.array(array["statistics"][name], np.float64).shape != (channels,):
            raise ValueError(f"statistics of {DATASET} do not have {channels} channels")


def arrays_of(about: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What dataset.json says of each array: of the only one, what it says of the set."""
    found = about.get(ARRAYS, {ONLY: about})
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{ARRAYS} of {DATASET} names none")
    return found


def parsed(line: bytes) -> dict[str, Any]:
    """A row of the index."""
    if line.count(b"[") + line.count(b"{") > MOST_DEPTH:
        check_outline(INDEX, line.decode())
    row = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError(f"a line of {INDEX} is a {type(row).__name__}")
    return row


def damaged(folder: Place, error: Exception) -> PipelineError:
    if isinstance(folder, RemotePath) and isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return PipelineError(f"{folder}: cannot be read: {readable(error.strerror or str(error))}")
    reason = readable(" ".join(str(error)[:200].split()) or type(error).__name__)  # it may quote what it read
    return PipelineError(f"{folder}: damaged: {reason}; run the extraction again")
