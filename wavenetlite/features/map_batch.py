"""Features of a batch of recordings, as engines for much data call a function: columns in, columns out, no state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.optional import optional

AUDIO, RATE, FEATURES = "audio", "sr", "features"
ARRAY, ITS_RATE = "array", "sampling_rate"
"""Fields of a recording that `datasets` has decoded."""
MOST_VALUES = 2**31 - 1
"""Of a column of lists, whose ends are numbers of 32 bits."""

Frames = Callable[[Floats, int], Floats]
"""From samples, and their rate, to frames."""


def map_batch(batch: Any, frames_of: Frames) -> Any:
    """The batch with features in place of recordings; of an iterator of batches of Arrow an iterator."""
    if isinstance(batch, Mapping):
        return map_columns(batch, frames_of)
    if isinstance(batch, Iterator):
        return (map_arrow(one, frames_of) for one in batch)
    if hasattr(batch, "schema") and hasattr(batch, "columns"):
        return map_arrow(batch, frames_of)
    raise ArrayTypeError(f"batch is a {type(batch).__name__}; it must be a dict of columns, or batches of Arrow")


def map_columns(batch: Mapping[str, Any], frames_of: Frames) -> dict[str, Any]:
    made = features_of(batch, frames_of)
    return {FEATURES: made, **{name: column for name, column in batch.items() if name not in (AUDIO, RATE, FEATURES)}}


def map_arrow(batch: Any, frames_of: Frames) -> Any:
    """The same of a RecordBatch or a Table; features are a column of lists of lists of float32."""
    arrow = optional("pyarrow", "arrow", "a batch of Arrow")
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    if AUDIO in columns:
        columns[AUDIO] = [values_of(one) for one in columns[AUDIO]]
    if RATE in columns:
        columns[RATE] = columns[RATE].to_pylist()
    made = map_columns(columns, frames_of)
    made[FEATURES] = lists(arrow, made[FEATURES])
    return type(batch).from_arrays(list(made.values()), names=list(made))


def values_of(recording: Any) -> Any:
    """Samples of Arrow as an array; a recording in a struct as it is."""
    values = getattr(recording, "values", None)
    return recording.as_py() if values is None or callable(values) else values.to_numpy(zero_copy_only=False)


def lists(arrow: Any, features: Sequence[Floats]) -> Any:
    """Arrays of frames as a column."""
    channels = features[0].shape[1] if features else 0
    counts = [len(frames) for frames in features]
    if sum(counts) * channels > MOST_VALUES:
        raise ParameterError(f"batch makes {sum(counts) * channels:,} values of features, and a column of Arrow has at "
                             f"most {MOST_VALUES:,}; give smaller batches")  # fmt: skip
    values = np.concatenate([frames.ravel() for frames in features]) if features else np.empty(0, np.float32)
    rows = arrow.array(np.arange(sum(counts) + 1, dtype=np.int32) * channels)
    offsets = arrow.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    frames = arrow.ListArray.from_arrays(rows, arrow.array(values))
    return arrow.ListArray.from_arrays(offsets, frames)


def features_of(batch: Mapping[str, Any], frames_of: Frames) -> list[Floats]:
    if AUDIO not in batch:
        raise ParameterError(f"batch has no column {AUDIO!r}; it has {', '.join(map(repr, batch)) or 'none'}")
    recordings = batch[AUDIO]
    if isinstance(recordings, str | bytes | Mapping) or not isinstance(recordings, Iterable):
        raise ArrayTypeError(f"batch[{AUDIO!r}] is a {type(recordings).__name__}; it must be a list of recordings")
    recordings = list(recordings)
    made = []
    for number, (recording, rate) in enumerate(zip(recordings, rates(batch, len(recordings)), strict=True)):
        y, its_rate = samples(recording, number)
        if y.ndim != 1:
            raise ParameterError(
                f"batch[{AUDIO!r}][{number}] has shape {y.shape}; it must be (samples,), of one channel"
            )
        if (known := its_rate if rate is None else rate) is None:
            raise ParameterError(f"batch has no column {RATE!r}; it must say the sample rate, Hz, of its recordings")
        try:
            made.append(frames_of(y, known))
        except (ParameterError, ArrayTypeError) as error:
            raise type(error)(f"batch[{AUDIO!r}][{number}]: {error}") from None
    return made


def rates(batch: Mapping[str, Any], count: int) -> list[Any]:
    """The rate of each recording: one for all, or one for each."""
    given = batch.get(RATE)
    if given is None or np.ndim(given) == 0:
        return [given] * count
    found = list(given)
    if len(found) != count:
        raise ParameterError(f"batch[{RATE!r}] has {len(found)} rates, and batch[{AUDIO!r}] {count} recordings")
    return found


def samples(recording: Any, number: int) -> tuple[Floats, Any]:
    """The samples of a recording, and its rate if it tells it."""
    where, rate = f"batch[{AUDIO!r}][{number}]", None
    if isinstance(recording, Mapping):
        if recording.get(ARRAY) is None:
            raise ArrayTypeError(
                f"{where} has no {ARRAY!r}: it is not decoded; wavenetlite.audio.read decodes, and "
                "wavenetlite.pipeline.extract reads tables of encoded recordings"
            )
        recording, rate = recording[ARRAY], recording.get(ITS_RATE)
    if isinstance(recording, np.ndarray) and recording.dtype != object:
        return as_float(recording), rate
    try:
        found = np.asarray(recording)
        if found.dtype == object:
            found = np.asarray(recording, np.float64)
    except (TypeError, ValueError):
        raise ArrayTypeError(f"{where} is a {type(recording).__name__}; it must be numbers, (samples,)") from None
    return as_float(found), rate


def as_float(found: Any) -> Any:
    """Lists of numbers are float64; other dtypes are judged by the features."""
    return found.astype(np.float32) if found.dtype == np.float64 else np.ascontiguousarray(found)
