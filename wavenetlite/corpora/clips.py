"""Labelled clips of equal length, and corpora of them in three parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.corpora.layouts import readable
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html

Ints = npt.NDArray[np.int64]
PARTS = ("train", "valid", "test")


class Clips:
    """Labelled clips of equal length.

    Parameters
    ----------
    audio
        float32, (n, samples), in -1..1; or `LazyAudio`, which reads them on demand.
    y
        int64, (n,): numbers of labels.
    names
        n names: of the files, relative to the corpus folder. None: empty ones.
    speakers
        n names; "" if unknown. None: all unknown.
    lengths
        int64, (n,): samples of audio in each clip, centred in zeros. None: all samples.
    digests
        n digests of the recordings; equal ones are identical byte for byte. "" if unknown. None: all unknown.

    Attributes
    ----------
    starts
        int64, (n,): first sample of the audio.

    Raises
    ------
    ParameterError, ArrayTypeError
        Wrong dtypes, or inconsistent shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.corpora.clips import Clips
    >>> clips = Clips(np.zeros((3, 16000), np.float32), np.array([0, 1, 1]))
    >>> clips + clips.select([2, 0])
    Clips(5 of 16000 samples)
    >>> clips.select(clips.y == 1).y.tolist()
    [1, 1]
    """

    def __init__(
        self,
        audio: Floats | LazyAudio,
        y: Ints,
        names: Sequence[str] | None = None,
        speakers: Sequence[str] | None = None,
        lengths: Ints | None = None,
        digests: Sequence[str] | None = None,
    ) -> None:
        self.audio: Floats | LazyAudio = (
            audio if isinstance(audio, LazyAudio) else checked_array("audio", audio, np.float32, 2)
        )
        n, samples = audio.shape
        self.y: Ints = checked_array("y", y, np.int64, 1)
        self.names = [""] * n if names is None else list(names)
        self.speakers = [""] * n if speakers is None else list(speakers)
        self.lengths: Ints = (
            np.full(n, samples, np.int64) if lengths is None else checked_array("lengths", lengths, np.int64, 1)
        )
        self.digests = [""] * n if digests is None else list(digests)
        for name in ("y", "names", "speakers", "lengths", "digests"):
            if len(getattr(self, name)) != n:
                raise ParameterError(f"{name} has {len(getattr(self, name))} entries; it must have {n}, as audio")
        if n and (self.y.min() < 0 or self.lengths.min() < 0 or self.lengths.max() > samples):
            raise ParameterError(f"y must not be negative, and lengths must be from 0 to {samples}")

    @property
    def starts(self) -> Ints:
        starts: Ints = (self.audio.shape[1] - self.lengths) // 2
        return starts

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Clips({len(self)} of {self.audio.shape[1]} samples)"

    def _repr_html_(self) -> str:
        counts = np.bincount(self.y).tolist() if len(self) else []
        return html(repr(self), head=["y", "clips"], rows=list(enumerate(counts)))

    def select(self, indices: Sequence[int] | npt.NDArray[Any]) -> Clips:
        """Copies of the clips with these indices, in this order, or of those where a mask of n booleans is true."""
        chosen = np.asarray(indices)
        if chosen.size == 0 and chosen.dtype != np.bool_:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or not (chosen.dtype == np.bool_ or np.issubdtype(chosen.dtype, np.integer)):
            raise ArrayTypeError(f"indices are {chosen.dtype} of shape {chosen.shape}; they must be (k,) integers")
        if chosen.dtype == np.bool_:
            if len(chosen) != len(self):
                raise ParameterError(f"indices has {len(chosen)} booleans; it must have {len(self)}")
            chosen = np.flatnonzero(chosen)
        if chosen.size and (chosen.min() < -len(self) or chosen.max() >= len(self)):
            raise ParameterError(f"indices reach {chosen.min()}..{chosen.max()}; there are {len(self)} clips")
        return Clips(
            self.audio.select(chosen % max(len(self), 1)) if isinstance(self.audio, LazyAudio) else self.audio[chosen],
            self.y[chosen],
            [self.names[i] for i in chosen],
            [self.speakers[i] for i in chosen],
            self.lengths[chosen],
            [self.digests[i] for i in chosen],
        )

    def __add__(self, other: Clips) -> Clips:
        return self.concatenate([self, other])

    @staticmethod
    def concatenate(parts: Sequence[Clips]) -> Clips:
        """Concatenate clips of the same length."""
        if not parts or not all(isinstance(part, Clips) for part in parts):
            raise ArrayTypeError("parts must be one or more Clips")
        if len({part.audio.shape[1] for part in parts}) > 1:
            lengths = ", ".join(str(part.audio.shape[1]) for part in parts)
            raise ParameterError(f"parts have clips of {lengths} samples; they must all be equal")
        return Clips(
            concatenate([part.audio for part in parts]),
            np.concatenate([part.y for part in parts]),
            [name for part in parts for name in part.names],
            [speaker for part in parts for speaker in part.speakers],
            np.concatenate([part.lengths for part in parts]),
            [digest for part in parts for digest in part.digests],
        )


@dataclass(frozen=True, eq=False)
class Corpus:
    """What `read_corpus` returns.

    Attributes
    ----------
    labels
        Their names; `y` of the clips are indices into this list.
    train, valid, test
        The clips of each part; a part may be empty.
    sr
        Sample rate, Hz.
    layout
        How the source is laid out: "speech_commands", "fsdd", "folders", "parts", "tree", "manifest", "archive", "glob"
        or "several".
    problems
        One line for everything that was skipped or is suspicious, with the name of the file.
    folder
        What it was read from; the first of several.
    noises
        Recordings without speech, float32 (samples,) each: those of ``_background_noise_``, for augmentation.
    """

    labels: list[str]
    train: Clips
    valid: Clips
    test: Clips
    sr: int
    layout: str
    problems: list[str]
    folder: Path
    noises: list[Floats] = field(default_factory=list)

    def __repr__(self) -> str:
        sizes = " + ".join(str(len(getattr(self, part))) for part in PARTS)
        return (
            f"Corpus({self.layout}, {len(self.labels)} labels, {sizes} clips, {self.sr} Hz, "
            f"{len(self.problems)} problems)"
        )

    def _repr_html_(self) -> str:
        facts = {"source": self.folder, "sample rate": f"{self.sr} Hz", "problems": len(self.problems)}
        rows = [[label, *counts] for label, counts in self.counts().items()]
        return html(f"Corpus, {self.layout}", facts, head=["label", *PARTS], rows=rows)

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Numbers of training, validation and test clips of each label."""
        n = len(self.labels)
        columns = [np.bincount(getattr(self, part).y, minlength=n).tolist() for part in PARTS]
        return {label: (a, b, c) for label, a, b, c in zip(self.labels, *columns, strict=True)}

    def with_training(self, more: Corpus) -> Corpus:
        """The corpus with all clips of another one added to its training part; validation and test stay the same.

        Raises
        ------
        ParameterError
            `more` has a label that is missing here, another sample rate, or clips of another length.
        """
        if not isinstance(more, Corpus):
            raise ArrayTypeError(f"more is a {type(more).__name__}; it must be a Corpus")
        if more.sr != self.sr:
            raise ParameterError(f"more has the sample rate {more.sr}; it must be {self.sr}, as the corpus")
        for label in more.labels:
            if label not in self.labels:
                raise ParameterError(f"more has the label {readable(label)!r}; it must be a label of the corpus")
        clips = Clips.concatenate([more.train, more.valid, more.test])
        clips.y[:] = np.array([self.labels.index(label) for label in more.labels], np.int64)[clips.y]
        problems = [*self.problems, *more.problems]
        return replace(self, train=Clips.concatenate([self.train, clips]), problems=problems)


def concatenate(audios: Sequence[Floats | LazyAudio]) -> Floats | LazyAudio:
    """Rows of the same length, one after the other; they stay unread if some are."""
    read = [audio for audio in audios if not isinstance(audio, LazyAudio)]
    if len(read) == len(audios):
        return np.concatenate(read)
    rows = [row for audio in audios for row in (audio.rows if isinstance(audio, LazyAudio) else audio)]
    return LazyAudio(rows, audios[0].shape[1])


def checked_array(name: str, value: Any, dtype: type[np.generic], ndim: int) -> npt.NDArray[Any]:
    if not is_array(value):
        raise ArrayTypeError(f"{name} is a {type(value).__name__}; it must be a NumPy array")
    if value.dtype != dtype or value.ndim != ndim:
        raise ArrayTypeError(
            f"{name} is {value.dtype} of shape {value.shape}; it must be {np.dtype(dtype)} with {ndim} dimensions"
        )
    return value
