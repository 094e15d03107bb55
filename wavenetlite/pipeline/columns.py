"""Columns of manifests and fields of companions: what they are called elsewhere, and what their values mean."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from wavenetlite.corpora.layouts import PARTS
from wavenetlite.support.bounded_json import MOST_DEPTH, check_outline
from wavenetlite.support.errors import ModelFileError, ParameterError
from wavenetlite.support.urls import shown as public

COLUMNS = ("path", "key", "label", "speaker", "split", "start_s", "end_s", "duration_s", "channel")
"""Columns with a meaning; all others are kept unchanged."""
ELSEWHERE = {
    "path": ("audio_filepath", "audio_path", "audio_file", "audio", "wav", "wav_path", "wav_filename",
             "path_from_data_dir", "file", "file_path", "filepath", "filename", "file_name", "fname"),
    "label": ("command", "keyword", "class", "class_name", "category", "word", "event_label", "intent", "emotion",
              "text", "sentence", "transcript", "transcription", "words", "trans"),
    "speaker": ("speaker_id", "spk_id", "spk", "client_id"),
    "split": ("subset", "partition", "test_or_train"),
    "start_s": ("start", "start_time", "onset", "begin", "offset"),
    "end_s": ("end", "end_time", "stop", "offset"),
    "duration_s": ("duration",),
    "channel": ("channel_selector",),
}  # fmt: skip
"""What NeMo, SpeechBrain, Common Voice, DCASE, TIMIT and others call them; the first that is there counts."""
NEMO = "audio_filepath"
CHANNELS = {"left": 0, "l": 0, "a": 0, "right": 1, "r": 1, "b": 1}
RATES = (1000.0, 400_000.0)
"""Times that are this many times too long are counted in milliseconds or samples."""


MOST_COLUMNS = 10_000


class RowError(Exception):
    """A row is invalid."""


def parsed(text: str, most_marks: int) -> Any:
    """The value of JSON of which nothing is known; raises RowError."""
    try:
        if text.count("[") + text.count("{") > MOST_DEPTH:
            check_outline("it", text, most_marks)
        return json.loads(text)
    except ModelFileError as error:
        raise RowError(str(error).removeprefix("it ")) from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"is not valid JSON: {error}") from None


def check_columns(columns: Mapping[str, str]) -> None:
    """Raises ParameterError."""
    for name in columns:
        if name not in COLUMNS:
            raise ParameterError(f"columns={name!r} must be one of {', '.join(COLUMNS)}")


class Columns:
    """The columns of a manifest by their meaning.

    Parameters
    ----------
    names
        Of all columns.
    given
        By meaning, names that the caller gave; "": there is no such column.
    """

    def __init__(self, names: Iterable[str], given: Mapping[str, str]) -> None:
        by_word = {re.sub(r"[ -]+", "_", name.strip().lower()): name for name in reversed(list(names))}
        self.name_of: dict[str, str] = {}
        self.guessed: set[str] = set()
        for meaning in COLUMNS:
            if meaning in given:
                self.name_of[meaning] = given[meaning]
            elif meaning in by_word:
                self.name_of[meaning] = by_word[meaning]
            else:
                self.guess(meaning, by_word)
        self.nemo = NEMO in (self.name_of.get("path"), *by_word)
        self.used = {name for meaning, name in self.name_of.items()
                     if meaning not in self.guessed and meaning != "duration_s"}  # fmt: skip

    def guess(self, meaning: str, by_word: Mapping[str, str]) -> None:
        taken = set(self.name_of.values())
        for word in ELSEWHERE.get(meaning, ()):
            if word in by_word and by_word[word] not in taken:
                self.name_of[meaning] = by_word[word]
                self.guessed.add(meaning)
                return

    def value(self, row: Mapping[str, Any], meaning: str) -> Any:
        name = self.name_of.get(meaning)
        return row.get(name) if name else None  # a table may have a column without a name

    def text(self, row: Mapping[str, Any], meaning: str) -> str:
        """A value as text: labels and speakers may be numbers."""
        value = self.value(row, meaning)
        if isinstance(value, dict | list | bool):
            if meaning in self.guessed:
                return ""
            raise RowError(f"{self.name_of[meaning]}={shown(value)} must be text")
        return "" if value is None else str(value).strip()

    def split(self, row: Mapping[str, Any]) -> str:
        found = self.text(row, "split")
        return PARTS.get(found.lower(), found) if "split" in self.guessed else found

    def seconds(self, row: Mapping[str, Any], meaning: str) -> float | None:
        value = self.value(row, meaning)
        if value is None or value == "":
            return None
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not 0 <= number < math.inf:
            if meaning in self.guessed:
                return None  # it means something else
            raise RowError(f"{self.name_of[meaning]}={shown(value)} must be a number of seconds, at least 0")
        return number

    def times(self, row: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """Start and end, seconds; a duration counts from a start, and in NeMo's manifests from the beginning too."""
        start, end, duration = (self.seconds(row, meaning) for meaning in ("start_s", "end_s", "duration_s"))
        if end is None and duration and (start is not None or self.nemo):
            end = (start or 0.0) + duration
        elif start is not None and end is not None and duration and "end_s" in self.guessed:
            rate = (end - start) / duration
            if RATES[0] * 0.9 <= rate <= RATES[1]:  # SpeechBrain counts samples
                start, end = start / rate, end / rate
        if end is not None and end <= (start or 0.0):
            names = [self.name_of.get("end_s") or self.name_of["duration_s"], self.name_of.get("start_s", "the start")]
            raise RowError(f"{names[0]}: the end, {end:g} s, must be above {names[1]}={start or 0.0:g}")
        return start, end

    def channel(self, row: Mapping[str, Any]) -> int | None:
        value = self.value(row, "channel")
        if value is None or value == "" or ("channel" in self.guessed and not isinstance(value, int | str)):
            return None
        word = str(value).strip().lower()
        number = CHANNELS.get(word)
        if number is None and re.fullmatch(r"\d{1,3}(\.0)?", word) and not isinstance(value, bool):
            number = int(float(word))
        if number is None and word != "mono":
            raise RowError(f"{self.name_of['channel']}={shown(value)} must be the number of a channel, from 0, left or "
                           "right")  # fmt: skip
        return number

    def extra(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """All other columns, as they may be written: a URL may be signed."""
        others = {name: value for name, value in row.items() if name not in self.used}
        return {name: public(value) if isinstance(value, str) else value for name, value in others.items()} or None


def shown(value: Any) -> str:
    """A value for a message, which may be long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}... ({len(text):,} characters)"


def split_in(name: str) -> str:
    """The split that the name of a manifest or shard says, such as "train_manifest.json"; "" if none or several."""
    found = {PARTS[word] for word in re.split(r"[-_. ]", name.lower()) if word in PARTS}
    return found.pop() if len(found) == 1 else ""


def part_of_key(start_s: float | None, end_s: float | None, channel: int | None) -> str:
    """The suffix of the key of a part of a recording."""
    which = "" if channel is None else f"#channel{channel}"
    if start_s is None and end_s is None:
        return which
    return f"#{start_s or 0:.12g}-{'' if end_s is None else f'{end_s:.12g}'}{which}"
