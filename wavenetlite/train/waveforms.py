"""Training data for networks that generate audio: random segments, each sample to be foretold from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wavenetlite.features.mulaw import MuLaw
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.checks import count, one_of, positive_int
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.train.batches import Batch, ConditionedBatch, Integers, check_floats

IGNORED = -1
"""Target of ignored frames, where targets are classes; of samples it is NaN."""


class Waveforms:
    """Random segments of recordings for teacher forcing: x is what precedes the targets by one sample.

    A segment starts anywhere in its recording, at a multiple of `hop_length`. Before the beginning of a recording lies
    silence; after its end targets are ignored.

    Parameters
    ----------
    recordings
        Float32 (samples,) each, from -1 to 1.
    condition
        Conditioning of each recording: float32 (frames, channels), one frame per `hop_length` samples; or (channels,)
        each, the same for a whole recording. None: none.
    samples
        Targets of a segment.
    context
        Samples before them that the network sees, but whose targets are ignored: those of its receptive field, so that
        all targets that count have a full one. A multiple of `hop_length`.
    hop_length
        Samples per frame of conditioning.
    classes
        Targets are classes of mu-law with `classes` values, for :class:`CrossEntropy` with ``at="frames"``. None: they
        are the samples, for `GaussianNLL` and `LogisticMixtureNLL`.
    inputs
        What x has of each sample: "value", one channel, the sample itself or, with `classes`, what its class decodes
        to; "class", one channel, its number, for an `Embedding`; "one_hot", a channel per class.
    segments
        Segments of an epoch, each of a recording that is drawn at random, longer ones more often. None: as many as
        cover the audio about once.

    Notes
    -----
    Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural Networks", 1989 (teacher
    forcing); van den Oord et al., "WaveNet", 2016.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> made = wl.train.Waveforms([np.array([0.25, 0.5, 0.75], np.float32)], samples=4)
    >>> x, targets = made.batch(np.array([0]), np.random.default_rng(0))
    >>> x.ravel().tolist(), targets.ravel().tolist()
    ([0.0, 0.25, 0.5, 0.75], [0.25, 0.5, 0.75, nan])
    """

    def __init__(
        self,
        recordings: Sequence[Floats],
        condition: Sequence[Floats] | None = None,
        *,
        samples: int = 8000,
        context: int = 0,
        hop_length: int = 1,
        classes: int | None = None,
        inputs: Literal["value", "class", "one_hot"] = "value",
        segments: int | None = None,
    ) -> None:
        self.recordings = checked_recordings(recordings)
        self.samples, self.hop_length = positive_int("samples", samples), positive_int("hop_length", hop_length)
        self.context = count("context", context)
        for name, value in (("samples", self.samples), ("context", self.context)):
            if value % self.hop_length:
                raise ParameterError(f"{name}={value} must be a multiple of hop_length={self.hop_length}")
        self.inputs = one_of("inputs", inputs, ("value", "class", "one_hot"))
        if classes is None and inputs != "value":
            raise ParameterError(f"inputs={inputs!r} needs classes; without them it must be 'value'")
        self.classes = None if classes is None else positive_int("classes", classes, 65_536)
        self.coder = None if self.classes is None else MuLaw(mu=self.classes - 1, output="code")
        self.condition = None if condition is None else self.checked_condition(condition)
        self.segments = None if segments is None else positive_int("segments", segments)
        self.starts = [i for i, y in enumerate(self.recordings) for _ in range(-(-len(y) // self.samples))]

    def checked_condition(self, condition: Sequence[Floats]) -> list[Floats]:
        check_sequence("condition", condition)
        if len(condition) != len(self.recordings):
            raise ParameterError(f"condition has {len(condition)} items; it must have {len(self.recordings)}")
        for index, (frames, y) in enumerate(zip(condition, self.recordings, strict=True)):
            name = f"condition[{index}]"
            check_floats(name, frames, (1, 2), "(frames, channels) or (channels,)")
            wanted = -(-len(y) // self.hop_length)
            if frames.ndim == 2 and len(frames) != wanted:
                raise ParameterError(
                    f"{name} has {len(frames)} frames; it must have {wanted}, for {len(y)} samples and"
                    f" hop_length={self.hop_length}"
                )
            if frames.shape[-1] != condition[0].shape[-1] or frames.ndim != condition[0].ndim:
                raise ParameterError(f"{name} has shape {frames.shape}; condition[0] has {condition[0].shape}")
        return list(condition)

    def __len__(self) -> int:
        return self.segments or len(self.starts)

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch | ConditionedBatch:
        drawn = rng.integers(len(self.starts), size=len(indices)) if self.segments else indices
        chosen = [self.starts[index] for index in drawn]
        firsts = [self.first_of(len(self.recordings[number]), rng) for number in chosen]
        length = self.context + self.samples
        y = np.stack([cut(self.recordings[i], first - 1, length + 1) for i, first in zip(chosen, firsts, strict=True)])
        x, targets = self.encoded(y)
        for row, (number, first) in enumerate(zip(chosen, firsts, strict=True)):
            end = len(self.recordings[number]) - first
            targets[row, : self.context] = targets[row, max(end, 0) :] = IGNORED if self.classes else np.nan
        if self.condition is None:
            return x, targets
        if self.condition[0].ndim == 1:
            return x, targets, np.stack([self.condition[number] for number in chosen])
        hop = self.hop_length
        frames = [cut(self.condition[i], first // hop, length // hop) for i, first in zip(chosen, firsts, strict=True)]
        return x, targets, np.stack(frames)

    def first_of(self, samples: int, rng: np.random.Generator) -> int:
        """The first sample of a segment, with its context: negative if it begins before the recording.

        Drawn from half a segment more on either side, so that the ends of a recording come as often as its middle.
        """
        half = self.samples // 2
        most = max(samples - self.samples, 0)
        first = int(np.clip(rng.integers(-half, most + half + 1), 0, most))
        return first // self.hop_length * self.hop_length - self.context

    def encoded(self, y: Floats) -> tuple[Floats, npt.NDArray[Any]]:
        """x (items, frames, channels) and targets (items, frames) of rows of samples, whose first is in x alone."""
        if self.coder is None:
            return np.ascontiguousarray(y[:, :-1, np.newaxis]), y[:, 1:].copy()
        codes = self.coder.codes(y)
        before, targets = codes[:, :-1], codes[:, 1:].copy()
        if self.inputs == "class":
            return before[..., np.newaxis].astype(np.float32), targets
        assert self.classes is not None
        if self.inputs == "one_hot":
            return (before[..., np.newaxis] == np.arange(self.classes)).astype(np.float32), targets
        frames = (before - self.classes // 2).astype(np.float32)[..., np.newaxis]
        return self.coder.expand(frames)[..., np.newaxis], targets

    def contents(self) -> dict[str, str]:
        settings = [self.samples, self.context, self.hop_length, self.classes, self.inputs, self.segments]
        condition = {} if self.condition is None else {"condition": digest(*self.condition)}
        return {"recordings": digest(*self.recordings), "segments": digest(settings), **condition}


def checked_recordings(recordings: Sequence[Floats]) -> list[Floats]:
    check_sequence("recordings", recordings)
    if is_array(recordings) and np.ndim(recordings) == 1:
        raise ArrayTypeError("recordings is one array of samples; it must be a list of them")
    for index, y in enumerate(recordings):
        check_floats(f"recordings[{index}]", y, (1,), "(samples,)")
        if len(y) == 0 or np.abs(y).max() > 1:
            found = f"reaches {np.abs(y).max():g}" if len(y) else "is empty"
            raise ParameterError(f"recordings[{index}] {found}; it must have samples from -1 to 1")
    if len(recordings) == 0:
        raise ParameterError("recordings is empty; it must have at least one")
    return list(recordings)


def check_sequence(name: str, value: object) -> None:
    if not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        raise ArrayTypeError(f"{name} is a {type(value).__name__}; it must be a list of float32 arrays")


def cut(values: Floats, first: int, count: int) -> Floats:
    """`count` rows from `first` on, zeros before the beginning and after the end."""
    out = np.zeros((count, *values.shape[1:]), np.float32)
    begin, end = max(first, 0), min(first + count, len(values))
    if end > begin:
        out[begin - first : end - first] = values[begin:end]
    return out
