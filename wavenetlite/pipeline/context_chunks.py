"""Recordings cut into chunks of one length with context on both sides, as sequence models are trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from wavenetlite.features import Features
from wavenetlite.pipeline.entries import Entry
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SUFFIX = "#chunk"
LIKE_A_CHUNK = re.compile(rf".*{SUFFIX}\d+")
EDGES = ("pad", "drop")


class Span(NamedTuple):
    """A chunk of a recording, in frames.

    Attributes
    ----------
    number
        In the recording, from 0.
    start, own
        First frame of the chunk itself, and how many of its frames the recording has.
    first, last
        Frames with their context, as far as the recording has them: first, and one past the last.
    pad_start, pad_end
        How often the recording's first and last frame are repeated for what it does not have.
    """

    number: int
    start: int
    own: int
    first: int
    last: int
    pad_start: int
    pad_end: int


@dataclass(frozen=True)
class ContextChunks:
    """How recordings are cut into chunks.

    Parameters
    ----------
    frames
        Of a chunk itself.
    left, right
        Frames of context before and behind it.
    step
        From one chunk to the next; None: `frames`, so that each frame is in one chunk, besides context.
    edges
        What happens where the recording ends: "pad", its first and last frames are repeated, so that all its frames are
        in chunks; "drop", chunks that are not complete with their context are left out.

    Examples
    --------
    >>> from wavenetlite.pipeline import ContextChunks
    >>> [(span.first, span.last, span.pad_end) for span in ContextChunks(100, left=20).spans(250)]
    [(0, 100, 0), (80, 200, 0), (180, 250, 50)]
    >>> [(span.first, span.last) for span in ContextChunks(100, left=20, edges="drop").spans(250)]
    [(0, 120), (100, 220)]
    """

    frames: int
    left: int = 0
    right: int = 0
    step: int | None = None
    edges: Literal["pad", "drop"] = "pad"

    def __post_init__(self) -> None:
        positive_int("frames", self.frames)
        count("left", self.left)
        count("right", self.right)
        if self.step is not None:
            positive_int("step", self.step)
        one_of("edges", self.edges, EDGES)

    @property
    def length(self) -> int:
        """Frames of an item."""
        return self.left + self.frames + self.right

    def spans(self, total: int) -> Iterator[Span]:
        """The chunks of a recording of `total` frames."""
        step = self.step or self.frames
        begin, end = (0, total) if self.edges == "pad" else (self.left, total - self.frames - self.right + 1)
        for number, start in enumerate(range(begin, end, step)):
            first, last = start - self.left, start + self.frames + self.right
            yield Span(number, start, min(self.frames, total - start), max(first, 0), min(last, total),
                       max(-first, 0), max(last - total, 0))  # fmt: skip

    def config(self) -> dict[str, Any]:
        """As in dataset.json."""
        return {"frames": self.frames, "left": self.left, "right": self.right, "step": self.step or self.frames,
                "edges": self.edges}  # fmt: skip


def checked_chunks(chunks: Any, specs: Mapping[str, Features]) -> ContextChunks | None:
    """What `extract` is given.

    Raises
    ------
    ParameterError, ArrayTypeError
        It is something else, or the arrays have frames at other times.
    """
    if chunks is None:
        return None
    if not isinstance(chunks, ContextChunks):
        raise ArrayTypeError(f"chunks is a {type(chunks).__name__}; it must be a ContextChunks, such as "
                             "ContextChunks(100, left=20, right=20)")  # fmt: skip
    hops = {spec.hop_length for spec in specs.values()}
    if len(hops) > 1:
        values = " and ".join(map(str, sorted(hops)))
        raise ParameterError(f"chunks need arrays with frames at the same times, but hop_length is {values}; use one, "
                             "or leave out chunks")  # fmt: skip
    return chunks


def check_no_chunks(entries: Iterable[Entry]) -> None:
    """Raise if the key of a recording is like that of a chunk."""
    for entry in entries:
        if SUFFIX in entry.key and LIKE_A_CHUNK.fullmatch(entry.key):
            raise ParameterError(
                f"source has the recording {entry.key!r}, as a chunk is named: ...{SUFFIX}N; rename it"
            )


def padded(frames: Floats, start: int, end: int) -> Floats:
    """Frames with the first and the last one repeated."""
    if not start and not end:
        return frames
    made: Floats = np.pad(frames, ((start, end), (0, 0)), mode="edge")
    made.flags.writeable = False
    return made
